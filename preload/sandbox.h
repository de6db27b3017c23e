// SPDX-License-Identifier: MIT OR Apache-2.0
//
// prctl and seccomp, to hear that the program puts itself under a filter of system calls.
//
// Such a filter lists what the program needs, and whatever the library asks for beyond that may end
// it. So when one is about to be installed the pool is started, as that reads files, and once it
// is, makes only the calls that any malloc makes (zp_os_restrict). PR_SET_NO_NEW_PRIVS alone
// restricts nothing: programs set it for Landlock, or as a precaution. But it comes before a
// filter, and before files may no longer be read, so the pool starts then, too.
//
// A filter that was there before the program, or is installed without libc, is not heard of:
// docs/design.md says what it has to allow.
//
// Fork: a child inherits the filter and keeps to it. A child that shares its parent's memory
// (vfork) changes nothing: the filter is its own alone.

#ifndef ZP_PRELOAD_SANDBOX_H
#define ZP_PRELOAD_SANDBOX_H

// As prctl(option, ...) and seccomp(operation, flags, argument) of libc; `arguments` are four.
int zp_sandbox_prctl(int option, const long *arguments);
int zp_sandbox_seccomp(unsigned operation, unsigned flags, void *argument);

// For the child of a fork: its memory is its own, before children of its own can share it.
void zp_sandbox_child(void);

#endif
