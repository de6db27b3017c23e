// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does an allocator add to reading a file into one big buffer?
//
//     bench-single FILE          malloc of 500 MB, read(2) until it is full, free
//     bench-single FILE --warm   the limit: the same reads into a buffer already there
//
// FILE is in the page cache. The first turn shows fresh memory, the later ones what was kept. The
// warm buffer is in huge pages where the kernel has them.

#include "bench.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES ((size_t)500000000)
#define TURNS 6

static double turn_ms[TURNS], read_ms[TURNS], free_ms[TURNS];

static void fill(int fd, char *to)
{
    if (lseek(fd, 0, SEEK_SET) != 0)
        bench_die("lseek");
    for (size_t left = BYTES; left > 0;) {
        ssize_t got = read(fd, to, left);

        if (got <= 0)
            bench_die("read");
        to += got;
        left -= (size_t)got;
    }
}

static char *make_warm(int fd)
{
    char *buffer = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (buffer == MAP_FAILED)
        bench_die("mmap");
    madvise(buffer, BYTES, MADV_HUGEPAGE);
    fill(fd, buffer);
    return buffer;
}

static void turn(int fd, char *warm, size_t number)
{
    double start = bench_seconds(), got, filled, end;
    char *buffer = warm ? warm : bench_get(BYTES);

    got = bench_seconds();
    fill(fd, buffer);
    filled = bench_seconds();
    if (!warm)
        free(buffer);
    end = bench_seconds();
    turn_ms[number] = (end - start) * 1e3;
    read_ms[number] = (filled - got) * 1e3;
    free_ms[number] = (end - filled) * 1e3;
}

int main(int argc, char **argv)
{
    int is_warm = argc == 3 && strcmp(argv[2], "--warm") == 0;
    char *warm;
    int fd;

    if (argc != 2 && !is_warm)
        bench_die("usage: bench-single FILE [--warm]");
    fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        bench_die(argv[1]);
    warm = is_warm ? make_warm(fd) : NULL;
    for (size_t i = 0; i < TURNS; i++)
        turn(fd, warm, i);

    bench_open("single");
    bench_samples("turn_ms", turn_ms, TURNS);
    bench_samples("read_ms", read_ms, TURNS);
    bench_samples("free_ms", free_ms, TURNS);
    bench_close();
    return 0;
}
