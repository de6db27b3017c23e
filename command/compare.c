// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool compare: runs a program without and with libraries, in turn, and measures.
//
// What would make the answer wrong is refused: a program that cannot be preloaded, a library that
// the linker ignores, runs that end differently. The sides take turns, in the opposite order every
// other round, so that a machine that slows down or warms up does not favour one of them.

#include "command/compare.h"
#include "command/environment.h"
#include "command/library.h"
#include "command/program.h"
#include "command/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plan {
    struct zp_comparison comparison;
    const struct zp_arguments *arguments;
    struct zp_program program;
    struct zp_library library;
    bool show;
};

// What a new process needs to know to become one of the sides.
struct start {
    const struct plan *plan;
    const struct zp_side *side;
};

static void prepare(const void *what)
{
    const struct start *start = what;
    bool own = start->side->library == start->plan->library.path;
    if (!own)
        zp_environment_without();
    else
        zp_environment_set_options(start->plan->arguments);
    if (start->side->library != NULL)
        zp_environment_preload(start->side->library);
}

// ---- Libraries of others ---------------------------------------------------------------------

static void preload_other(const void *library)
{
    zp_environment_without();
    zp_environment_preload(library);
}

// The linker says on stderr that it ignores a library, and runs the program without it. So this
// command is run with it, and what is said is read.
static int check_other(const char *library)
{
    char said[4096];
    int pipes[2];
    size_t length = 0;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return zp_fail(ZP_FAILED, "%s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDERR_FILENO);
        dup2(pipes[1], STDOUT_FILENO);
        preload_other(library);
        execl("/proc/self/exe", "zeropool", "version", (char *)NULL);
        _exit(ZP_FAILED);
    }
    close(pipes[1]);
    for (ssize_t more; length < sizeof(said) - 1 &&
                       (more = read(pipes[0], said + length, sizeof(said) - 1 - length)) > 0;)
        length += (size_t)more;
    said[length] = '\0';
    close(pipes[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    if (strstr(said, "cannot be preloaded") != NULL)
        return zp_wrong("--against %s: the dynamic linker cannot preload it", library);
    if (status != 0)
        return zp_wrong("--against %s: no program starts with it", library);
    return ZP_DONE;
}

// ---- The sides -------------------------------------------------------------------------------

static void add_side(struct zp_comparison *comparison, const char *name, const char *library)
{
    struct zp_side *side = &comparison->sides[comparison->side_count++];
    *side = (struct zp_side){.name = name, .library = library};
    for (int i = 0; i < ZP_MEASURES; i++)
        side->values[i] = zp_room(comparison->rounds, sizeof(double));
}

// "tcmalloc_minimal" of "/usr/lib/libtcmalloc_minimal.so.4".
static char *short_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
    if (strncmp(file, "lib", 3) == 0)
        file += 3;
    const char *end = strstr(file, ".so");
    size_t length = end != NULL && end > file ? (size_t)(end - file) : strlen(file);
    char *name = zp_room(length + 1, 1);
    snprintf(name, length + 1, "%s", file);
    return name;
}

static int add_others(struct plan *plan)
{
    const struct zp_arguments *arguments = plan->arguments;
    for (unsigned i = 0; i < arguments->given_count; i++) {
        const struct zp_given *given = &arguments->given[i];
        if (given->flag == NULL || strcmp(given->flag->name, "--against") != 0)
            continue;
        if (plan->comparison.side_count == ZP_SIDES_MOST)
            return zp_wrong("--against: more than %d libraries", ZP_SIDES_MOST - 2);
        if (strpbrk(given->value, " :") != NULL)
            return zp_wrong("--against %s: LD_PRELOAD cannot hold such a name", given->value);
        int status = check_other(given->value);
        if (status != ZP_DONE)
            return status;
        add_side(&plan->comparison, short_name(given->value), given->value);
    }
    return ZP_DONE;
}

static int make_plan(struct plan *plan)
{
    long rounds;
    if (!zp_flag_number(plan->arguments, "--rounds", 3, 1000, 5, &rounds))
        return ZP_WRONG;
    plan->comparison.rounds = (unsigned)rounds;
    plan->comparison.program = plan->arguments->words;
    plan->show = zp_flag_value(plan->arguments, "--show") != NULL;
    int status = zp_library_require(zp_flag_value(plan->arguments, "--library"), &plan->library);
    if (status == ZP_DONE)
        status = zp_program_find(plan->arguments->words[0], &plan->program);
    if (status != ZP_DONE)
        return status;
    add_side(&plan->comparison, "without", NULL);
    add_side(&plan->comparison, "zeropool", plan->library.path);
    status = add_others(plan);
    if (status != ZP_DONE)
        return status;
    if (plan->program.obstacle != ZP_NO_OBSTACLE)
        return zp_fail(ZP_NOT_SO, "%s %s; there is nothing to compare", plan->program.file,
                       zp_obstacle_text(plan->program.obstacle));
    if (plan->program.own_malloc)
        zp_say("%s brings its own malloc, which stays in force; expect no difference",
               plan->program.file);
    return ZP_DONE;
}

// ---- Runs ------------------------------------------------------------------------------------

static const char *status_text(int status, char text[64])
{
    if (WIFSIGNALED(status))
        snprintf(text, 64, "is killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, 64, "ends with status %d", WEXITSTATUS(status));
    return text;
}

static int run_once(const struct plan *plan, const struct zp_side *side, struct zp_sample *sample)
{
    struct start start = {plan, side};
    int error = zp_measure_run(plan->program.path, plan->arguments->words, prepare, &start,
                               plan->show, sample);
    if (error == 0)
        return ZP_DONE;
    return zp_fail(error == ENOENT ? ZP_NO_PROGRAM : ZP_CANNOT_RUN, "%s: %s", plan->program.path,
                   strerror(error));
}

// The run that is not counted: fills the page cache, and shows how the program ends.
static int warm_up(struct plan *plan)
{
    for (unsigned i = 0; i < plan->comparison.side_count; i++) {
        struct zp_side *side = &plan->comparison.sides[i];
        struct zp_sample sample;
        char here[64], there[64];
        int status = run_once(plan, side, &sample);
        if (status != ZP_DONE)
            return status;
        side->status = sample.status;
        if (sample.status != plan->comparison.sides[0].status)
            return zp_fail(ZP_NOT_SO, "with %s the program %s, without it %s; no comparison",
                           side->name, status_text(sample.status, here),
                           status_text(plan->comparison.sides[0].status, there));
    }
    return ZP_DONE;
}

static int run_round(struct plan *plan, unsigned round)
{
    struct zp_comparison *comparison = &plan->comparison;
    char text[ZP_VALUE_MOST], now[64], before[64];
    fprintf(stderr, "round %u of %u:", round + 1, comparison->rounds);
    for (unsigned i = 0; i < comparison->side_count; i++) {
        unsigned turn = round % 2 == 0 ? i : comparison->side_count - 1 - i;
        struct zp_side *side = &comparison->sides[turn];
        struct zp_sample sample;
        int status = run_once(plan, side, &sample);
        if (status != ZP_DONE)
            return status;
        zp_measure_text(ZP_TIME, sample.is[ZP_TIME], text);
        fprintf(stderr, "%s %s %s", i == 0 ? "" : ",", side->name, text);
        if (sample.status != side->status) {
            fputc('\n', stderr);
            return zp_fail(ZP_NOT_SO, "with %s the program %s, but %s before; no comparison",
                           side->name, status_text(sample.status, now),
                           status_text(side->status, before));
        }
        for (int j = 0; j < ZP_MEASURES; j++)
            side->values[j][round] = sample.is[j];
    }
    fputc('\n', stderr);
    return ZP_DONE;
}

// Somebody else's work widens the spread: that is worth knowing before the program is blamed.
static void say_if_busy(void)
{
    double load;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&load, 1) == 1 && load > (double)cpus / 2)
        zp_say("the machine is busy (load %.1f on %ld CPUs): the values will spread", load, cpus);
}

static int measure(struct plan *plan)
{
    char text[64];
    say_if_busy();
    int status = warm_up(plan);
    if (status == ZP_DONE && plan->comparison.sides[0].status != 0)
        zp_say("the program %s, in every run", status_text(plan->comparison.sides[0].status, text));
    for (unsigned round = 0; round < plan->comparison.rounds && status == ZP_DONE; round++)
        status = run_round(plan, round);
    for (unsigned i = 0; i < plan->comparison.side_count && status == ZP_DONE; i++) {
        struct zp_side *side = &plan->comparison.sides[i];
        for (int j = 0; j < ZP_MEASURES; j++)
            side->spread[j] = zp_spread_of(side->values[j], plan->comparison.rounds);
    }
    return status;
}

int zp_compare(const struct zp_arguments *arguments)
{
    static struct plan plan;
    plan.arguments = arguments;
    int status = make_plan(&plan);
    if (status == ZP_DONE)
        status = measure(&plan);
    if (status != ZP_DONE)
        return status;
    if (zp_flag_value(arguments, "--json") != NULL)
        zp_comparison_print_json(&plan.comparison);
    else
        zp_comparison_print(&plan.comparison);
    return zp_finish(ZP_DONE);
}
