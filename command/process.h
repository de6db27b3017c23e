// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A running process, as /proc shows it: its program, the library in it, its environment.
//
// Locking: none. The process may end or change at any moment: what cannot be read is empty.

#ifndef ZP_COMMAND_PROCESS_H
#define ZP_COMMAND_PROCESS_H

#include "command/library.h"

#include <stdbool.h>
#include <sys/types.h>

struct zp_process {
    pid_t pid;
    char name[32];          // as ps shows it
    char program[PATH_MAX]; // its file
    char root[32];          // before a path of this process: /proc/PID/root
    char library[PATH_MAX]; // the library that it has mapped, "" if none
    char version[ZP_VERSION_MOST];
    bool secure;        // it was started with the rights of somebody else
    char **environment; // as it was at its start; ends with NULL
};

// ZP_DONE, or a status after a message.
int zp_process_read(pid_t pid, struct zp_process *process);

// The value of a variable, or NULL.
const char *zp_process_variable(const struct zp_process *process, const char *name);

// Whether the process has mapped a file of this name, in any folder; its path then.
bool zp_process_maps(const struct zp_process *process, const char *name, char path[PATH_MAX]);

#endif
