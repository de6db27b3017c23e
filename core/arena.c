// SPDX-License-Identifier: MIT OR Apache-2.0

#include "arena.h"

#include "log.h"
#include "os.h"
#include "placement.h"

#include <errno.h>
#include <string.h>

enum {
    REGION_SHIFT_MOST = 40,  // 1 TiB a region, 22 TiB in all: eight buffers of 64 GiB
    REGION_SHIFT_LEAST = 28, // 256 MiB a region, 5.5 GiB in all
    // Records are opened by this many bytes: 512 records, a call per 512 new slots of a class.
    RECORDS_STEP = 64 * 1024,
    // A start behind the base may cost a page: one of 64 KiB is much of a buffer of 1 MiB.
    SPREAD_PAGE_MOST = 16 * 1024,
    // Slots of 2 MiB and up are packed if so many fit a run, which costs two mappings.
    RUN_LEAST = 4,
};

#define RUN_BYTES (256 * ZP_MIB)

_Static_assert(sizeof(struct zp_slot) == sizeof(struct zp_stack),
               "the stack of a slot is as far from its record as any other");

_Static_assert(offsetof(struct zp_arena, size) + sizeof(size_t) <= ZP_CACHE_LINE,
               "what small requests read lies on one line");

// No pointer lies within 2^63 bytes above 2^63: nothing is owned before the pool starts.
ZP_FROZEN struct zp_arena zp_arena = {.threshold = ZP_CLASS_MIN, .base = (uintptr_t)1 << 63};
struct zp_region_use zp_region_use[ZP_REGION_COUNT];
uint32_t zp_epoch = ZP_EPOCH_NONE + 1;

struct zp_arena_totals zp_arena_totals;
static ZP_FROZEN size_t mappings_most = 0;

// Regions without slots share this record, which no buffer has.
static struct zp_slot no_slot;

// Where slots hold less than their stride, to leave a gap behind each. What is a page short of 2
// MiB is the longest that is packed.
static bool has_gap(unsigned stride_shift, bool guarded)
{
    return guarded || (size_t)1 << stride_shift >= ZP_HUGE_PAGE;
}

static size_t capacity_of(unsigned region, const struct zp_arena_config *config)
{
    unsigned shift = ZP_STRIDE_SHIFT_LEAST + region;
    size_t gap = has_gap(shift, config->guarded) ? zp_os_page_size() : 0;
    return ((size_t)1 << shift) - gap;
}

static uint32_t slots_in_region(unsigned region, const struct zp_arena_config *config,
                                unsigned region_shift)
{
    unsigned shift = ZP_STRIDE_SHIFT_LEAST + region;
    if (capacity_of(region, config) < config->smallest || shift > region_shift)
        return 0;
    return (uint32_t)1 << (region_shift - shift);
}

unsigned zp_arena_region_of(size_t size)
{
    size_t bytes = zp_round_up(size, zp_arena.page);
    if (!zp_arena.guarded && bytes < ZP_HUGE_PAGE)
        bytes--; // a slot may fill its stride
    unsigned shift = zp_log2(bytes) + 1;
    return shift > ZP_STRIDE_SHIFT_LEAST ? shift - ZP_STRIDE_SHIFT_LEAST : 0;
}

static uint32_t slots_in_run(unsigned region)
{
    size_t slots = RUN_BYTES >> (ZP_STRIDE_SHIFT_LEAST + region);
    return slots >= RUN_LEAST ? (uint32_t)slots : 0;
}

static size_t records_size(uint32_t slots)
{
    return zp_round_up(slots * sizeof(struct zp_slot), RECORDS_STEP);
}

// For inaccessible addresses: no huge pages, or khugepaged would search them, and excluded from
// core dumps, or gcore, which reads the process from outside, would write terabytes.
static void advise_unused(char *from, size_t length)
{
    if (zp_arena.huge_by_default)
        zp_os_advise(from, length, MADV_NOHUGEPAGE);
    zp_os_advise(from, length, MADV_DONTDUMP);
    zp_placement_place_all(from, length);
}

int zp_arena_close(char *from, size_t length)
{
    int error = zp_os_map_over(from, length, PROT_NONE);
    if (error == 0)
        advise_unused(from, length);
    return error;
}

static size_t table_size(const struct zp_arena_config *config, unsigned region_shift)
{
    size_t size = 0;
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++)
        size += records_size(slots_in_region(r, config, region_shift));
    return size;
}

// Maps `size` bytes without access at a multiple of `alignment`.
static int reserve_aligned(size_t size, size_t alignment, char **out)
{
    void *mapped;
    int error = zp_os_map(size + alignment, PROT_NONE, &mapped);
    if (error != 0)
        return error;
    char *start = (char *)zp_round_up((uintptr_t)mapped, alignment);
    size_t before = (size_t)(start - (char *)mapped);
    if (before != 0)
        zp_os_unmap(mapped, before);
    if (alignment - before != 0)
        zp_os_unmap(start + size, alignment - before);
    *out = start;
    return 0;
}

