// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool check PID: is the library in force in a process, and why not.

#include "command/check.h"

#include "command/arguments.h"
#include "command/check_program.h"
#include "command/elf.h"
#include "command/environment.h"
#include "command/process.h"
#include "command/program.h"
#include "command/quote.h"
#include "command/say.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAIN(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

// ---- Not loaded ------------------------------------------------------------------------------

// The item of LD_PRELOAD that names the library, and where it is in the list; false if none does.
static bool find_item(const char *list, char item[PATH_MAX], size_t *offset)
{
    for (const char *at = list; *at != '\0'; at += strspn(at, " :")) {
        size_t length = strcspn(at, " :");
        if (length < PATH_MAX && zp_preload_is_own(at, length)) {
            memcpy(item, at, length);
            item[length] = '\0';
            *offset = (size_t)(at - list);
            return true;
        }
        at += length;
    }
    return false;
}

// LD_PRELOAD does not name the library.
static void explain_unnamed(const struct zp_process *process, const char *list,
                            struct zp_check *check)
{
    const char *inherit = zp_process_variable(process, "ZEROPOOL_INHERIT");
    bool may_be_kept = inherit != NULL && strcmp(inherit, "0") == 0;
    EXPLAIN(check->reason, "it was started without the library: LD_PRELOAD %s%s",
            list == NULL || *list == '\0' ? "is not set" : "names others only",
            may_be_kept ? "; with ZEROPOOL_INHERIT=0 a program does not pass the library on" : "");
    char *quoted = zp_quoted(process->program);
    EXPLAIN(check->advice, "start it again: zeropool run -- %s ...", quoted);
    free(quoted);
}

static void explain_absence(const struct zp_process *process, struct zp_check *check)
{
    char path[PATH_MAX + sizeof(process->root)], item[PATH_MAX];
    size_t offset;
    struct zp_program program;
    const char *list = zp_process_variable(process, "LD_PRELOAD");
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)process->pid);
    zp_program_look(path, &program);
    if (program.obstacle != ZP_NO_OBSTACLE && program.obstacle != ZP_IS_SET_ID) {
        EXPLAIN(check->reason, "the program %s", zp_obstacle_text(program.obstacle));
    } else if (process->secure) {
        EXPLAIN(check->reason, "the program %s", zp_obstacle_text(ZP_IS_SET_ID));
    } else if (list == NULL || !find_item(list, item, &offset)) {
        explain_unnamed(process, list, check);
    } else {
        snprintf(path, sizeof(path), "%s%s", process->root, item);
        struct zp_elf elf;
        if (item[0] == '/' && zp_elf_read(path, &elf) != 0)
            EXPLAIN(check->reason, "LD_PRELOAD names %s, which this process cannot read", item);
        else
            EXPLAIN(check->reason,
                    "LD_PRELOAD names %s, and the dynamic linker has ignored it: what it said is "
                    "on the program's stderr",
                    item);
        EXPLAIN(check->advice, "put the library where the process can read it");
    }
}

// ---- Loaded, and not in force ----------------------------------------------------------------

// A library before ours in LD_PRELOAD that has a malloc of its own.
static bool find_rival(const struct zp_process *process, char rival[PATH_MAX])
{
    const char *list = zp_process_variable(process, "LD_PRELOAD");
    char item[PATH_MAX], path[PATH_MAX + sizeof(process->root)], mapped[PATH_MAX];
    size_t own;
    if (list == NULL || !find_item(list, item, &own))
        return false;
    for (size_t at = 0; at < own; at += strspn(list + at, " :")) {
        size_t length = strcspn(list + at, " :");
        size_t copied = length < PATH_MAX ? length : PATH_MAX - 1;
        memcpy(rival, list + at, copied);
        rival[copied] = '\0';
        const char *slash = strrchr(rival, '/');
        at += length;
        if (length == 0 || !zp_process_maps(process, slash != NULL ? slash + 1 : rival, mapped))
            continue;
        snprintf(path, sizeof(path), "%s%s", process->root, mapped);
        if (zp_elf_defines(path, "malloc"))
            return true;
    }
    return false;
}

static void explain_presence(const struct zp_process *process, struct zp_check *check)
{
    char path[64], rival[PATH_MAX];
    const char *enable = zp_process_variable(process, "ZEROPOOL_ENABLE");
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)process->pid);
    if (enable != NULL && strcmp(enable, "0") == 0) {
        EXPLAIN(check->reason, "ZEROPOOL_ENABLE=0 passes every request to jemalloc");
        EXPLAIN(check->advice, "start it without ZEROPOOL_ENABLE");
    } else if (zp_elf_defines(path, "malloc")) {
        EXPLAIN(check->reason, "the program brings its own malloc, which no library can replace");
    } else if (find_rival(process, rival)) {
        EXPLAIN(check->reason, "%s precedes it in LD_PRELOAD, and has a malloc of its own", rival);
        EXPLAIN(check->advice, "start it with one of the two");
    } else {
        check->in_force = true;
    }
}

static int check_running(pid_t pid, struct zp_check *check)
{
    struct zp_process process;
    static struct zp_live live;
    int status = zp_process_read(pid, &process);
    if (status != ZP_DONE)
        return status;
    *check = (struct zp_check){.pid = pid};
    snprintf(check->name, sizeof(check->name), "%s", process.name);
    snprintf(check->library, sizeof(check->library), "%s", process.library);
    snprintf(check->version, sizeof(check->version), "%s", process.version);
    zp_check_options(check, process.environment);
    if (process.library[0] == '\0')
        explain_absence(&process, check);
    else
        explain_presence(&process, check);
    if (zp_live_read(pid, &live) == ZP_LIVE_READ)
        zp_check_count(check, &live.stats);
    return ZP_DONE;
}

int zp_check_process(const struct zp_arguments *arguments)
{
    static struct zp_check check;
    long pid;
    const char *first = arguments->words[0];
    if (arguments->after_dashes || first[strspn(first, "0123456789")] != '\0')
        return zp_check_program(arguments);
    if (!zp_read_number(first, 1, INT_MAX, &pid))
        return zp_wrong("%s is no process; a program of that name goes behind --", first);
    if (arguments->word_count > 1)
        return zp_wrong("%s: expected one process", arguments->words[1]);
    for (unsigned i = 0; i < arguments->given_count; i++)
        if (arguments->given[i].option != NULL ||
            strcmp(arguments->given[i].flag->name, "--json") != 0)
            return zp_wrong("of a process that runs, --json is the only option");
    int status = check_running((pid_t)pid, &check);
    if (status != ZP_DONE)
        return status;
    if (zp_flag_value(arguments, "--json") != NULL)
        zp_check_print_json(&check, 1);
    else
        zp_check_print(&check, 1);
    return zp_finish(check.in_force ? ZP_DONE : ZP_NOT_SO);
}
