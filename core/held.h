// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Descriptors that the library holds files by while it reads from them.
//
// Always holds: a child of a fork has none of them, while another thread takes one or lets it go
// too. For that a fork waits until nobody is in between, for the time of a system call.
//
// Locking: none: a count of those who are in between, and a count of the threads that fork; each
// side stores its own, then loads the other's (Dekker). Both taking one and letting one go wait for
// a fork that is under way. Fork: see above. All is done with signals blocked.

#ifndef ZP_CORE_HELD_H
#define ZP_CORE_HELD_H

#include "base.h"

// A descriptor of the same open file, closed on exec; negative if that fails.
int zp_held_take(int fd);

// Closes it if `may_close` says so, which is asked just before.
void zp_held_let_go(int fd, bool (*may_close)(int fd));

// The forking thread calls these in turn, with all signals blocked.
void zp_held_before_fork(void);
void zp_held_after_fork(void);
void zp_held_in_child(void);

#endif
