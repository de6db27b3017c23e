// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From what the user asked for and what the machine has to what the pool takes.
//
// Pure: no system calls, no environment. Locking: none.

#ifndef ZP_CONFIG_RESOLVE_H
#define ZP_CONFIG_RESOLVE_H

#include "config/machine.h"
#include "config/options.h"
#include "core/pool.h"

// Bytes of `memory` that the pool may retain unless told otherwise.
size_t zp_budget_share(size_t memory);

// Fills in what is `auto` and writes the whole configuration. `options` have been reconciled
// (config/options.h).
void zp_resolve(const struct zp_options *options, const struct zp_machine *machine,
                struct zp_pool_config *config);

#endif
