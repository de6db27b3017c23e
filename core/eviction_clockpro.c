// SPDX-License-Identifier: MIT OR Apache-2.0
//
// CLOCK-Pro (Jiang, Chen, Zhang: CLOCK-Pro: An Effective Improvement of the CLOCK Replacement,
// USENIX 2005), for classes of buffers instead of pages.
//
// A class is hot or cold. When a buffer is added to a cold class, a test begins: if the class is
// requested before the test ends, it has a short reuse distance and becomes hot. Its buffers may be
// evicted during the test; their bytes are then remembered as ghosts until it ends. A test ends
// when a hot class that was used more recently has to give up a buffer, or when ghosts outweigh the
// pool. `cold_target` bytes of the capacity are for cold classes: it grows with each test that is
// passed and shrinks with each that is not. Evicted is the oldest buffer of the least recently used
// hot class, if the hot ones hold more than is left for them; else that of the class that has been
// cold for longest.
//
// Departure from the paper: there are few classes, so there is no clock and no hand. Accesses are
// numbered, and the oldest class is found by looking at all. A hot class gives up one buffer at a
// time and is cold with the last one.

#include "eviction.h"

// Ghosts may weigh this many times what the shard may hold. The paper bounds them to once, to limit
// the memory of their entries, which costs nothing here; a loop over exactly twice the capacity
// would then just fail all its tests.
enum { GHOSTS_MOST = 2 };

// At least this part of the capacity is for cold classes, or nothing new could ever become hot.
enum { LEAST_COLD = 64 };

static size_t hot_limit(const struct zp_eviction *eviction, size_t capacity)
{
    size_t cold = eviction->cold_target;
    if (cold < capacity / LEAST_COLD)
        cold = capacity / LEAST_COLD;
    return cold < capacity ? capacity - cold : 0;
}

static void grow_target(struct zp_eviction *eviction, size_t bytes, size_t capacity)
{
    eviction->cold_target += bytes;
    if (eviction->cold_target > capacity)
        eviction->cold_target = capacity;
}

static void set_ghosts(struct zp_eviction *eviction, struct zp_eviction_class *class, size_t bytes)
{
    size_t all = eviction->ghosts - class->ghosts + bytes;
    class->ghosts = bytes;
    __atomic_store_n(&eviction->ghosts, all, __ATOMIC_RELAXED);
}

static void fail_test(struct zp_eviction *eviction, struct zp_eviction_class *class)
{
    size_t bytes = class->bytes + class->ghosts;
    eviction->cold_target -= bytes < eviction->cold_target ? bytes : eviction->cold_target;
    class->in_test = false;
    set_ghosts(eviction, class, 0);
}

static void pass_test(struct zp_eviction *eviction, struct zp_eviction_class *class, size_t bytes,
                      size_t capacity)
{
    grow_target(eviction, bytes, capacity);
    class->in_test = false;
    class->hot = true;
    eviction->hot_bytes += class->bytes;
    set_ghosts(eviction, class, 0);
}

// The hot class with buffers that was used least recently.
static struct zp_eviction_class *oldest_hot(struct zp_eviction *eviction)
{
    struct zp_eviction_class *oldest = NULL;
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        struct zp_eviction_class *class = &eviction->classes[c];
        if (class->hot && class->bytes != 0 && (oldest == NULL || class->used < oldest->used))
            oldest = class;
    }
    return oldest;
}

static void end_older_tests(struct zp_eviction *eviction, uint64_t used)
{
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        struct zp_eviction_class *class = &eviction->classes[c];
        if (class->in_test && class->used < used)
            fail_test(eviction, class);
    }
}

static void arrive(struct zp_eviction *eviction, unsigned size_class)
{
    struct zp_eviction_class *class = &eviction->classes[size_class];
    class->used = ++eviction->accesses;
    if (class->hot)
        return;
    class->cold_since = class->used;
    class->in_test = true;
}

static void use(struct zp_eviction *eviction, unsigned size_class, size_t bytes, size_t capacity)
{
    struct zp_eviction_class *class = &eviction->classes[size_class];
    if (class->in_test)
        pass_test(eviction, class, bytes, capacity);
}

static void miss(struct zp_eviction *eviction, unsigned size_class, size_t capacity)
{
    struct zp_eviction_class *class = &eviction->classes[size_class];
    if (class->ghosts != 0)
        pass_test(eviction, class, class->ghosts, capacity);
}

static struct zp_eviction_class *oldest_cold(struct zp_eviction *eviction)
{
    struct zp_eviction_class *oldest = NULL;
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        struct zp_eviction_class *class = &eviction->classes[c];
        if (!class->hot && class->bytes != 0 &&
            (oldest == NULL || class->cold_since < oldest->cold_since))
            oldest = class;
    }
    return oldest;
}

static void limit_ghosts(struct zp_eviction *eviction, size_t capacity)
{
    while (eviction->ghosts > GHOSTS_MOST * capacity) {
        struct zp_eviction_class *oldest = NULL;
        for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
            struct zp_eviction_class *class = &eviction->classes[c];
            if (class->ghosts != 0 && (oldest == NULL || class->used < oldest->used))
                oldest = class;
        }
        fail_test(eviction, oldest);
    }
}

// The oldest buffer of the least recently used hot class.
static struct zp_slot *evict_hot(struct zp_eviction *eviction)
{
    struct zp_eviction_class *class = oldest_hot(eviction);
    struct zp_slot *slot = class->slots.oldest;
    end_older_tests(eviction, class->used);
    if (class->bytes == slot->committed) {
        class->hot = false;
        eviction->hot_bytes -= class->bytes;
        class->cold_since = eviction->accesses;
    }
    return slot;
}

static struct zp_slot *evict(struct zp_eviction *eviction, size_t capacity)
{
    struct zp_eviction_class *class = oldest_cold(eviction);
    if (class == NULL || eviction->hot_bytes > hot_limit(eviction, capacity))
        return evict_hot(eviction);
    struct zp_slot *slot = class->slots.oldest;
    if (class->in_test) {
        set_ghosts(eviction, class, class->ghosts + slot->committed);
        limit_ghosts(eviction, capacity);
    }
    return slot;
}

const struct zp_eviction_policy zp_eviction_clockpro = {
    .name = "clockpro",
    .arrive = arrive,
    .use = use,
    .miss = miss,
    .evict = evict,
};
