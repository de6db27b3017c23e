// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The report: one page about what was intercepted and what the pool did with it.
//
// Not for allocation paths: it formats with snprintf, and takes the locks that sums take.

#ifndef ZP_PRELOAD_REPORT_H
#define ZP_PRELOAD_REPORT_H

// Remembers where stderr goes: many programs close it before the library is unloaded.
void zp_report_prepare(void);

// Writes the report to the stderr that zp_report_prepare saw, if it is still there.
void zp_report_at_exit(void);

// Writes the report to a file descriptor.
void zp_report_write(int fd);

#endif
