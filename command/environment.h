// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The environment of a program that is run with the library: its options, and LD_PRELOAD.
//
// Locking: none, one thread. Fork: a child may change its own.

#ifndef ZP_COMMAND_ENVIRONMENT_H
#define ZP_COMMAND_ENVIRONMENT_H

#include "command/arguments.h"

// Sets the options of --profile, and those that were given by name. What is set already and was
// not given stays.
void zp_environment_set_options(const struct zp_arguments *arguments);

// Whether an item of LD_PRELOAD, of so many letters, names zeropool's library.
bool zp_preload_is_own(const char *item, size_t length);

// Puts a library in front of what LD_PRELOAD holds. Copies of zeropool's are taken out of that: two
// at once would each serve a part of the program.
void zp_environment_preload(const char *path);

// Takes all copies of zeropool's library out of LD_PRELOAD, and its options out of the environment.
void zp_environment_without(void);

#endif
