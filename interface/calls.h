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

#define ZP_CALLS(CALL)                                                                             \
    CALL(version)                                                                                  \
    CALL(get)                                                                                      \
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

struct zp_calls {
    size_t size; // bytes of the table
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define ZP_CALL_MEMBER(name) __typeof__(&zeropool_##name) name;
    ZP_CALLS(ZP_CALL_MEMBER)
#undef ZP_CALL_MEMBER
};

// An entry of the initialiser of such a table.
#define ZP_CALL_ENTRY(name) .name = zeropool_##name,

// The preloaded library's, by name.
#define ZP_CALLS_SYMBOL "zeropool_calls"
extern const struct zp_calls zeropool_calls;

#endif
