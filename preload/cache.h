// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The folder `zeropool` in the user's cache folder ($XDG_CACHE_HOME, or else ~/.cache), with one
// small file per program.
//
// Always holds: the folder is a folder of the user's own that nobody else may write to, and so is
// every file that is read; links to either are not followed. A file appears whole, by a rename, so
// that any number of processes may write at once. The folder holds ZP_CACHE_FILES_MOST files at
// most: the one that was used last longest ago goes. Whatever is in the way, nothing is read or
// written, and no message is printed but with ZEROPOOL_VERBOSE=1.
//
// Locking: none; one thread at a time. Fork: nothing to do; a child that may not write does not ask
// for it.

#ifndef ZP_PRELOAD_CACHE_H
#define ZP_PRELOAD_CACHE_H

#include <stddef.h>
#include <stdint.h>

enum { ZP_CACHE_FILES_MOST = 256 };

// Notes where the folder is. Called once, before the program may change its environment.
void zp_cache_find(char *const *environment);

// The content of a file, up to `most` bytes; returns the length, 0 if there is none.
size_t zp_cache_read(uint64_t file, char *text, size_t most);

// Writes a file, and the folder if it is not there.
void zp_cache_write(uint64_t file, const char *text, size_t length);

void zp_cache_remove(uint64_t file);

#endif
