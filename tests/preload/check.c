// SPDX-License-Identifier: MIT OR Apache-2.0

#include "check.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void check_failed(const char *file, int line, const char *condition)
{
    dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", file, line, condition);
    _exit(1);
}

void check_skip(const char *reason)
{
    printf("skipped: %s\n", reason);
    fflush(stdout);
    _exit(CHECK_SKIP);
}

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

bool library_is_loaded(void)
{
    void *address = dlsym(RTLD_DEFAULT, "malloc");
    Dl_info info;
    return dladdr(address, &info) != 0 && strstr(info.dli_fname, "libzeropool") != NULL;
}

void require_library(void)
{
    CHECK(library_is_loaded());
}

void *opaque(void *pointer)
{
    void *volatile hidden = pointer;
    return hidden;
}

size_t opaque_size(size_t size)
{
    volatile size_t hidden = size;
    return hidden;
}

bool all_bytes(const void *bytes, int value, size_t size)
{
    const unsigned char *at = bytes;
    return size == 0 || (*at == value && memcmp(at, at + 1, size - 1) == 0);
}

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t test_seed(uint64_t fallback)
{
    const char *given = getenv("ZP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : fallback;
    printf("ZP_TEST_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

size_t proc_kib(const char *path, const char *field)
{
    char text[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    size_t length = 0;
    for (ssize_t got; (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0;)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    const char *line = strstr(text, field);
    CHECK(line != NULL);
    return strtoull(line + strlen(field), NULL, 10);
}

// Calls `take` with every line of the file that is shorter than 250 bytes.
static void for_each_line(const char *path, void (*take)(const char *line, void *state),
                          void *state)
{
    char text[8192], line[250];
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (ssize_t got; (got = read(fd, text, sizeof(text))) > 0;) {
        for (ssize_t i = 0; i < got; i++) {
            if (text[i] == '\n') {
                line[length < sizeof(line) ? length : 0] = '\0';
                take(line, state);
                length = 0;
            } else {
                if (length < sizeof(line))
                    line[length] = text[i];
                length++;
            }
        }
    }
    close(fd);
}

struct committed {
    size_t mapping, total;
    bool has_flags;
};

static void add_committed(const char *line, void *state)
{
    struct committed *committed = state;
    if (strncmp(line, "Size:", 5) == 0)
        committed->mapping = strtoull(line + 5, NULL, 10) * KIB;
    if (strncmp(line, "VmFlags:", 8) != 0)
        return;
    committed->has_flags = true;
    if (strstr(line, " ac") != NULL)
        committed->total += committed->mapping;
}

size_t proc_committed(void)
{
    struct committed committed = {0};
    for_each_line("/proc/self/smaps", add_committed, &committed);
    if (!committed.has_flags)
        check_skip("the kernel does not say which mappings count as committed");
    return committed.total;
}

size_t proc_mappings(void)
{
    char text[8192];
    size_t lines = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (ssize_t got; (got = read(fd, text, sizeof(text))) > 0;)
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    close(fd);
    return lines;
}

void expect_success(pid_t child)
{
    int status;
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void check_as_new(char *buffer, size_t size)
{
    CHECK(buffer != NULL && all_bytes(buffer, 0, size));
    memset(buffer, 3, size);
    pid_t child = fork();
    if (child == 0) {
        CHECK(all_bytes(buffer, 3, size));
        memset(buffer, 4, size);
        free(buffer);
        _exit(0);
    }
    expect_success(child);
}
