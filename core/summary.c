// SPDX-License-Identifier: MIT OR Apache-2.0

#include "summary.h"

// The bits of the classes from `first` to `last` in a word.
static uint64_t mask_of(unsigned word, unsigned first, unsigned last)
{
    uint64_t mask = 0;
    for (unsigned c = first; c <= last; c++)
        mask |= c / 64 == word ? (uint64_t)1 << (c % 64) : 0;
    return mask;
}

bool zp_summary_remove(struct zp_summary *summary, const struct zp_wish *wish,
                       const uint64_t *present)
{
    bool removed = false;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t mask = mask_of(i, zp_fit_first(wish), zp_fit_last(wish));
        uint64_t *word = &summary->classes[i];
        uint64_t stale = __atomic_load_n(word, __ATOMIC_RELAXED) & mask & ~present[i];
        if (stale != 0)
            __atomic_fetch_and(word, ~stale, __ATOMIC_SEQ_CST);
        removed = removed || stale != 0;
    }
    return removed;
}

void zp_summary_add_all(struct zp_summary *summary, const uint64_t *present)
{
    for (unsigned i = 0; i < 2; i++)
        if ((present[i] & ~__atomic_load_n(&summary->classes[i], __ATOMIC_SEQ_CST)) != 0)
            __atomic_fetch_or(&summary->classes[i], present[i], __ATOMIC_SEQ_CST);
}
