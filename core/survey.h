// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A survey: what the buffers of each size class are at just now, found by reading all records.
//
// Takes some microseconds for a thousand slots that were ever in use, so it is for reports. The
// fast paths pay nothing for it.
//
// Locking: none. The slots are other threads', which change them meanwhile: one that changes its
// state may be counted as what it was, as what it becomes, or with the bytes of the other.
// Fork: nothing to do.

#ifndef ZP_CORE_SURVEY_H
#define ZP_CORE_SURVEY_H

#include "stats.h"

// Fills in the classes and the bytes for which huge pages are advised.
void zp_survey(struct zp_pool_stats *stats);

#endif
