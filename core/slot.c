// SPDX-License-Identifier: MIT OR Apache-2.0

#include "slot.h"

#define TO(state) (1u << ZP_SLOT_##state)

// What may follow each state.
static const uint16_t steps[ZP_SLOT_STATES] = {
    [ZP_SLOT_COLD] = TO(TAKEN),
    [ZP_SLOT_TAKEN] =
        TO(COLD) | TO(LIVE) | TO(CACHED) | TO(POOLED) | TO(PENDING) | TO(QUARANTINED) | TO(RETIRED),
    [ZP_SLOT_LIVE] = TO(TAKEN) | TO(CACHED),
    [ZP_SLOT_CACHED] = TO(TAKEN) | TO(LIVE),
    [ZP_SLOT_POOLED] = TO(TAKEN),
    [ZP_SLOT_PENDING] = TO(TAKEN),
    [ZP_SLOT_QUARANTINED] = TO(TAKEN),
    [ZP_SLOT_RETIRED] = 0,
};

bool zp_slot_may_step(enum zp_slot_state from, enum zp_slot_state to)
{
    return from < ZP_SLOT_STATES && to < ZP_SLOT_STATES && (steps[from] >> to & 1) != 0;
}