// Whether fresh memory comes locked (mlockall with MCL_FUTURE): the kernel does not drop its pages.
static bool comes_locked(char *fresh)
{
    return zp_os_advise(fresh, zp_os_page_size(), MADV_DONTNEED) == -EINVAL;
}

// Maps a table of records of `size` bytes, and one of stacks if there is to be one, with
// inaccessible pages before, between and behind them. Both are readable from the start, so that
// those of any address can be looked at.
static int reserve_tables(size_t size, bool stacks, char **records)
{
    size_t all = stacks ? size + ZP_OS_FENCE + size : size;
    void *mapped;
    int error = zp_os_map_fenced(all, PROT_READ, &mapped);
    if (error != 0)
        return error;
    zp_os_advise(mapped, all, MADV_DONTDUMP);
    *records = mapped;
    if (stacks)
        error = zp_os_protect(*records + size, ZP_OS_FENCE, PROT_NONE);
    if (error != 0)
        zp_os_unmap_fenced(mapped, all);
    return error;
}

// Reserves addresses and tables for regions of one size.
static int reserve(unsigned region_shift, const struct zp_arena_config *config, char **base,
                   char **records)
{
    size_t size = (size_t)ZP_REGION_COUNT << region_shift;
    size_t largest_stride = (size_t)1 << (ZP_STRIDE_SHIFT_LEAST + ZP_REGION_COUNT - 1);
    size_t region = (size_t)1 << region_shift;
    int error = reserve_aligned(size, region < largest_stride ? region : largest_stride, base);
    if (error != 0)
        return error;
    if (comes_locked(*base))
        error = -EPERM; // the whole reservation would count as locked, and what is pooled would be
    else
        error = reserve_tables(table_size(config, region_shift), config->stacks, records);
    if (error != 0)
        zp_os_unmap(*base, size);
    return error;
}

static void set_up_region(unsigned r, const struct zp_arena_config *config, unsigned region_shift,
                          char *records)
{
    struct zp_region *region = &zp_arena.regions[r];
    bool may_pack = !config->strict && !config->guarded;
    region->limit = slots_in_region(r, config, region_shift);
    if (region->limit == 0) {
        region->slots = &no_slot;
        region->record_zero = (uintptr_t)&no_slot;
        region->stride_shift = 63; // every address of the region is in slot 0
        return;
    }
    region->slots = (struct zp_slot *)(void *)records;
    region->stride_shift = ZP_STRIDE_SHIFT_LEAST + r;
    region->capacity = capacity_of(r, config);
    region->packed = may_pack && (size_t)1 << region->stride_shift <= ZP_HUGE_PAGE;
    region->run = may_pack && !region->packed ? slots_in_run(r) : 0;
    size_t strides_before = ((size_t)r << region_shift) >> region->stride_shift;
    region->record_zero = (uintptr_t)records - strides_before * sizeof(struct zp_slot);
}

static void set_up_regions(const struct zp_arena_config *config, unsigned region_shift,
                           char *records)
{
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++) {
        zp_lock_init(&zp_region_use[r].lock, ZP_RANK_REGION);
        set_up_region(r, config, region_shift, records);
        records += records_size(zp_arena.regions[r].limit);
    }
}

int zp_arena_init(const struct zp_arena_config *config)
{
    unsigned shift = REGION_SHIFT_MOST;
    char *base = NULL, *records = NULL;
    int error = -ENOMEM;
    for (; shift >= REGION_SHIFT_LEAST; shift--) {
        if ((size_t)ZP_REGION_COUNT << shift > config->reserve)
            continue;
        error = reserve(shift, config, &base, &records);
        if (error == 0)
            break;
    }
    if (error != 0)
        return error;
    zp_arena.page = zp_os_page_size();
    zp_arena.region_shift = shift;
    zp_arena.stacks = config->stacks ? table_size(config, shift) + ZP_OS_FENCE : 0;
    zp_arena.huge_pages = config->huge_pages;
    zp_arena.huge_by_default = config->huge_by_default;
    zp_arena.guarded = config->guarded;
    zp_arena.spread = config->spread && !config->guarded && zp_arena.page <= SPREAD_PAGE_MOST;
    mappings_most = config->mappings != 0 ? config->mappings : SIZE_MAX;
    set_up_regions(config, shift, records);
    size_t size = (size_t)ZP_REGION_COUNT << shift;
    advise_unused(base, size);
    __atomic_store_n(&zp_arena.base, (uintptr_t)base, __ATOMIC_RELEASE);
    __atomic_store_n(&zp_arena.size, size, __ATOMIC_RELEASE);
    return 0;
}

static bool open_table(void *from)
{
    bool open = zp_os_protect(from, RECORDS_STEP, PROT_READ | PROT_WRITE) == 0;
    if (open)
        zp_os_advise(from, RECORDS_STEP, MADV_DODUMP);
    return open;
}

// Makes the next records writable, and the stacks that go with them.
static bool open_records(const struct zp_region *region, struct zp_region_use *use)
{
    struct zp_slot *first = &region->slots[use->opened];
    struct zp_stack *stacks = zp_arena_stack(first);
    if ((stacks != NULL && !open_table(stacks)) || !open_table(first))
        return false;
    use->opened += RECORDS_STEP / sizeof(struct zp_slot);
    return true;
}

