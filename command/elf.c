// SPDX-License-Identifier: MIT OR Apache-2.0

#include "command/elf.h"

#include "command/elf_file.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "the library is for x86-64 and aarch64"
#endif

static bool is_native(const struct zp_elf_file *file)
{
    Elf64_Ehdr header = zp_elf_header(file);
    return header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
           header.e_machine == MACHINE;
}

// ---- Who loads it ----------------------------------------------------------------------------

static void copy_interpreter(const struct zp_elf_file *file, const Elf64_Phdr *segment,
                             struct zp_elf *elf)
{
    const char *name = zp_elf_part(file, segment->p_offset, segment->p_filesz, 1);
    if (name == NULL || segment->p_filesz == 0 || segment->p_filesz > sizeof(elf->interpreter))
        return;
    memcpy(elf->interpreter, name, segment->p_filesz);
    elf->interpreter[segment->p_filesz - 1] = '\0';
}

static void read_segments(const struct zp_elf_file *file, struct zp_elf *elf)
{
    Elf64_Ehdr header = zp_elf_header(file);
    const char *table = zp_elf_part(file, header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr));
    for (unsigned i = 0; table != NULL && i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        ZP_ELF_COPY(segment, table + i * sizeof(segment));
        if (segment.p_type == PT_INTERP)
            copy_interpreter(file, &segment, elf);
    }
    elf->dynamic = elf->interpreter[0] != '\0';
}

int zp_elf_read(const char *path, struct zp_elf *elf)
{
    struct zp_elf_file file;
    int error = zp_elf_open(path, &file);
    *elf = (struct zp_elf){.native = false};
    if (error != 0)
        return error;
    elf->native = is_native(&file);
    if (elf->native)
        read_segments(&file, elf);
    zp_elf_close(&file);
    return 0;
}

// ---- What it defines -------------------------------------------------------------------------

static bool is_string_at(const char *strings, uint64_t size, uint64_t offset, const char *name)
{
    size_t length = strlen(name) + 1;
    return offset < size && size - offset >= length && memcmp(strings + offset, name, length) == 0;
}

static bool defines(const struct zp_elf_file *file, const Elf64_Shdr *symbols, const char *name)
{
    Elf64_Shdr names;
    const char *table = zp_elf_part(file, symbols->sh_offset, symbols->sh_size, 1);
    if (table == NULL || !zp_elf_section(file, symbols->sh_link, &names))
        return false;
    const char *strings = zp_elf_part(file, names.sh_offset, names.sh_size, 1);
    for (uint64_t i = 0; strings != NULL && i < symbols->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        ZP_ELF_COPY(symbol, table + i * sizeof(symbol));
        if (symbol.st_shndx != SHN_UNDEF &&
            is_string_at(strings, names.sh_size, symbol.st_name, name))
            return true;
    }
    return false;
}

bool zp_elf_defines(const char *path, const char *name)
{
    struct zp_elf_file file;
    Elf64_Shdr header;
    bool found = false;
    if (zp_elf_open(path, &file) != 0)
        return false;
    for (uint32_t i = 0; is_native(&file) && zp_elf_section(&file, i, &header) && !found; i++)
        found = header.sh_type == SHT_DYNSYM && defines(&file, &header, name);
    zp_elf_close(&file);
    return found;
}

bool zp_elf_text(const char *path, const char *start, char *text, unsigned long most)
{
    struct zp_elf_file file;
    if (zp_elf_open(path, &file) != 0)
        return false;
    size_t length = strlen(start);
    const char *found = memmem(file.at, file.size, start, length);
    if (found != NULL) {
        size_t rest = (size_t)(file.at + file.size - found) - length;
        size_t end = strnlen(found + length, rest < most - 1 ? rest : most - 1);
        memcpy(text, found + length, end);
        text[end] = '\0';
    }
    zp_elf_close(&file);
    return found != NULL;
}
