// SPDX-License-Identifier: MIT OR Apache-2.0
//
// qsort and regular expressions take large scratch buffers of their own.

#include "crash.h"

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int main(void)
{
    require_library();
    enum { COUNT = 1000000 };
    int *numbers = opaque(malloc(COUNT * sizeof(int)));
    uint64_t random = 1;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = (int)(next_random(&random) >> 40);
    qsort(numbers, COUNT, sizeof(int), compare);
    for (int i = 1; i < COUNT; i++)
        CHECK(numbers[i - 1] <= numbers[i]);
    free(numbers);
    return 0;
}
