// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The policies without a pool: records of slots without memory, put through what a shard would do
// with them. CLOCK-Pro is compared, step by step, with a plain model that searches arrays; both
// policies are run on traces whose hit rates are known to differ.

#include "core/eviction.h"
#include "core/size_class.h"
#include "support.h"

static const struct zp_eviction_policy *const policies[] = {&zp_eviction_lifo,
                                                            &zp_eviction_clockpro};

enum { MOST = 4096 };

// The records, as far apart as a test wants them.
static char *records;
static size_t record_stride;
static unsigned record_count;

static struct zp_slot *record(unsigned index)
{
    return (struct zp_slot *)(void *)(records + index * record_stride);
}

// A few sizes, as far apart as 1 to 4.
static void make_records(unsigned count, size_t stride)
{
    void *mapped;
    ck_assert_int_eq(zp_os_map(count * stride, PROT_READ | PROT_WRITE, &mapped), 0);
    records = mapped;
    record_stride = stride;
    record_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct zp_slot *slot = record(i);
        slot->size_class = (uint8_t)(i * 7 % 9);
        slot->committed = zp_class_size(slot->size_class);
        slot->state = ZP_SLOT_COLD;
    }
}

// ---- A shard's part --------------------------------------------------------------------------

static const struct zp_eviction_policy *policy;
static struct zp_eviction eviction;
static size_t capacity, pooled_bytes;

static void start(const struct zp_eviction_policy *chosen, size_t bytes)
{
    policy = chosen;
    capacity = bytes;
    pooled_bytes = 0;
    memset(&eviction, 0, sizeof(eviction));
}

static size_t bytes_of_all(void)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < record_count; i++)
        bytes += record(i)->committed;
    return bytes;
}

static void unlink_slot(struct zp_slot *slot, uint8_t state)
{
    zp_list_remove(&eviction.arrivals, ZP_ORDER_ARRIVAL, slot);
    pooled_bytes -= slot->committed;
    slot->state = state;
}

static struct zp_slot *evict(void)
{
    struct zp_slot *slot = policy->evict(&eviction, capacity);
    MUST(slot != NULL && slot->state == ZP_SLOT_POOLED);
    unlink_slot(slot, ZP_SLOT_COLD);
    return slot;
}

static void leave(struct zp_slot *slot, bool used)
{
    MUST(slot->state == ZP_SLOT_POOLED);
    policy->leave(&eviction, slot, used, capacity);
    unlink_slot(slot, used ? ZP_SLOT_LIVE : ZP_SLOT_COLD);
}

static void arrive(struct zp_slot *slot)
{
    MUST(slot->state == ZP_SLOT_LIVE);
    zp_list_add(&eviction.arrivals, ZP_ORDER_ARRIVAL, slot);
    pooled_bytes += slot->committed;
    slot->state = ZP_SLOT_POOLED;
    policy->arrive(&eviction, slot, capacity);
}

// A cold slot is given memory; the union in the record is then its owner's.
static void fetch(struct zp_slot *slot)
{
    MUST(slot->state == ZP_SLOT_COLD);
    if (slot->absent)
        policy->come_back(&eviction, slot, capacity);
    else
        slot->hot = false;
    MUST(!slot->absent);
    slot->state = ZP_SLOT_LIVE;
    memset(slot->links, 0xEE, sizeof(slot->links));
}

// A request for one slot, and its return. Whether it was there.
static bool use(struct zp_slot *slot)
{
    bool hit = slot->state == ZP_SLOT_POOLED;
    if (hit)
        leave(slot, true);
    else
        fetch(slot);
    while (pooled_bytes + slot->committed > capacity)
        evict();
    arrive(slot);
    return hit;
}

// ---- A plain model of CLOCK-Pro --------------------------------------------------------------

// Absent slots may weigh so many times the capacity. At 1 a loop over twice the capacity, with
// slots of different sizes, just misses its tests.
enum { ABSENT_MOST = 2 };

// Indices of slots, the oldest first.
struct list {
    unsigned count;
    unsigned items[MOST];
};

static struct {
    struct list clock, cold, absent;
    bool hot[MOST], in_test[MOST], is_absent[MOST];
    size_t target;
} plain;

static void list_add(struct list *list, unsigned index)
{
    list->items[list->count++] = index;
}

static void list_remove(struct list *list, unsigned index)
{
    unsigned at = 0;
    while (list->items[at] != index)
        MUST(++at < list->count);
    list->count--;
    memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof(list->items[0]));
}

static size_t list_bytes(const struct list *list, bool of_class, bool hot_only)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < list->count; i++) {
        const struct zp_slot *slot = record(list->items[i]);
        if (!hot_only || plain.hot[list->items[i]])
            bytes += of_class ? zp_class_size(slot->size_class) : slot->committed;
    }
    return bytes;
}

