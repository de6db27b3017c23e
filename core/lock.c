// SPDX-License-Identifier: MIT OR Apache-2.0

#include "lock.h"

ZP_TLS unsigned zp_locks_held;

#ifndef NDEBUG
ZP_TLS struct zp_lock_trail zp_lock_trail;
#endif
