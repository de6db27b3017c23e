// SPDX-License-Identifier: MIT OR Apache-2.0

#include "marks.h"

static void start(struct zp_arena_config config)
{
    ck_assert_int_eq(zp_arena_init(&config), 0);
}

static void start_default(void)
{
    start((struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN});
}

static struct zp_slot *take(size_t size)
{
    struct zp_slot *slot = zp_arena_take(zp_class_of(size));
    ck_assert_ptr_nonnull(slot);
    return slot;
}

static struct zp_slot *take_committed(size_t size)
{
    struct zp_slot *slot = take(size);
    ck_assert_int_eq(zp_commit(slot, size), 0);
    return slot;
}

// What an owner wrote behind its buffer: the rest of a packed slot's stride is accessible.
static void overrun(const struct zp_slot *slot)
{
    size_t end = zp_class_size(slot->size_class);
    memset(slot->base + slot->committed, 0x5A, end - slot->committed);
}

// ---- Where things are ------------------------------------------------------------------------

// Breaks when an address just inside is not ours, or one just outside is.
START_TEST(the_arena_owns_its_addresses)
{
    const char *before = (const char *)&zp_arena;
    ck_assert(!zp_arena_owns(before));
    ck_assert(!zp_arena_owns((void *)(uintptr_t)0));
    start_default();
    ck_assert_uint_eq(zp_arena.size, (size_t)ZP_CLASS_COUNT << 26);
    ck_assert(zp_arena_owns((void *)zp_arena.base));
    ck_assert(zp_arena_owns((void *)(zp_arena.base + zp_arena.size - 1)));
    ck_assert(!zp_arena_owns((void *)(zp_arena.base - 1)));
    ck_assert(!zp_arena_owns((void *)(zp_arena.base + zp_arena.size)));
    ck_assert(!zp_arena_owns(before));
    ck_assert(!zp_arena_owns(NULL));
    ck_assert(!zp_arena_owns((void *)UINTPTR_MAX));
}
END_TEST

// Breaks when more addresses are reserved than the configuration allows, or fewer than it could.
START_TEST(the_reservation_keeps_to_the_configuration)
{
    static const struct {
        size_t reserve, size;
    } cases[] = {
        {(size_t)ZP_CLASS_COUNT << 26, (size_t)ZP_CLASS_COUNT << 26},
        {((size_t)ZP_CLASS_COUNT << 27) - 1, (size_t)ZP_CLASS_COUNT << 26},
        {(size_t)ZP_CLASS_COUNT << 27, (size_t)ZP_CLASS_COUNT << 27},
    };
    start((struct zp_arena_config){.reserve = cases[_i].reserve, .smallest = ZP_CLASS_MIN});
    ck_assert_uint_eq(zp_arena.size, cases[_i].size);
}
END_TEST

