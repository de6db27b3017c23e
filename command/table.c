// SPDX-License-Identifier: MIT OR Apache-2.0

#include "table.h"

#include <string.h>

#define NO_MORE                                                                                    \
    {                                                                                              \
        NULL, NULL, NULL, NULL                                                                     \
    }
#define LIBRARY                                                                                    \
    {                                                                                              \
        "--library", "FILE", "the library to preload, instead of the one that is found", NULL      \
    }
#define PROFILE                                                                                    \
    {                                                                                              \
        "--profile", "NAME", "a named set of options: loader, server or debug",                    \
            "loader server debug"                                                                  \
    }
#define JSON                                                                                       \
    {                                                                                              \
        "--json", NULL, "prints JSON", NULL                                                        \
    }

const struct zp_flag zp_bare_flags[] = {
    {"--help", NULL, "prints the subcommands", NULL},
    {"--version", NULL, "prints the version", NULL},
    NO_MORE,
};

static const struct zp_flag none[] = {NO_MORE};
static const struct zp_flag run_flags[] = {PROFILE, LIBRARY, NO_MORE};
static const struct zp_flag check_flags[] = {PROFILE, LIBRARY, JSON, NO_MORE};
static const struct zp_flag compare_flags[] = {
    {"--rounds", "N", "measured runs of each, from 3 to 1000; 5 unless given", NULL},
    {"--against", "LIBRARY", "measures another library, too; may be repeated", NULL},
    {"--show", NULL, "lets the program's output through, to stderr", NULL},
    PROFILE,
    LIBRARY,
    JSON,
    NO_MORE,
};
static const struct zp_flag record_flags[] = {
    {"--output", "FILE", "the file that is written; zeropool.profile unless given", NULL},
    PROFILE,
    LIBRARY,
    NO_MORE,
};
static const struct zp_flag report_flags[] = {
    {"--top", "N", "call sites that are listed, from 1 to 1000; 10 unless given", NULL},
    {"--folded", NULL, "prints folded stacks, for tools that draw flame graphs", NULL},
    {"--by", "WHAT", "what folded stacks weigh; bytes unless given",
     "bytes requests fresh peak live"},
    {"--pprof", NULL, "prints a profile for pprof", NULL},
    {"--html", NULL, "prints a page for a browser", NULL},
    {"--output", "FILE", "writes to a file instead of standard output", NULL},
    NO_MORE,
};
static const struct zp_flag doctor_flags[] = {
    {"--root", "FOLDER", "reads /proc and /sys below it, such as a copy from another machine",
     NULL},
    LIBRARY,
    JSON,
    NO_MORE,
};
static const struct zp_flag top_flags[] = {
    {"--every", "SECONDS", "time between two pictures; 1 unless given", NULL},
    {"--sort", "NAME", "pid, name, gets, hits, live or retained",
     "pid name gets hits live retained"},
    {"--once", NULL, "prints one picture, of totals, and ends", NULL},
    {"--json", NULL, "prints JSON; with --once", NULL},
    NO_MORE,
};
static const struct zp_flag metrics_flags[] = {
    {"--textfile", "FILE", "writes FILE at once, for the textfile collector", NULL},
    {"--listen", "PORT", "answers one HTTP request on 127.0.0.1; 0: any free port", NULL},
    NO_MORE,
};
static const struct zp_flag list_flags[] = {JSON, NO_MORE};

