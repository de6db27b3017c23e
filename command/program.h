// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that is to be run: which file that is, and whether a library can be preloaded into it.
//
// Of a script, the interpreter counts, also behind /usr/bin/env.
//
// Locking: none.

#ifndef ZP_COMMAND_PROGRAM_H
#define ZP_COMMAND_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

enum zp_obstacle {
    ZP_NO_OBSTACLE,
    ZP_IS_STATIC,     // no dynamic linker loads it, so nothing is preloaded
    ZP_IS_SET_ID,     // it runs as somebody else: the linker ignores LD_PRELOAD
    ZP_IS_FOREIGN,    // machine code of another architecture
    ZP_IS_OTHER_LIBC, // its C library is not glibc
};

struct zp_program {
    char path[PATH_MAX]; // what is executed
    char file[PATH_MAX]; // the file of machine code: the same, or the interpreter of a script
    enum zp_obstacle obstacle;
    bool own_malloc; // the file exports a malloc of its own, which the library cannot replace
};

// Says that a program cannot be run, and returns the status for that.
int zp_program_fail(const char *name, int error);

// Finds a program as execvp does. ZP_DONE, or a status after a message.
int zp_program_find(const char *name, struct zp_program *program);

// The same of a file that runs already.
void zp_program_look(const char *path, struct zp_program *program);

// What stands against preloading, as the end of a sentence about the program.
const char *zp_obstacle_text(enum zp_obstacle obstacle);

// Whether LD_PRELOAD may be set all the same. Programs that a static one starts are served then; a
// linker of another C library or architecture would complain, or end the program.
bool zp_obstacle_allows_preload(enum zp_obstacle obstacle);

#endif
