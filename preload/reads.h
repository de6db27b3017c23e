// SPDX-License-Identifier: MIT OR Apache-2.0
//
// read, pread and fread as the program calls them (reads.c).

#ifndef ZP_PRELOAD_READS_H
#define ZP_PRELOAD_READS_H

// Finds libc's functions. Called once, when the library is loaded; until then each call does.
void zp_reads_init(void);

#endif
