// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is said about ZEROPOOL_NUMA when the pool starts.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_INTERFACE_NODES_H
#define ZP_INTERFACE_NODES_H

#include "config/machine.h"
#include "config/options.h"

// Says that the node that is named has no memory, if so; zp_resolve takes `auto` then.
void zp_nodes_warn(const struct zp_options *options, const struct zp_machine *machine);

#endif
