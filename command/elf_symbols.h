// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions of a file of machine code, by address, and whether it has source lines.
//
// Always holds: the file may be anything. Nothing is read outside of it; what is odd is not found.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_ELF_SYMBOLS_H
#define ZP_COMMAND_ELF_SYMBOLS_H

#include "command/elf_file.h"

struct zp_elf_symbols {
    struct zp_elf_file file;
    bool has_lines; // it or its debug file has a table of source lines
};

// False if it cannot be read or is no such file.
bool zp_elf_symbols_open(const char *path, struct zp_elf_symbols *symbols);
void zp_elf_symbols_close(struct zp_elf_symbols *symbols);

// The address that the file itself gives to what lies at an offset in it; false if none is loaded
// from there.
bool zp_elf_symbols_address(const struct zp_elf_symbols *symbols, uint64_t offset,
                            uint64_t *address);

// The name of the function around an address, as long as the file is open; NULL if not known.
const char *zp_elf_symbols_name(const struct zp_elf_symbols *symbols, uint64_t address);

#endif
