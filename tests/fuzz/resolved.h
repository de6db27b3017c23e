// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What must hold of options and of the configuration that comes of them, whatever they were told.

#ifndef ZP_TESTS_FUZZ_RESOLVED_H
#define ZP_TESTS_FUZZ_RESOLVED_H

#include "fuzz.h"

#include "config/resolve.h"

static inline void check_number(const struct zp_option *option, int64_t value)
{
    bool may_be_auto = strncmp(option->allowed, "auto", 4) == 0;
    if (may_be_auto && value == ZP_AUTO)
        return;
    MUST(value >= option->least && value <= option->most);
    if (option->kind == ZP_OPTION_POWER_OF_TWO)
        MUST(zp_is_power_of_two((size_t)value));
}

static inline void check_choice(const struct zp_option *option, int64_t value)
{
    int64_t words = 1;
    for (const char *at = option->choices; *at != '\0'; at++)
        words += *at == '|';
    MUST(value >= 0 && value < words);
}

// Entries up to the first without a count; none behind it.
static inline void check_list(const struct zp_option *option, const struct zp_size_list *value)
{
    const struct zp_prewarm *list = value->sizes;
    bool ended = value->is_word;
    for (unsigned i = 0; i < ZP_SIZES_MOST; i++) {
        ended |= list[i].count == 0;
        if (ended)
            MUST(list[i].count == 0 && list[i].size == 0);
        else
            MUST(list[i].size >= (size_t)option->least && list[i].size <= (size_t)option->most);
    }
}

static inline void check_options(const struct zp_options *options)
{
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        const void *field = (const char *)options + option->offset;
        switch (option->kind) {
        case ZP_OPTION_CHOICE:
            check_choice(option, *(const int64_t *)field);
            break;
        case ZP_OPTION_NODE:
            if (*(const int64_t *)field < 0)
                check_choice(option, ~*(const int64_t *)field);
            else
                check_number(option, *(const int64_t *)field);
            break;
        case ZP_OPTION_LIST:
            check_list(option, field);
            break;
        case ZP_OPTION_PATH:
            MUST(memchr(field, '\0', ZP_OPTION_PATH_MOST) != NULL);
            break;
        default:
            check_number(option, *(const int64_t *)field);
        }
    }
}

static inline void check_resolved(const struct zp_options *options,
                                  const struct zp_machine *machine)
{
    struct zp_pool_config config;
    zp_resolve(options, machine, &config);
    size_t budget = options->max_memory == ZP_AUTO ? zp_budget_share(&machine->memory, 0)
                                                   : (size_t)options->max_memory;
    MUST(config.budget == budget);
    if (options->tls_bytes == ZP_AUTO)
        MUST(config.put.thread_cache_bytes <= budget / 4);
    MUST(zp_is_power_of_two(config.shards) && config.shards <= ZP_SHARDS_MOST);
    MUST(config.most_per_shard >= 1 && config.most_per_shard <= 65536);
    MUST(config.thread_cache_most <= ZP_CACHE_MOST);
    MUST(config.arena.smallest >= ZP_CLASS_MIN && config.arena.smallest <= ZP_GIB);
    MUST(config.arena.reserve == SIZE_MAX || config.arena.reserve <= machine->address_space / 4);
    MUST(config.arena.mappings <= machine->mappings);
    MUST(config.decay.idle_ms >= ZP_DECAY_NEVER && config.decay.idle_ms <= INT32_MAX);
    MUST(config.content.scrub || (!config.content.scrub_again && config.scrub_behind == 0));
    MUST(config.content.cpu_cache <= machine->cache);
    MUST(config.eviction == &zp_eviction_clockpro || config.eviction == &zp_eviction_lifo);
    MUST(config.prewarm.list == options->prewarm.sizes &&
         config.prewarm.count == zp_size_list_count(&options->prewarm));
}

#endif
