// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How much the pool may retain at the moment, where ZEROPOOL_MAX_MEMORY leaves that to the machine.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_INTERFACE_LIMITS_H
#define ZP_INTERFACE_LIMITS_H

#include "core/decay.h"

// False if it cannot be found out now.
bool zp_limits_now(size_t retained, struct zp_decay_limits *limits);

#endif
