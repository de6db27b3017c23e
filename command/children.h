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

// A pipe through which a child that becomes a program tells that exec has failed, and which exec
// closes. 0, or an error number.
int zp_children_pipe(int failure[2]);

// In the child: becomes the program, with SIGCHLD as the caller had it.
__attribute__((noreturn)) void zp_children_become(const char *path, char **words,
                                                  const int failure[2]);

// In the parent, which gives up the pipe: 0, or the error of a program that was not started. The
// child is to be waited for in any case.
int zp_children_await_exec(const int failure[2]);

#endif
