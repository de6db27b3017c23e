// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pressure.h"

#include "config/memory.h"
#include "core/os.h"

enum {
    STALE_MS = 2000,   // an older reading is not compared with
    STALLED_PART = 10, // a tenth of the time
};

static struct {
    struct zp_strain strain;
    uint32_t at; // zp_os_clock when it was read
    bool known;
} last;

// A group that is at its limit is not short of memory if half of that only caches files.
static bool is_scarce(void)
{
    struct zp_memory memory;
    return !zp_memory_look("", &memory) || memory.available < memory.total / 2;
}

bool zp_pressure_has_come(void)
{
    if (zp_os_is_restricted())
        return false;
    struct zp_strain strain, before = last.strain;
    uint32_t now = zp_os_clock(), passed = now - last.at;
    bool known = last.known && passed <= STALE_MS;
    zp_strain_look("", &strain);
    last.strain = strain;
    last.at = now;
    last.known = true;
    if (!known)
        return false;
    size_t stalled = strain.stalled > before.stalled ? strain.stalled - before.stalled : 0;
    return stalled > (size_t)passed * 1000 / STALLED_PART ||
           (strain.refused > before.refused && is_scarce());
}