// A slot never used before, or NULL; the region's lock is held.
static struct zp_slot *take_unused(unsigned region_index)
{
    const struct zp_region *region = &zp_arena.regions[region_index];
    struct zp_region_use *use = &zp_region_use[region_index];
    if (use->used == region->limit || (use->used == use->opened && !open_records(region, use)))
        return NULL;
    struct zp_slot *slot = &region->slots[use->used];
    uintptr_t region_base = zp_arena.base + ((size_t)region_index << zp_arena.region_shift);
    slot->base = (char *)(region_base + ((size_t)use->used << region->stride_shift));
    slot->start = slot->base;
    slot->region = (uint8_t)region_index;
    slot->packed = region->packed;
    zp_slot_set_empty(slot);
    use->used++;
    return slot;
}

static void push_cold(struct zp_region_use *use, struct zp_slot *slot)
{
    slot->links[ZP_ORDER_CLASS].older = use->cold[slot->packed];
    use->cold[slot->packed] = slot;
}

static struct zp_slot *pop_cold(struct zp_region_use *use, bool packed)
{
    struct zp_slot *slot = use->cold[packed];
    if (slot != NULL)
        use->cold[packed] = slot->links[ZP_ORDER_CLASS].older;
    return slot;
}

static struct zp_slot *take_single(unsigned region, bool packed)
{
    struct zp_slot *slot = pop_cold(&zp_region_use[region], packed);
    return slot != NULL ? slot : take_unused(region);
}

// The unused slots of a run become packed together, the lowest first: opened in this order they are
// one mapping.
static void pack_run(unsigned region)
{
    struct zp_region_use *use = &zp_region_use[region];
    struct zp_slot **last = &use->cold[true];
    uint32_t run = zp_arena_run(&zp_arena.regions[region], use->used);
    uint32_t count = run - use->used % run;
    for (uint32_t i = 0; i < count; i++) {
        struct zp_slot *slot = take_unused(region);
        if (slot == NULL)
            return;
        slot->packed = true;
        *last = slot;
        last = &slot->links[ZP_ORDER_CLASS].older;
    }
}

static struct zp_slot *take_from_run(unsigned region)
{
    struct zp_region_use *use = &zp_region_use[region];
    if (use->cold[true] == NULL && zp_arena.regions[region].run != 0)
        pack_run(region);
    return pop_cold(use, true);
}

static struct zp_slot *take_locked(unsigned region)
{
    bool packed = zp_arena.regions[region].packed;
    struct zp_slot *slot = NULL;
    if (packed || __atomic_load_n(&zp_arena_totals.mappings, __ATOMIC_RELAXED) < mappings_most)
        slot = take_single(region, packed);
    return slot != NULL ? slot : take_from_run(region);
}

struct zp_slot *zp_arena_take(unsigned region)
{
    struct zp_region_use *use = &zp_region_use[region];
    zp_lock_take(&use->lock);
    struct zp_slot *slot = take_locked(region);
    if (slot != NULL)
        zp_slot_step(slot, ZP_SLOT_TAKEN);
    zp_lock_release(&use->lock);
    return slot;
}

void zp_arena_put_back(struct zp_slot *slot)
{
    struct zp_region_use *use = &zp_region_use[slot->region];
    zp_slot_set_empty(slot);
    zp_lock_take(&use->lock);
    zp_slot_step(slot, ZP_SLOT_COLD);
    push_cold(use, slot);
    zp_lock_release(&use->lock);
}

struct zp_slot *zp_arena_before(const struct zp_slot *slot)
{
    struct zp_slot *first = zp_arena.regions[slot->region].slots;
    return slot != first ? first + (slot - first - 1) : NULL;
}

struct zp_slot *zp_arena_behind(const struct zp_slot *slot)
{
    struct zp_slot *first = zp_arena.regions[slot->region].slots;
    ptrdiff_t next = slot - first + 1;
    return next < zp_region_use[slot->region].used ? first + next : NULL;
}

void zp_arena_visit(void (*visit)(struct zp_slot *slot))
{
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++) {
        for (uint32_t i = 0; i < zp_region_use[r].used; i++)
            visit(&zp_arena.regions[r].slots[i]);
    }
}

ZP_RACY void zp_arena_visit_live(void (*visit)(const struct zp_slot *slot))
{
    for (unsigned r = ZP_REGION_COUNT; r-- > 0;)
        for (uint32_t i = 0; i < zp_region_use[r].used; i++)
            if (zp_arena.regions[r].slots[i].state == ZP_SLOT_LIVE)
                visit(&zp_arena.regions[r].slots[i]);
}

void zp_arena_lock_all(void)
{
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++)
        zp_lock_take(&zp_region_use[r].lock);
}

void zp_arena_unlock_all(void)
{
    for (unsigned r = ZP_REGION_COUNT; r-- > 0;)
        zp_lock_release(&zp_region_use[r].lock);
}

void zp_arena_reset_locks(void)
{
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++)
        zp_lock_reset(&zp_region_use[r].lock);
}
