// SPDX-License-Identifier: MIT OR Apache-2.0

#include "elf_symbols.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A string of a section of strings that ends within it, or NULL.
static const char *string_of(const struct zp_elf_file *file, unsigned section_number, uint64_t at)
{
    Elf64_Shdr section;
    if (!zp_elf_section(file, section_number, &section) || at >= section.sh_size)
        return NULL;
    const char *text = zp_elf_part(file, section.sh_offset, section.sh_size, 1);
    return text != NULL && memchr(text + at, '\0', section.sh_size - at) != NULL ? text + at : NULL;
}

// ---- Source lines ----------------------------------------------------------------------------

// Whether the debug file of a build is installed, under the name that its note makes.
static bool has_debug_file(const struct zp_elf_file *file, const Elf64_Shdr *section)
{
    Elf64_Nhdr note;
    char path[PATH_MAX] = "/usr/lib/debug/.build-id/";
    const unsigned char *at =
        (const unsigned char *)zp_elf_part(file, section->sh_offset, section->sh_size, 1);
    if (at == NULL || section->sh_size < sizeof(note) + 4)
        return false;
    ZP_ELF_COPY(note, at);
    if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || note.n_descsz < 2 ||
        note.n_descsz > 64 || section->sh_size < sizeof(note) + 4 + note.n_descsz)
        return false;
    size_t length = strlen(path);
    for (unsigned i = 0; i < note.n_descsz; i++)
        length +=
            (size_t)snprintf(path + length, 4, i == 0 ? "%02x/" : "%02x", at[sizeof(note) + 4 + i]);
    memcpy(path + length, ".debug", sizeof(".debug"));
    return access(path, R_OK) == 0;
}

static bool find_lines(const struct zp_elf_file *file)
{
    Elf64_Ehdr header = zp_elf_header(file);
    Elf64_Shdr section;
    for (unsigned i = 0; zp_elf_section(file, i, &section); i++) {
        const char *name = string_of(file, header.e_shstrndx, section.sh_name);
        if (name == NULL)
            continue;
        if (strcmp(name, ".debug_line") == 0 ||
            (strcmp(name, ".note.gnu.build-id") == 0 && has_debug_file(file, &section)))
            return true;
    }
    return false;
}

// ---- The file --------------------------------------------------------------------------------

bool zp_elf_symbols_open(const char *path, struct zp_elf_symbols *symbols)
{
    if (zp_elf_open(path, &symbols->file) != 0)
        return false;
    if (zp_elf_header(&symbols->file).e_ident[EI_CLASS] != ELFCLASS64) {
        zp_elf_close(&symbols->file);
        return false;
    }
    symbols->has_lines = find_lines(&symbols->file);
    return true;
}

void zp_elf_symbols_close(struct zp_elf_symbols *symbols)
{
    zp_elf_close(&symbols->file);
}

// ---- Addresses -------------------------------------------------------------------------------

bool zp_elf_symbols_address(const struct zp_elf_symbols *symbols, uint64_t offset,
                            uint64_t *address)
{
    Elf64_Ehdr header = zp_elf_header(&symbols->file);
    const char *table =
        zp_elf_part(&symbols->file, header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr));
    for (unsigned i = 0; table != NULL && i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        ZP_ELF_COPY(segment, table + i * sizeof(segment));
        if (segment.p_type == PT_LOAD && offset >= segment.p_offset &&
            offset - segment.p_offset < segment.p_filesz) {
            *address = offset - segment.p_offset + segment.p_vaddr;
            return true;
        }
    }
    return false;
}

static const char *search(const struct zp_elf_symbols *symbols, const Elf64_Shdr *section,
                          uint64_t address)
{
    uint64_t count = section->sh_size / sizeof(Elf64_Sym);
    const char *table = zp_elf_part(&symbols->file, section->sh_offset, count, sizeof(Elf64_Sym));
    for (uint64_t i = 0; table != NULL && i < count; i++) {
        Elf64_Sym symbol;
        ZP_ELF_COPY(symbol, table + i * sizeof(symbol));
        unsigned type = ELF64_ST_TYPE(symbol.st_info);
        if ((type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF &&
            address >= symbol.st_value && address - symbol.st_value < symbol.st_size)
            return string_of(&symbols->file, section->sh_link, symbol.st_name);
    }
    return NULL;
}

const char *zp_elf_symbols_name(const struct zp_elf_symbols *symbols, uint64_t address)
{
    static const unsigned kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
    Elf64_Shdr section;
    const char *name = NULL;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned i = 0; name == NULL && zp_elf_section(&symbols->file, i, &section); i++)
            if (section.sh_type == kinds[kind])
                name = search(symbols, &section, address);
    return name;
}
