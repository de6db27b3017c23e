// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each process writes a report when it ends (ZEROPOOL_STATS) into a folder of its own. One that is
// killed, or ends by _exit, writes none; of the first process there is its live file then, which is
// read while the process has ended and is not reaped yet.

#include "command/check_program.h"

#include "command/check.h"
#include "command/children.h"
#include "command/environment.h"
#include "command/program.h"
#include "command/report_folder.h"
#include "command/say.h"
#include "stats/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MOST = 256, REPORT_MOST = 1 << 20 };

// ---- A report --------------------------------------------------------------------------------

// What follows `"name":` in JSON, or NULL.
static const char *value_of(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = strstr(json, key);
    return at != NULL ? at + strlen(key) + strspn(at + strlen(key), " ") : NULL;
}

// The string that begins at `text`, with the quotes and backslashes in it.
static void read_text(const char *text, char *to, size_t most)
{
    size_t length = 0;
    for (text += *text == '"'; *text != '"' && *text != '\0' && length + 1 < most; text++) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        to[length++] = *text;
    }
    to[length] = '\0';
}

static void read_stats(const char *json, struct zp_pool_stats *stats)
{
    for (size_t i = 0; i < zp_stat_count; i++) {
        const struct zp_stat *stat = &zp_stat_table[i];
        const char *value = stat->kind == ZP_STAT_VALUE ? value_of(json, stat->name) : NULL;
        if (value != NULL)
            *(uint64_t *)(void *)((char *)stats + stat->offset) = strtoull(value, NULL, 10);
    }
}

// Of a process that was killed while it wrote there is a file with a longer name.
static bool read_report(int folder, const char *name, struct zp_check *check)
{
    static struct zp_pool_stats stats;
    static char text[REPORT_MOST];
    pid_t pid = zp_live_pid_of(name);
    if (pid == 0)
        return false;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *program = value_of(text, "program");
    if (program == NULL)
        return false;
    *check = (struct zp_check){.pid = pid, .in_force = true};
    read_text(program, check->name, sizeof(check->name));
    stats = (struct zp_pool_stats){.live_bytes = 0};
    read_stats(text, &stats);
    zp_check_count(check, &stats);
    const char *state = value_of(text, "state");
    if (state != NULL && strncmp(state, "\"not intercepted\"", 17) == 0) {
        check->in_force = false;
        snprintf(check->reason, sizeof(check->reason), "%s",
                 "nothing was intercepted: the program brings its own allocator");
    }
    return true;
}

// ---- All of them -----------------------------------------------------------------------------

struct run {
    const struct zp_arguments *arguments;
    struct zp_program program;
    struct zp_library library;
    struct zp_report_folder folder;
    struct zp_check checks[PROCESSES_MOST];
    unsigned count;
    unsigned more; // processes that found no place in `checks`
};

static int by_pid(const void *a, const void *b)
{
    const struct zp_check *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

// Reads the reports.
static void collect(struct run *run, pid_t first)
{
    static struct zp_check check;
    int fd = dup(run->folder.fd);
    DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *entry; files != NULL && (entry = readdir(files)) != NULL;) {
        if (!read_report(fd, entry->d_name, &check))
            continue;
        if (check.pid == first)
            run->checks[0] = check;
        else if (run->count < PROCESSES_MOST)
            run->checks[run->count++] = check;
        else
            run->more++;
    }
    if (files != NULL)
        closedir(files);
    qsort(run->checks + 1, run->count - 1, sizeof(check), by_pid);
}

// What is known of the first process if it leaves no report.
static void begin(struct run *run, pid_t pid)
{
    struct zp_check *check = &run->checks[0];
    static struct zp_live live;
    const char *slash = strrchr(run->program.path, '/');
    *check = (struct zp_check){.pid = pid};
    run->count = 1;
    snprintf(check->name, sizeof(check->name), "%.31s",
             slash != NULL ? slash + 1 : run->program.path);
    if (pid > 0 && zp_live_read(pid, &live) == ZP_LIVE_READ) {
        check->in_force = true;
        zp_check_count(check, &live.stats);
        snprintf(check->name, sizeof(check->name), "%s", live.program);
    } else {
        snprintf(check->reason, sizeof(check->reason),
                 "it left no report: it was ended by a signal or _exit before it made a large "
                 "request, could not write to %s, or became a program without the library",
                 run->folder.path);
    }
}

static void set_environment(const struct run *run)
{
    char path[PATH_MAX + 8];
    zp_environment_set_options(run->arguments);
    snprintf(path, sizeof(path), "%s/%%p", run->folder.path);
    setenv("ZEROPOOL_STATS", path, 1);
    setenv("ZEROPOOL_STATS_FORMAT", "json", 1);
    setenv("ZEROPOOL_LIVE", "on", 1);
    zp_environment_preload(run->library.path);
}

// ---- Signals ---------------------------------------------------------------------------------

