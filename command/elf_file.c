// SPDX-License-Identifier: MIT OR Apache-2.0

#include "elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// Why the last call failed, as a negative number.
static int failure(void)
{
    return errno > 0 ? -errno : -EIO;
}

static int map(int fd, struct zp_elf_file *file)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return failure();
    if (!S_ISREG(about.st_mode) || about.st_size < (off_t)sizeof(Elf64_Ehdr))
        return -ENOEXEC;
    void *at = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED || at == NULL)
        return failure();
    *file = (struct zp_elf_file){at, (size_t)about.st_size, about.st_ino};
    return 0;
}

int zp_elf_open(const char *path, struct zp_elf_file *file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return failure();
    int error = map(fd, file);
    close(fd);
    if (error == 0 && memcmp(file->at, ELFMAG, SELFMAG) != 0) {
        zp_elf_close(file);
        error = -ENOEXEC;
    }
    return error;
}

void zp_elf_close(const struct zp_elf_file *file)
{
    munmap((void *)(uintptr_t)file->at, file->size);
}

const char *zp_elf_part(const struct zp_elf_file *file, uint64_t offset, uint64_t count,
                        uint64_t size)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || offset > file->size ||
        bytes > file->size - offset)
        return NULL;
    return file->at + offset;
}

Elf64_Ehdr zp_elf_header(const struct zp_elf_file *file)
{
    Elf64_Ehdr header;
    ZP_ELF_COPY(header, file->at);
    return header;
}

bool zp_elf_section(const struct zp_elf_file *file, uint32_t number, Elf64_Shdr *section)
{
    Elf64_Ehdr header = zp_elf_header(file);
    const char *table = zp_elf_part(file, header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr));
    if (table == NULL || number >= header.e_shnum)
        return false;
    ZP_ELF_COPY(*section, table + number * sizeof(*section));
    return true;
}
