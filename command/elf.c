// SPDX-License-Identifier: MIT OR Apache-2.0

#include "command/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "the library is for x86-64 and aarch64"
#endif

struct file {
    const char *at;
    size_t size;
};

// ---- Files -----------------------------------------------------------------------------------

// Why the last call failed, as a negative number.
static int failure(void)
{
    return errno > 0 ? -errno : -EIO;
}

static int open_file(const char *path, struct file *file)
{
    struct stat status;
    int error = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *file = (struct file){.at = NULL};
    if (fd < 0)
        return failure();
    if (fstat(fd, &status) != 0)
        error = failure();
    else if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(Elf64_Ehdr))
        error = -ENOEXEC;
    if (error == 0) {
        void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED || at == NULL)
            error = failure();
        else
            *file = (struct file){at, (size_t)status.st_size};
    }
    close(fd);
    return file->at != NULL ? 0 : error != 0 ? error : -EIO;
}

static void close_file(const struct file *file)
{
    munmap((void *)file->at, file->size);
}

// `count` things of `size` bytes that begin at `offset`; NULL if they are not all in the file.
static const void *part(const struct file *file, uint64_t offset, uint64_t count, uint64_t size)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || offset > file->size ||
        bytes > file->size - offset)
        return NULL;
    return file->at + offset;
}

// Headers may lie at any address of a file that is broken on purpose.
#define COPY(to, from) memcpy(&(to), (from), sizeof(to))

static bool is_elf(const struct file *file)
{
    return memcmp(file->at, ELFMAG, SELFMAG) == 0;
}

static bool is_native(const struct file *file)
{
    Elf64_Ehdr header;
    COPY(header, file->at);
    return is_elf(file) && header.e_ident[EI_CLASS] == ELFCLASS64 &&
           header.e_ident[EI_DATA] == ELFDATA2LSB && header.e_machine == MACHINE;
}

// ---- Who loads it ----------------------------------------------------------------------------

static void copy_interpreter(const struct file *file, const Elf64_Phdr *segment, struct zp_elf *elf)
{
    const char *name = part(file, segment->p_offset, segment->p_filesz, 1);
    if (name == NULL || segment->p_filesz == 0 || segment->p_filesz > sizeof(elf->interpreter))
        return;
    memcpy(elf->interpreter, name, segment->p_filesz);
    elf->interpreter[segment->p_filesz - 1] = '\0';
}

static void read_segments(const struct file *file, struct zp_elf *elf)
{
    Elf64_Ehdr header;
    COPY(header, file->at);
    const char *table = part(file, header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr));
    for (unsigned i = 0; table != NULL && i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        COPY(segment, table + i * sizeof(segment));
        if (segment.p_type == PT_INTERP)
            copy_interpreter(file, &segment, elf);
    }
    elf->dynamic = elf->interpreter[0] != '\0';
}

int zp_elf_read(const char *path, struct zp_elf *elf)
{
    struct file file;
    int error = open_file(path, &file);
    *elf = (struct zp_elf){.native = false};
    if (error != 0 || file.at == NULL)
        return error;
    if (!is_elf(&file))
        error = -ENOEXEC;
    else if ((elf->native = is_native(&file)))
        read_segments(&file, elf);
    close_file(&file);
    return error;
}

// ---- What it defines -------------------------------------------------------------------------

static bool section(const struct file *file, uint32_t index, Elf64_Shdr *out)
{
    Elf64_Ehdr header;
    COPY(header, file->at);
    const char *table = part(file, header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr));
    if (table == NULL || index >= header.e_shnum)
        return false;
    COPY(*out, table + index * sizeof(*out));
    return true;
}

static bool is_string_at(const char *strings, uint64_t size, uint64_t offset, const char *name)
{
    size_t length = strlen(name) + 1;
    return offset < size && size - offset >= length && memcmp(strings + offset, name, length) == 0;
}

static bool defines(const struct file *file, const Elf64_Shdr *symbols, const char *name)
{
    Elf64_Shdr names;
    const char *table = part(file, symbols->sh_offset, symbols->sh_size, 1);
    if (table == NULL || !section(file, symbols->sh_link, &names))
        return false;
    const char *strings = part(file, names.sh_offset, names.sh_size, 1);
    for (uint64_t i = 0; strings != NULL && i < symbols->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        COPY(symbol, table + i * sizeof(symbol));
        if (symbol.st_shndx != SHN_UNDEF &&
            is_string_at(strings, names.sh_size, symbol.st_name, name))
            return true;
    }
    return false;
}

bool zp_elf_defines(const char *path, const char *name)
{
    struct file file;
    Elf64_Shdr header;
    bool found = false;
    if (open_file(path, &file) != 0 || file.at == NULL)
        return false;
    for (uint32_t i = 0; is_native(&file) && section(&file, i, &header) && !found; i++)
        found = header.sh_type == SHT_DYNSYM && defines(&file, &header, name);
    close_file(&file);
    return found;
}

bool zp_elf_text(const char *path, const char *start, char *text, unsigned long most)
{
    struct file file;
    if (open_file(path, &file) != 0 || file.at == NULL)
        return false;
    size_t length = strlen(start);
    const char *found = memmem(file.at, file.size, start, length);
    if (found != NULL) {
        size_t rest = (size_t)(file.at + file.size - found) - length;
        size_t end = strnlen(found + length, rest < most - 1 ? rest : most - 1);
        memcpy(text, found + length, end);
        text[end] = '\0';
    }
    close_file(&file);
    return found != NULL;
}
