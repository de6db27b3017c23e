// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A file of machine code, mapped: shared by elf.c and elf_symbols.c.
//
// Always holds: the file may be anything. Nothing is read outside of it.
//
// Locking: none.

#ifndef ZP_COMMAND_ELF_FILE_H
#define ZP_COMMAND_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct zp_elf_file {
    const char *at;
    size_t size;
    unsigned long inode;
};

// Headers may lie at any address of a file that is broken on purpose.
#define ZP_ELF_COPY(to, from) memcpy(&(to), (from), sizeof(to))

// 0, or a negative errno: -ENOEXEC if it is no ELF file.
int zp_elf_open(const char *path, struct zp_elf_file *file);
void zp_elf_close(const struct zp_elf_file *file);

// `count` things of `size` bytes that begin at `offset`; NULL if they are not all in the file.
const char *zp_elf_part(const struct zp_elf_file *file, uint64_t offset, uint64_t count,
                        uint64_t size);

Elf64_Ehdr zp_elf_header(const struct zp_elf_file *file);

// False if there is no section of this number.
bool zp_elf_section(const struct zp_elf_file *file, uint32_t number, Elf64_Shdr *section);

#endif
