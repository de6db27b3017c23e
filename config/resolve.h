// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Computes the configuration of the pool from the options and the machine.
//
// Pure: no system calls, no environment. Locking: none.

#ifndef ZP_CONFIG_RESOLVE_H
#define ZP_CONFIG_RESOLVE_H

#include "config/machine.h"
#include "config/options.h"
#include "core/pool.h"

// The defaults of the pools that this one descends from: for machines of up to so many CPUs. Of
// these only the least number of buffers per shard is taken from here; docs/design.md says what
// else is.
struct zp_defaults {
    unsigned cpus;
    unsigned shards;
    uint32_t per_shard;
    unsigned thread_cache;
};

enum { ZP_DEFAULTS = 6 };

extern const struct zp_defaults zp_defaults[ZP_DEFAULTS];

// Bytes that the pool may retain with MAX_MEMORY=auto, while it retains `retained`.
size_t zp_budget_share(const struct zp_memory *memory, size_t retained);

// If more bytes than these are retained, all of them are made reclaimable at once (MADV_FREE).
size_t zp_unmarked_share(const struct zp_memory *memory);

// What zp_resolve needs to know of the machine with these options.
struct zp_machine_wants zp_machine_wanted(const struct zp_options *options);

// Fills in what is `auto` and writes the whole configuration. `options` have been reconciled
// (config/options.h) and stay where they are.
void zp_resolve(const struct zp_options *options, const struct zp_machine *machine,
                struct zp_pool_config *config);

#endif
