// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Learned: the text of the file that tells what a program held at its peak.
//
//     zeropool learned 1
//     program /usr/bin/python3.11
//     ...
//     sizes 154389504,3145728,4194304*2
//     end 8c1f6a90b2d3e475
//
// The lines between the first and `sizes` are the head: they say which program it was, and are
// compared as they are. `end` has a hash of all before it, so that a torn file is none.
//
// Always holds: what is read is within the limits of struct zp_prewarm's list, whatever the text
// is. Any other text than one that zp_learned_write wrote for the same head is taken for none.
//
// Pure: no system calls. Locking: none.

#ifndef ZP_CONFIG_LEARNED_H
#define ZP_CONFIG_LEARNED_H

#include "core/prewarm.h"

enum {
    ZP_LEARNED_MOST = 65536,     // bytes of a text
    ZP_LEARNED_HEAD_MOST = 4096, // bytes of a head
};

// A hash of some bytes (FNV-1a).
uint64_t zp_learned_hash(const char *bytes, size_t length);

// Appends a hash as 16 hexadecimal digits; returns what follows them.
char *zp_learned_hex(char *to, uint64_t hash);

// Writes a text of up to ZP_LEARNED_MOST bytes: as much of the list as has room. `head` is a string
// of lines, up to ZP_LEARNED_HEAD_MOST bytes. Returns the length.
size_t zp_learned_write(char *text, const char *head, const struct zp_prewarm *list,
                        unsigned count);

// Reads the list, of up to ZP_PREWARM_MOST entries; returns their number, 0 if the text is none.
unsigned zp_learned_read(const char *text, size_t length, const char *head,
                         struct zp_prewarm *list);

#endif
