// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the rest of the preloaded library may know of the entry points.

#ifndef ZP_PRELOAD_ENTRY_H
#define ZP_PRELOAD_ENTRY_H

#include <stdbool.h>

// Whether the program calls this library's malloc. It does not if it brings its own, or if another
// library with a malloc was loaded before.
bool zp_serves_program(void);

#endif
