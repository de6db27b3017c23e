// SPDX-License-Identifier: MIT OR Apache-2.0

#include "interface/limits.h"

#include "config/resolve.h"
#include "core/os.h"

bool zp_limits_now(size_t retained, struct zp_decay_limits *limits)
{
    struct zp_memory memory;
    if (zp_os_is_restricted() || !zp_memory_look("", &memory))
        return false;
    *limits = (struct zp_decay_limits){
        .budget = zp_budget_share(&memory, retained),
        .unmarked = zp_unmarked_share(&memory),
        .complete = memory.complete,
    };
    return true;
}
