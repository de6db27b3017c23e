// SPDX-License-Identifier: MIT OR Apache-2.0

#include "profiles.h"

#include <string.h>

const struct zp_profile zp_profiles[] = {
    {"loader",
     "a program that reads large files into memory, such as one that loads a checkpoint",
     {{"ZEROPOOL_READ", "parallel"}, {"ZEROPOOL_PREWARM", "learn"}}},
    {"server",
     "a program that does not end: idle memory goes back although it makes no request, and "
     "zeropool top shows it",
     {{"ZEROPOOL_DECAY_BY", "thread"}, {"ZEROPOOL_LIVE", "on"}}},
    {"debug",
     "finds writes after free and overruns; slow, and takes more memory",
     {{"ZEROPOOL_CHECK", "full"}, {"ZEROPOOL_STACKS", "on"}, {"ZEROPOOL_VERBOSE", "1"}}},
    {NULL, NULL, {{NULL, NULL}}},
};

const struct zp_profile *zp_profile_find(const char *name)
{
    for (const struct zp_profile *profile = zp_profiles; profile->name != NULL; profile++)
        if (strcmp(profile->name, name) == 0)
            return profile;
    return NULL;
}

const char *zp_profile_names(void)
{
    return "loader, server or debug";
}
