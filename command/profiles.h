// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Named sets of options, for --profile. An option that is given by name as well has that value.
//
// Locking: none, they are constant.

#ifndef ZP_COMMAND_PROFILES_H
#define ZP_COMMAND_PROFILES_H

enum { ZP_PROFILE_MOST = 4 };

struct zp_profile {
    const char *name; // NULL ends the list
    const char *help;
    struct {
        const char *name, *value; // NULL: no more
    } settings[ZP_PROFILE_MOST];
};

extern const struct zp_profile zp_profiles[];

// The set of this name, or NULL.
const struct zp_profile *zp_profile_find(const char *name);

// "loader, server or debug"
const char *zp_profile_names(void);

#endif
