// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the program sees of the library: everything else is hidden. Each name stands in exports.map,
// too.

#ifndef ZP_PRELOAD_EXPORT_H
#define ZP_PRELOAD_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
