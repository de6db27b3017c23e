// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The files of /proc and /sys that say what this process may use, and the control groups it is in.
//
// A file that is missing, unreadable or odd is an answer, never a failure: whatever stands in its
// place. Files are read by system calls, which wait for nobody: what is not a file that can be read
// at an offset (a pipe of that name after chroot) is not read. Nothing here allocates or changes
// errno.
//
// Locking: none. Paths and the list of groups are in static memory, as the stack may be a thread's
// smallest: one thread at a time.

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

// Settings that somebody else has just read anyhow: what they were is taken from there. Called once
// for each, before another thread is there.
enum zp_file_setting {
    ZP_FILE_OVERCOMMIT,
    ZP_FILE_HUGE_PAGES,
    ZP_FILE_SETTINGS,
};

extern const char *const zp_file_settings[ZP_FILE_SETTINGS]; // their paths

void zp_file_note(enum zp_file_setting setting, const char *text, size_t length);

// One of them, noted or read.
enum zp_file zp_file_noted(const char *root, enum zp_file_setting setting,
                           char text[ZP_SETTING_MOST]);

// A decimal number at the start of `text`; SIZE_MAX for anything else ("max", "-1", too large).
size_t zp_number_at(const char *text);

// The number behind `name` and a space at the start of a line; SIZE_MAX if there is none.
size_t zp_number_of(const char *text, const char *name);

// ---- Control groups --------------------------------------------------------------------------

// A tree of groups and this process's own group in it.
struct zp_hierarchy {
    const char *mount; // the folder of the tree's top; NULL: there is no such tree
    const char *group; // the path from there, `length` bytes long
    size_t length;
    bool version_2;
};

// Which trees hold the settings of this process. A controller is in one tree only: of version 1 if
// the list of groups names it there, else the one of version 2.
struct zp_groups {
    bool known; // the list could be read
    struct zp_hierarchy memory, cpu;
    struct zp_hierarchy unified; // version 2, whatever it controls
};

// Until the next call: the paths lie in static memory.
void zp_groups_read(const char *root, struct zp_groups *groups);

// A folder on the way between a tree's top and the own group.
//
// The kernel gives a group the files of a controller only if all above it have them; the machine's
// top has none in version 2. In a container the own group's folder may not be there, and the top is
// then the group. Either way, who goes down from the top has seen all there is at the first file
// that is missing below the top.
struct zp_walk {
    struct zp_path folder;
    size_t top;             // length of the top's path
    const char *next, *end; // what is left of the own group's path
};

// At the top, or at the own group. False if there is no such tree.
bool zp_walk_from_top(struct zp_walk *walk, const char *root, const struct zp_hierarchy *hierarchy);
bool zp_walk_from_own(struct zp_walk *walk, const char *root, const struct zp_hierarchy *hierarchy);

static inline bool zp_walk_is_at_top(const struct zp_walk *walk)
{
    return walk->folder.length <= walk->top;
}

// A group further down, towards the own one, or up. False if there is none.
bool zp_walk_down(struct zp_walk *walk);
bool zp_walk_up(struct zp_walk *walk);

#endif
