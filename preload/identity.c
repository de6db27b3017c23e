// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tells this library from others, and its version, for a reader of the file: the command
// `zeropool` does not load what it preloads into others (command/library.c looks for this text).

#include "interface/version.h"

__attribute__((used)) static const char identity[] = "zeropool-library-version=" ZP_VERSION;
