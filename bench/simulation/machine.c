// SPDX-License-Identifier: MIT OR Apache-2.0

#include "machine.h"

#include "cache.h"

#include "core/arena.h"
#include "core/budget.h"
#include "core/lock.h"
#include "core/thread_cache.h"
#include "tests/simulated/kernel.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

struct machine_costs machine_costs = {
    .access = 0.35,
    .atomic = 4,
    .shared_cache = 15,
    .same_node = 50,
    .other_node = 150,
    .memory = 100,
    .wake = 800,
    .wake_up = 5000,
};

enum {
    STACK_BYTES = 256 * 1024,
    THREAD_LOCALS = 2048, // bytes that they are away from each other at most
};

// System calls: what one takes, what a page of its range adds, and whether it excludes others that
// change mappings.
static const struct {
    double ns, ns_per_page;
    bool exclusive;
} calls[KERNEL_CALLS] = {
    [KERNEL_MMAP] = {1200, 0, true},
    [KERNEL_MUNMAP] = {1200, 0, true},
    [KERNEL_MPROTECT] = {900, 0, true},
    [KERNEL_MADVISE_AREA] = {500, 0, true},
    [KERNEL_MADVISE_PAGES] = {300, 0.2, false},
    [KERNEL_MREMAP] = {1500, 0, true},
    [KERNEL_MINCORE] = {250, 0.5, false},
    [KERNEL_MEMBARRIER] = {2000, 0, false},
    [KERNEL_SYSINFO] = {200, 0, false},
    [KERNEL_FUTEX] = {300, 0, false},
};

// What a thread of the program has in thread-local variables of core.
struct thread_state {
    struct zp_thread_cache *cache;
    struct zp_budget_place *place;
    unsigned locks_held;
};

struct cpu {
    ucontext_t context;
    struct thread_state state;
    double time; // nanoseconds
    bool done, asleep;
    struct cpu *next_sleeper;
    struct machine_work work;
    double began;
};

static struct {
    struct cpu cpus[MACHINE_CPUS_MOST];
    unsigned count;
    struct cpu *current; // NULL: no CPU runs
    double until;        // it may run: then another one's time is earlier
    ucontext_t outside;
    void (*work)(unsigned cpu);
    double mappings_free_at;
    uint64_t mappings_lock __attribute__((aligned(64)));
} machine;

static unsigned number_of(const struct cpu *cpu)
{
    return (unsigned)(cpu - machine.cpus);
}

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "simulation: %s\n", why);
    exit(1);
}

// ---- Which CPU runs --------------------------------------------------------------------------

// The CPU that goes first, for as long as it is ahead of all others.
static struct cpu *earliest(void)
{
    struct cpu *first = NULL;
    machine.until = INFINITY;
    for (unsigned i = 0; i < machine.count; i++) {
        struct cpu *cpu = &machine.cpus[i];
        if (cpu->done || cpu->asleep)
            continue;
        if (first == NULL || cpu->time < first->time) {
            machine.until = first != NULL ? first->time : INFINITY;
            first = cpu;
        } else if (cpu->time < machine.until) {
            machine.until = cpu->time;
        }
    }
    return first;
}

static void leave(struct cpu *cpu)
{
    cpu->state = (struct thread_state){zp_thread_cache, zp_budget_place, zp_locks_held};
    machine.current = NULL;
}

static void enter(struct cpu *cpu)
{
    zp_thread_cache = cpu->state.cache;
    zp_budget_place = cpu->state.place;
    zp_locks_held = cpu->state.locks_held;
    machine.current = cpu;
}

static void switch_to(struct cpu *next)
{
    struct cpu *self = machine.current;
    if (next == self)
        return;
    leave(self);
    enter(next);
    swapcontext(&self->context, &next->context);
}

// Others whose time is earlier go first.
static void settle(void)
{
    if (machine.current->time > machine.until)
        switch_to(earliest());
}

