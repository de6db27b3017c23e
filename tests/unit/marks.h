// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Marks: a word at the start and one at the end of some of a buffer's pages, different in every
// page and every buffer. What the pool does to buffers it does page by page, so that a page lost,
// mixed up or not zeroed shows in them.

#ifndef ZP_TESTS_UNIT_MARKS_H
#define ZP_TESTS_UNIT_MARKS_H

#include "support.h"

struct marks {
    uint64_t seed;
    size_t step; // every so many pages, from the first on
};

static inline uint64_t mark_of(const struct marks *marks, size_t page)
{
    return (marks->seed ^ (page * 0x9E3779B97F4A7C15u)) | 1; // never zero
}

static inline uint64_t *first_word(char *base, size_t page)
{
    return (uint64_t *)(void *)(base + page * unit_page());
}

static inline uint64_t *last_word(char *base, size_t page)
{
    return (uint64_t *)(void *)(base + (page + 1) * unit_page() - sizeof(uint64_t));
}

// Marks the pages of [from, to), bytes that are multiples of the page size.
static inline void marks_write(const struct marks *marks, char *base, size_t from, size_t to)
{
    for (size_t page = from / unit_page(); page < to / unit_page(); page++) {
        if (page % marks->step == 0) {
            *first_word(base, page) = mark_of(marks, page);
            *last_word(base, page) = ~mark_of(marks, page);
        }
    }
}

// Checks the marks in [0, to), and that pages without a mark are zero from byte `zero_from` on.
// Between two marks one page is looked at: reading the others would put pages where there were
// none.
static inline void marks_check(const struct marks *marks, char *base, size_t to, size_t zero_from)
{
    for (size_t page = 0; page < to / unit_page(); page++) {
        if (page % marks->step == 0) {
            MUST(*first_word(base, page) == mark_of(marks, page));
            MUST(*last_word(base, page) == ~mark_of(marks, page));
        } else if (page % marks->step == marks->step / 2 && page * unit_page() >= zero_from) {
            MUST(*first_word(base, page) == 0);
            MUST(*last_word(base, page) == 0);
        }
    }
}

// Checks that no page of [from, to), or every so many of them, holds a mark of whomever.
static inline void marks_check_none(char *base, size_t from, size_t to, size_t step)
{
    for (size_t page = from / unit_page(); page < to / unit_page(); page += step) {
        MUST(*first_word(base, page) == 0);
        MUST(*last_word(base, page) == 0);
    }
}

#endif
