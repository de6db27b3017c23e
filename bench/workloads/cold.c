// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: how long does it take to read a file that is not in memory?
//
//     bench-cold FILE
//
// malloc, pread and free of the whole file in buffers of 16 MiB, all held until the load is whole,
// LOADS times. Before each the file is dropped from the page cache. What was read from the device
// meanwhile tells whether it was: of a file system in user space, or where the host keeps the file,
// that is for the reader to judge.

#include "bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADS 4
#define PIECE (16 * MIB)
#define MOST_PIECES 256

static char *pieces[MOST_PIECES];
static double load_ms[LOADS], device_mib[LOADS];

// Bytes that were fetched from storage for this process; of all its threads.
static double bytes_fetched(void)
{
    char line[256];
    double bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "read_bytes:", 11) == 0)
            bytes = strtod(line + 11, NULL);
    if (file)
        fclose(file);
    return bytes;
}

static void read_piece(int fd, char *to, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t got = pread(fd, to, size, at);

        if (got <= 0)
            bench_die("pread");
        to += got;
        at += got;
        size -= (size_t)got;
    }
}

static void load(int fd, size_t size)
{
    size_t count = 0;

    for (size_t at = 0; at < size; at += PIECE) {
        size_t part = size - at < PIECE ? size - at : PIECE;

        pieces[count] = bench_get(part);
        read_piece(fd, pieces[count++], part, (off_t)at);
    }
    while (count > 0)
        free(pieces[--count]);
}

int main(int argc, char **argv)
{
    struct stat status;
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || fstat(fd, &status) != 0)
        bench_die("usage: bench-cold FILE");
    if (status.st_size <= 0 || (size_t)status.st_size > MOST_PIECES * PIECE)
        bench_die("a file of up to 4 GiB");
    for (size_t i = 0; i < LOADS; i++) {
        double before = bytes_fetched(), start;

        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        start = bench_seconds();
        load(fd, (size_t)status.st_size);
        load_ms[i] = (bench_seconds() - start) * 1e3;
        device_mib[i] = (bytes_fetched() - before) / (double)MIB;
    }

    bench_open("cold");
    bench_samples("load_ms", load_ms, LOADS);
    bench_samples("device_mib", device_mib, LOADS);
    bench_close();
    return 0;
}
