// SPDX-License-Identifier: MIT OR Apache-2.0

#include "team.h"

#include "os.h"
#include "spawn.h"

#include <errno.h>

enum {
    LINGER_MS = 1000,
    // How long a wait lasts before the word is read again: the kernel may refuse to wait or to
    // wake.
    LOOK_AGAIN_MS = 10,
    DISMISS_WAIT_MS = 200,
};

enum state { FREE, CLOSED, OPEN };

struct zp_team_slot {
    uint32_t state;
    uint32_t inside; // members at the work, or looking at the state
    uint32_t limit;  // members that are wanted
    struct zp_team_work *work;
} __attribute__((aligned(ZP_CACHE_LINE)));

static struct {
    struct zp_team_slot slots[ZP_TEAM_WORKS];
    uint32_t members;
    uint32_t sleeping; // members that wait on `calls`
    uint32_t calls;
    uint32_t dismissed;
} team;

static uint32_t get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static uint32_t add(uint32_t *word, int change)
{
    return __atomic_add_fetch(word, (uint32_t)change, __ATOMIC_SEQ_CST);
}

static bool swap(uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// ---- The members -----------------------------------------------------------------------------

static bool is_wanted(struct zp_team_slot *slot)
{
    return get(&slot->state) == OPEN && get(&slot->inside) <= get(&slot->limit);
}

// Does parts of the work while it is open to this member. True if it did one.
static bool do_parts(struct zp_team_slot *slot)
{
    struct zp_team_work *work = slot->work;
    bool did = false;
    bool left = work->join(work);
    while (left && is_wanted(slot)) {
        left = work->part(work);
        did |= left;
    }
    if (!left) // nobody else need come
        swap(&slot->state, OPEN, CLOSED);
    return did;
}

// Counts this member in, if there is room for one more.
static bool enter(struct zp_team_slot *slot)
{
    for (;;) {
        uint32_t inside = get(&slot->inside);
        if (get(&slot->state) != OPEN || inside >= get(&slot->limit))
            return false;
        if (swap(&slot->inside, inside, inside + 1))
            return true;
    }
}

static bool help(struct zp_team_slot *slot)
{
    if (!enter(slot))
        return false;
    bool did = is_wanted(slot) && do_parts(slot);
    if (add(&slot->inside, -1) == 0)
        zp_os_wake(&slot->inside);
    return did;
}

static bool help_all(void)
{
    bool did = false;
    for (unsigned i = 0; i < ZP_TEAM_WORKS; i++)
        did |= help(&team.slots[i]);
    return did;
}

// Waits for a call. False if none came for a while.
static bool wait_for_call(void)
{
    uint32_t calls = get(&team.calls), start = zp_os_clock();
    add(&team.sleeping, 1);
    bool did = help_all();
    int error = 0;
    while (!did && get(&team.calls) == calls && error != -EPERM && error != -ENOSYS &&
           zp_os_clock() - start < LINGER_MS)
        error = zp_os_wait(&team.calls, calls, LINGER_MS);
    add(&team.sleeping, -1);
    return did || get(&team.calls) != calls;
}

static void run(void)
{
    do {
        while (help_all()) {
        }
    } while (!get(&team.dismissed) && wait_for_call());
    // Who opened work before this saw a member more than there is, and is alone.
    add(&team.members, -1);
    zp_os_wake(&team.members);
}

// ---- Opening and closing ---------------------------------------------------------------------

// As many as the works that are open have room for.
static unsigned wanted_members(void)
{
    unsigned wanted = 0;
    for (unsigned i = 0; i < ZP_TEAM_WORKS; i++)
        if (get(&team.slots[i].state) == OPEN)
            wanted += get(&team.slots[i].limit);
    return wanted;
}

static void start_members(unsigned wanted)
{
    if (wanted > ZP_TEAM_MOST)
        wanted = ZP_TEAM_MOST;
    uint32_t members = get(&team.members);
    while (members < wanted) {
        if (!swap(&team.members, members, members + 1)) {
            members = get(&team.members);
        } else if (get(&team.dismissed) || !zp_spawn(run)) { // counted, then looked (Dekker)
            add(&team.members, -1);
            return;
        } else {
            members++;
        }
    }
}

static void wake(unsigned members)
{
    add(&team.calls, 1);
    if (members != 0 && get(&team.sleeping) != 0)
        zp_os_wake_some(&team.calls, members);
}

static void call(unsigned members)
{
    start_members(wanted_members());
    wake(members);
}

bool zp_team_is_allowed(void)
{
    return !zp_os_is_restricted() && !get(&team.dismissed);
}

static struct zp_team_slot *open_work(struct zp_team_work *work, unsigned members)
{
    if (!zp_team_is_allowed())
        return NULL;
    for (unsigned i = 0; i < ZP_TEAM_WORKS; i++) {
        struct zp_team_slot *slot = &team.slots[i];
        if (get(&slot->state) != FREE || !swap(&slot->state, FREE, CLOSED))
            continue;
        slot->work = work;
        set(&slot->limit, members);
        set(&slot->state, OPEN);
        return slot;
    }
    return NULL;
}

struct zp_team_slot *zp_team_open(struct zp_team_work *work, unsigned members)
{
    struct zp_team_slot *slot = open_work(work, members);
    if (slot != NULL)
        call(members);
    return slot;
}

struct zp_team_slot *zp_team_open_to_present(struct zp_team_work *work, unsigned members)
{
    if (members == 0 || get(&team.members) == 0)
        return NULL;
    struct zp_team_slot *slot = open_work(work, members);
    if (slot != NULL)
        wake(members);
    return slot;
}

void zp_team_call_up(unsigned members)
{
    if (zp_team_is_allowed())
        start_members(members);
}

void zp_team_limit(struct zp_team_slot *slot, unsigned members)
{
    uint32_t before = get(&slot->limit);
    set(&slot->limit, members);
    if (members > before)
        call(members);
}

bool zp_team_is_left(const struct zp_team_slot *slot)
{
    return get(&slot->inside) == 0;
}

void zp_team_close(struct zp_team_slot *slot)
{
    set(&slot->state, CLOSED);
    for (uint32_t inside; (inside = get(&slot->inside)) != 0;)
        zp_os_wait(&slot->inside, inside, LOOK_AGAIN_MS);
    set(&slot->state, FREE);
}

unsigned zp_team_open_works(void)
{
    unsigned works = 0;
    for (unsigned i = 0; i < ZP_TEAM_WORKS; i++)
        works += get(&team.slots[i].state) != FREE;
    return works;
}

unsigned zp_team_room(unsigned cpus)
{
    unsigned own = zp_os_cpus(), works = zp_team_open_works() + 1;
    if (cpus > own)
        cpus = own;
    return cpus > works ? cpus - works : 0;
}

void zp_team_dismiss(void)
{
    set(&team.dismissed, 1);
    add(&team.calls, 1);
    zp_os_wake(&team.calls);
    uint32_t members;
    for (unsigned ms = 0; (members = get(&team.members)) != 0 && ms < DISMISS_WAIT_MS;
         ms += LOOK_AGAIN_MS)
        zp_os_wait(&team.members, members, LOOK_AGAIN_MS);
}

void zp_team_allow(void)
{
    set(&team.dismissed, 0);
}

// ---- Fork ------------------------------------------------------------------------------------

void zp_team_reset(void)
{
    for (unsigned i = 0; i < ZP_TEAM_WORKS; i++)
        team.slots[i] = (struct zp_team_slot){FREE, 0, 0, NULL};
    team.members = team.sleeping = team.dismissed = 0;
}
