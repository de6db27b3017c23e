// SPDX-License-Identifier: MIT OR Apache-2.0

#include "command/export.h"

#include <string.h>

bool zp_weight_of(const struct zp_site *site, const char *by, uint64_t *weight)
{
    const struct {
        const char *name;
        uint64_t is;
    } weights[] = {{"bytes", site->bytes},
                   {"requests", site->count},
                   {"fresh", site->fresh},
                   {"peak", site->peak_bytes},
                   {"live", site->live_bytes}};
    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
        if (strcmp(by, weights[i].name) == 0) {
            *weight = weights[i].is;
            return true;
        }
    return false;
}

// A semicolon would end the name.
static void put_name(FILE *to, const char *name)
{
    for (; *name != '\0'; name++)
        putc(*name == ';' ? ',' : *name, to);
}

void zp_export_folded(FILE *to, const struct zp_profile_file *file,
                      const struct zp_symbols *symbols, const char *by)
{
    for (unsigned i = 0; i < file->site_count; i++) {
        const struct zp_profile_site *site = &file->sites[i];
        uint64_t weight;
        if (!zp_weight_of(&site->is, by, &weight) || weight == 0)
            continue;
        put_name(to, file->program);
        for (uint32_t frame = site->is.depth; frame-- > 0;) {
            putc(';', to);
            put_name(to, zp_symbol_of(symbols, site->frames[frame])->function);
        }
        if (site->is.depth == 0)
            fputs(";[other]", to);
        fprintf(to, " %llu\n", (unsigned long long)weight);
    }
}
