// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The table of statistics, made from core/stats.def: what a report has to know of each value.
//
// Locking: none. Fork: nothing to do. Needs neither the pool nor threads.

#ifndef ZP_STATS_TABLE_H
#define ZP_STATS_TABLE_H

#include "core/stats.h"

enum zp_stat_kind {
    ZP_STAT_FAMILY,   // a metric of Prometheus: the values that follow belong to it
    ZP_STAT_VALUE,    // of a struct zp_pool_stats
    ZP_STAT_OF_CLASS, // of a struct zp_class_stats
};
enum zp_stat_type { ZP_STAT_COUNTER, ZP_STAT_GAUGE };
enum zp_stat_unit { ZP_STAT_COUNT, ZP_STAT_BYTES, ZP_STAT_MICROSECONDS };

struct zp_stat {
    enum zp_stat_kind kind;
    const char *name;       // of a family, without "zeropool_"; of a value, as in JSON
    const char *help;       // ends without a full stop
    enum zp_stat_type type; // of a family
    enum zp_stat_unit unit; // of a family
    const char *labels;     // of a value, as Prometheus has them but for the braces; may be empty
    size_t offset;          // of a value
};

extern const struct zp_stat zp_stat_table[];
extern const size_t zp_stat_count;

// A value in the struct that its kind names.
static inline uint64_t zp_stat_value(const struct zp_stat *stat, const void *from)
{
    return *(const uint64_t *)(const void *)((const char *)from + stat->offset);
}

// What is in the quotes of a value's label, and how long that is; 0 if it has none.
const char *zp_stat_label(const struct zp_stat *stat, int *length);

// Hits, of all requests that the pool served and of those that came to the shards.
struct zp_hit_rate {
    const char *name;
    uint64_t part, whole;
};

enum { ZP_HIT_RATES = 3 };
void zp_hit_rates(const struct zp_counters *counters, struct zp_hit_rate rates[ZP_HIT_RATES]);

// Part of a whole in thousandths; 0 of nothing.
uint64_t zp_thousandths(uint64_t part, uint64_t whole);

// A number that differs where the list does, for who reads what another program has written.
uint64_t zp_stat_signature(void);

#endif
