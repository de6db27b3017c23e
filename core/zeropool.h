/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a program may ask of zeropool by name. The preloaded library exports it; a program that is
 * to run without the library too declares the function weak and looks whether it is there.
 */

#ifndef ZEROPOOL_H
#define ZEROPOOL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gives back to the kernel all that the pool retains, the caches of other threads included but for
 * those that their threads are at just now. Returns the bytes given back, 0 if there were none or
 * the pool is off. Any thread may call it at any time, but a signal handler; errno stays. */
size_t zeropool_trim(void);

#ifdef __cplusplus
}
#endif

#endif
