// SPDX-License-Identifier: MIT OR Apache-2.0

#include "profile.h"

#include "arena.h"
#include "lock.h"
#include "os.h"
#include "sampling.h"
#include "stack.h"
#include "zeros.h"

#include <string.h>

enum {
    PROBES = 32,          // pages of a buffer that are looked at
    FULL = 4,             // a table takes no more when all but one in FULL places are taken
    FINE_MS = 60 * 60000, // within an hour the fine clock has not wrapped around
    OTHERS = 0,           // the site of those that have none
    STACK_ROOM = 8 + ZP_PROFILE_FRAMES, // with the library's own frames
};

// The tables are mappings of their own: a child of a fork replaces them by empty ones.
struct tables {
    struct zp_site sites[ZP_PROFILE_SITES];
    struct zp_recorded buffers[ZP_PROFILE_BUFFERS];
};

ZP_FROZEN bool zp_profile_on = false;

static ZP_FROZEN struct tables *tables = NULL;

static struct {
    struct zp_lock lock;
    bool stopped;
    unsigned sites, buffers; // places that are taken
    struct zp_profile_totals totals;
    struct zp_sampling sampling;
} state;

static size_t table_bytes(void)
{
    return zp_round_up(sizeof(struct tables), zp_os_page_size());
}

void zp_profile_init(const struct zp_profile_config *chosen)
{
    void *mapped;
    zp_lock_init(&state.lock, ZP_RANK_PROFILE);
    if (!chosen->on || zp_os_map_fenced(table_bytes(), PROT_READ | PROT_WRITE, &mapped) != 0)
        return;
    tables = mapped;
    zp_sampling_init(&state.sampling, chosen->rate);
    state.sites = 1; // site 0
    zp_profile_on = true;
}

// False in a child that may have inherited a lock that nobody releases.
static bool enter(void)
{
    if (__atomic_load_n(&state.stopped, __ATOMIC_RELAXED))
        return false;
    zp_lock_take(&state.lock);
    return true;
}

static void leave(void)
{
    zp_lock_release(&state.lock);
}

// ---- Sites -----------------------------------------------------------------------------------

struct stack {
    unsigned depth;
    uint32_t hash;
    void *frames[STACK_ROOM];
};

static void capture(struct stack *stack, const void *caller)
{
    stack->depth = zp_os_is_restricted() ? 0 : zp_stack_of_program(stack->frames, STACK_ROOM);
    if (stack->depth == 0) {
        stack->frames[0] = (void *)(uintptr_t)caller;
        stack->depth = caller != NULL;
    }
    if (stack->depth > ZP_PROFILE_FRAMES)
        stack->depth = ZP_PROFILE_FRAMES;
    uint64_t hash = stack->depth;
    for (unsigned i = 0; i < stack->depth; i++)
        hash = (hash ^ (uintptr_t)stack->frames[i]) * 0x9E3779B97F4A7C15u;
    stack->hash = (uint32_t)(hash >> 32);
}

static bool is_of(const struct zp_site *site, const struct stack *stack)
{
    return site->hash == stack->hash && site->depth == stack->depth &&
           memcmp(site->frames, stack->frames, stack->depth * sizeof(void *)) == 0;
}

static uint32_t find_site(const struct stack *stack)
{
    if (stack->depth == 0)
        return OTHERS;
    for (uint32_t at = stack->hash;; at++) {
        uint32_t number = at % ZP_PROFILE_SITES;
        struct zp_site *site = &tables->sites[number];
        if (number == OTHERS)
            continue;
        if (site->depth != 0 && !is_of(site, stack))
            continue;
        if (site->depth == 0) {
            if (state.sites >= ZP_PROFILE_SITES - ZP_PROFILE_SITES / FULL)
                return OTHERS;
            state.sites++;
            site->hash = stack->hash;
            site->depth = stack->depth;
            memcpy(site->frames, stack->frames, stack->depth * sizeof(void *));
        }
        return number;
    }
}

static void note_live(struct zp_site *site, uint64_t buffers, uint64_t bytes)
{
    site->live += buffers;
    site->live_bytes += bytes;
    if (site->live > site->peak)
        site->peak = site->live;
    if (site->live_bytes > site->peak_bytes)
        site->peak_bytes = site->live_bytes;
}

