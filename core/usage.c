// SPDX-License-Identifier: MIT OR Apache-2.0

#include "usage.h"

#include "arena.h"
#include "os.h"

enum {
    SITES_SHIFT = 9,
    SITES = 1 << SITES_SHIFT, // of two sites with the same index one forgets the other
    // Pages looked at. If half of all pages have been touched, all of these have in 1 of 256 cases.
    PROBES = 8,
    // Of a class that a site has not asked for yet, so many on either side tell: a doubling.
    CLASSES_AROUND = 4,
    // A remembered buffer: its address and size in units of the least class, and the call site.
    UNIT_SHIFT = 16,
    SIZE_BITS = 21,
    TAG_BITS = 11,
    BASE_BITS = 32,
};

_Static_assert(ZP_CLASS_MIN == 1 << UNIT_SHIFT, "slots start at multiples of the least class");
_Static_assert(ZP_CLASS_MAX >> UNIT_SHIFT < 1 << SIZE_BITS, "the largest size fits");
_Static_assert(BASE_BITS + SIZE_BITS + TAG_BITS == 64, "a site is one word");

// Per class: how many owners in a row left their buffers sparse. After a few, the pages of the next
// buffer are dropped, and its next owner shows whether that was right. If not, many owners in a row
// have to leave theirs sparse before it is tried again.
enum {
    SPARSE_ENOUGH = 3,
    SPARSE_DROPPED,
    SPARSE_AGAIN = -1000,
    SPARSE_PART = 8, // sparse: its owner touches at most this part of it
};

static uint64_t sites[SITES];
static int16_t sparse_owners[ZP_CLASS_COUNT];

// Per class: owners in a row that touched nothing. After UNTOUCHED_ENOUGH of them the next are
// expected not to either; one in UNTOUCHED_LOOKS is checked.
enum { UNTOUCHED_ENOUGH = 8, UNTOUCHED_LOOKS = 8 };

static uint16_t untouched_owners[ZP_CLASS_COUNT];

// Multiplies by 2^64 / the golden ratio: neighbours end far apart, the upper bits depend on all.
static uint64_t scatter(uint64_t number)
{
    return number * 0x9E3779B97F4A7C15u;
}

static uint64_t hash_of(const void *caller, unsigned size_class)
{
    return scatter((uintptr_t)caller ^ scatter(size_class + 1));
}

static uint64_t *site_of(uint64_t hash)
{
    return &sites[hash >> (64 - SITES_SHIFT)];
}

static uint64_t tag_of(uint64_t hash)
{
    return hash >> (64 - SITES_SHIFT - TAG_BITS) & ((1u << TAG_BITS) - 1);
}

bool zp_usage_in_memory(char *base, size_t length)
{
    size_t pages = length / zp_arena.page;
    if (pages == 0)
        return false;
    for (uint64_t i = 0; i < PROBES; i++) {
        // One page of each eighth, at irregular places, so that no regular pattern meets them all.
        size_t at = (size_t)((i * pages + (scatter(i + 1) >> 32) % pages) / PROBES);
        unsigned char probe;
        if (zp_os_residency(base + at * zp_arena.page, zp_arena.page, &probe) != 0 ||
            (probe & 1) == 0)
            return false;
    }
    return true;
}

// Whether a freed buffer may have been written to the end. mincore calls pages resident that were
// only read, too.
static ZP_RACY bool may_be_filled(const struct zp_slot *slot)
{
    size_t pages = slot->usable / zp_arena.page;
    return slot->state == ZP_SLOT_LIVE || !zp_slot_is_zero(slot) ||
           slot->warm >= pages - pages / SPARSE_PART;
}

// What is remembered of a site and a class: 0 if nothing is.
static uint64_t remembered(const void *caller, unsigned size_class)
{
    uint64_t hash = hash_of(caller, size_class);
    uint64_t site = __atomic_load_n(site_of(hash), __ATOMIC_RELAXED);
    return site >> (BASE_BITS + SIZE_BITS) == tag_of(hash) ? site : 0;
}

static bool is_filled(uint64_t site)
{
    char *base = (char *)(zp_arena.base + ((site & UINT32_MAX) << UNIT_SHIFT));
    size_t units = site >> BASE_BITS & ((1u << SIZE_BITS) - 1);
    return may_be_filled(zp_arena_slot(base)) && zp_usage_in_memory(base, units << UNIT_SHIFT);
}

bool zp_usage_fills(const void *caller, unsigned size_class)
{
    uint64_t site = remembered(caller, size_class);
    for (unsigned away = 1; site == 0 && away <= CLASSES_AROUND; away++) {
        if (size_class >= away)
            site = remembered(caller, size_class - away);
        if (site == 0)
            site = remembered(caller, size_class + away);
    }
    return site != 0 && is_filled(site);
}

void zp_usage_note(const void *caller, const struct zp_slot *slot)
{
    uint64_t hash = hash_of(caller, zp_class_of(slot->usable));
    uint64_t base = ((uintptr_t)slot->base - zp_arena.base) >> UNIT_SHIFT;
    uint64_t units = slot->usable >> UNIT_SHIFT;
    uint64_t site = tag_of(hash) << (BASE_BITS + SIZE_BITS) | units << BASE_BITS | base;
    __atomic_store_n(site_of(hash), site, __ATOMIC_RELAXED);
}

static int16_t owners_of(unsigned size_class)
{
    return __atomic_load_n(&sparse_owners[size_class], __ATOMIC_RELAXED);
}

static void set_owners(unsigned size_class, int16_t owners)
{
    __atomic_store_n(&sparse_owners[size_class], owners, __ATOMIC_RELAXED);
}

bool zp_usage_note_freed(unsigned size_class, bool sparse)
{
    int16_t owners = owners_of(size_class);
    if (sparse && owners < SPARSE_ENOUGH)
        set_owners(size_class, (int16_t)(owners + 1));
    else if (sparse)
        set_owners(size_class, SPARSE_DROPPED);
    else if (owners > 0)
        set_owners(size_class, 0);
    return sparse && owners >= SPARSE_ENOUGH;
}

bool zp_usage_expects_untouched(unsigned size_class)
{
    uint16_t owners = __atomic_load_n(&untouched_owners[size_class], __ATOMIC_RELAXED);
    if (owners < UNTOUCHED_ENOUGH)
        return false;
    __atomic_store_n(&untouched_owners[size_class], (uint16_t)(owners + 1), __ATOMIC_RELAXED);
    return owners % UNTOUCHED_LOOKS != 0;
}

static void note_untouched(unsigned size_class, bool untouched)
{
    uint16_t owners = __atomic_load_n(&untouched_owners[size_class], __ATOMIC_RELAXED);
    if (!untouched)
        owners = 0;
    else if (owners < UNTOUCHED_ENOUGH)
        owners++;
    __atomic_store_n(&untouched_owners[size_class], owners, __ATOMIC_RELAXED);
}

void zp_usage_note_touched(unsigned size_class, size_t touched, size_t bytes)
{
    note_untouched(size_class, touched == 0);
    if (owners_of(size_class) == SPARSE_DROPPED)
        set_owners(size_class, touched > bytes / SPARSE_PART ? SPARSE_AGAIN : SPARSE_ENOUGH);
}
