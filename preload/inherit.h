// SPDX-License-Identifier: MIT OR Apache-2.0
//
// ZEROPOOL_INHERIT=0: programs that this one starts run without the library.
//
// It takes itself out of LD_PRELOAD in the environment that the program sees, from which exec,
// posix_spawn and system take theirs. /proc/PID/environ shows how the process was started all the
// same, since strings are replaced and not changed. A child that only forks keeps the pool.
//
// Not before the library's constructor: a restart for LD_AUDIT (audit.c), which comes earlier,
// still has the library in it. Constructors that run before see the environment as it was.
//
// Locking: none, called when the library is loaded. Fork: nothing to do.

#ifndef ZP_PRELOAD_INHERIT_H
#define ZP_PRELOAD_INHERIT_H

void zp_inherit_end(char **environment);

#endif
