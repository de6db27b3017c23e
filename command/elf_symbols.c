// SPDX-License-Identifier: MIT OR Apache-2.0

#include "elf_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// Headers may lie at any address of a file that is broken on purpose.
#define COPY(to, from) memcpy(&(to), (from), sizeof(to))

// `count` things of `size` bytes that begin at `offset`; NULL if they are not all in the file.
static const char *part(const struct zp_elf_symbols *file, uint64_t offset, uint64_t count,
                        uint64_t size)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || offset > file->size ||
        bytes > file->size - offset)
        return NULL;
    return file->at + offset;
}

static Elf64_Ehdr header_of(const struct zp_elf_symbols *file)
{
    Elf64_Ehdr header;
    COPY(header, file->at);
    return header;
}

static bool section_of(const struct zp_elf_symbols *file, unsigned number, Elf64_Shdr *section)
{
    Elf64_Ehdr header = header_of(file);
    const char *table = part(file, header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr));
    if (table == NULL || number >= header.e_shnum)
        return false;
    COPY(*section, table + number * sizeof(*section));
    return true;
}

// A string of a section of strings that ends within it, or NULL.
static const char *string_of(const struct zp_elf_symbols *file, unsigned section_number,
                             uint64_t at)
{
    Elf64_Shdr section;
    if (!section_of(file, section_number, &section) || at >= section.sh_size)
        return NULL;
    const char *text = part(file, section.sh_offset, section.sh_size, 1);
    return text != NULL && memchr(text + at, '\0', section.sh_size - at) != NULL ? text + at : NULL;
}

// ---- Source lines ----------------------------------------------------------------------------

// Whether the debug file of a build is installed, under the name that its note makes.
static bool has_debug_file(const struct zp_elf_symbols *file, const Elf64_Shdr *section)
{
    Elf64_Nhdr note;
    char path[PATH_MAX] = "/usr/lib/debug/.build-id/";
    const unsigned char *at =
        (const unsigned char *)part(file, section->sh_offset, section->sh_size, 1);
    if (at == NULL || section->sh_size < sizeof(note) + 4)
        return false;
    COPY(note, at);
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

static bool find_lines(const struct zp_elf_symbols *file)
{
    Elf64_Ehdr header = header_of(file);
    Elf64_Shdr section;
    for (unsigned i = 0; section_of(file, i, &section); i++) {
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
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *symbols = (struct zp_elf_symbols){.at = NULL};
    if (fd < 0)
        return false;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
        about.st_size >= (off_t)sizeof(Elf64_Ehdr)) {
        void *at = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at != MAP_FAILED)
            *symbols = (struct zp_elf_symbols){
                .at = at, .size = (size_t)about.st_size, .inode = about.st_ino};
    }
    close(fd);
    if (symbols->at == NULL)
        return false;
    Elf64_Ehdr header = header_of(symbols);
    if (memcmp(symbols->at, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) {
        zp_elf_symbols_close(symbols);
        return false;
    }
    symbols->has_lines = find_lines(symbols);
    return true;
}

void zp_elf_symbols_close(struct zp_elf_symbols *symbols)
{
    munmap((void *)(uintptr_t)symbols->at, symbols->size);
    symbols->at = NULL;
}

// ---- Addresses -------------------------------------------------------------------------------

bool zp_elf_symbols_address(const struct zp_elf_symbols *symbols, uint64_t offset,
                            uint64_t *address)
{
    Elf64_Ehdr header = header_of(symbols);
    const char *table = part(symbols, header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr));
    for (unsigned i = 0; table != NULL && i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        COPY(segment, table + i * sizeof(segment));
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
    const char *table = part(symbols, section->sh_offset, count, sizeof(Elf64_Sym));
    for (uint64_t i = 0; table != NULL && i < count; i++) {
        Elf64_Sym symbol;
        COPY(symbol, table + i * sizeof(symbol));
        unsigned type = ELF64_ST_TYPE(symbol.st_info);
        if ((type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF &&
            address >= symbol.st_value && address - symbol.st_value < symbol.st_size)
            return string_of(symbols, section->sh_link, symbol.st_name);
    }
    return NULL;
}

const char *zp_elf_symbols_name(const struct zp_elf_symbols *symbols, uint64_t address)
{
    static const unsigned kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
    Elf64_Shdr section;
    const char *name = NULL;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned i = 0; name == NULL && section_of(symbols, i, &section); i++)
            if (section.sh_type == kinds[kind])
                name = search(symbols, &section, address);
    return name;
}
