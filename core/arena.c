// SPDX-License-Identifier: MIT OR Apache-2.0

#include "arena.h"

#include "log.h"
#include "os.h"

#include <errno.h>
#include <string.h>

enum {
    REGION_SHIFT_MOST = 38,  // 256 GiB a class, 20 TiB in all: two buffers of 64 GiB
    REGION_SHIFT_LEAST = 26, // 64 MiB a class, 5 GiB in all
    // Records are opened by this many bytes: 512 records, a call per 512 new slots of a class.
    RECORDS_STEP = 64 * 1024,
    // Slots of a large class are packed if so many fit a run, which costs two mappings.
    RUN_LEAST = 4,
};

#define RUN_BYTES (256 * ZP_MIB)

_Static_assert(sizeof(struct zp_slot) == sizeof(struct zp_stack),
               "the stack of a slot is as far from its record as any other");

_Static_assert(offsetof(struct zp_arena, size) + sizeof(size_t) <= ZP_CACHE_LINE,
               "what small requests read lies on one line");

// No pointer lies within 2^63 bytes above 2^63: nothing is owned before the pool starts.
ZP_FROZEN struct zp_arena zp_arena = {.threshold = ZP_CLASS_MIN, .base = (uintptr_t)1 << 63};
struct zp_region_use zp_region_use[ZP_CLASS_COUNT];
uint32_t zp_epoch;

static size_t committed_bytes;
static size_t mappings_taken; // by standalone slots
static ZP_FROZEN size_t mappings_most = 0;

// Regions without slots share this record: it is nobody's and no buffer starts there.
static struct zp_slot no_slot;

static unsigned stride_shift_of(unsigned size_class, const struct zp_arena_config *config)
{
    size_t size = zp_class_size(size_class);
    // Smaller than the stride, to leave a gap behind the slot.
    bool gap = config->guarded || size >= ZP_LARGE_CLASS;
    return zp_log2(gap ? size : size - 1) + 1;
}

static uint32_t slots_in_region(unsigned size_class, const struct zp_arena_config *config,
                                unsigned region_shift)
{
    unsigned shift = stride_shift_of(size_class, config);
    if (size_class < zp_class_of(config->smallest) || shift > region_shift)
        return 0;
    return (uint32_t)1 << (region_shift - shift);
}

static uint32_t slots_in_run(unsigned size_class, const struct zp_arena_config *config)
{
    size_t slots = RUN_BYTES >> stride_shift_of(size_class, config);
    return slots >= RUN_LEAST ? (uint32_t)slots : 0;
}

static size_t records_size(uint32_t slots)
{
    return zp_round_up(slots * sizeof(struct zp_slot), RECORDS_STEP);
}

// No huge pages where there is no access, and none of it in a core dump: who reads a process from
// outside (gcore) would write all of it, terabytes.
static void advise_unused(char *from, size_t length)
{
    zp_os_advise(from, length, MADV_NOHUGEPAGE);
    zp_os_advise(from, length, MADV_DONTDUMP);
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
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++)
        size += records_size(slots_in_region(c, config, region_shift));
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

// Maps two tables of `size` bytes, the records and the stacks, with inaccessible pages before,
// between and behind them. Both are readable from the start, so that those of any address can be
// looked at.
static int reserve_tables(size_t size, char **records)
{
    size_t both = size + ZP_OS_FENCE + size;
    void *mapped;
    int error = zp_os_map_fenced(both, PROT_READ, &mapped);
    if (error != 0)
        return error;
    zp_os_advise(mapped, both, MADV_DONTDUMP);
    *records = mapped;
    error = zp_os_protect(*records + size, ZP_OS_FENCE, PROT_NONE);
    if (error != 0)
        zp_os_unmap_fenced(mapped, both);
    return error;
}

