// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer whose pages the kernel is asked to take, put away and merge, and which is zero all the
// same for its next owner.

#include "crash.h"

#include <sys/mman.h>

int main(void)
{
    require_library();
    static const int advice[] = {MADV_DONTNEED,   MADV_FREE,      MADV_COLD,
                                 MADV_PAGEOUT,    MADV_MERGEABLE, MADV_HUGEPAGE,
                                 MADV_NOHUGEPAGE, MADV_DONTDUMP,  MADV_DONTFORK};
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
        char *buffer = opaque(malloc(4 * MIB));
        memset(buffer, 1, 4 * MIB);
        madvise(page_up(buffer), 2 * MIB, advice[i]); // a kernel may know none of them
        free(buffer);
        buffer = opaque(malloc(4 * MIB));
        CHECK(all_bytes(buffer, 0, 4 * MIB));
        free(buffer);
    }
    return 0;
}