// Breaks when too small a reservation is made to work, badly.
START_TEST(too_small_a_reservation_is_an_error)
{
    struct zp_arena_config config = {.reserve = ((size_t)ZP_CLASS_COUNT << 26) - 1,
                                     .smallest = ZP_CLASS_MIN};
    errno = 4711;
    ck_assert_int_lt(zp_arena_init(&config), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(zp_arena.size, 0);
    ck_assert(!zp_arena_owns(&config));
}
END_TEST

// As the kernel answers where mlockall(MCL_FUTURE) was called.
static int advise_locked(void *address, size_t length, int advice)
{
    (void)address;
    (void)length;
    errno = EINVAL;
    return advice == MADV_DONTNEED ? -1 : 0;
}

// Breaks when the arena is reserved in memory that is locked: terabytes would count as such.
START_TEST(locked_addresses_are_not_reserved)
{
    struct zp_arena_config config = {.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN};
    zp_os_calls.madvise = advise_locked;
    ck_assert_int_eq(zp_arena_init(&config), -EPERM);
    ck_assert_uint_eq(zp_arena.size, 0);
}
END_TEST

// Breaks when a record and its addresses do not belong together, slots overlap, or one is not
// aligned to its stride: for every slot of every class.
START_TEST(every_slot_has_its_place)
{
    struct zp_arena_config config = {.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN};
    config.strict = _i == 1;
    start(config);
    unsigned total = 0;
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        size_t size = zp_class_size(c), alignment = zp_arena_alignment(c);
        uintptr_t end = zp_arena.base + ((size_t)c << 26);
        unsigned count = 0;
        for (struct zp_slot *slot; (slot = zp_arena_take(c)) != NULL; count++) {
            uintptr_t base = (uintptr_t)slot->base;
            MUST(slot->size_class == c && slot->state == ZP_SLOT_TAKEN && zp_slot_is_zero(slot));
            MUST(slot->committed == 0);
            MUST(base % alignment == 0 && alignment >= size);
            MUST(base >= end);
            MUST(zp_arena_slot(slot->base) == slot);
            MUST(zp_arena_slot(slot->base + size - 1) == slot);
            MUST(zp_arena_slot(slot->base + alignment - 1) == slot);
            MUST(zp_class_size(c) < ZP_HUGE_PAGE || alignment > size); // room for the gap
            end = base + size;
        }
        MUST(end <= zp_arena.base + ((size_t)(c + 1) << 26));
        MUST(count == zp_arena.regions[c].limit);
        MUST(count == (alignment <= 64 * ZP_MIB ? 64 * ZP_MIB / alignment : 0));
        total += count;
    }
    ck_assert_uint_gt(total, 5000);
}
END_TEST

// Breaks when the record of a place where there never was a slot cannot be read or looks like one.
START_TEST(every_address_has_a_record)
{
    start((struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_MIB});
    take(ZP_MIB);
    struct unit_random random = unit_random_start("addresses", 8);
    for (unsigned i = 0; i < 100000; i++) {
        const char *address = (char *)(zp_arena.base + unit_random_below(&random, zp_arena.size));
        const struct zp_slot *slot = zp_arena_slot(address);
        if (slot->base != NULL)
            MUST(address >= slot->base && address < slot->base + 2 * ZP_MIB);
        else
            MUST(slot->state == ZP_SLOT_COLD);
    }
}
END_TEST

// Breaks when classes below the smallest request get slots: they would never be used.
START_TEST(classes_below_the_smallest_stay_empty)
{
    start((struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_MIB});
    for (unsigned c = 0; c < zp_class_of(ZP_MIB); c++)
        ck_assert_ptr_null(zp_arena_take(c));
    take(ZP_MIB);
}
END_TEST

// ---- Cold slots ------------------------------------------------------------------------------

// Breaks when a slot that was put back is not had again before new ones are used up, or keeps what
// it remembered of its pages.
START_TEST(slots_put_back_are_used_again)
{
    start_default();
    struct zp_slot *one = take(ZP_MIB), *two = take(ZP_MIB);
    ck_assert_ptr_ne(one, two);
    one->content = ZP_CONTENT_RESIDENT;
    one->warm = 7;
    one->content = ZP_CONTENT_DIRTY;
    zp_arena_put_back(one);
    ck_assert_int_eq(one->state, ZP_SLOT_COLD);
    struct zp_slot *again = take(ZP_MIB);
    ck_assert_ptr_eq(again, one);
    ck_assert_int_eq(again->state, ZP_SLOT_TAKEN);
    ck_assert(zp_slot_is_zero(again) && !(again->content == ZP_CONTENT_RESIDENT));
    ck_assert_uint_eq(again->warm, 0);
    ck_assert_ptr_ne(take(ZP_MIB), one);
}
END_TEST

// ---- Commit ----------------------------------------------------------------------------------

static const size_t commit_sizes[] = {ZP_CLASS_MIN, ZP_MIB + 1, 2 * ZP_MIB, 3 * ZP_MIB + 12345};

