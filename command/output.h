// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A file that a subcommand writes: it is there whole, under its name, or not at all.
//
// It is written under another name beside it, which ends in six random letters, and renamed. What
// is there and is no regular file (a device, a pipe, a link) is written to as it is: renaming over
// /dev/null would end it for everybody.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_OUTPUT_H
#define ZP_COMMAND_OUTPUT_H

#include <limits.h>
#include <sys/types.h>

struct zp_output {
    int fd; // to write to
    const char *path;
    char draft[PATH_MAX]; // "": the file itself is written
};

// 0, or a negative errno.
int zp_output_open(struct zp_output *output, const char *path);

// Ends it: with an error (a negative errno) the file is not changed. A new file has this mode.
// Returns 0 or the first error.
int zp_output_close(struct zp_output *output, int error, mode_t mode);

#endif