static void note_request(struct zp_site *site, const struct zp_request *request, uint32_t weight)
{
    uint64_t *const served[] = {&site->thread_hits, &site->shard_hits, &site->fresh,
                                &site->refused};
    *served[request->served] += weight;
    if (site->sampled++ == 0 || request->size < site->least)
        site->least = request->size;
    if (request->size > site->most)
        site->most = request->size;
    site->count += weight;
    site->bytes += request->size * weight;
}

// ---- Live buffers ----------------------------------------------------------------------------

static unsigned place_of(const struct zp_slot *slot)
{
    return (unsigned)((uintptr_t)slot * 0x9E3779B97F4A7C15u >> 40) % ZP_PROFILE_BUFFERS;
}

static struct zp_recorded *find_buffer(const struct zp_slot *slot)
{
    unsigned at = place_of(slot);
    while (tables->buffers[at].slot != NULL && tables->buffers[at].slot != slot)
        at = (at + 1) % ZP_PROFILE_BUFFERS;
    return &tables->buffers[at];
}

static void add_buffer(const struct zp_recorded *recorded)
{
    struct zp_recorded *place = find_buffer(recorded->slot);
    if (place->slot == NULL) {
        if (state.buffers >= ZP_PROFILE_BUFFERS - ZP_PROFILE_BUFFERS / FULL) {
            state.totals.lost += recorded->weight;
            return;
        }
        state.buffers++;
    }
    *place = *recorded;
    note_live(&tables->sites[recorded->site], recorded->weight, recorded->size * recorded->weight);
}

// Those behind an emptied place move up if they could not be found any more (linear probing).
static void remove_buffer(struct zp_recorded *place)
{
    struct zp_recorded *buffers = tables->buffers;
    unsigned hole = (unsigned)(place - buffers), at = hole;
    state.buffers--;
    for (;;) {
        at = (at + 1) % ZP_PROFILE_BUFFERS;
        if (buffers[at].slot == NULL)
            break;
        unsigned home = place_of(buffers[at].slot);
        unsigned from_home = (at - home) % ZP_PROFILE_BUFFERS;
        if (from_home >= (at - hole) % ZP_PROFILE_BUFFERS) {
            buffers[hole] = buffers[at];
            hole = at;
        }
    }
    buffers[hole].slot = NULL;
}

// ---- What was written ------------------------------------------------------------------------

// A page in each of PROBES parts, at irregular places, so that no regular pattern meets them all.
static char *probe_at(const struct zp_slot *slot, unsigned probe)
{
    size_t pages = slot->usable / zp_arena.page;
    uint64_t scattered = (probe + 1) * 0x9E3779B97F4A7C15u >> 32;
    return slot->base + (probe * pages + scattered % pages) / PROBES * zp_arena.page;
}

static bool is_in_memory(char *page)
{
    unsigned char resident;
    return zp_os_residency(page, zp_arena.page, &resident) == 0 && (resident & 1) != 0;
}

// Of a buffer's bytes those in pages that are in memory, and not zero if `content` counts.
static uint64_t estimate(const struct zp_slot *slot, size_t size, bool content)
{
    unsigned written = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        char *page = probe_at(slot, i);
        written += is_in_memory(page) && !(content && zp_is_zero(page, zp_arena.page));
    }
    return (uint64_t)((double)size * written / PROBES);
}

// Whether its bytes tell what its owner wrote, and can be read.
static bool can_be_looked_at(const struct zp_slot *slot)
{
    return zp_slot_is_zero(slot) && slot->mapping == ZP_MAPPING_PLAIN && !zp_os_is_restricted();
}

// ---- All of it -------------------------------------------------------------------------------

void zp_profile_note_get(const struct zp_request *request)
{
    if (!enter())
        return;
    uint32_t weight = zp_sampling_weigh(&state.sampling);
    state.totals.requests++;
    state.totals.sampled += weight != 0;
    leave();
    if (weight == 0)
        return;
    struct stack stack;
    capture(&stack, request->caller);
    struct zp_recorded recorded = {
        .slot = request->slot,
        .size = request->size,
        .weight = weight,
        .born_ms = zp_os_clock(),
        .born_us = zp_os_stopwatch(),
        .empty = request->empty,
    };
    if (!enter())
        return;
    recorded.site = find_site(&stack);
    note_request(&tables->sites[recorded.site], request, weight);
    if (request->slot != NULL)
        add_buffer(&recorded);
    leave();
}