enum { COMMIT_SIZES = sizeof(commit_sizes) / sizeof(commit_sizes[0]) };

// Breaks when committed bytes cannot be written, are not zero, or are not exactly what was asked
// for.
START_TEST(committed_bytes_are_there_and_zero)
{
    start_default();
    size_t size = commit_sizes[_i], rounded = zp_round_up(size, unit_page());
    struct zp_slot *slot = take(size);
    ck_assert(!unit_is_readable(slot->base));
    errno = 4711;
    ck_assert_int_eq(zp_commit(slot, size), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(slot->committed, rounded);
    ck_assert_uint_eq(zp_commit_bytes(), rounded);
    ck_assert_uint_eq(unit_resident_pages(slot->base, rounded), 0);
    ck_assert(unit_is_zero(slot->base, rounded));
    memset(slot->base, 1, rounded);
    ck_assert_int_eq(zp_commit(slot, size / 2), 0); // less: nothing to do
    ck_assert_uint_eq(slot->committed, rounded);
}
END_TEST

// Breaks when a standalone slot does not end in a gap: an overrun would reach the next buffer, and
// the kernel could round the memory up.
START_TEST(a_standalone_slot_ends_in_a_gap)
{
    start_default();
    size_t full = zp_class_size(zp_class_of(4 * ZP_MIB));
    struct zp_slot *slot = take_committed(full), *next = take_committed(full);
    ck_assert(unit_is_readable(slot->base + full - 1));
    ck_assert(!unit_is_readable(slot->base + full));
    ck_assert(!unit_is_readable(next->base - 1));
    ck_assert(unit_is_readable(next->base));
}
END_TEST

// Breaks when every small slot in use is a mapping of its own: the kernel allows 65530 of them.
START_TEST(packed_slots_share_a_mapping)
{
    start_default();
    for (unsigned i = 0; i < 60; i++)
        take_committed(ZP_MIB);
    unsigned before = unit_mappings();
    take_committed(ZP_MIB);
    ck_assert_uint_eq(unit_mappings(), before);
}
END_TEST

// Breaks when the records of a class cannot be opened beyond the first step of 512.
START_TEST(records_are_opened_as_needed)
{
    start_default();
    ck_assert_uint_eq(zp_region_use[0].opened, 0);
    for (unsigned i = 0; i < 1024; i++)
        take(ZP_CLASS_MIN);
    ck_assert_ptr_null(zp_arena_take(0));
    ck_assert_uint_eq(zp_region_use[0].used, 1024);
}
END_TEST

// Breaks when something that overruns its bounds reaches the records or the stacks.
START_TEST(the_tables_are_fenced_in)
{
    start_default();
    struct zp_slot *first = zp_arena.regions[0].slots; // the tables begin with class 0
    ck_assert(unit_is_readable(first));
    ck_assert(!unit_is_readable((char *)first - 1));
    char *stacks = (char *)zp_arena_stack(first);
    ck_assert(unit_is_readable(stacks));
    ck_assert(!unit_is_readable(stacks - 1));
    size_t size = (size_t)(stacks - (char *)first) - (size_t)64 * 1024;
    ck_assert(unit_is_readable(stacks + size - 1));
    ck_assert(!unit_is_readable(stacks + size));
}
END_TEST

// Breaks when with guards a slot of any class has an accessible neighbour, or a class is lost.
START_TEST(guarded_slots_stand_apart)
{
    start((struct zp_arena_config){
        .reserve = 16 * ZP_GIB, .smallest = ZP_CLASS_MIN, .guarded = true});
    for (unsigned c = 0; zp_class_size(c) <= 8 * ZP_MIB; c++) {
        size_t size = zp_class_size(c);
        struct zp_slot *before = take_committed(size), *slot = take_committed(size),
                       *behind = take_committed(size);
        ck_assert_ptr_eq(slot, before + 1);
        ck_assert_ptr_eq(behind, slot + 1);
        ck_assert(unit_is_readable(slot->base));
        ck_assert(!unit_is_readable(slot->base - 1));
        ck_assert(unit_is_readable(slot->base + size - 1));
        ck_assert(!unit_is_readable(slot->base + size));
    }
}
END_TEST

// Breaks when under strict overcommit a small slot is accessible beyond what was asked for: every
// page of it is charged.
START_TEST(strict_overcommit_opens_no_more_than_asked)
{
    start(
        (struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN, .strict = true});
    struct zp_slot *slot = take_committed(ZP_MIB + unit_page());
    ck_assert(unit_is_readable(slot->base + ZP_MIB));
    ck_assert(!unit_is_readable(slot->base + ZP_MIB + unit_page()));
    zp_decommit(slot);
    ck_assert(!unit_is_readable(slot->base));
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

static bool asks_for_huge_pages(const char *base)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    ck_assert_ptr_nonnull(maps);
    char line[512];
    bool inside = false, asks = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)base && (uintptr_t)base < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            asks = strstr(line, " hg") != NULL;
    }
    fclose(maps);
    return asks;
}

