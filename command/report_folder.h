// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The folder that the reports of a program's processes go to, in $TMPDIR or /tmp.
//
// The process that made it removes it. If that is killed, the next that makes one does: a process
// holds a lock on its folder, which ends with it, and is seen from other PID namespaces. Only
// folders of the same user with such a name are touched, and in them only files whose names begin
// with a digit, as those of reports do. Where the file system has no locks, a process removes its
// own folder and no other.
//
// Locking: none, one thread. Fork: a child that runs another program lets go of the lock.

#ifndef ZP_COMMAND_REPORT_FOLDER_H
#define ZP_COMMAND_REPORT_FOLDER_H

#include <limits.h>

struct zp_report_folder {
    char path[PATH_MAX];
    int fd;
};

// 0, or a negative errno.
int zp_report_folder_make(struct zp_report_folder *folder);

// With the reports that are in it.
void zp_report_folder_remove(struct zp_report_folder *folder);

#endif
