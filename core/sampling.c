// SPDX-License-Identifier: MIT OR Apache-2.0

#include "sampling.h"

#include "os.h"

enum {
    WINDOW_MS = 64,       // the rate is that of the last so many milliseconds
    EVERY_MOST = 1 << 20, // one of so many is recorded at least
};

void zp_sampling_init(struct zp_sampling *sampling, uint32_t rate)
{
    *sampling =
        (struct zp_sampling){.rate = rate, .every = 1, .window = zp_os_clock(), .random = 1};
}

static uint32_t window_most(const struct zp_sampling *sampling)
{
    uint32_t most = (uint32_t)((uint64_t)sampling->rate * WINDOW_MS / 1000);
    return most != 0 ? most : 1;
}

// A new window begins with what would have been right for the last one.
static void turn_window(struct zp_sampling *sampling, uint32_t now)
{
    uint32_t passed = now - sampling->window;
    if (passed < WINDOW_MS)
        return;
    uint32_t requests = sampling->recorded + sampling->passed, most = window_most(sampling);
    sampling->every = 1;
    while (passed < 2 * WINDOW_MS && requests / sampling->every > most &&
           sampling->every < EVERY_MOST)
        sampling->every *= 2;
    sampling->window = now;
    sampling->recorded = sampling->passed = 0;
}

// Marsaglia's xorshift.
static uint64_t next_random(struct zp_sampling *sampling)
{
    uint64_t x = sampling->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return sampling->random = x;
}

uint32_t zp_sampling_weigh(struct zp_sampling *sampling)
{
    if (sampling->rate == 0)
        return 1;
    turn_window(sampling, zp_os_clock());
    if (sampling->recorded >= window_most(sampling) && sampling->every < EVERY_MOST) {
        sampling->every *= 2;
        sampling->passed += sampling->recorded;
        sampling->recorded = 0;
    }
    bool recorded = (next_random(sampling) >> 32 & (sampling->every - 1)) == 0;
    *(recorded ? &sampling->recorded : &sampling->passed) += 1;
    return recorded ? sampling->every : 0;
}