const struct zp_command zp_commands[] = {
    {"run", "[OPTION]... [--] PROGRAM [ARGUMENT]...", "runs a program with the library",
     "Runs PROGRAM with the library preloaded. The library's options are given by name, and are "
     "checked first. An LD_PRELOAD that is set stays in force, behind the library. A program that "
     "cannot be served (static, set-user-ID, of another architecture or C library) is run all the "
     "same, after a line that says why. Status and signals are the program's own.",
     run_flags, ZP_TAKES_PROGRAM, 1, zp_run},
    {"check", "[OPTION]... PID | [OPTION]... [--] PROGRAM [ARGUMENT]...",
     "shows whether the library is in force, and why not",
     "Looks at a process that runs, or runs PROGRAM to its end and looks at that: is the library "
     "loaded, from where, which version, with which options, what has it intercepted; and if it "
     "is not in force, why not. Status 0: it is; 1: it is not.",
     check_flags, ZP_TAKES_PID_OR_PROGRAM, 1, zp_check_process},
    {"compare", "[OPTION]... [--] PROGRAM [ARGUMENT]...",
     "measures a program without and with the library",
     "Runs PROGRAM without and with the library in turn, after a run of each that is not counted, "
     "and prints the medians, lowest and highest values of time, CPU time, page faults and peak "
     "memory. Where the ranges of two overlap it says that there is no difference. The program "
     "gets no input, and its output is dropped. Its runs must do the same work.",
     compare_flags, ZP_TAKES_PROGRAM, 1, zp_compare},
    {"record", "[OPTION]... [--] PROGRAM [ARGUMENT]...",
     "runs a program and records where its large buffers come from",
     "Runs PROGRAM like `zeropool run`, with ZEROPOOL_PROFILE set: when it ends, a file says what "
     "each call site did with its large buffers (`zeropool report` shows it). Of the processes "
     "that PROGRAM starts, the last to end leaves its own, unless %p stands in the file's name. "
     "Python from 3.12 on names its functions (PYTHONPERFSUPPORT=1).",
     record_flags, ZP_TAKES_PROGRAM, 1, zp_record},
    {"report", "[OPTION]... FILE", "shows what a profile tells",
     "Shows what `zeropool record` or ZEROPOOL_PROFILE left in FILE: the call sites that requested "
     "most, with what each would gain from as an option; or the whole for other tools.",
     report_flags, ZP_TAKES_WORDS, 0, zp_report},
    {"doctor", "[OPTION]...", "says what this machine allows, and what to do about it",
     "Looks at the library, huge pages, memory and its limits, the kernel and the rights of this "
     "process, as a program started from here would find them. Each finding says what it costs and "
     "what to do. Status 1: something keeps the library from working.",
     doctor_flags, ZP_TAKES_NOTHING, 0, zp_doctor},
    {"top", "[OPTION]... [PID]...", "shows what pools hold and do, while they run",
     "Shows the processes that publish their counters (ZEROPOOL_LIVE=on), or those named; of a "
     "single one that is named, all there is. Keys choose the order, q quits. Where there is no "
     "terminal, one picture after the other is printed.",
     top_flags, ZP_TAKES_WORDS, 0, zp_top},
    {"metrics", "[OPTION]... [PID]...", "prints the counters for Prometheus",
     "Prints the counters of the processes that publish them (ZEROPOOL_LIVE=on), or of those "
     "named, as Prometheus text: on stdout, into a file, or as the answer to one HTTP request.",
     metrics_flags, ZP_TAKES_WORDS, 0, zp_metrics},
    {"options", "[--json] [NAME]...", "lists the library's options",
     "Lists the options of the library, with values, default and meaning: all, or those named. "
     "An option is an environment variable, or a flag of run, check and compare.",
     list_flags, ZP_TAKES_WORDS, 0, zp_list_options},
    {"completion", "bash | zsh | fish", "prints the completion for a shell",
     "Prints what a shell needs to complete the words of this command.", none, ZP_TAKES_WORDS, 0,
     zp_completion},
    {"version", "", "prints the version",
     "Prints the version of the command, and of the library that it would preload.", none,
     ZP_TAKES_NOTHING, 0, zp_version},
    {"help", "[COMMAND]", "explains a subcommand", "Explains a subcommand, or lists them.", none,
     ZP_TAKES_WORDS, 0, zp_help},
    {NULL, NULL, NULL, NULL, NULL, ZP_TAKES_NOTHING, 0, NULL},
};

const struct zp_command *zp_command_find(const char *name)
{
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}
