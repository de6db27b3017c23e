// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A profile in the formats of other tools, and as a page.
//
// Each writes to a stream; errors of the stream are the caller's to find.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_EXPORT_H
#define ZP_COMMAND_EXPORT_H

#include "command/profile_file.h"
#include "command/symbols.h"

#include <stdio.h>

// A number of a site by one of the names that report_flags lists; false if there is no such name.
bool zp_weight_of(const struct zp_site *site, const char *by, uint64_t *weight);

// A line per site: its functions, outermost first, separated by semicolons, and a weight.
void zp_export_folded(FILE *to, const struct zp_profile_file *file,
                      const struct zp_symbols *symbols, const char *by);

// pprof's profile.proto, compressed with gzip's format, though not made smaller.
void zp_export_pprof(FILE *to, const struct zp_profile_file *file,
                     const struct zp_symbols *symbols);

// A page that needs nothing else.
void zp_export_page(FILE *to, const struct zp_profile_file *file, const struct zp_symbols *symbols);

#endif