static void run_cpu(void)
{
    struct cpu *self = machine.current;
    machine.work(number_of(self));
    self->done = true;
    leave(self);
    struct cpu *next = earliest();
    if (next == NULL)
        setcontext(&machine.outside);
    enter(next);
    setcontext(&next->context);
}

static ZP_COLD double latest(void)
{
    double time = 0;
    for (unsigned i = 0; i < machine.count; i++)
        time = machine.cpus[i].time > time ? machine.cpus[i].time : time;
    return time;
}

static void begin_together(void)
{
    double start = latest();
    for (unsigned i = 0; i < machine.count; i++) {
        struct cpu *cpu = &machine.cpus[i];
        getcontext(&cpu->context);
        cpu->context.uc_link = NULL;
        makecontext(&cpu->context, run_cpu, 0);
        cpu->done = false;
        cpu->time = start;
    }
}

void machine_run(void (*work)(unsigned cpu))
{
    machine.work = work;
    begin_together();
    struct thread_state outside = {zp_thread_cache, zp_budget_place, zp_locks_held};
    struct cpu *first = earliest();
    enter(first);
    swapcontext(&machine.outside, &first->context);
    for (unsigned i = 0; i < machine.count; i++)
        if (!machine.cpus[i].done)
            fail("a thread waits for a lock for ever");
    zp_thread_cache = outside.cache;
    zp_budget_place = outside.place;
    zp_locks_held = outside.locks_held;
}

// ---- Memory ----------------------------------------------------------------------------------

static double cost_of(enum cache_source source)
{
    switch (source) {
    case FROM_SHARED_CACHE:
        return machine_costs.shared_cache;
    case FROM_SAME_NODE:
        return machine_costs.same_node;
    case FROM_OTHER_NODE:
    case FROM_COPY:
        return machine_costs.other_node;
    default:
        return machine_costs.memory;
    }
}

static void touch(struct cpu *cpu, uint64_t line, bool writes)
{
    if (cache_has(number_of(cpu), line, writes))
        return;
    settle();
    double *time = &cpu->time;
    uint64_t *free_at = cache_free_at(line);
    if (*time < (double)*free_at)
        *time = (double)*free_at;
    enum cache_source source = cache_fetch(number_of(cpu), line, writes);
    *time += cost_of(source);
    bool transfer = source == FROM_SAME_NODE || source == FROM_OTHER_NODE;
    if (transfer)
        *free_at = (uint64_t)*time;
    cpu->work.transfers += transfer;
    cpu->work.misses += !transfer;
}

// All CPUs have the thread-local variables of this one thread: each thread's own would be in its
// CPU's cache. Those of core are the program's, next to each other.
static bool is_thread_local(const volatile void *address)
{
    uintptr_t one = (uintptr_t)&zp_thread_cache, distance = (uintptr_t)address - one;
    return distance < THREAD_LOCALS || -distance < THREAD_LOCALS;
}

void machine_access(const volatile void *address, size_t size, bool writes, bool atomic)
{
    struct cpu *cpu = machine.current;
    if (cpu == NULL || size == 0)
        return;
    cpu->work.accesses++;
    cpu->time += machine_costs.access + (atomic && writes ? machine_costs.atomic : 0);
    if (is_thread_local(address))
        return;
    uint64_t first = (uint64_t)(uintptr_t)address / ZP_CACHE_LINE;
    uint64_t last = ((uint64_t)(uintptr_t)address + size - 1) / ZP_CACHE_LINE;
    for (uint64_t line = first; line <= last; line++)
        touch(cpu, line, writes);
}

void machine_settle(void)
{
    settle();
}

void machine_displace(void)
{
    cache_displace(number_of(machine.current));
}

// ---- Locks -----------------------------------------------------------------------------------

// What stands in a pthread_mutex_t here.
struct mutex {
    uint32_t holder;          // number of the CPU, and 1
    struct cpu *first, *last; // asleep
};

_Static_assert(sizeof(struct mutex) <= sizeof(pthread_mutex_t), "a mutex has room for it");

static struct mutex *mutex_of(pthread_mutex_t *lock)
{
    return (struct mutex *)(void *)lock;
}

