// SPDX-License-Identifier: MIT OR Apache-2.0
//
// prctl and seccomp are interposed to notice that the program installs a filter of system calls.
//
// Such a filter allows the calls that the program needs. A call of the library beyond those may end
// the program. So the pool, whose start reads files, is started before the filter is installed.
// Afterwards it only makes the calls that any malloc makes (zp_os_restrict). PR_SET_NO_NEW_PRIVS
// alone restricts nothing: programs set it for Landlock, or as a precaution. But it comes before a
// filter, and before rules that forbid to read files, so the pool starts then too.
//
// A filter that was installed before the program started, or without libc, is not noticed.
// docs/design.md says what it has to allow.
//
// Fork: a child inherits the filter and the restriction. A filter that a child with its parent's
// memory (vfork) installs does not restrict the parent.

#ifndef ZP_PRELOAD_SANDBOX_H
#define ZP_PRELOAD_SANDBOX_H

#include <stdbool.h>

// The same as prctl(option, ...) and seccomp(operation, flags, argument); `arguments` are four.
int zp_sandbox_prctl(int option, const long *arguments);
int zp_sandbox_seccomp(unsigned operation, unsigned flags, void *argument);

// Whether this is a child that shares its parent's memory (vfork): what it does there may not
// depend on threads or descriptors. A system call; false once there is a filter.
bool zp_sandbox_is_borrowed(void);

// Called in the child of a fork: records that it owns its memory.
void zp_sandbox_child(void);

#endif
