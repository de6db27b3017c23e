// SPDX-License-Identifier: MIT OR Apache-2.0
//
// read, pread and fread, interposed (reads.c).

#ifndef ZP_PRELOAD_READS_H
#define ZP_PRELOAD_READS_H

// Looks libc's functions up. Called when the library is loaded, or by an earlier read.
void zp_reads_init(void);

#endif