// These take the place of libc's for the core that is linked in.
int pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
    (void)attributes;
    *mutex_of(lock) = (struct mutex){.holder = 0};
    return 0;
}

static bool try(struct mutex *mutex)
{
    struct cpu *self = machine.current;
    if (self != NULL)
        settle();
    machine_access(mutex, sizeof(mutex->holder), true, true);
    if (mutex->holder != 0)
        return false;
    mutex->holder = self != NULL ? number_of(self) + 1 : 1;
    return true;
}

int pthread_mutex_trylock(pthread_mutex_t *lock)
{
    return try(mutex_of(lock)) ? 0 : EBUSY;
}

static void sleep_on(struct mutex *mutex)
{
    struct cpu *self = machine.current;
    double before = self->time;
    self->asleep = true;
    self->next_sleeper = NULL;
    *(mutex->first != NULL ? &mutex->last->next_sleeper : &mutex->first) = self;
    mutex->last = self;
    struct cpu *next = earliest();
    if (next == NULL)
        fail("all threads wait for locks");
    switch_to(next);
    self->work.sleeps++;
    self->work.ns_asleep += self->time - before;
}

int pthread_mutex_lock(pthread_mutex_t *lock)
{
    struct mutex *mutex = mutex_of(lock);
    while (!try(mutex)) {
        if (machine.current == NULL)
            fail("a lock is taken twice");
        sleep_on(mutex);
    }
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *lock)
{
    struct mutex *mutex = mutex_of(lock);
    struct cpu *self = machine.current, *sleeper = mutex->first;
    if (self != NULL)
        settle();
    machine_access(mutex, sizeof(mutex->holder), true, true);
    mutex->holder = 0;
    sleeper = mutex->first;
    if (sleeper == NULL)
        return 0;
    mutex->first = sleeper->next_sleeper;
    self->time += machine_costs.wake;
    double awake = self->time + machine_costs.wake_up;
    sleeper->time = sleeper->time > awake ? sleeper->time : awake;
    sleeper->asleep = false;
    if (sleeper->time < machine.until)
        machine.until = sleeper->time;
    return 0;
}

// ---- The kernel ------------------------------------------------------------------------------

static void spend(enum kernel_call call, size_t pages)
{
    struct cpu *cpu = machine.current;
    if (cpu == NULL)
        return;
    settle();
    double before = cpu->time;
    double ns = calls[call].ns + calls[call].ns_per_page * (double)pages;
    uint64_t accesses = cpu->work.accesses;
    machine_access(&machine.mappings_lock, sizeof(machine.mappings_lock), true, true);
    cpu->work.accesses = accesses; // the kernel's, not the core's
    if (calls[call].exclusive) {
        if (cpu->time < machine.mappings_free_at)
            cpu->time = machine.mappings_free_at;
        machine.mappings_free_at = cpu->time + ns;
    }
    cpu->time += ns;
    cpu->work.calls++;
    cpu->work.ns_kernel += cpu->time - before;
}

static uint64_t now(void)
{
    return machine.current != NULL ? (uint64_t)(machine.current->time / 1000) : kernel.microseconds;
}

// ---- The whole -------------------------------------------------------------------------------

void machine_init(unsigned cpus, unsigned nodes)
{
    machine.count = cpus;
    cache_init(cpus, nodes);
    kernel.spend = spend;
    kernel.now = now;
    for (unsigned i = 0; i < cpus; i++) {
        struct cpu *cpu = &machine.cpus[i];
        void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED)
            fail("no memory for a stack");
        cpu->context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK_BYTES};
        cpu->state.cache = &zp_no_cache;
    }
}

void machine_begin_measuring(void)
{
    struct cpu *cpu = machine.current;
    cpu->work = (struct machine_work){0};
    cpu->began = cpu->time;
}

struct machine_work machine_end_measuring(void)
{
    struct cpu *cpu = machine.current;
    cpu->work.ns = cpu->time - cpu->began;
    return cpu->work;
}