struct zp_recorded zp_profile_take(const struct zp_slot *slot)
{
    struct zp_recorded recorded = {.slot = NULL};
    if (!enter())
        return recorded;
    struct zp_recorded *place = find_buffer(slot);
    if (place->slot != NULL) {
        recorded = *place;
        remove_buffer(place);
        note_live(&tables->sites[recorded.site], -(uint64_t)recorded.weight,
                  -(uint64_t)(recorded.size * recorded.weight));
    }
    leave();
    return recorded;
}

void zp_profile_give(struct zp_recorded recorded, const struct zp_slot *slot, size_t size)
{
    if (recorded.slot == NULL || !enter())
        return;
    if (recorded.slot != slot || recorded.size != size)
        tables->sites[recorded.site].resized += recorded.weight;
    recorded.slot = slot;
    recorded.size = size;
    add_buffer(&recorded);
    leave();
}

static uint64_t lifetime_us(const struct zp_recorded *recorded)
{
    uint32_t ms = zp_os_clock() - recorded->born_ms;
    return ms < FINE_MS ? zp_os_stopwatch() - recorded->born_us : (uint64_t)ms * 1000;
}

void zp_profile_note_read(const struct zp_slot *slot, size_t bytes)
{
    if (!enter())
        return;
    struct zp_recorded *place = find_buffer(slot);
    if (place->slot != NULL)
        place->read_bytes += bytes;
    leave();
}

void zp_profile_note_put(const struct zp_slot *slot)
{
    struct zp_recorded recorded = zp_profile_take(slot);
    if (recorded.slot == NULL)
        return;
    uint64_t lived = lifetime_us(&recorded), weight = recorded.weight;
    bool looked = can_be_looked_at(slot);
    uint64_t written = looked ? estimate(slot, recorded.size, true) : 0;
    if (!enter())
        return;
    struct zp_site *site = &tables->sites[recorded.site];
    site->freed += weight;
    site->lifetime_us += lived * weight;
    if (lived > site->longest_us)
        site->longest_us = lived;
    site->read_bytes += recorded.read_bytes * weight;
    site->looked_bytes += looked ? recorded.size * weight : 0;
    site->written += written * weight;
    leave();
}

void zp_profile_look_at_live(void)
{
    for (unsigned i = 0; i < ZP_PROFILE_BUFFERS && enter(); i++) {
        struct zp_recorded recorded = tables->buffers[i];
        leave();
        if (recorded.slot == NULL || !recorded.empty || zp_os_is_restricted())
            continue;
        uint64_t written = estimate(recorded.slot, recorded.size, false);
        if (!enter())
            return;
        struct zp_site *site = &tables->sites[recorded.site];
        site->looked_bytes += recorded.size * recorded.weight;
        site->written += written * recorded.weight;
        leave();
    }
}

void zp_profile_totals(struct zp_profile_totals *totals)
{
    if (!enter())
        return;
    *totals = state.totals;
    leave();
}

bool zp_profile_site(unsigned number, struct zp_site *site)
{
    if (number >= ZP_PROFILE_SITES || !enter())
        return false;
    *site = tables->sites[number];
    leave();
    return true;
}

// ---- Fork ------------------------------------------------------------------------------------

void zp_profile_lock(void)
{
    if (zp_profile_on)
        zp_lock_take(&state.lock);
}

void zp_profile_unlock(void)
{
    if (zp_profile_on)
        zp_lock_release(&state.lock);
}

void zp_profile_reset(bool whole)
{
    if (!zp_profile_on)
        return;
    if (whole)
        zp_lock_reset(&state.lock);
    bool emptied = whole && zp_os_map_over(tables, table_bytes(), PROT_READ | PROT_WRITE) == 0;
    __atomic_store_n(&state.stopped, !emptied, __ATOMIC_RELAXED);
    if (emptied) {
        state.sites = 1;
        state.buffers = 0;
        state.totals = (struct zp_profile_totals){0};
    }
}
