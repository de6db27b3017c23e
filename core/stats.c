// SPDX-License-Identifier: MIT OR Apache-2.0

#include "stats.h"

void zp_counters_add(struct zp_counters *into, const struct zp_counters *from)
{
#define ZP_COUNTER_ADD(name, help)                                                                 \
    zp_count(&into->name, __atomic_load_n(&from->name, __ATOMIC_RELAXED));
    ZP_COUNTERS(ZP_COUNTER_ADD)
#undef ZP_COUNTER_ADD
}

uint64_t zp_counters_served(const struct zp_counters *counters)
{
    return counters->thread_hits + counters->shard_hits + counters->fresh;
}
