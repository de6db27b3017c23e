// SPDX-License-Identifier: MIT OR Apache-2.0

#include "depth.h"

#include "os.h"

enum {
    // A measurement takes as long as this, and as many parts per reader.
    MEASURE_US = 5000,
    MEASURE_PARTS = 2,
    // More readers have to gain a sixth. Two may gain nothing where four do: they share what the
    // kernel knows of the order in which a file is read, so it stops reading ahead, which had been
    // as good as a second reader.
    GAIN_PARTS = 6,
    TIMES_AS_MANY = 4,
    VALID_MS = 2000,
};

// What was found last, of one device. If two threads write at once, a number of readers may go with
// the wrong rate: a worse choice for one read.
static struct {
    uint64_t device;
    uint64_t best;
    uint32_t readers; // 0: nothing
    uint32_t settled;
    uint32_t when; // in milliseconds
} known;

static uint32_t get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static bool is_known(uint64_t device)
{
    return get(&known.readers) != 0 && __atomic_load_n(&known.device, __ATOMIC_RELAXED) == device &&
           zp_os_clock() - get(&known.when) <= VALID_MS;
}

void zp_depth_begin(struct zp_depth *depth, uint64_t device)
{
    *depth = (struct zp_depth){.device = device, .readers = 1, .start = zp_os_stopwatch()};
    if (!is_known(device))
        return;
    depth->readers = get(&known.readers);
    depth->settled = get(&known.settled) != 0;
    depth->best = __atomic_load_n(&known.best, __ATOMIC_RELAXED);
}

void zp_depth_end(const struct zp_depth *depth)
{
    if (depth->settled && is_known(depth->device) && get(&known.settled))
        return; // so that it is measured again in time
    __atomic_store_n(&known.device, depth->device, __ATOMIC_RELAXED);
    __atomic_store_n(&known.best, depth->best, __ATOMIC_RELAXED);
    set(&known.settled, depth->settled);
    set(&known.when, zp_os_clock());
    set(&known.readers, depth->readers);
}

static void judge(struct zp_depth *depth, uint64_t rate)
{
    if (rate <= depth->best + depth->best / GAIN_PARTS) {
        depth->readers /= TIMES_AS_MANY;
        depth->settled = true;
        return;
    }
    depth->best = rate;
    depth->settled = depth->readers == ZP_DEPTH_MOST;
    if (!depth->settled)
        depth->readers *= TIMES_AS_MANY;
}

void zp_depth_measure(struct zp_depth *depth, size_t bytes, size_t part)
{
    uint32_t time = zp_os_stopwatch() - depth->start;
    size_t read = bytes - depth->bytes;
    if (depth->settled || time < MEASURE_US || read < part * MEASURE_PARTS * depth->readers)
        return;
    judge(depth, (uint64_t)read * 1000000 / time);
    depth->start += time;
    depth->bytes = bytes;
}