// Reserves addresses and tables for regions of one size.
static int reserve(unsigned region_shift, const struct zp_arena_config *config, char **base,
                   char **records)
{
    size_t size = (size_t)ZP_CLASS_COUNT << region_shift;
    size_t largest_stride = (size_t)1 << stride_shift_of(ZP_CLASS_COUNT - 1, config);
    size_t region = (size_t)1 << region_shift;
    int error = reserve_aligned(size, region < largest_stride ? region : largest_stride, base);
    if (error != 0)
        return error;
    if (comes_locked(*base))
        error = -EPERM; // the whole reservation would count as locked, and what is pooled would be
    else
        error = reserve_tables(table_size(config, region_shift), records);
    if (error != 0)
        zp_os_unmap(*base, size);
    return error;
}

static void set_up_regions(const struct zp_arena_config *config, unsigned region_shift,
                           char *records)
{
    bool may_pack = !config->strict && !config->guarded;
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        struct zp_region *region = &zp_arena.regions[c];
        zp_lock_init(&zp_region_use[c].lock, ZP_RANK_REGION);
        region->limit = slots_in_region(c, config, region_shift);
        region->packed = may_pack && zp_class_size(c) < ZP_LARGE_CLASS;
        region->run = may_pack && !region->packed ? slots_in_run(c, config) : 0;
        if (region->limit == 0) {
            region->slots = &no_slot;
            region->record_zero = (uintptr_t)&no_slot;
            region->stride_shift = 63; // every address of the region is in slot 0
            continue;
        }
        region->slots = (struct zp_slot *)(void *)records;
        region->stride_shift = stride_shift_of(c, config);
        size_t strides_before = ((size_t)c << region_shift) >> region->stride_shift;
        region->record_zero = (uintptr_t)records - strides_before * sizeof(struct zp_slot);
        records += records_size(region->limit);
    }
}

int zp_arena_init(const struct zp_arena_config *config)
{
    unsigned shift = REGION_SHIFT_MOST;
    char *base = NULL, *records = NULL;
    int error = -ENOMEM;
    for (; shift >= REGION_SHIFT_LEAST; shift--) {
        if ((size_t)ZP_CLASS_COUNT << shift > config->reserve)
            continue;
        error = reserve(shift, config, &base, &records);
        if (error == 0)
            break;
    }
    if (error != 0)
        return error;
    zp_arena.page = zp_os_page_size();
    zp_arena.region_shift = shift;
    zp_arena.stacks = table_size(config, shift) + ZP_OS_FENCE;
    zp_arena.huge_pages = config->huge_pages;
    mappings_most = config->mappings != 0 ? config->mappings : SIZE_MAX;
    set_up_regions(config, shift, records);
    size_t size = (size_t)ZP_CLASS_COUNT << shift;
    advise_unused(base, size);
    __atomic_store_n(&zp_arena.base, (uintptr_t)base, __ATOMIC_RELEASE);
    __atomic_store_n(&zp_arena.size, size, __ATOMIC_RELEASE);
    return 0;
}

static const struct zp_region *region_of(const struct zp_slot *slot)
{
    return &zp_arena.regions[slot->size_class];
}

// Makes the next records writable, and the stacks that go with them.
static bool open_records(const struct zp_region *region, struct zp_region_use *use)
{
    struct zp_slot *first = &region->slots[use->opened];
    if (zp_os_protect(zp_arena_stack(first), RECORDS_STEP, PROT_READ | PROT_WRITE) != 0 ||
        zp_os_protect(first, RECORDS_STEP, PROT_READ | PROT_WRITE) != 0)
        return false;
    zp_os_advise(zp_arena_stack(first), RECORDS_STEP, MADV_DODUMP);
    zp_os_advise(first, RECORDS_STEP, MADV_DODUMP);
    use->opened += RECORDS_STEP / sizeof(struct zp_slot);
    return true;
}

// A slot never used before, or NULL; the region's lock is held.
static struct zp_slot *take_unused(unsigned size_class)
{
    const struct zp_region *region = &zp_arena.regions[size_class];
    struct zp_region_use *use = &zp_region_use[size_class];
    if (use->used == region->limit || (use->used == use->opened && !open_records(region, use)))
        return NULL;
    struct zp_slot *slot = &region->slots[use->used];
    uintptr_t region_base = zp_arena.base + ((size_t)size_class << zp_arena.region_shift);
    slot->base = (char *)(region_base + ((size_t)use->used << region->stride_shift));
    slot->size_class = (uint8_t)size_class;
    slot->packed = region->packed;
    slot->clean = true;
    use->used++;
    return slot;
}

