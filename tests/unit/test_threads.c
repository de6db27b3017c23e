// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads that share a pool: buffers that one gets and another puts, everybody at once, caches
// emptied while their owners work. Meant to run under TSan too, which sees every pair of accesses
// that nothing orders.

#include "marks.h"
#include "threads.h"

enum { THREADS = 6, ROUNDS = 800 / UNIT_SLOWER };

static size_t random_size(struct unit_random *random)
{
    size_t most = unit_random_below(random, 8) == 0 ? 5 * ZP_MIB : ZP_MIB / 2;
    return ZP_CLASS_MIN + unit_random_below(random, most);
}

// ---- A buffer with marks, as threads pass it on ----------------------------------------------

struct parcel {
    char *base; // NULL: nothing
    size_t usable;
    struct marks marks;
};

static struct parcel pack(struct unit_random *random)
{
    struct zp_slot *slot = unit_get(random_size(random));
    MUST(slot != NULL);
    MUST(zp_slot_is_zero(slot) || !zp_pool.scrub);
    if (zp_slot_is_zero(slot))
        marks_check_none(slot->base, 0, slot->usable, 4);
    struct parcel parcel = {slot->base, slot->usable, {unit_random(random), 4}};
    marks_write(&parcel.marks, parcel.base, 0, parcel.usable);
    return parcel;
}

static void unpack(const struct parcel *parcel)
{
    const struct zp_slot *slot = zp_pool_slot(parcel->base, "test");
    MUST(slot->usable == parcel->usable);
    marks_check(&parcel->marks, parcel->base, parcel->usable, SIZE_MAX);
    zp_pool_put(parcel->base);
}

// ---- A queue ---------------------------------------------------------------------------------

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct parcel parcels[16];
    unsigned count;
    unsigned producers; // still at work
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void queue_push(const struct parcel *parcel)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == sizeof(queue.parcels) / sizeof(queue.parcels[0]))
        pthread_cond_wait(&queue.changed, &queue.mutex);
    queue.parcels[queue.count++] = *parcel;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
}

// Nothing when the queue is empty and will stay so.
static struct parcel queue_pop(void)
{
    struct parcel parcel = {0};
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == 0 && queue.producers > 0)
        pthread_cond_wait(&queue.changed, &queue.mutex);
    if (queue.count > 0)
        parcel = queue.parcels[--queue.count];
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
    return parcel;
}

static void *produce(void *argument)
{
    struct unit_random random = *(struct unit_random *)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct parcel parcel = pack(&random);
        queue_push(&parcel);
    }
    pthread_mutex_lock(&queue.mutex);
    queue.producers--;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
    return NULL;
}

static void *consume(void *argument)
{
    (void)argument;
    for (struct parcel parcel; (parcel = queue_pop()).base != NULL;)
        unpack(&parcel);
    return NULL;
}

// ---- Settings --------------------------------------------------------------------------------

static struct zp_pool_config settings(int index)
{
    struct zp_pool_config config = unit_pool_config();
    if (index == 1) { // all through one lock
        config.thread_cache_most = 0;
        config.shards = 1;
    } else if (index == 2) { // spilling, stealing and evicting
        config.budget = 8 * ZP_MIB;
        config.put.thread_cache_bytes = ZP_MIB;
        config.thread_cache_most = 2;
        config.most_per_shard = 2;
    } else if (index == 3) {
        config.content.scrub = false;
    } else if (index == 4) { // the helper is one of them
        config.scrub_behind = 24 * ZP_MIB;
        config.content.cpu_cache = 0;
    }
    config.arena.reserve = 48 * ZP_GIB; // the threads together must not run out of slots
    return config;
}

// Breaks when a buffer that one thread gets and another puts is not whole, or is not zero when it
// comes back, or a record passes between threads without an order.
START_TEST(buffers_pass_through_a_queue)
{
    struct zp_pool_config config = settings(_i);
    unit_pool_start(&config);
    struct unit_random random = unit_random_start("threads", 100), randoms[THREADS];
    void *arguments[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        randoms[i] = (struct unit_random){.state = unit_random(&random)};
        arguments[i] = &randoms[i];
    }
    queue.producers = THREADS / 2;
    pthread_t threads[THREADS];
    start_threads(threads, THREADS / 2, produce, arguments);
    start_threads(threads + THREADS / 2, THREADS / 2, consume, arguments);
    join_threads(threads, THREADS);
    check_nothing_lost((uint64_t)THREADS / 2 * ROUNDS);
}
END_TEST

