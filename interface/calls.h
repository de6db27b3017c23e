// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One pool per process: the preloaded library shows a table of the functions of zeropool.h, and a
// linked library that finds it passes every call on to there (linked/forward.c).
//
// Always holds: a later version adds entries at the end, and only there. A linked library passes
// calls on to a table that has all of its own entries.

#ifndef ZP_INTERFACE_CALLS_H
#define ZP_INTERFACE_CALLS_H

#include "core/zeropool.h"

// Those of zeropool.c, and those of pools.c.
#define ZP_CALLS_OF_ONE(CALL)                                                                      \
    CALL(version)                                                                                  \
    CALL(get)                                                                                      \
    CALL(get_zeroed)                                                                               \
    CALL(get_aligned)                                                                              \
    CALL(try_get)                                                                                  \
    CALL(put)                                                                                      \
    CALL(get_batch)                                                                                \
    CALL(put_batch)                                                                                \
    CALL(prewarm)                                                                                  \
    CALL(trim)                                                                                     \
    CALL(stats_get)                                                                                \
    CALL(hit_rate)                                                                                 \
    CALL(owns)                                                                                     \
    CALL(detach)                                                                                   \
    CALL(freeze)                                                                                   \
    CALL(retain)                                                                                   \
    CALL(release)                                                                                  \
    CALL(numa_node)

#define ZP_CALLS_OF_POOLS(CALL)                                                                    \
    CALL(options_get)                                                                              \
    CALL(pool_create)                                                                              \
    CALL(pool_destroy)                                                                             \
    CALL(pool_get)                                                                                 \
    CALL(pool_get_aligned)                                                                         \
    CALL(pool_try_get)                                                                             \
    CALL(pool_get_batch)                                                                           \
    CALL(pool_prewarm)                                                                             \
    CALL(pool_trim)                                                                                \
    CALL(pool_stats_get)                                                                           \
    CALL(pool_hit_rate)

#define ZP_CALLS(CALL) ZP_CALLS_OF_ONE(CALL) ZP_CALLS_OF_POOLS(CALL)

struct zp_calls {
    size_t size; // bytes of the table
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define ZP_CALL_MEMBER(name) __typeof__(&zeropool_##name) name;
    ZP_CALLS(ZP_CALL_MEMBER)
#undef ZP_CALL_MEMBER
};

// The functions of the library that this is in, by names that no other library can take over.
#define ZP_CALL_OWN(name)                                                                          \
    extern __typeof__(zeropool_##name) zp_own_##name __attribute__((visibility("hidden")));
ZP_CALLS(ZP_CALL_OWN)
#undef ZP_CALL_OWN

// Where a function of zeropool.h is, its other name. In a linked library it has no other.
#define ZP_CALL_ALIAS(name)                                                                        \
    extern __typeof__(zeropool_##name) zp_own_##name                                               \
        __attribute__((alias("zeropool_" #name), visibility("hidden")));

// The initialiser of such a table.
#define ZP_CALL_ENTRY(name) .name = zp_own_##name,
#define ZP_CALLS_OWN                                                                               \
    {                                                                                              \
        .size = sizeof(struct zp_calls), ZP_CALLS(ZP_CALL_ENTRY)                                   \
    }

// The preloaded library's, by name.
#define ZP_CALLS_SYMBOL "zeropool_calls"
extern const struct zp_calls zeropool_calls;

#endif
