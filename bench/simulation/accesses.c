// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The calls that gcc and clang make before each access with -fsanitize=thread. The sanitizer's own
// library is not linked: here they tell the simulated machine.

#include "machine.h"

// NOLINTBEGIN(bugprone-reserved-identifier,bugprone-macro-parentheses)

#define ACCESSES(size)                                                                             \
    void __tsan_read##size(void *address);                                                         \
    void __tsan_write##size(void *address);                                                        \
    void __tsan_unaligned_read##size(void *address);                                               \
    void __tsan_unaligned_write##size(void *address);                                              \
    void __tsan_volatile_read##size(void *address);                                                \
    void __tsan_volatile_write##size(void *address);                                               \
    void __tsan_read##size(void *address)                                                          \
    {                                                                                              \
        machine_access(address, size, false, false);                                               \
    }                                                                                              \
    void __tsan_write##size(void *address)                                                         \
    {                                                                                              \
        machine_access(address, size, true, false);                                                \
    }                                                                                              \
    void __tsan_unaligned_read##size(void *address)                                                \
    {                                                                                              \
        machine_access(address, size, false, false);                                               \
    }                                                                                              \
    void __tsan_unaligned_write##size(void *address)                                               \
    {                                                                                              \
        machine_access(address, size, true, false);                                                \
    }                                                                                              \
    void __tsan_volatile_read##size(void *address)                                                 \
    {                                                                                              \
        machine_access(address, size, false, false);                                               \
    }                                                                                              \
    void __tsan_volatile_write##size(void *address)                                                \
    {                                                                                              \
        machine_access(address, size, true, false);                                                \
    }

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

#define CHANGE(bits, name)                                                                         \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *word,                     \
                                                uint##bits##_t value, int order);                  \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *word,                     \
                                                uint##bits##_t value, int order)                   \
    {                                                                                              \
        (void)order;                                                                               \
        machine_access(word, sizeof(*word), true, true);                                           \
        return __atomic_##name(word, value, __ATOMIC_SEQ_CST);                                     \
    }

#define EXCHANGE_IF(bits, name)                                                                    \
    int __tsan_atomic##bits##_##name(volatile uint##bits##_t *word, uint##bits##_t *expected,      \
                                     uint##bits##_t value, int order, int failure_order);          \
    int __tsan_atomic##bits##_##name(volatile uint##bits##_t *word, uint##bits##_t *expected,      \
                                     uint##bits##_t value, int order, int failure_order)           \
    {                                                                                              \
        (void)order;                                                                               \
        (void)failure_order;                                                                       \
        machine_access(word, sizeof(*word), true, true);                                           \
        return __atomic_compare_exchange_n(word, expected, value, false, __ATOMIC_SEQ_CST,         \
                                           __ATOMIC_SEQ_CST);                                      \
    }

// What clang calls in place of both.
#define EXCHANGE_VALUE(bits)                                                                       \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *word, uint##bits##_t expected, uint##bits##_t value, int order,   \
        int failure_order);                                                                        \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *word, uint##bits##_t expected, uint##bits##_t value, int order,   \
        int failure_order)                                                                         \
    {                                                                                              \
        __tsan_atomic##bits##_compare_exchange_strong(word, &expected, value, order,               \
                                                      failure_order);                              \
        return expected;                                                                           \
    }

#define ATOMICS(bits)                                                                              \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *word, int order);     \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *word, uint##bits##_t value,          \
                                     int order);                                                   \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *word,                   \
                                                  uint##bits##_t value, int order);                \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *word, int order)      \
    {                                                                                              \
        (void)order;                                                                               \
        machine_access(word, sizeof(*word), false, true);                                          \
        return __atomic_load_n(word, __ATOMIC_SEQ_CST);                                            \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *word, uint##bits##_t value,          \
                                     int order)                                                    \
    {                                                                                              \
        machine_access(word, sizeof(*word), true, order == __ATOMIC_SEQ_CST);                      \
        __atomic_store_n(word, value, __ATOMIC_SEQ_CST);                                           \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *word,                   \
                                                  uint##bits##_t value, int order)                 \
    {                                                                                              \
        (void)order;                                                                               \
        machine_access(word, sizeof(*word), true, true);                                           \
        return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);                                 \
    }                                                                                              \
    CHANGE(bits, fetch_add)                                                                        \
    CHANGE(bits, fetch_sub)                                                                        \
    CHANGE(bits, fetch_or)                                                                         \
    CHANGE(bits, fetch_and)                                                                        \
    EXCHANGE_IF(bits, compare_exchange_strong)                                                     \
    EXCHANGE_IF(bits, compare_exchange_weak)                                                       \
    EXCHANGE_VALUE(bits)

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)

void __tsan_read_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_init(void);
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_thread_fence(int order);

void __tsan_read_range(void *address, unsigned long size)
{
    machine_access(address, size, false, false);
}

void __tsan_write_range(void *address, unsigned long size)
{
    machine_access(address, size, true, false);
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

void __tsan_atomic_thread_fence(int order)
{
    (void)order;
}

// NOLINTEND(bugprone-reserved-identifier,bugprone-macro-parentheses)