static void plain_grow(size_t bytes)
{
    plain.target = plain.target + bytes < capacity ? plain.target + bytes : capacity;
}

static void plain_shrink(size_t bytes)
{
    plain.target = plain.target > bytes ? plain.target - bytes : 0;
}

static size_t plain_hot_limit(void)
{
    size_t cold = plain.target > capacity / 64 ? plain.target : capacity / 64;
    return capacity > cold ? capacity - cold : 0;
}

static void plain_end_absence(unsigned index)
{
    list_remove(&plain.absent, index);
    list_remove(&plain.clock, index);
    plain.is_absent[index] = false;
}

static void plain_fail_absent(unsigned index)
{
    plain_end_absence(index);
    plain_shrink(zp_class_size(record(index)->size_class));
}

// All tests that began before the oldest hot slot came end, and it becomes cold.
static void plain_demote(void)
{
    while (plain.clock.count > 0) {
        unsigned index = plain.clock.items[0];
        if (plain.is_absent[index]) {
            plain_fail_absent(index);
            continue;
        }
        list_remove(&plain.clock, index);
        if (plain.hot[index]) {
            plain.hot[index] = false;
            list_add(&plain.cold, index);
            return;
        }
        plain.in_test[index] = false;
        plain_shrink(record(index)->committed);
    }
}

static void plain_arrive(unsigned index)
{
    list_add(&plain.clock, index);
    plain.in_test[index] = !plain.hot[index];
    if (!plain.hot[index])
        list_add(&plain.cold, index);
    while (list_bytes(&plain.clock, false, true) > plain_hot_limit())
        plain_demote();
}

static void plain_leave(unsigned index, bool used)
{
    bool tested = plain.in_test[index];
    if (plain.hot[index] || tested)
        list_remove(&plain.clock, index);
    if (!plain.hot[index])
        list_remove(&plain.cold, index);
    if (tested && used)
        plain_grow(record(index)->committed);
    plain.hot[index] = used && (plain.hot[index] || tested);
    plain.in_test[index] = false;
}

static unsigned plain_evict(void)
{
    if (plain.cold.count == 0)
        plain_demote();
    unsigned index = plain.cold.items[0];
    list_remove(&plain.cold, index);
    if (plain.in_test[index]) {
        plain.in_test[index] = false;
        plain.is_absent[index] = true;
        list_add(&plain.absent, index);
        while (list_bytes(&plain.absent, true, false) > ABSENT_MOST * capacity)
            plain_fail_absent(plain.absent.items[0]);
    }
    return index;
}

static void plain_come_back(unsigned index)
{
    plain_end_absence(index);
    plain_grow(zp_class_size(record(index)->size_class));
    plain.hot[index] = true;
}

static void check_queue(const struct zp_list *queue, enum zp_order order, const struct list *list)
{
    const struct zp_slot *slot = queue->oldest, *older = NULL;
    for (unsigned i = 0; i < list->count; i++) {
        MUST(slot == record(list->items[i]));
        MUST(slot->links[order].older == older);
        older = slot;
        slot = slot->links[order].newer;
    }
    MUST(slot == NULL && queue->newest == older);
}

static void check_against_model(void)
{
    check_queue(&eviction.recency, ZP_ORDER_RECENCY, &plain.clock);
    check_queue(&eviction.cold, ZP_ORDER_COLD, &plain.cold);
    check_queue(&eviction.absent, ZP_ORDER_COLD, &plain.absent);
    MUST(eviction.hot_bytes == list_bytes(&plain.clock, false, true));
    MUST(eviction.absent_bytes == list_bytes(&plain.absent, true, false));
    MUST(eviction.cold_target == plain.target);
    for (unsigned i = 0; i < record_count; i++) {
        const struct zp_slot *slot = record(i);
        MUST(slot->absent == plain.is_absent[i]);
        MUST(slot->hot == plain.hot[i]);
        if (slot->state == ZP_SLOT_POOLED)
            MUST(slot->in_test == plain.in_test[i]);
    }
}

