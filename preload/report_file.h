// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The file that reports go to (ZEROPOOL_STATS=PATH).
//
// A name that is relative is taken from the folder that the program was started in. The file is
// written under another name in the same folder and renamed; where that cannot be, and where the
// name is no regular file, the report is written to what is there.
//
// Locking: one thread at a time. Fork: a child writes to a file of its own if the name has %p, else
// to the same.

#ifndef ZP_PRELOAD_REPORT_FILE_H
#define ZP_PRELOAD_REPORT_FILE_H

#include "config/options.h"

// `path` stays where it is. Called once, at start.
void zp_report_file_init(const char *path);

// 0 or a negative errno, which is also reported, once, in one line.
int zp_report_file_write(enum zp_stats_format format);

#endif
