// SPDX-License-Identifier: MIT OR Apache-2.0

#include "timeline.h"

#include "os.h"

#include <string.h>

static struct {
    bool busy;
    bool begun;
    unsigned count;
    uint32_t start, last, every; // on the clock, in milliseconds
    struct zp_point points[ZP_TIMELINE_MOST];
} line;

bool zp_timeline_is_due(void)
{
    uint32_t now = zp_os_clock();
    if (__atomic_load_n(&line.begun, __ATOMIC_RELAXED) &&
        now - __atomic_load_n(&line.last, __ATOMIC_RELAXED) <
            __atomic_load_n(&line.every, __ATOMIC_RELAXED))
        return false;
    return !__atomic_exchange_n(&line.busy, true, __ATOMIC_ACQUIRE);
}

static void halve(void)
{
    for (unsigned i = 0; i < ZP_TIMELINE_MOST / 2; i++) {
        const struct zp_point *two = &line.points[(size_t)2 * i];
        line.points[i] = two[two[1].live > two[0].live];
    }
    line.count = ZP_TIMELINE_MOST / 2;
    __atomic_store_n(&line.every, line.every * 2, __ATOMIC_RELAXED);
}

void zp_timeline_add(struct zp_point point)
{
    uint32_t now = zp_os_clock();
    if (!line.begun) {
        line.start = now;
        line.every = ZP_TIMELINE_FIRST_MS;
    }
    if (line.count == ZP_TIMELINE_MOST)
        halve();
    point.ms = now - line.start;
    line.points[line.count++] = point;
    __atomic_store_n(&line.last, now, __ATOMIC_RELAXED);
    __atomic_store_n(&line.begun, true, __ATOMIC_RELAXED);
    __atomic_store_n(&line.busy, false, __ATOMIC_RELEASE);
}

unsigned zp_timeline_points(struct zp_point points[ZP_TIMELINE_MOST])
{
    if (__atomic_exchange_n(&line.busy, true, __ATOMIC_ACQUIRE))
        return 0;
    unsigned count = line.count;
    memcpy(points, line.points, count * sizeof(*points));
    __atomic_store_n(&line.busy, false, __ATOMIC_RELEASE);
    return count;
}

void zp_timeline_reset(void)
{
    line.begun = line.busy = false;
    line.count = 0;
}
