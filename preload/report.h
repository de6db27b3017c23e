// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The report: what was intercepted and what the pool did with it, as a page for people, as JSON or
// as Prometheus text.
//
// Not for allocation paths or signal handlers: it formats with snprintf, and takes locks to add up
// the counters.

#ifndef ZP_PRELOAD_REPORT_H
#define ZP_PRELOAD_REPORT_H

#include "config/options.h"
#include "core/stats.h"

// What the pool and jemalloc hold and have done.
void zp_report_take(struct zp_pool_stats *stats);

// Writes a report to a file descriptor. 0 or a negative errno.
int zp_report_write(int fd, enum zp_stats_format format);

#endif