// ---- Everybody gets and puts -----------------------------------------------------------------

static struct parcel mailboxes[THREADS];
static pthread_mutex_t mailbox_locks[THREADS];

// Leaves a parcel in somebody's mailbox, and takes what was there.
static struct parcel exchange(unsigned box, struct parcel parcel)
{
    pthread_mutex_lock(&mailbox_locks[box]);
    struct parcel found = mailboxes[box];
    mailboxes[box] = parcel;
    pthread_mutex_unlock(&mailbox_locks[box]);
    return found;
}

static void *mingle(void *argument)
{
    struct unit_random random = *(struct unit_random *)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct parcel parcel = pack(&random);
        if (unit_random_below(&random, 3) != 0)
            parcel = exchange((unsigned)unit_random_below(&random, THREADS), parcel);
        if (parcel.base != NULL)
            unpack(&parcel);
        if (unit_random_below(&random, 200) == 0)
            zp_pool_flush();
        if (unit_random_below(&random, 1000) == 0)
            zp_pool_trim();
    }
    return NULL;
}

// Breaks when threads that all get, put, flush and trim disturb each other.
START_TEST(everybody_gets_and_puts)
{
    struct zp_pool_config config = settings(_i);
    unit_pool_start(&config);
    struct unit_random random = unit_random_start("threads", 100), randoms[THREADS];
    void *arguments[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        randoms[i] = (struct unit_random){.state = unit_random(&random)};
        arguments[i] = &randoms[i];
        ck_assert_int_eq(pthread_mutex_init(&mailbox_locks[i], NULL), 0);
    }
    pthread_t threads[THREADS];
    start_threads(threads, THREADS, mingle, arguments);
    join_threads(threads, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        if (mailboxes[i].base != NULL)
            unpack(&mailboxes[i]);
    check_nothing_lost((uint64_t)THREADS * ROUNDS);
}
END_TEST

// ---- Growing buffers -------------------------------------------------------------------------

// Breaks when moving pages in one thread disturbs what another has: both take mappings apart.
static void *grow(void *argument)
{
    struct unit_random random = *(struct unit_random *)argument;
    for (unsigned i = 0; i < 20; i++) {
        struct zp_slot *slot = unit_get(ZP_MIB + unit_random_below(&random, ZP_MIB));
        MUST(slot != NULL);
        const struct marks marks = {unit_random(&random), 4};
        marks_write(&marks, slot->base, 0, slot->usable);
        for (unsigned j = 0; j < 3; j++) {
            size_t before = slot->usable;
            if (!zp_pool_resize(slot, before * 2)) {
                slot = zp_pool_move(slot, before * 2);
                MUST(slot != NULL);
            }
            marks_check(&marks, slot->base, before, SIZE_MAX);
            marks_check_none(slot->base, before, slot->usable, 4);
            marks_write(&marks, slot->base, before, slot->usable);
        }
        zp_pool_put(slot->base);
    }
    return NULL;
}

START_TEST(threads_grow_buffers)
{
    struct zp_pool_config config = settings(0);
    unit_pool_start(&config);
    struct unit_random random = unit_random_start("threads", 100), randoms[THREADS];
    void *arguments[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        randoms[i] = (struct unit_random){.state = unit_random(&random)};
        arguments[i] = &randoms[i];
    }
    pthread_t threads[THREADS];
    start_threads(threads, THREADS, grow, arguments);
    join_threads(threads, THREADS);
    check_nothing_lost((uint64_t)THREADS * 20);
}
END_TEST

// ---- Caches emptied while their owners work --------------------------------------------------

enum { OWNERS = 3, TURNS = 30000 / UNIT_SLOWER, EMPTIED = 20 };

static _Atomic unsigned owners_at_work, emptied;

// Gets and puts as fast as it can, mostly by the ways that take no lock, and sees to it that what
// it holds is nobody else's.
static void *own(void *argument)
{
    uint64_t self = *(uint64_t *)argument;
    const size_t size = 2 * ZP_CLASS_MIN;
    uint64_t turn = 0;
    while (++turn <= TURNS || emptied < EMPTIED) {
        struct zp_slot *slots[2];
        for (unsigned i = 0; i < 2; i++) {
            slots[i] = unit_get(size);
            MUST(slots[i] != NULL);
            uint64_t *first = (uint64_t *)(void *)slots[i]->base;
            MUST(*first == 0 || !zp_slot_is_zero(slots[i]));
            *first = self + 2 * turn + i;
        }
        for (unsigned i = 0; i < 2; i++) {
            MUST(*(uint64_t *)(void *)slots[i]->base == self + 2 * turn + i);
            zp_pool_put(slots[i]->base);
        }
    }
    owners_at_work--;
    *(uint64_t *)argument = turn - 1;
    return NULL;
}

// Breaks when a thread's buffer is lost, or in two hands at once, because another thread emptied
// its cache at the same time: for a trim, and by age.
START_TEST(owners_and_emptiers_keep_apart)
{
    struct zp_pool_config config = settings(0);
    config.content.scrub = (_i & 1) == 0;
    bool by_age = (_i & 2) != 0;
    if (by_age)
        config.decay.idle_ms = 1;
    unit_pool_start(&config);
    uint64_t selves[OWNERS], turns = 0;
    void *arguments[OWNERS];
    for (unsigned i = 0; i < OWNERS; i++) {
        selves[i] = (uint64_t)(i + 1) << 40;
        arguments[i] = &selves[i];
    }
    owners_at_work = OWNERS;
    pthread_t threads[OWNERS];
    start_threads(threads, OWNERS, own, arguments);
    for (; owners_at_work > 0; emptied++) {
        if (!by_age) {
            zp_pool_trim();
            continue;
        }
        unit_let_pass(2000);
        MUST(zp_pool_get(64 * ZP_GIB, 1) == NULL); // nothing but a slow way
    }
    join_threads(threads, OWNERS);
    for (unsigned i = 0; i < OWNERS; i++)
        turns += selves[i];
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.counters.puts, 2 * turns);
    ck_assert_uint_eq(zp_counters_served(&stats.counters), 2 * turns);
    ck_assert_uint_gt(stats.counters.thread_hits, turns / 10); // the fast ways were used
    ck_assert_uint_le(zp_budget_peak(), zp_budget_limit());
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    zp_arena_visit(must_be_cold);
}
END_TEST

