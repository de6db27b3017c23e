// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library for LD_AUDIT that wants nothing but to be there.

#include <link.h>

__attribute__((visibility("default"))) unsigned la_version(unsigned version);

unsigned la_version(unsigned version)
{
    return version < LAV_CURRENT ? version : LAV_CURRENT;
}