static struct zp_slot *take_cold(struct zp_region_use *use, bool packed)
{
    struct zp_slot *slot = use->cold[packed];
    if (slot != NULL)
        use->cold[packed] = slot->next;
    return slot;
}

static struct zp_slot *take_single(unsigned size_class, bool packed)
{
    struct zp_slot *slot = take_cold(&zp_region_use[size_class], packed);
    return slot != NULL ? slot : take_unused(size_class);
}

// What is left of a run becomes packed together, the lowest first: opened in this order the slots
// are one mapping.
static void pack_run(unsigned size_class)
{
    struct zp_region_use *use = &zp_region_use[size_class];
    struct zp_slot **last = &use->cold[true];
    uint32_t run = zp_arena.regions[size_class].run, count = run - use->used % run;
    for (uint32_t i = 0; i < count; i++) {
        struct zp_slot *slot = take_unused(size_class);
        if (slot == NULL)
            return;
        slot->packed = true;
        *last = slot;
        last = &slot->next;
    }
}

static struct zp_slot *take_from_run(unsigned size_class)
{
    struct zp_region_use *use = &zp_region_use[size_class];
    if (use->cold[true] == NULL && zp_arena.regions[size_class].run != 0)
        pack_run(size_class);
    return take_cold(use, true);
}

static bool mappings_run_short(void)
{
    return __atomic_load_n(&mappings_taken, __ATOMIC_RELAXED) >= mappings_most;
}

static struct zp_slot *take_locked(unsigned size_class)
{
    bool packed = zp_arena.regions[size_class].packed;
    struct zp_slot *slot = NULL;
    if (packed || !mappings_run_short())
        slot = take_single(size_class, packed);
    return slot != NULL ? slot : take_from_run(size_class);
}

struct zp_slot *zp_arena_take(unsigned size_class)
{
    struct zp_region_use *use = &zp_region_use[size_class];
    zp_lock_take(&use->lock);
    struct zp_slot *slot = take_locked(size_class);
    if (slot != NULL)
        slot->state = ZP_SLOT_TAKEN;
    zp_lock_release(&use->lock);
    return slot;
}

void zp_arena_put_back(struct zp_slot *slot)
{
    struct zp_region_use *use = &zp_region_use[slot->size_class];
    slot->clean = true;
    slot->resident = false;
    slot->reclaimable = ZP_RECLAIMABLE_NONE;
    slot->warm = 0;
    zp_lock_take(&use->lock);
    slot->state = ZP_SLOT_COLD;
    slot->next = use->cold[slot->packed];
    use->cold[slot->packed] = slot;
    zp_lock_release(&use->lock);
}

// The slot's own and the gap behind it.
static size_t mappings_of(const struct zp_slot *slot)
{
    return slot->packed || slot->committed == 0 ? 0 : 2 + (size_t)slot->seam_count;
}

static void count_mappings(const struct zp_slot *slot, size_t before)
{
    __atomic_fetch_add(&mappings_taken, mappings_of(slot) - before, __ATOMIC_RELAXED);
}

static void set_committed(struct zp_slot *slot, size_t bytes)
{
    size_t mappings = mappings_of(slot);
    __atomic_fetch_add(&committed_bytes, bytes - slot->committed, __ATOMIC_RELAXED);
    slot->committed = bytes;
    while (slot->seam_count > 0 && slot->seams[slot->seam_count - 1] * zp_arena.page >= bytes)
        slot->seam_count--;
    count_mappings(slot, mappings);
}

void zp_arena_add_seams(struct zp_slot *to, const struct zp_slot *from)
{
    size_t mappings = mappings_of(to);
    memcpy(to->seams, from->seams, sizeof(to->seams));
    to->seam_count = from->seam_count;
    to->seams[to->seam_count++] = (uint32_t)(from->committed / zp_arena.page);
    count_mappings(to, mappings);
}

