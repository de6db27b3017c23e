// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does it cost a small read that the library has put itself before libc's function?
//
// pread and read of 4 KiB from a file in memory, by the name that the program was linked with, and
// by libc's own function: batches of each by turns, nanoseconds for one call.

#include "bench.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCHES 201
#define CALLS 1000
#define SIZE (4 * KIB)

typedef ssize_t pread_function(int fd, void *to, size_t size, off_t at);
typedef ssize_t read_function(int fd, void *to, size_t size);

static char *buffer;
static int file, zeros;
static double pread_ns[BATCHES], pread_libc_ns[BATCHES], read_ns[BATCHES], read_libc_ns[BATCHES];

static void *libcs(const char *name)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    void *function = libc ? dlsym(libc, name) : NULL;

    if (!function)
        bench_die(name);
    return function;
}

static double time_pread(pread_function *function)
{
    double start = bench_seconds();

    for (size_t i = 0; i < CALLS; i++)
        if (function(file, buffer, SIZE, 0) != (ssize_t)SIZE)
            bench_die("pread");
    return (bench_seconds() - start) * 1e9 / CALLS;
}

// Of nothing: the cheapest read that there is.
static double time_read(read_function *function)
{
    double start = bench_seconds();

    for (size_t i = 0; i < CALLS; i++)
        if (function(zeros, buffer, SIZE) != 0)
            bench_die("read");
    return (bench_seconds() - start) * 1e9 / CALLS;
}

int main(void)
{
    pread_function *libcs_pread;
    read_function *libcs_read;

    *(void **)&libcs_pread = libcs("pread");
    *(void **)&libcs_read = libcs("read");
    bench_pin();
    buffer = bench_get(4 * MIB); // of the pool, so that more than the size has to be looked at
    file = memfd_create("call", MFD_CLOEXEC);
    zeros = open("/dev/null", O_RDONLY | O_CLOEXEC);
    memset(buffer, 1, SIZE);
    if (file < 0 || zeros < 0 || write(file, buffer, SIZE) != (ssize_t)SIZE)
        bench_die("files");
    for (size_t i = 0; i < BATCHES; i++) {
        pread_ns[i] = time_pread(pread);
        pread_libc_ns[i] = time_pread(libcs_pread);
        read_ns[i] = time_read(read);
        read_libc_ns[i] = time_read(libcs_read);
    }

    bench_open("call");
    bench_samples("pread_ns", pread_ns, BATCHES);
    bench_samples("pread_libc_ns", pread_libc_ns, BATCHES);
    bench_samples("read_ns", read_ns, BATCHES);
    bench_samples("read_libc_ns", read_libc_ns, BATCHES);
    bench_close();
    return 0;
}