// Breaks when huge pages are asked for that nobody wanted, or not where they were wanted: what a
// slot grows by comes as the rest does.
START_TEST(huge_pages_are_asked_for_by_slot)
{
    start_default();
    struct zp_slot *slot = take_committed(5 * ZP_MIB), *other = take_committed(5 * ZP_MIB);
    ck_assert(!zp_commit_is_huge(slot) && !asks_for_huge_pages(slot->base));
    errno = 4711;
    zp_commit_set_huge(slot, true);
    ck_assert_int_eq(errno, 4711);
    ck_assert_int_eq(zp_commit(slot, slot->committed + unit_page()), 0);
    ck_assert(zp_commit_is_huge(slot) && asks_for_huge_pages(slot->base));
    ck_assert(asks_for_huge_pages(slot->base + slot->committed - 1));
    ck_assert(!asks_for_huge_pages(other->base));
    zp_commit_set_huge(slot, false);
    ck_assert(!zp_commit_is_huge(slot) && !asks_for_huge_pages(slot->base));
}
END_TEST

// Breaks when an owner long gone decides how the next one's memory comes.
START_TEST(memory_given_back_asks_for_nothing)
{
    start_default();
    struct zp_slot *slot = take_committed(5 * ZP_MIB);
    zp_commit_set_huge(slot, true);
    zp_decommit(slot);
    ck_assert(!asks_for_huge_pages(slot->base));
}
END_TEST

// ---- When mappings run short -----------------------------------------------------------------

// Room for four standalone slots.
static void start_with_few_mappings(void)
{
    start((struct zp_arena_config){
        .reserve = 24 * ZP_GIB, .smallest = ZP_CLASS_MIN, .huge_pages = true, .mappings = 8});
}