static int commit_standalone(struct zp_slot *slot, size_t bytes)
{
    char *from = slot->base + slot->committed;
    size_t length = bytes - slot->committed;
    int error = zp_os_protect(from, length, PROT_READ | PROT_WRITE);
    if (error == 0)
        zp_os_advise(from, length, MADV_DODUMP);
    // Without the advice the slot has small pages and works.
    if (error == 0 && slot->huge && bytes >= ZP_LARGE_CLASS)
        zp_os_advise(from, length, MADV_HUGEPAGE);
    return error;
}

void zp_arena_set_huge(struct zp_slot *slot, bool huge)
{
    slot->huge = huge;
    zp_os_advise(slot->base, slot->committed, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

// Whether the last page of a packed slot stays closed: the next run is a mapping of its own.
static bool ends_run(const struct zp_slot *slot)
{
    const struct zp_region *region = region_of(slot);
    return region->run != 0 && (size_t)(slot - region->slots + 1) % region->run == 0;
}

// Bytes of a packed slot that are accessible once it is open.
static size_t open_bytes(const struct zp_slot *slot)
{
    return zp_arena_alignment(slot->size_class) - (ends_run(slot) ? zp_arena.page : 0);
}

static int open_packed(struct zp_slot *slot)
{
    int error = zp_os_protect(slot->base, open_bytes(slot), PROT_READ | PROT_WRITE);
    slot->open = error == 0;
    if (slot->open)
        zp_os_advise(slot->base, open_bytes(slot), MADV_DODUMP);
    return error;
}

// Drops the pages of a range that stays accessible; `plain` if its mapping is as the pool made it.
static int empty(char *from, size_t length, bool plain)
{
    if (plain && zp_os_advise(from, length, MADV_DONTNEED) == 0)
        return 0;
    // Whatever was done to the mapping goes with it.
    int error = zp_os_map_over(from, length, PROT_READ | PROT_WRITE);
    if (error == 0) {
        zp_os_advise(from, length, MADV_NOHUGEPAGE);
        zp_os_advise(from, length, MADV_DONTNEED_LOCKED); // after mlockall it comes with pages
    }
    return error;
}

// Takes the guard marker away, so that its page is like those around it.
static int lift_guard(struct zp_slot *slot)
{
    if (!slot->guard)
        return 0;
    char *page = slot->base + slot->committed;
    int error = zp_os_advise(page, zp_arena.page, MADV_GUARD_REMOVE);
    if (error != 0)
        error = empty(page, zp_arena.page, false);
    slot->guard = error != 0;
    return error;
}

// Ends a packed buffer of a large class in a guard marker: overruns fault, and the kernel cannot
// round the tail up to a huge page. The stride has room for it. Older kernels have no such markers,
// and locked memory does not take any.
static void place_guard(struct zp_slot *slot)
{
    if (slot->committed != 0 && !slot->guard && !region_of(slot)->packed)
        slot->guard =
            zp_os_advise(slot->base + slot->committed, zp_arena.page, MADV_GUARD_INSTALL) == 0;
}

// The rest of an open stride can be written to by who overruns its buffer, or uses it when it is
// free: what is added to a slot is dropped here, whenever that may have been.
static int commit_packed(struct zp_slot *slot, size_t bytes)
{
    if (!slot->open)
        return open_packed(slot);
    int error = lift_guard(slot);
    if (error == 0)
        error = empty(slot->base + slot->committed, bytes - slot->committed, true);
    if (error != 0)
        place_guard(slot);
    return error;
}

int zp_arena_commit(struct zp_slot *slot, size_t bytes)
{
    bytes = zp_round_up(bytes, zp_arena.page);
    if (bytes <= slot->committed)
        return 0;
    int error = slot->packed ? commit_packed(slot, bytes) : commit_standalone(slot, bytes);
    if (error != 0)
        return error;
    set_committed(slot, bytes);
    if (slot->packed)
        place_guard(slot);
    slot->resident = false;
    return 0;
}

static bool is_plain(const struct zp_slot *slot)
{
    return !slot->marked && !slot->left_out;
}

// Replaces the tail by fresh addresses without access: pages, commit charge and advice are gone,
// and the mapping is one with the gap around it again. A fork marks gaps along with what is between
// them, and what the program maps over a buffer may be longer than that.
static int close_tail(struct zp_slot *slot, size_t keep)
{
    size_t end = is_plain(slot) ? slot->committed : zp_arena_alignment(slot->size_class);
    int error = zp_arena_close(slot->base + keep, end - keep);
    if (error == 0)
        set_committed(slot, keep);
    return error;
}

// The way out when the kernel has no mapping to spare for that: the tail stays accessible, empty,
// and committed.
static int empty_standalone_tail(const struct zp_slot *slot, size_t keep)
{
    if (slot->left_out)
        return -ENOMEM; // the gap is marked too, and must not become accessible
    return empty(slot->base + keep, slot->committed - keep, is_plain(slot));
}

// Drops the pages of the tail, which stays accessible; of one that was changed, all of the stride.
static int empty_packed_tail(struct zp_slot *slot, size_t keep)
{
    size_t end = is_plain(slot) ? slot->committed : open_bytes(slot);
    int error = empty(slot->base + keep, end - keep, is_plain(slot));
    if (error == 0 && !is_plain(slot)) {
        slot->guard = false; // it went with the rest
        if (ends_run(slot))
            error = zp_arena_close(slot->base + end, zp_arena.page);
    }
    if (error == 0)
        error = lift_guard(slot);
    if (error != 0)
        return error;
    set_committed(slot, keep);
    place_guard(slot);
    return 0;
}

int zp_arena_release(struct zp_slot *slot, size_t keep)
{
    if (keep >= slot->committed)
        return 0;
    int error;
    if (slot->packed)
        error = empty_packed_tail(slot, keep);
    else if (close_tail(slot, keep) == 0)
        error = 0;
    else
        error = empty_standalone_tail(slot, keep);
    if (error == 0 && keep == 0)
        slot->marked = slot->left_out = false;
    return error;
}

void zp_arena_decommit(struct zp_slot *slot)
{
    slot->state = ZP_SLOT_TAKEN;
    if (zp_arena_release(slot, 0) == 0) {
        zp_arena_put_back(slot);
        return;
    }
    zp_log(ZP_LOG_DETAIL, "the kernel did not take a buffer's memory back", NULL);
    zp_os_advise(slot->base, slot->committed,
                 MADV_DONTNEED); // of what is sealed the pages at least
    slot->state = ZP_SLOT_RETIRED;
}

size_t zp_arena_committed(void)
{
    return __atomic_load_n(&committed_bytes, __ATOMIC_RELAXED);
}

void zp_arena_forget(struct zp_slot *slot, bool reserved)
{
    set_committed(slot, 0);
    slot->open = slot->guard = slot->left_out = slot->marked = false;
    if (reserved)
        zp_arena_put_back(slot);
    else
        slot->state = ZP_SLOT_RETIRED;
}

struct zp_slot *zp_arena_before(const struct zp_slot *slot)
{
    struct zp_slot *first = zp_arena.regions[slot->size_class].slots;
    return slot != first ? first + (slot - first - 1) : NULL;
}

struct zp_slot *zp_arena_behind(const struct zp_slot *slot)
{
    struct zp_slot *first = zp_arena.regions[slot->size_class].slots;
    ptrdiff_t next = slot - first + 1;
    return next < zp_region_use[slot->size_class].used ? first + next : NULL;
}

void zp_arena_visit(void (*visit)(struct zp_slot *slot))
{
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        for (uint32_t i = 0; i < zp_region_use[c].used; i++)
            visit(&zp_arena.regions[c].slots[i]);
    }
}

void zp_arena_lock_all(void)
{
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++)
        zp_lock_take(&zp_region_use[c].lock);
}

void zp_arena_unlock_all(void)
{
    for (unsigned c = ZP_CLASS_COUNT; c-- > 0;)
        zp_lock_release(&zp_region_use[c].lock);
}

void zp_arena_reset_locks(void)
{
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++)
        zp_lock_reset(&zp_region_use[c].lock);
}