// ---- Statistics while others work ------------------------------------------------------------

static void *watch(void *argument)
{
    (void)argument;
    uint64_t served = 0;
    bool working = true;
    while (working) {
        struct zp_pool_stats stats;
        zp_pool_stats(&stats);
        MUST(zp_counters_served(&stats.counters) >= served);
        served = zp_counters_served(&stats.counters);
        pthread_mutex_lock(&queue.mutex);
        working = queue.producers > 0;
        pthread_mutex_unlock(&queue.mutex);
    }
    return NULL;
}

// Breaks when summing up races with threads that count, start or end, or counts an event twice.
START_TEST(statistics_are_taken_while_threads_work)
{
    struct zp_pool_config config = settings(0);
    unit_pool_start(&config);
    struct unit_random random = unit_random_start("statistics", 400);
    void *arguments[2] = {&random, &random};
    queue.producers = 1;
    pthread_t watcher, workers[2];
    start_threads(&watcher, 1, watch, arguments);
    start_threads(workers, 1, produce, arguments);
    start_threads(workers + 1, 1, consume, arguments);
    join_threads(workers, 2);
    join_threads(&watcher, 1);
    check_nothing_lost(ROUNDS);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, buffers_pass_through_a_queue, 0, 5);
    tcase_add_loop_test(tests, everybody_gets_and_puts, 0, 5);
    tcase_add_test(tests, threads_grow_buffers);
    tcase_add_loop_test(tests, owners_and_emptiers_keep_apart, 0, 4);
    tcase_add_test(tests, statistics_are_taken_while_threads_work);
    return unit_run("threads", tests);
}
