// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the library is, and which version of it.
//
// The library is never loaded into this command: its file says its version (preload/identity.c).
//
// Locking: none.

#ifndef ZP_COMMAND_LIBRARY_H
#define ZP_COMMAND_LIBRARY_H

#include <limits.h>
#include <stdbool.h>

enum { ZP_VERSION_MOST = 32 };

#define ZP_LIBRARY_FILE "libzeropool_preload.so"

struct zp_library {
    char path[PATH_MAX]; // absolute
    char version[ZP_VERSION_MOST];
};

// Finds the library: the file `given`, if that is not NULL; else beside this command, in its build
// folder, in the library folder of the same installation. ZP_DONE, or a status without a message.
int zp_library_find(const char *given, struct zp_library *library);

// The same, with the message, and with one if the library cannot be preloaded from where it is.
int zp_library_require(const char *given, struct zp_library *library);

// Whether this file is the library, and its version.
bool zp_library_identify(const char *path, char version[ZP_VERSION_MOST]);

#endif
