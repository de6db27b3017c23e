// SPDX-License-Identifier: MIT OR Apache-2.0

#include "peak.h"

#include "budget.h"
#include "commit.h"
#include "os.h"
#include "spread.h"
#include "usage.h"

// After a look there is none for so many times as long as it took.
enum { PAUSE_TIMES = 32 };

struct held {
    uint64_t born; // bytes that its thread had requested before it: the order within a thread
    size_t usable;
};

ZP_FROZEN bool zp_peak_is_on = false;

static struct {
    bool busy;            // a thread looks
    size_t bytes;         // held at the peak, by the totals
    uint32_t looked;      // on the stopwatch: when the last look ended
    uint32_t pause;       // microseconds from then until the next
    unsigned count;       // of `buffers`
    struct held *buffers; // ZP_PREWARM_MOST
} peak;

void zp_peak_init(bool on)
{
    void *buffers;
    zp_peak_is_on = on && zp_os_map(ZP_PREWARM_MOST * sizeof(struct held), PROT_READ | PROT_WRITE,
                                    &buffers) == 0;
    if (zp_peak_is_on)
        peak.buffers = buffers;
}

// ---- Looking ---------------------------------------------------------------------------------

static size_t held_now(void)
{
    size_t committed = zp_commit_bytes(), retained = zp_budget_used();
    return committed > retained ? committed - retained : 0;
}

static size_t held_at_peak(void)
{
    return __atomic_load_n(&peak.bytes, __ATOMIC_RELAXED);
}

static bool begin(void)
{
    return !__atomic_exchange_n(&peak.busy, true, __ATOMIC_ACQUIRE);
}

static void end(void)
{
    __atomic_store_n(&peak.busy, false, __ATOMIC_RELEASE);
}

ZP_RACY static void note(const struct zp_slot *slot)
{
    size_t usable = slot->usable;
    if (peak.count == ZP_PREWARM_MOST || slot->pool != 0 || slot->mapping != ZP_MAPPING_PLAIN ||
        usable == 0)
        return;
    if (slot->content == ZP_CONTENT_RESIDENT || zp_usage_in_memory(slot->base, usable))
        peak.buffers[peak.count++] = (struct held){slot->born, usable};
}

static void look(size_t held)
{
    uint32_t start = zp_os_stopwatch();
    peak.count = 0;
    zp_arena_visit_live(note);
    __atomic_store_n(&peak.bytes, held, __ATOMIC_RELAXED);
    uint32_t now = zp_os_stopwatch();
    __atomic_store_n(&peak.looked, now, __ATOMIC_RELAXED);
    __atomic_store_n(&peak.pause, (now - start) * PAUSE_TIMES, __ATOMIC_RELAXED);
}

static bool is_time(void)
{
    return zp_os_stopwatch() - __atomic_load_n(&peak.looked, __ATOMIC_RELAXED) >=
           __atomic_load_n(&peak.pause, __ATOMIC_RELAXED);
}

void zp_peak_look(void)
{
    size_t held = held_now();
    if (held <= held_at_peak() || !is_time() || !begin())
        return;
    look(held);
    end();
}

// ---- The list --------------------------------------------------------------------------------

// Shell's sort: in place, and fast enough for a table of this length.
static void sort_by_birth(void)
{
    for (unsigned gap = peak.count / 2; gap != 0; gap /= 2)
        for (unsigned i = gap; i < peak.count; i++) {
            struct held buffer = peak.buffers[i];
            unsigned at = i;
            for (; at >= gap && peak.buffers[at - gap].born > buffer.born; at -= gap)
                peak.buffers[at] = peak.buffers[at - gap];
            peak.buffers[at] = buffer;
        }
}

unsigned zp_peak_list(struct zp_prewarm *list)
{
    unsigned entries = 0;
    if (!zp_peak_is_on || !begin())
        return 0;
    size_t held = held_now();
    if (held > held_at_peak())
        look(held);
    sort_by_birth();
    for (unsigned i = 0; i < peak.count; i++) {
        size_t size = zp_spread_size(peak.buffers[i].usable);
        if (entries != 0 && list[entries - 1].size == size)
            list[entries - 1].count++;
        else
            list[entries++] = (struct zp_prewarm){size, 1};
    }
    end();
    return entries;
}
