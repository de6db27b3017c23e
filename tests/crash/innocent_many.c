// SPDX-License-Identifier: MIT OR Apache-2.0
//
// More buffers at once than any cache, shard or table has room for.

#include "crash.h"

int main(void)
{
    require_library();
    enum { COUNT = 3000 };
    static char *buffers[COUNT];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            buffers[i] = opaque(malloc(MIB + (size_t)(i % 5) * 300000));
            CHECK(buffers[i] != NULL && buffers[i][0] == 0);
            buffers[i][0] = 1;
        }
        for (int i = 0; i < COUNT; i++)
            free(buffers[i]);
    }
    return 0;
}
