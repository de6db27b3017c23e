// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Start-up of the pool in a linked library: at the first call that needs it, from the options in
// the environment. What belongs to the preloaded library alone has no effect here: reports,
// profiles, the live file, shared reads, what was learned.
//
// Fork: handlers are registered when the library is loaded. Those of libraries that register later
// run outside of ours and may use the pool; those of libraries that were there before may not.

#ifndef ZP_LINKED_START_H
#define ZP_LINKED_START_H

// Starts the pool once; it stays off where there are no addresses for it.
void zp_linked_start(void);

#endif