// They are blocked from before the folder is made until it is gone, so none leaves it behind.
static const int endings[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

struct signals {
    sigset_t mask; // of before
    sigset_t taken;
};

static void block_signals(struct signals *signals)
{
    sigemptyset(&signals->taken);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        sigaddset(&signals->taken, endings[i]);
    sigaddset(&signals->taken, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals->taken, &signals->mask);
}

// What has come meanwhile is forgotten: `timeout` sends its signal twice.
static void forget_signals(const struct signals *signals)
{
    struct timespec none = {0, 0};
    while (sigtimedwait(&signals->taken, NULL, &none) > 0)
        ;
}

static void restore_signals(const struct signals *signals)
{
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

// Waits for the program's end, and leaves it to be reaped. A signal that was sent to this process
// is passed on, and the report is made when the program has ended; those of the terminal's keys
// have reached the program as well.
static siginfo_t await_end(pid_t pid, const struct signals *signals)
{
    siginfo_t ended, signal;
    while (true) {
        ended.si_pid = 0;
        if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT | WNOHANG) == 0 && ended.si_pid != 0)
            return ended;
        int number = sigwaitinfo(&signals->taken, &signal);
        if (number > 0 && number != SIGCHLD && signal.si_code <= 0)
            kill(pid, number);
    }
}

// ---- A program -------------------------------------------------------------------------------

// In the new process.
static void become(struct run *run, const struct signals *signals, bool json, const int failure[2])
{
    if (json)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    set_environment(run);
    restore_signals(signals);
    zp_children_become(run->program.path, run->arguments->words, failure);
}

// 0, or an error number.
static int start_program(struct run *run, const struct signals *signals, bool json, pid_t *pid)
{
    int failure[2], error = zp_children_pipe(failure);
    if (error != 0)
        return error;
    *pid = fork();
    if (*pid == 0)
        become(run, signals, json, failure);
    error = *pid < 0 ? errno : 0;
    int failed = zp_children_await_exec(failure);
    if (failed != 0)
        waitpid(*pid, NULL, 0);
    return error != 0 ? error : failed;
}

static int run_program(struct run *run, const struct signals *signals, bool json)
{
    pid_t pid;
    int error = start_program(run, signals, json, &pid);
    if (error != 0)
        return zp_program_fail(run->program.path, error);
    siginfo_t ended = await_end(pid, signals);
    begin(run, pid);
    waitpid(pid, NULL, 0);
    if (ended.si_code == CLD_EXITED)
        zp_say("the program has ended with status %d", ended.si_status);
    else
        zp_say("the program was killed by signal %d", ended.si_status);
    collect(run, pid);
    forget_signals(signals);
    return ZP_DONE;
}

// ----------------------------------------------------------------------------------------------

static int start(struct run *run, bool json)
{
    struct signals signals;
    if (run->program.obstacle != ZP_NO_OBSTACLE || run->program.own_malloc) {
        begin(run, 0);
        snprintf(run->checks[0].reason, ZP_REASON_MOST, "the program %s; it was not run",
                 run->program.own_malloc ? "brings its own malloc, which no library can replace"
                                         : zp_obstacle_text(run->program.obstacle));
        return ZP_DONE;
    }
    block_signals(&signals);
    int status, error = zp_report_folder_make(&run->folder);
    if (error == 0) {
        status = run_program(run, &signals, json);
        zp_report_folder_remove(&run->folder);
    } else {
        status = zp_fail(ZP_FAILED, "no folder for the reports: %s", strerror(-error));
    }
    restore_signals(&signals);
    return status;
}

// What is the same for all processes.
static void complete(struct run *run)
{
    set_environment(run);
    unsetenv("ZEROPOOL_STATS");
    unsetenv("ZEROPOOL_STATS_FORMAT");
    unsetenv("ZEROPOOL_LIVE");
    for (unsigned i = 0; i < run->count; i++) {
        struct zp_check *check = &run->checks[i];
        const char *enable = getenv("ZEROPOOL_ENABLE");
        if (!check->in_force)
            continue;
        check->in_force = enable == NULL || strcmp(enable, "0") != 0;
        if (!check->in_force)
            snprintf(check->reason, sizeof(check->reason), "%s",
                     "ZEROPOOL_ENABLE=0 passes every request to jemalloc");
        snprintf(check->library, sizeof(check->library), "%s", run->library.path);
        snprintf(check->version, sizeof(check->version), "%s", run->library.version);
        zp_check_options(check, environ);
    }
    if (run->more != 0)
        zp_say("and %u processes more", run->more);
}

int zp_check_program(const struct zp_arguments *arguments)
{
    static struct run run;
    bool json = zp_flag_value(arguments, "--json") != NULL;
    run.arguments = arguments;
    int status = zp_library_require(zp_flag_value(arguments, "--library"), &run.library);
    if (status == ZP_DONE)
        status = zp_program_find(arguments->words[0], &run.program);
    if (status == ZP_DONE)
        status = start(&run, json);
    if (status != ZP_DONE)
        return status;
    complete(&run);
    if (json)
        zp_check_print_json(run.checks, run.count);
    else
        zp_check_print(run.checks, run.count);
    return zp_finish(run.checks[0].in_force ? ZP_DONE : ZP_NOT_SO);
}
