// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is in the files that tests read: every eight bytes say which file they are of and where they
// are in it. So a wrong, a mixed and an unread byte can be told apart.

#ifndef ZP_TESTS_READS_CONTENT_H
#define ZP_TESTS_READS_CONTENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The eight bytes at offset 8 * index of file `id`, which is not 0.
static inline uint64_t content_word(unsigned id, uint64_t index)
{
    return (uint64_t)id << 48 | index;
}

// Makes `size` bytes of a file from an offset on.
static inline void content_make(char *to, unsigned id, uint64_t offset, size_t size)
{
    for (; offset % 8 == 0 && size >= 8; to += 8, offset += 8, size -= 8) { // the most of it
        uint64_t word = content_word(id, offset / 8);
        memcpy(to, &word, 8);
    }
    while (size > 0) {
        uint64_t word = content_word(id, offset / 8);
        size_t skip = offset % 8, part = 8 - skip < size ? 8 - skip : size;
        memcpy(to, (const char *)&word + skip, part);
        to += part;
        offset += part;
        size -= part;
    }
}

#endif
