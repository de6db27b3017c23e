// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The help, made from the table of subcommands, on stdout.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_HELP_H
#define ZP_COMMAND_HELP_H

#include "command/table.h"

// What there is.
void zp_print_overview(void);

// One subcommand.
void zp_print_help(const struct zp_command *command);

// Prints `text` with lines of up to 78 columns, each behind `indent` spaces but the first, which
// begins at that column already.
void zp_print_wrapped(const char *text, int indent);

#endif
