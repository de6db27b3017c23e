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

// Bytes that the pool may retain unless told otherwise, when it retains so many.
size_t zp_budget_share(const struct zp_memory *memory, size_t retained);

// Bytes from which on all that is retained is marked as reclaimable at once.
size_t zp_unmarked_share(const struct zp_memory *memory);

// What zp_resolve needs to know of the machine with these options.
struct zp_machine_wants zp_machine_wanted(const struct zp_options *options);

// Fills in what is `auto` and writes the whole configuration. `options` have been reconciled
// (config/options.h).
void zp_resolve(const struct zp_options *options, const struct zp_machine *machine,
                struct zp_pool_config *config);

#endif
