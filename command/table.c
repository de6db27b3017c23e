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
static const struct zp_flag list_flags[] = {JSON, NO_MORE};

const struct zp_command zp_commands[] = {
    {"run", "[OPTION]... [--] PROGRAM [ARGUMENT]...", "runs a program with the library",
     "Runs PROGRAM with the library preloaded. The library's options are given by name, and are "
     "checked first. An LD_PRELOAD that is set stays in force, behind the library. A program that "
     "cannot be served (static, set-user-ID, of another architecture or C library) is run all the "
     "same, after a line that says why. Status and signals are the program's own.",
     run_flags, ZP_TAKES_PROGRAM, 1, zp_run},
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
