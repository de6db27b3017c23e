// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool check -- PROGRAM: runs it to its end, and reports on each of its processes.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_CHECK_PROGRAM_H
#define ZP_COMMAND_CHECK_PROGRAM_H

struct zp_arguments;

int zp_check_program(const struct zp_arguments *arguments);

#endif
