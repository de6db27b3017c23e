// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every file of core uses: units, rounding, branch hints.

#ifndef ZP_CORE_BASE_H
#define ZP_CORE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZP_KIB ((size_t)1 << 10)
#define ZP_MIB ((size_t)1 << 20)
#define ZP_GIB ((size_t)1 << 30)
#define ZP_CACHE_LINE 64

#define ZP_LIKELY(x) __builtin_expect(!!(x), 1)
#define ZP_UNLIKELY(x) __builtin_expect(!!(x), 0)

// What always holds, for the reader, debug builds and the compiler.
#define ZP_ASSUME(x)                                                                               \
    do {                                                                                           \
        assert(x);                                                                                 \
        if (!(x))                                                                                  \
            __builtin_unreachable();                                                               \
    } while (0)

// In so many milliseconds: not at all.
#define ZP_NEVER UINT32_MAX

// A rare case, kept out of the caller's straight line.
#define ZP_COLD __attribute__((cold, noinline))

// A function that reads what other threads may be writing, and says why that is right.
#define ZP_RACY __attribute__((no_sanitize("thread")))

// A variable that does not change any more once the pool has started. The preloaded library keeps
// them on pages of their own and makes those read-only then (preload/frozen.h).
#define ZP_FROZEN __attribute__((section("zp_frozen")))

// Thread-local variables are reached by one addition: the library is always loaded at start.
#define ZP_TLS _Thread_local __attribute__((tls_model("initial-exec")))

#if defined(__SANITIZE_THREAD__)
#define ZP_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZP_THREAD_SANITIZER 1
#endif
#endif

// A word that another thread may be storing meanwhile: the old value or the new one, never a mix,
// as the processor reads an aligned word at once. gcc makes an operand of the comparison of it, but
// never of an atomic load, and a small malloc and free reads three. Not for a loop that waits.
#ifdef ZP_THREAD_SANITIZER
#define ZP_GLANCE(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#else
#define ZP_GLANCE(word) (word)
#endif

static inline bool zp_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

// `unit` must be a power of two and `n + unit` must not overflow.
static inline size_t zp_round_up(size_t n, size_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

// Floor of the binary logarithm; `n` must not be 0.
static inline unsigned zp_log2(size_t n)
{
    return 63u - (unsigned)__builtin_clzll(n);
}

#endif