static bool has_guards(void)
{
    char *page = mmap(NULL, unit_page(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    bool guards = madvise(page, unit_page(), MADV_GUARD_INSTALL) == 0;
    munmap(page, unit_page());
    return guards;
}

// Takes large slots until one is packed.
static struct zp_slot *take_packed(size_t size)
{
    for (unsigned i = 0; i < 4; i++)
        ck_assert(!take_committed(size)->packed);
    struct zp_slot *slot = take_committed(size);
    ck_assert(slot->packed);
    return slot;
}

// Breaks when large slots go on taking two mappings each, of one class or of several, until the
// program has none left.
START_TEST(large_slots_share_mappings_when_they_run_short)
{
    start_with_few_mappings();
    struct zp_slot *slot = take_packed(3 * ZP_MIB);
    ck_assert(!zp_commit_is_huge(slot));
    memset(slot->base, 1, slot->committed); // all runs have an owner of pages
    take_committed(2 * ZP_MIB);
    unsigned before = unit_mappings();
    for (unsigned i = 0; i < 20; i++) {
        slot = take_committed(i % 2 == 0 ? 3 * ZP_MIB : 2 * ZP_MIB);
        ck_assert(slot->packed);
        memset(slot->base, 1, slot->committed);
    }
    ck_assert_uint_le(unit_mappings(), before + 3); // records are opened meanwhile
}
END_TEST

// Breaks when packed slots become one mapping without bound: the kernel refuses a fork of one that
// is larger than the machine's memory; or when large slots are packed that would be one each.
START_TEST(runs_of_packed_slots_are_bounded)
{
    start((struct zp_arena_config){.reserve = 96 * ZP_GIB, .smallest = ZP_MIB, .mappings = 1});
    take_committed(2 * ZP_MIB);
    ck_assert_ptr_null(zp_arena_take(zp_class_of(64 * ZP_MIB)));
    struct zp_slot *slot = NULL, *first = take_committed(32 * ZP_MIB);
    for (unsigned i = 1; i < 8; i++)
        memset((slot = take_committed(32 * ZP_MIB))->base, 1, 1);
    ck_assert(first->packed && slot == first + 7);
    for (slot = first; slot < first + 8; slot++)
        ck_assert_int_eq(unit_is_readable(slot->base + 64 * ZP_MIB - 1), (slot - first) % 4 != 3);
    slot = first + 3; // whatever was done to it
    zp_slot_note_change(slot);
    zp_decommit(slot);
    ck_assert_ptr_eq(take_committed(32 * ZP_MIB), slot);
    ck_assert(!unit_is_readable(slot->base + 64 * ZP_MIB - 1));
}
END_TEST

// Of the arena alone: a sanitizer maps memory of its own at any time.
static unsigned arena_mappings(void)
{
    unsigned count = 0;
    unsigned long from;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fscanf(maps, "%lx%*[^\n]", &from) == 1)
        count += zp_arena_owns((const void *)from);
    fclose(maps);
    return count;
}

// Breaks when packed slots that were used and given back, in any order, leave mappings in pieces,
// or when slots stay packed although there are mappings again.
START_TEST(packed_slots_are_used_again)
{
    start_with_few_mappings();
    struct zp_slot *slots[24], *standalone[4];
    for (unsigned i = 0; i < 4; i++)
        standalone[i] = take_committed(3 * ZP_MIB);
    for (unsigned i = 0; i < 24; i++)
        memset((slots[i] = take_committed(3 * ZP_MIB))->base, 1, 3 * ZP_MIB);
    unsigned before = arena_mappings();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = round % 2; i < 24; i += 2)
            zp_decommit(slots[i]);
        ck_assert_uint_le(arena_mappings(), before);
        for (unsigned i = round % 2; i < 24; i += 2) {
            ck_assert((slots[i] = take_committed(3 * ZP_MIB))->packed);
            ck_assert(unit_is_zero(slots[i]->base, slots[i]->committed));
            memset(slots[i]->base, 1, slots[i]->committed);
        }
        ck_assert_uint_le(arena_mappings(), before);
    }
    zp_decommit(standalone[2]);
    ck_assert_ptr_eq(take_committed(3 * ZP_MIB), standalone[2]);
    ck_assert(take_committed(3 * ZP_MIB)->packed);
}
END_TEST

// Breaks when the seams of a buffer that was moved are not counted, or counted for ever.
START_TEST(seams_are_mappings)
{
    start_with_few_mappings();
    struct zp_slot *from = take_committed(2 * ZP_MIB), *to = take_committed(5 * ZP_MIB);
    from->seam_count = 3; // as if it had been moved so often; the new one is at its end
    zp_commit_add_seams(to, from);
    ck_assert_uint_eq(to->seam_count, 4);
    ck_assert(take_committed(3 * ZP_MIB)->packed);
    zp_decommit(to);
    ck_assert_ptr_eq(take_committed(5 * ZP_MIB), to);
}
END_TEST

