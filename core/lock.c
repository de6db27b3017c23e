// SPDX-License-Identifier: MIT OR Apache-2.0

#include "lock.h"

ZP_TLS bool zp_lock_holds_all;

#ifndef NDEBUG
ZP_TLS struct zp_lock_trail zp_lock_trail;
#endif
