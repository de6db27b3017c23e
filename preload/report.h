// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The report: one page about what was intercepted and what the pool did with it.
//
// Not for allocation paths: it formats with snprintf, and takes locks to add up the counters.

#ifndef ZP_PRELOAD_REPORT_H
#define ZP_PRELOAD_REPORT_H

// Duplicates stderr, as many programs close it before they end.
void zp_report_prepare(void);

// Writes the report to stderr, or to the duplicate if the program has closed it.
void zp_report_at_exit(void);

// Writes the report to a file descriptor.
void zp_report_write(int fd);

#endif
