// SPDX-License-Identifier: MIT OR Apache-2.0

#include "eviction.h"

// True if it was the other way. Sequentially consistent: summary.h.
static bool set_nonempty(struct zp_eviction *eviction, unsigned size_class, bool nonempty)
{
    uint64_t *word = &eviction->nonempty[size_class / 64];
    uint64_t bit = (uint64_t)1 << (size_class % 64);
    uint64_t changed = nonempty ? *word | bit : *word & ~bit;
    if (changed == *word) // others may have a copy
        return false;
    __atomic_store_n(word, changed, nonempty ? __ATOMIC_SEQ_CST : __ATOMIC_RELAXED);
    return true;
}

bool zp_eviction_add(struct zp_eviction *eviction, struct zp_slot *slot, bool newest)
{
    unsigned size_class = zp_class_of(slot->committed);
    struct zp_eviction_class *class = &eviction->classes[size_class];
    zp_list_insert(&class->slots, ZP_ORDER_CLASS, newest ? class->slots.newest : NULL, slot);
    class->bytes += slot->committed;
    eviction->hot_bytes += class->hot ? slot->committed : 0;
    return set_nonempty(eviction, size_class, true);
}

void zp_eviction_remove(struct zp_eviction *eviction, struct zp_slot *slot)
{
    unsigned size_class = zp_class_of(slot->committed);
    struct zp_eviction_class *class = &eviction->classes[size_class];
    zp_list_remove(&class->slots, ZP_ORDER_CLASS, slot);
    class->bytes -= slot->committed;
    eviction->hot_bytes -= class->hot ? slot->committed : 0;
    if (class->slots.newest == NULL)
        set_nonempty(eviction, size_class, false);
}

unsigned zp_eviction_find_class(const uint64_t *nonempty, unsigned from, unsigned to)
{
    for (unsigned word = from / 64; word <= to / 64; word++) {
        uint64_t bits = __atomic_load_n(&nonempty[word], __ATOMIC_RELAXED);
        if (word == from / 64)
            bits &= ~(uint64_t)0 << (from % 64);
        if (bits == 0)
            continue;
        unsigned found = word * 64 + (unsigned)__builtin_ctzll(bits);
        return found <= to ? found : ZP_CLASS_COUNT;
    }
    return ZP_CLASS_COUNT;
}