// Breaks when a packed buffer of 2 MiB and up does not end in an inaccessible page, after growing
// and shrinking too, or when that page stays inaccessible inside a later buffer.
START_TEST(packed_buffers_end_in_a_guard)
{
    if (!has_guards())
        return;
    start_with_few_mappings();
    struct zp_slot *slot = take_packed(3 * ZP_MIB);
    static const size_t steps[] = {3 * ZP_MIB, ZP_MIB, 2 * ZP_MIB, 3 * ZP_MIB - 4096, 4096};
    for (unsigned i = 0; i < 5; i++) {
        if (steps[i] < slot->committed)
            ck_assert_int_eq(zp_commit_trim(slot, steps[i]), 0);
        else
            ck_assert_int_eq(zp_commit(slot, steps[i]), 0);
        memset(slot->base, 1, steps[i]);
        ck_assert(!unit_is_readable(slot->base + steps[i]));
        ck_assert(slot->guard);
    }
    zp_decommit(slot);
    ck_assert(!slot->guard);
    ck_assert_ptr_eq(take_committed(3 * ZP_MIB), slot);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    memset(slot->base, 1, slot->committed);
}
END_TEST

static int old_madvise(void *address, size_t length, int advice)
{
    if (advice != MADV_GUARD_INSTALL)
        return madvise(address, length, advice);
    errno = EINVAL;
    return -1;
}

// Breaks when a kernel without guard markers is more than their loss.
START_TEST(packed_buffers_do_without_guards)
{
    zp_os_calls.madvise = old_madvise;
    start_with_few_mappings();
    struct zp_slot *slot = take_packed(2 * ZP_MIB);
    ck_assert(!slot->guard);
    overrun(slot);
    ck_assert_int_eq(zp_commit(slot, 2 * ZP_MIB + unit_page()), 0);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    ck_assert_int_eq(zp_commit_trim(slot, ZP_MIB), 0);
    ck_assert_uint_eq(slot->committed, ZP_MIB);
}
END_TEST

static int refused_advice;

