// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Processes that this command starts and waits for.
//
// A caller may ignore SIGCHLD, and exec keeps that. The kernel would then forget how children
// end, and waiting for one would fail. So it is not ignored here, and programs get it as it was.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_CHILDREN_H
#define ZP_COMMAND_CHILDREN_H

// From here on children can be waited for.
void zp_children_expect(void);

// SIGCHLD is as the caller had it: before a program is started.
void zp_children_restore(void);

#endif
