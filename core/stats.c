// SPDX-License-Identifier: MIT OR Apache-2.0

#include "stats.h"

void zp_counters_add(struct zp_counters *into, const struct zp_counters *from)
{
#define ZP_FAMILY(name, type, unit, help)
#define ZP_MEASURED(field, labels, help)
#define ZP_OF_CLASS(field, labels, help)
#define ZP_COUNTED(field, labels, help)                                                            \
    zp_count(&into->field, __atomic_load_n(&from->field, __ATOMIC_RELAXED));
#include "stats.def"
}

uint64_t zp_counters_served(const struct zp_counters *counters)
{
    return counters->thread_hits + counters->shard_hits + counters->fresh;
}
