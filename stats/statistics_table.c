// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints the statistics as the Markdown table of docs/statistics.md (scripts/docs).

#include "stats/table.h"

#include <stdio.h>

static const char *unit_name(enum zp_stat_unit unit)
{
    return unit == ZP_STAT_BYTES ? "bytes" : unit == ZP_STAT_MICROSECONDS ? "µs" : "";
}

int main(void)
{
    const struct zp_stat *family = zp_stat_table;
    puts("| in JSON | unit | Prometheus | meaning |\n|---|---|---|---|");
    for (size_t i = 0; i < zp_stat_count; i++) {
        const struct zp_stat *stat = &zp_stat_table[i];
        if (stat->kind == ZP_STAT_FAMILY) {
            family = stat;
            continue;
        }
        const char *where = stat->kind == ZP_STAT_OF_CLASS    ? "classes[]"
                            : family->type == ZP_STAT_COUNTER ? "counters"
                                                              : "gauges";
        bool labelled = stat->labels[0] != '\0';
        printf("| `%s.%s` | %s | `zeropool_%s%s%s%s` | %s |\n", where, stat->name,
               unit_name(family->unit), family->name, labelled ? "{" : "", stat->labels,
               labelled ? "}" : "", stat->help);
    }
    return 0;
}
