// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: how many instructions does a malloc and free take?
//
//     bench-count BYTES PAIRS
//
// A loop to be run under a tool that counts instructions (instructions.py): nothing is timed.

#include "bench.h"

int main(int argc, char **argv)
{
    size_t bytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    size_t pairs = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

    if (bytes == 0 || pairs == 0)
        bench_die("usage: bench-count BYTES PAIRS");
    for (size_t i = 0; i < pairs; i++) {
        void *buffer = malloc(bytes);

        bench_keep(buffer);
        free(buffer);
    }
    return 0;
}
