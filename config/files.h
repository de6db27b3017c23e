// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The files of /proc and /sys that say what this process may use, and the control groups it is in.
//
// A file that is missing, unreadable or malformed is never a failure. Files are read by system
// calls that do not wait: what cannot be read at an offset (a pipe of that name after chroot) is
// not read. Nothing here allocates or changes errno.
//
// Locking: none; one thread at a time. Paths and the list of groups are in static memory, as the
// calling thread may have the smallest stack.

#ifndef ZP_CONFIG_FILES_H
#define ZP_CONFIG_FILES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ZP_PATH_MOST = 1024,
    ZP_SETTING_MOST = 128, // a file that holds one setting
};

struct zp_path {
    size_t length;
    char text[ZP_PATH_MOST];
};

enum zp_file { ZP_FILE_READ, ZP_FILE_ABSENT, ZP_FILE_UNREADABLE };

// The start of the file `root` followed by `rest` as a string of up to `most` - 1 bytes, empty when
// there is none.
enum zp_file zp_file_read(const char *root, const char *rest, char *text, size_t most);

// The same of a file that holds one setting.
enum zp_file zp_file_setting(const char *root, const char *rest, char text[ZP_SETTING_MOST]);

// A decimal number at the start of `text`; SIZE_MAX for anything else ("max", "-1", too large).
size_t zp_number_at(const char *text);

// The number that follows `name` and a space at the start of a line; SIZE_MAX if there is none.
size_t zp_number_of(const char *text, const char *name);

enum zp_hierarchy {
    ZP_GROUPS_2,      // version 2
    ZP_GROUPS_MEMORY, // version 1
    ZP_GROUPS_CPU,
};

// Calls `visit` with the folder of each group that this process is in, and of all enclosing groups.
// Returns whether the list of groups could be read.
bool zp_groups_visit(const char *root,
                     void (*visit)(const struct zp_path *folder, enum zp_hierarchy hierarchy,
                                   void *context),
                     void *context);

#endif
