// SPDX-License-Identifier: MIT OR Apache-2.0

#include "table.h"

#include <string.h>

const struct zp_stat zp_stat_table[] = {
#define ZP_FAMILY(name, type, unit, help)                                                          \
    {ZP_STAT_FAMILY, #name, help, ZP_STAT_##type, ZP_STAT_##unit, "", 0},
#define ZP_COUNTED(field, labels, help)                                                            \
    {ZP_STAT_VALUE, #field, help, 0, 0, labels, offsetof(struct zp_pool_stats, counters.field)},
#define ZP_MEASURED(field, labels, help)                                                           \
    {ZP_STAT_VALUE, #field, help, 0, 0, labels, offsetof(struct zp_pool_stats, field)},
#define ZP_OF_CLASS(field, labels, help)                                                           \
    {ZP_STAT_OF_CLASS, #field, help, 0, 0, labels, offsetof(struct zp_class_stats, field)},
#include "core/stats.def"
};

const size_t zp_stat_count = sizeof(zp_stat_table) / sizeof(zp_stat_table[0]);

const char *zp_stat_label(const struct zp_stat *stat, int *length)
{
    const char *from = strchr(stat->labels, '"');
    *length = from != NULL ? (int)strcspn(from + 1, "\"") : 0;
    return from != NULL ? from + 1 : stat->labels;
}

void zp_hit_rates(const struct zp_counters *counters, struct zp_hit_rate rates[ZP_HIT_RATES])
{
    uint64_t served = zp_counters_served(counters), thread = counters->thread_hits;
    rates[0] = (struct zp_hit_rate){"overall", thread + counters->shard_hits, served};
    rates[1] = (struct zp_hit_rate){"thread_cache", thread, served};
    rates[2] = (struct zp_hit_rate){"shard", counters->shard_hits, served - thread};
}

uint64_t zp_thousandths(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return 0;
    if (part <= UINT64_MAX / 1000)
        return part * 1000 / whole;
    return whole >= 1000 ? part / (whole / 1000) : UINT64_MAX; // a forged file says such things
}

// FNV-1a over the kinds and names.
uint64_t zp_stat_signature(void)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < zp_stat_count; i++) {
        if (zp_stat_table[i].kind == ZP_STAT_FAMILY)
            continue;
        for (const char *letter = zp_stat_table[i].name; *letter != '\0'; letter++)
            hash = (hash ^ (unsigned char)*letter) * 0x100000001b3;
        hash = (hash ^ (zp_stat_table[i].kind + 1u)) * 0x100000001b3;
    }
    return hash;
}
