// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What setting a call site would gain from.
//
// Advice is made from what was recorded, by rules that advice.c and docs/profile.md list. None is
// better than a guess: most sites get none.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_ADVICE_H
#define ZP_COMMAND_ADVICE_H

#include "command/profile_file.h"

struct zp_advice {
    char setting[96]; // NAME=VALUE; "" if no setting helps
    char why[192];    // a sentence; "" if there is nothing to say
};

struct zp_advice zp_advice_for(const struct zp_profile_file *file,
                               const struct zp_profile_site *site);

// The settings of all sites together, separated by spaces: each name once.
void zp_advice_together(const struct zp_profile_file *file, char *line, size_t most);

#endif
