// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A folder that stands in for the root of a machine, with made-up files of /proc and /sys.

#ifndef ZP_TESTS_UNIT_FOLDER_H
#define ZP_TESTS_UNIT_FOLDER_H

#include "support.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

static char folder_root[] = "/tmp/zeropool-machine-XXXXXX";

static inline int folder_remove_entry(const char *path, const struct stat *status, int type,
                                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static inline void folder_make(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder_root));
}

static inline void folder_take_down(void)
{
    nftw(folder_root, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// The whole path, its folders made.
static inline void folder_path(char path[PATH_MAX], const char *rest)
{
    int length = snprintf(path, PATH_MAX, "%s%s", folder_root, rest);
    ck_assert(length > 0 && length < PATH_MAX);
    for (char *slash = path + strlen(folder_root); (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static inline void folder_write(const char *rest, const char *content)
{
    char path[PATH_MAX];
    folder_path(path, rest);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void folder_remove(const char *rest)
{
    char path[PATH_MAX];
    folder_path(path, rest);
    ck_assert(remove(path) == 0 || errno == ENOENT);
}

// Makes a pipe of that name; returns both its ends in one.
static inline int folder_pipe(const char *rest)
{
    char path[PATH_MAX];
    folder_path(path, rest);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    int ends = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(ends, 0);
    return ends;
}

#endif
