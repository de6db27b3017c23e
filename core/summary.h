// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Summary: which classes any of several shards has, so that a get that will find nothing need not
// look at each.
//
// A put that finds its class absent adds it. What is taken out again stays in the summary: it is a
// get that finds nothing, in any shard, that removes the class. So this line of memory is written
// when a class comes up, or is no longer had by anybody and is asked for; most gets and puts read
// it.
//
// Always holds: a class that a shard has is in the summary, but for moments in which a put or a
// removal is under way.
//
// Locking: none. A put stores to the shard, then loads the summary; a removal changes the summary,
// then loads from all shards, and adds again what it sees there. All four are sequentially
// consistent, so that at least one of the two sees the other (Dekker; tests/model/summary.pml).
// Fork: a removal may be under way in another thread, so the child's summary has all classes.

#ifndef ZP_CORE_SUMMARY_H
#define ZP_CORE_SUMMARY_H

#include "fit.h"

struct zp_summary {
    uint64_t classes[2]; // a bit each
} __attribute__((aligned(ZP_CACHE_LINE)));

// A shard has just been given its first slot of a class.
static inline void zp_summary_add(struct zp_summary *summary, unsigned size_class)
{
    uint64_t *word = &summary->classes[size_class / 64];
    uint64_t bit = (uint64_t)1 << (size_class % 64);
    if (ZP_UNLIKELY((__atomic_load_n(word, __ATOMIC_SEQ_CST) & bit) == 0))
        __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
}

// Removes those classes that may serve a wish and that no shard has, by the bits of `present`. True
// if there were any: then the caller looks at all shards again, and adds the classes that it sees.
bool zp_summary_remove(struct zp_summary *summary, const struct zp_wish *wish,
                       const uint64_t *present);
void zp_summary_add_all(struct zp_summary *summary, const uint64_t *present);

#endif