static int refuse_advice(void *address, size_t length, int advice)
{
    if (advice != refused_advice)
        return madvise(address, length, advice);
    errno = ENOMEM;
    return -1;
}

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)fd, (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

// Breaks when a refusal half-way through extending a packed slot shows old bytes or takes some of
// the buffer that is there; or when one call refused keeps it from growing.
START_TEST(a_packed_slot_that_cannot_grow_stays_as_it_was)
{
    start_with_few_mappings();
    size_t size = 2 * ZP_MIB + 4 * unit_page(), more = size + 8 * unit_page();
    struct zp_slot *slot = take_packed(size);
    memset(slot->base, 1, size);
    refused_advice = _i == 0 ? MADV_DONTNEED : MADV_GUARD_REMOVE;
    struct zp_os_calls working = zp_os_calls;
    zp_os_calls.madvise = refuse_advice;
    zp_os_calls.mmap = refuse_mmap;
    bool refused = _i == 0 || slot->guard;
    ck_assert_int_eq(zp_commit(slot, more), refused ? -ENOMEM : 0);
    if (refused) {
        ck_assert_uint_eq(slot->committed, size);
        zp_os_calls.mmap = working.mmap;
        ck_assert_int_eq(zp_commit(slot, more), 0);
    }
    ck_assert(unit_is_zero(slot->base + size, more - size));
    memset(slot->base + size, 1, more - size);
    for (size_t i = 0; i < more; i += unit_page())
        MUST(slot->base[i] == 1);
    zp_os_calls = working;
    ck_assert_int_eq(zp_commit_trim(slot, unit_page()), 0);
}
END_TEST

// Breaks when slots that cannot be packed take the program's last mappings.
START_TEST(slots_that_stand_alone_keep_to_their_mappings)
{
    start((struct zp_arena_config){.reserve = 24 * ZP_GIB,
                                   .smallest = ZP_CLASS_MIN,
                                   .strict = _i == 0,
                                   .guarded = _i == 1,
                                   .mappings = 8});
    for (unsigned i = 0; i < 4; i++)
        take_committed(i % 2 == 0 ? ZP_MIB : 3 * ZP_MIB);
    ck_assert_ptr_null(zp_arena_take(zp_class_of(ZP_MIB)));
    ck_assert_ptr_null(zp_arena_take(zp_class_of(3 * ZP_MIB)));
    zp_decommit(zp_arena.regions[zp_class_of(ZP_MIB)].slots);
    take_committed(ZP_MIB);
}
END_TEST

// ---- Release ---------------------------------------------------------------------------------

// Breaks when releasing a tail loses what is kept, leaves pages behind, or the tail is not zero
// when committed again.
START_TEST(a_released_tail_is_gone)
{
    start_default();
    size_t size = commit_sizes[_i], keep = 8 * unit_page();
    struct zp_slot *slot = take_committed(size);
    size_t committed = slot->committed;
    memset(slot->base, 0xA5, committed);
    errno = 4711;
    ck_assert_int_eq(zp_commit_trim(slot, committed), 0);
    ck_assert_uint_eq(slot->committed, committed);
    ck_assert_int_eq(zp_commit_trim(slot, keep), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(slot->committed, keep);
    ck_assert_uint_eq(zp_commit_bytes(), keep);
    ck_assert_uint_eq(unit_resident_pages(slot->base, committed), keep / unit_page());
    ck_assert_int_eq(slot->base[keep - 1], (char)0xA5);
    if (size >= ZP_HUGE_PAGE)
        ck_assert(!unit_is_readable(slot->base + keep));
    ck_assert_int_eq(zp_commit(slot, size), 0);
    ck_assert(unit_is_zero(slot->base + keep, committed - keep));
}
END_TEST

// Breaks when what was written behind the end of a packed buffer is there for a longer one that has
// the slot next: by growing, after a tail was given back, and from cold.
START_TEST(an_overrun_does_not_reach_the_next_owner)
{
    start_default();
    size_t size = ZP_MIB + unit_page(), end = zp_class_size(zp_class_of(size));
    struct zp_slot *slot = take_committed(size);
    overrun(slot);
    if (_i == 1)
        ck_assert_int_eq(zp_commit_trim(slot, 8 * unit_page()), 0);
    if (_i == 2) {
        zp_decommit(slot);
        overrun(slot);
        ck_assert_ptr_eq(take(size), slot);
        ck_assert(zp_slot_is_zero(slot));
    }
    size_t kept = slot->committed;
    memset(slot->base, 1, kept);
    ck_assert_int_eq(zp_commit(slot, end - unit_page()), 0);
    ck_assert_int_eq(zp_commit(slot, end), 0);
    ck_assert(unit_is_zero(slot->base + kept, end - kept));
    for (size_t i = 0; i < kept; i += unit_page())
        MUST(slot->base[i] == 1);
}
END_TEST

// Breaks when a decommitted slot keeps memory or does not come back clean.
START_TEST(a_decommitted_slot_is_cold)
{
    start_default();
    size_t size = commit_sizes[_i];
    struct zp_slot *slot = take_committed(size);
    size_t committed = slot->committed;
    memset(slot->base, 0xA5, committed);
    zp_decommit(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_uint_eq(slot->committed, 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
    ck_assert_uint_eq(unit_resident_pages(slot->base, committed), 0);
    ck_assert_ptr_eq(take_committed(size), slot);
    ck_assert(unit_is_zero(slot->base, committed));
}
END_TEST

// Breaks when using and giving back slots leaves mappings in pieces.
START_TEST(decommitting_joins_the_mappings_again)
{
    start_default();
    unsigned before = unit_mappings();
    struct zp_slot *slots[8];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 8; i++)
            slots[i] = take_committed(4 * ZP_MIB);
        ck_assert_uint_ge(unit_mappings(), before + 8);
        for (unsigned i = 0; i < 8; i++)
            zp_decommit(slots[(i * 3) % 8]);
        // Records and stacks that were opened are two mappings more, and leave a rest each.
        ck_assert_uint_le(unit_mappings(), before + 4);
    }
}
END_TEST

// Breaks when pages that the program locked into memory keep a slot from being emptied.
START_TEST(locked_pages_are_given_back)
{
    start_default();
    static const size_t locked[] = {ZP_MIB, 4 * ZP_MIB};
    struct zp_slot *slot = take_committed(locked[_i]);
    memset(slot->base, 0xA5, slot->committed);
    if (mlock(slot->base, unit_page()) != 0)
        return; // not allowed here
    zp_decommit(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_resident_pages(slot->base, locked[_i]), 0);
    take_committed(locked[_i]);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    memset(slot->base, 1, slot->committed);
}
END_TEST

static unsigned visited;

static void count_visit(struct zp_slot *slot)
{
    MUST(slot->base != NULL);
    visited++;
}

// Breaks when a visit misses a slot or sees one that never was.
START_TEST(a_visit_sees_every_slot_once)
{
    start_default();
    zp_arena_visit(count_visit);
    ck_assert_uint_eq(visited, 0);
    for (unsigned i = 0; i < 5; i++)
        take((i + 1) * ZP_MIB);
    zp_arena_put_back(take(ZP_MIB));
    zp_arena_visit(count_visit);
    ck_assert_uint_eq(visited, 6);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_arena_owns_its_addresses);
    tcase_add_loop_test(tests, the_reservation_keeps_to_the_configuration, 0, 3);
    tcase_add_test(tests, too_small_a_reservation_is_an_error);
    tcase_add_test(tests, locked_addresses_are_not_reserved);
    tcase_add_loop_test(tests, every_slot_has_its_place, 0, 2);
    tcase_add_test(tests, every_address_has_a_record);
    tcase_add_test(tests, classes_below_the_smallest_stay_empty);
    tcase_add_test(tests, slots_put_back_are_used_again);
    tcase_add_loop_test(tests, committed_bytes_are_there_and_zero, 0, COMMIT_SIZES);
    tcase_add_test(tests, a_standalone_slot_ends_in_a_gap);
    tcase_add_test(tests, packed_slots_share_a_mapping);
    tcase_add_test(tests, records_are_opened_as_needed);
    tcase_add_test(tests, the_tables_are_fenced_in);
    tcase_add_test(tests, guarded_slots_stand_apart);
    tcase_add_test(tests, strict_overcommit_opens_no_more_than_asked);
    tcase_add_test(tests, huge_pages_are_asked_for_by_slot);
    tcase_add_test(tests, memory_given_back_asks_for_nothing);
    tcase_add_test(tests, large_slots_share_mappings_when_they_run_short);
    tcase_add_test(tests, runs_of_packed_slots_are_bounded);
    tcase_add_test(tests, packed_slots_are_used_again);
    tcase_add_test(tests, seams_are_mappings);
    tcase_add_test(tests, packed_buffers_end_in_a_guard);
    tcase_add_test(tests, packed_buffers_do_without_guards);
    tcase_add_loop_test(tests, a_packed_slot_that_cannot_grow_stays_as_it_was, 0, 2);
    tcase_add_loop_test(tests, slots_that_stand_alone_keep_to_their_mappings, 0, 2);
    tcase_add_loop_test(tests, a_released_tail_is_gone, 0, COMMIT_SIZES);
    tcase_add_loop_test(tests, an_overrun_does_not_reach_the_next_owner, 0, 3);
    tcase_add_loop_test(tests, a_decommitted_slot_is_cold, 0, COMMIT_SIZES);
    tcase_add_test(tests, decommitting_joins_the_mappings_again);
    tcase_add_loop_test(tests, locked_pages_are_given_back, 0, 2);
    tcase_add_test(tests, a_visit_sees_every_slot_once);
    return unit_run("arena", tests);
}
