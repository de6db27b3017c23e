// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fit.h"

#include "arena.h"

// How many of the newest slots of a class are compared.
enum { LOOKS = 8 };

static bool is_aligned(const struct zp_slot *slot, size_t alignment)
{
    return ((uintptr_t)slot->base & (alignment - 1)) == 0;
}

// The smallest that is large enough, among the newest of a class.
static struct zp_slot *smallest_fit(const struct zp_eviction *eviction, unsigned size_class,
                                    const struct zp_wish *wish)
{
    struct zp_slot *best = NULL, *slot = eviction->classes[size_class].slots.newest;
    for (unsigned i = 0; slot != NULL && i < LOOKS; i++, slot = slot->links[ZP_ORDER_CLASS].older)
        if (slot->committed >= wish->size && (best == NULL || slot->committed < best->committed) &&
            is_aligned(slot, wish->alignment)) {
            best = slot;
            if (slot->committed - wish->size < zp_arena.page)
                break;
        }
    return best;
}

// The largest that can grow, among the newest of a class.
static struct zp_slot *largest_growing(const struct zp_eviction *eviction, unsigned size_class,
                                       const struct zp_wish *wish)
{
    struct zp_slot *best = NULL, *slot = eviction->classes[size_class].slots.newest;
    for (unsigned i = 0; slot != NULL && i < LOOKS; i++, slot = slot->links[ZP_ORDER_CLASS].older)
        if (zp_arena_capacity(slot) >= wish->size &&
            (best == NULL || slot->committed > best->committed) &&
            is_aligned(slot, wish->alignment))
            best = slot;
    return best;
}

// From the smallest class that may fit upwards; in the request's own class some are too small.
static struct zp_slot *find_fit(const struct zp_eviction *eviction, const struct zp_wish *wish)
{
    unsigned own = zp_class_of(wish->size), last = wish->last;
    struct zp_slot *slot = NULL;
    for (unsigned c = zp_eviction_find_class(eviction->nonempty, own, last);
         c < ZP_CLASS_COUNT && slot == NULL;
         c = c < last ? zp_eviction_find_class(eviction->nonempty, c + 1, last) : ZP_CLASS_COUNT)
        slot = smallest_fit(eviction, c, wish);
    return slot;
}

static struct zp_slot *find_growing(const struct zp_eviction *eviction, const struct zp_wish *wish)
{
    unsigned own = zp_class_of(wish->size);
    struct zp_slot *slot = NULL;
    for (unsigned below = 0; below <= own && below <= ZP_CLASSES_PER_DOUBLING && slot == NULL;
         below++)
        slot = largest_growing(eviction, own - below, wish);
    return slot;
}

struct zp_slot *zp_fit_find(const struct zp_eviction *eviction, const struct zp_wish *wish)
{
    return wish->grow ? find_growing(eviction, wish) : find_fit(eviction, wish);
}

unsigned zp_fit_first(const struct zp_wish *wish)
{
    unsigned own = zp_class_of(wish->size), below = wish->grow ? ZP_CLASSES_PER_DOUBLING : 0;
    return own > below ? own - below : 0;
}

unsigned zp_fit_last(const struct zp_wish *wish)
{
    return wish->grow ? zp_class_of(wish->size) : wish->last;
}

bool zp_fit_may_exist(const uint64_t *nonempty, const struct zp_wish *wish)
{
    return zp_eviction_find_class(nonempty, zp_fit_first(wish), zp_fit_last(wish)) < ZP_CLASS_COUNT;
}
