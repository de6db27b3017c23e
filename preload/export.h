// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Marks a symbol as visible to the program; all others are hidden. Each name is in exports.map too.

#ifndef ZP_PRELOAD_EXPORT_H
#define ZP_PRELOAD_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