// Breaks when CLOCK-Pro evicts another slot than it should, or its queues, flags or sums do not say
// what happened: after every step of long random sequences, with a capacity that changes.
START_TEST(clockpro_is_what_the_model_says)
{
    enum { SLOTS = 96, STEPS = 60000 / UNIT_SLOWER };
    make_records(SLOTS, sizeof(struct zp_slot));
    size_t most = bytes_of_all();
    start(&zp_eviction_clockpro, most / 2);
    struct unit_random random = unit_random_start("clockpro", 2005);
    unsigned came_back = 0, were_hot = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned index = (unsigned)unit_random_below(&random, SLOTS);
        // Half of the time a few slots are preferred, so that some are hot.
        if (unit_random_below(&random, 2) == 0)
            index %= 12;
        if (unit_random_below(&random, 500) == 0)
            capacity = most / 8 + unit_random_below(&random, most);
        struct zp_slot *slot = record(index);
        if (slot->state == ZP_SLOT_COLD) {
            came_back += slot->absent;
            if (slot->absent)
                plain_come_back(index);
            else
                plain.hot[index] = false;
            fetch(slot);
        } else if (slot->state == ZP_SLOT_POOLED) {
            bool used = unit_random_below(&random, 10) != 0;
            were_hot += slot->hot;
            plain_leave(index, used);
            leave(slot, used);
        } else {
            while (pooled_bytes > 0 && pooled_bytes + slot->committed > capacity) {
                unsigned expected = plain_evict();
                MUST(evict() == record(expected));
                check_against_model();
                MUST(eviction.absent_bytes <= ABSENT_MOST * capacity);
            }
            plain_arrive(index);
            arrive(slot);
            MUST(eviction.hot_bytes <= plain_hot_limit());
        }
        check_against_model();
    }
    ck_assert_uint_gt(came_back, STEPS / 500); // or little was tested
    ck_assert_uint_gt(were_hot, STEPS / 500);
}
END_TEST

// Breaks when emptying a shard by eviction alone, or by age alone, leaves something behind.
START_TEST(everything_can_leave)
{
    enum { SLOTS = 64 };
    make_records(SLOTS, sizeof(struct zp_slot));
    for (unsigned by_age = 0; by_age < 2; by_age++) {
        start(policies[_i], bytes_of_all());
        for (unsigned i = 0; i < SLOTS; i++)
            record(i)->hot = record(i)->absent = false;
        for (unsigned round = 0; round < 3; round++) // some are hot then
            for (unsigned i = 0; i < SLOTS; i++)
                use(record(round == 0 ? i : i / 2));
        ck_assert_uint_eq(pooled_bytes, bytes_of_all());
        while (pooled_bytes > 0) {
            if (by_age != 0)
                leave(eviction.arrivals.oldest, false);
            else
                evict();
        }
        ck_assert_ptr_null(eviction.arrivals.oldest);
        ck_assert_ptr_null(eviction.cold.oldest);
        ck_assert_uint_eq(eviction.hot_bytes, 0);
        ck_assert_uint_le(eviction.absent_bytes, ABSENT_MOST * capacity);
        if (by_age != 0)
            ck_assert_ptr_null(eviction.recency.oldest);
    }
}
END_TEST

// Breaks when LIFO evicts anything but what came first.
START_TEST(lifo_evicts_what_came_first)
{
    make_records(8, sizeof(struct zp_slot));
    start(&zp_eviction_lifo, bytes_of_all());
    for (unsigned i = 0; i < 8; i++)
        use(record(i));
    use(record(0)); // is now the newest
    leave(record(3), true);
    static const unsigned order[] = {1, 2, 4, 5, 6, 7, 0};
    for (unsigned i = 0; i < 7; i++)
        ck_assert_ptr_eq(evict(), record(order[i]));
    ck_assert_ptr_null(eviction.arrivals.oldest);
}
END_TEST

// Breaks when a slot that is asked for again within its test, in memory or evicted, does not become
// hot, or one that is not, does.
START_TEST(a_passed_test_makes_hot)
{
    make_records(6, sizeof(struct zp_slot));
    for (unsigned i = 0; i < 6; i++) {
        record(i)->size_class = 4;
        record(i)->committed = zp_class_size(4);
    }
    start(&zp_eviction_clockpro, 3 * zp_class_size(4));
    use(record(0));
    ck_assert(!record(0)->hot && record(0)->in_test);
    use(record(0));
    ck_assert(record(0)->hot);
    use(record(1));
    use(record(2));
    use(record(3)); // 1 is evicted, 0 stays
    ck_assert_int_eq(record(0)->state, ZP_SLOT_POOLED);
    ck_assert_int_eq(record(1)->state, ZP_SLOT_COLD);
    ck_assert(record(1)->absent);
    use(record(1)); // in time
    ck_assert(record(1)->hot);
    leave(record(3), false); // given back for its age: a stranger when it comes again
    fetch(record(3));
    arrive(record(3));
    ck_assert(!record(3)->hot && record(3)->in_test);
}
END_TEST

// ---- Work ------------------------------------------------------------------------------------

static size_t touched;

// Each record is on a page of its own, which an operation has to open first.
static void open_record(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    char *at = info->si_addr;
    if (at < records || at >= records + record_count * record_stride)
        _exit(3);
    char *page = records + (size_t)(at - records) / record_stride * record_stride;
    if (mprotect(page, record_stride, PROT_READ | PROT_WRITE) != 0)
        _exit(4);
    touched++;
}

