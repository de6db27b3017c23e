// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads the command line of a subcommand: its flags, the library's options by name, what follows.
//
// Always holds: all of it is checked before a subcommand does anything. The first thing that is
// wrong is reported in one line, with the nearest name where a name is not known.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_ARGUMENTS_H
#define ZP_COMMAND_ARGUMENTS_H

#include "command/table.h"
#include "config/options.h"

enum { ZP_GIVEN_MOST = 96 };

// A flag or an option that was given.
struct zp_given {
    const struct zp_flag *flag;     // NULL for an option
    const struct zp_option *option; // NULL for a flag
    const char *value;              // "" for a flag without one
};

struct zp_arguments {
    const struct zp_command *command;
    struct zp_given given[ZP_GIVEN_MOST]; // in their order
    unsigned given_count;
    char **words; // what follows, ends with NULL
    unsigned word_count;
    bool after_dashes; // "--" precedes the words
};

// Returns false, with a status, if the command ends here: --help was given, or something is wrong.
bool zp_arguments_read(struct zp_arguments *arguments, const struct zp_command *command,
                       char **words, int *status);

// The value of the last flag of this name, "" if it has none; NULL if it was not given.
const char *zp_flag_value(const struct zp_arguments *arguments, const char *name);

// A flag's number from `least` to `most`, or `fallback` without the flag. False, after a message,
// if it is none.
bool zp_flag_number(const struct zp_arguments *arguments, const char *name, long least, long most,
                    long fallback, long *number);

// A decimal number; false if it is anything else.
bool zp_read_number(const char *text, long least, long most, long *number);

// The name of an option on the command line: --max-memory for ZEROPOOL_MAX_MEMORY.
enum { ZP_FLAG_NAME_MOST = 64 };
void zp_option_flag(const struct zp_option *option, char name[ZP_FLAG_NAME_MOST]);

// Whether an option can be given by name: a flag of the subcommand takes precedence.
bool zp_option_is_flag(const struct zp_command *command, const struct zp_option *option);

#endif
