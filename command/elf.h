// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a file of machine code says about itself: for which machine it is, who loads it, what it
// defines.
//
// Always holds: the file may be anything. Nothing is read outside of it, and what is odd is
// answered with "no".
//
// Locking: none.

#ifndef ZP_COMMAND_ELF_H
#define ZP_COMMAND_ELF_H

#include <limits.h>
#include <stdbool.h>

struct zp_elf {
    bool native;                // of this machine's architecture, as this command is
    bool dynamic;               // loaded by a dynamic linker, or is one
    char interpreter[PATH_MAX]; // that linker; "" if the file names none
};

// 0, or a negative errno: -ENOEXEC if it is no ELF file.
int zp_elf_read(const char *path, struct zp_elf *elf);

// Whether a native file exports a function of this name.
bool zp_elf_defines(const char *path, const char *name);

// The first string in the file that begins with `start`, copied without it, cut at `most` - 1.
// False if there is none.
bool zp_elf_text(const char *path, const char *start, char *text, unsigned long most);

#endif