static void close_records(void)
{
    MUST(mprotect(records, record_count * record_stride, PROT_NONE) == 0);
}

// Records touched per operation, on average, with so many slots.
static double work_of(const struct zp_eviction_policy *chosen, unsigned slots)
{
    enum { OPERATIONS = 3000 };
    make_records(slots, unit_page());
    start(chosen, bytes_of_all() / 2);
    struct unit_random random = {.state = slots};
    for (unsigned i = 0; i < 8 * slots; i++) // everything has its place then
        use(record((unsigned)unit_random_below(&random, unit_random_below(&random, slots) + 1)));
    touched = 0;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned index = (unsigned)unit_random_below(&random, slots);
        if (i % 3 != 0)
            index /= 4;
        close_records();
        use(record(index));
    }
    MUST(mprotect(records, record_count * record_stride, PROT_READ | PROT_WRITE) == 0);
    return (double)touched / OPERATIONS;
}

// Breaks when an operation looks at more records the more are pooled.
START_TEST(work_does_not_grow_with_the_pool)
{
    struct sigaction action = {.sa_sigaction = open_record, .sa_flags = SA_SIGINFO | SA_NODEFER};
    ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
    double few = work_of(policies[_i], 64), many = work_of(policies[_i], MOST);
    printf("%s: %.1f records a use with 64 slots, %.1f with %u\n", policies[_i]->name, few, many,
           (unsigned)MOST);
    ck_assert(few > 1 && many > 1);
    ck_assert(few < 24 && many < 24);
    ck_assert(many < few + 6);
}
END_TEST

// ---- Traces ----------------------------------------------------------------------------------

enum { BLOCKS = 256, REQUESTS = 40000 };

static struct unit_random chance;

static unsigned below(unsigned bound)
{
    return (unsigned)unit_random_below(&chance, bound);
}

// Round and round.
static unsigned scan(unsigned request)
{
    return request % BLOCKS;
}

// Block n about as often as 1 / (n + 1).
static unsigned zipf(unsigned request)
{
    (void)request;
    unsigned doubling = 1u << below(8);
    return doubling - 1 + below(doubling);
}

// An eighth of the blocks has every other request, the others take turns.
static unsigned hot_and_cold(unsigned request)
{
    if (request % 2 == 0)
        return below(BLOCKS / 8);
    return BLOCKS / 8 + request / 2 % (BLOCKS - BLOCKS / 8);
}

// One half of the blocks for a while, then the other.
static unsigned phases(unsigned request)
{
    return BLOCKS / 2 * (request / (8 * BLOCKS) % 2) + below(BLOCKS / 2);
}

static const struct trace {
    const char *name;
    unsigned (*block)(unsigned request);
    int ahead; // hits in a thousand that CLOCK-Pro must have more than LIFO
} traces[] = {
    {"scan", scan, 400},
    {"zipf", zipf, 0},
    {"hot and cold", hot_and_cold, 150},
    // Each phase fits exactly, the best case there is for LIFO. CLOCK-Pro fetches some slots twice
    // before it believes in the change.
    {"phases", phases, -10},
};

enum { TRACES = sizeof(traces) / sizeof(traces[0]) };

// Hits in a thousand requests, with room for half of the bytes.
static unsigned hits_of(const struct zp_eviction_policy *chosen, const struct trace *trace)
{
    make_records(BLOCKS, sizeof(struct zp_slot));
    start(chosen, bytes_of_all() / 2);
    chance = (struct unit_random){.state = 7};
    unsigned hits = 0;
    for (unsigned i = 0; i < REQUESTS; i++)
        hits += use(record(trace->block(i)));
    return (unsigned)((uint64_t)hits * 1000 / REQUESTS);
}

// Breaks when CLOCK-Pro keeps the wrong slots.
START_TEST(clockpro_hits_at_least_as_often)
{
    const struct trace *trace = &traces[_i];
    unsigned lifo = hits_of(&zp_eviction_lifo, trace);
    unsigned clockpro = hits_of(&zp_eviction_clockpro, trace);
    printf("%s: lifo %u, clockpro %u hits in 1000\n", trace->name, lifo, clockpro);
    ck_assert_int_ge((int)clockpro, (int)lifo + trace->ahead);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, clockpro_is_what_the_model_says);
    tcase_add_loop_test(tests, everything_can_leave, 0, 2);
    tcase_add_test(tests, lifo_evicts_what_came_first);
    tcase_add_test(tests, a_passed_test_makes_hot);
    tcase_add_loop_test(tests, work_does_not_grow_with_the_pool, 0, 2);
    tcase_add_loop_test(tests, clockpro_hits_at_least_as_often, 0, TRACES);
    return unit_run("eviction", tests);
}
