// SPDX-License-Identifier: MIT OR Apache-2.0

#include "interface/nodes.h"

#include "core/log.h"

void zp_nodes_warn(const struct zp_options *options, const struct zp_machine *machine)
{
    if (options->numa >= 0 && !zp_node_set_has(&machine->nodes.memory, (unsigned)options->numa))
        zp_log(ZP_LOG_WARNING, "ZEROPOOL_NUMA names a node that has no memory; using auto", NULL);
}
