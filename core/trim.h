// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Trim: giving everything that is retained back to the kernel at once, because the program asks for
// it or because there is no memory.
//
// Locking: see the parts; the caller is inside its own thread cache. Fork: see fork.h.

#ifndef ZP_CORE_TRIM_H
#define ZP_CORE_TRIM_H

#include "thread_cache.h"

// The caches of other threads included, but for those that their threads are using just now, and
// for what the helper has in hand. Returns the bytes.
size_t zp_trim(struct zp_thread_cache *cache);

// The same for what the cache's pool retains, but for what is in quarantine.
size_t zp_trim_pool(struct zp_thread_cache *cache);

#endif
