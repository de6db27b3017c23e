// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages of the command, one line each on stderr, and its exit statuses.
//
// Locking: none, one thread. Fork: a child may use it.

#ifndef ZP_COMMAND_SAY_H
#define ZP_COMMAND_SAY_H

// What `zeropool` ends with. A program that it runs ends with its own status.
enum zp_status {
    ZP_DONE = 0,
    ZP_NOT_SO = 1,       // the answer is no: not in force, a finding that matters, a failed run
    ZP_WRONG = 2,        // wrong words on the command line; nothing was done
    ZP_FAILED = 125,     // zeropool itself failed
    ZP_CANNOT_RUN = 126, // the program is there, and cannot be run
    ZP_NO_PROGRAM = 127, // there is no such program
};

// The subcommand that lines name: "zeropool NAME: ".
void zp_say_as(const char *name);

// Writes a line.
__attribute__((format(printf, 1, 2))) void zp_say(const char *format, ...);

// Writes a line and returns `status`.
__attribute__((format(printf, 2, 3))) int zp_fail(enum zp_status status, const char *format, ...);

// The same for something wrong on the command line.
#define zp_wrong(...) zp_fail(ZP_WRONG, __VA_ARGS__)

// Flushes stdout. ZP_FAILED with a message if what was printed could not be written, else `status`.
int zp_finish(int status);

// What writing to stdout came to, 0 or a negative errno, as a status: ZP_FAILED after a message.
int zp_printed(int error);

// Memory, zeroed; ends the command if there is none.
void *zp_room(unsigned long count, unsigned long size);

// A copy of a string; ends the command if there is no memory.
char *zp_copy_of(const char *text);

#endif
