// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The subcommands, each with its flags and its help.
//
// The one table (table.c) is what the command line is read by, and what the help and the completion
// of shells are made from. Manual and docs/command.md are checked against it.
//
// Locking: none, it is constant.

#ifndef ZP_COMMAND_TABLE_H
#define ZP_COMMAND_TABLE_H

#include <stddef.h>

struct zp_arguments;

struct zp_flag {
    const char *name;  // with its dashes; NULL ends a list
    const char *value; // what its value is, in capitals; NULL if it has none
    const char *help;
    const char *words; // values for completion, separated by spaces; NULL: a file name or a number
};

// What follows the flags.
enum zp_takes {
    ZP_TAKES_NOTHING,
    ZP_TAKES_WORDS,          // words of its own
    ZP_TAKES_PROGRAM,        // a program and its arguments
    ZP_TAKES_PID_OR_PROGRAM, // or the number of a process
};

struct zp_command {
    const char *name; // NULL ends the table
    const char *synopsis;
    const char *summary; // a line
    const char *text;    // what it does, in full
    const struct zp_flag *flags;
    enum zp_takes takes;
    int options;                                      // not 0: the library's options are flags, too
    int (*run)(const struct zp_arguments *arguments); // returns the exit status
};

extern const struct zp_command zp_commands[];

// The flags that zeropool takes without a subcommand.
extern const struct zp_flag zp_bare_flags[];

// The subcommand of this name, or NULL.
const struct zp_command *zp_command_find(const char *name);

// The subcommands, each in a file of its own.
int zp_run(const struct zp_arguments *arguments);
int zp_check_process(const struct zp_arguments *arguments);
int zp_compare(const struct zp_arguments *arguments);
int zp_doctor(const struct zp_arguments *arguments);
int zp_top(const struct zp_arguments *arguments);
int zp_metrics(const struct zp_arguments *arguments);
int zp_list_options(const struct zp_arguments *arguments);
int zp_version(const struct zp_arguments *arguments);
int zp_help(const struct zp_arguments *arguments);
int zp_completion(const struct zp_arguments *arguments);

#endif
