// SPDX-License-Identifier: MIT OR Apache-2.0

#include "frozen.h"

#include "core/os.h"

extern char zp_frozen_start[], zp_frozen_end[]; // frozen.ld

void zp_freeze(void)
{
    zp_os_protect(zp_frozen_start, (size_t)(zp_frozen_end - zp_frozen_start), PROT_READ);
}
