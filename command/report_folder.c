// SPDX-License-Identifier: MIT OR Apache-2.0

#include "report_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "zeropool-check-", pattern[] = "XXXXXX";

enum { ATTEMPTS = 16 };

static const char *parent(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL && *folder == '/' ? folder : "/tmp";
}

static bool is_named_so(const char *name)
{
    return strncmp(name, prefix, sizeof(prefix) - 1) == 0 &&
           strlen(name) == sizeof(prefix) + sizeof(pattern) - 2;
}

static int open_folder(int in, const char *name)
{
    return openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_reports(int folder)
{
    int fd = open_folder(folder, ".");
    DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *entry; files != NULL && (entry = readdir(files)) != NULL;)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
            unlinkat(folder, entry->d_name, 0);
    if (files != NULL)
        closedir(files);
}

// ---- Those of processes that were killed -----------------------------------------------------

static bool is_abandoned(int folder)
{
    struct stat about;
    return fstat(folder, &about) == 0 && about.st_uid == geteuid() &&
           (about.st_mode & 07777) == 0700 && flock(folder, LOCK_EX | LOCK_NB) == 0;
}

static void remove_if_abandoned(int in, const char *name)
{
    int folder = open_folder(in, name);
    if (folder < 0)
        return;
    if (is_abandoned(folder)) {
        remove_reports(folder);
        unlinkat(in, name, AT_REMOVEDIR);
    }
    close(folder);
}

static void remove_abandoned(void)
{
    DIR *folders = opendir(parent());
    for (const struct dirent *entry; folders != NULL && (entry = readdir(folders)) != NULL;)
        if (is_named_so(entry->d_name))
            remove_if_abandoned(dirfd(folders), entry->d_name);
    if (folders != NULL)
        closedir(folders);
}

// ---- One's own -------------------------------------------------------------------------------

// False if another process took the folder for abandoned before it was locked, and removes it.
static bool hold(int folder)
{
    struct stat about;
    if (flock(folder, LOCK_EX | LOCK_NB) != 0)
        return errno != EWOULDBLOCK;
    return fstat(folder, &about) != 0 || about.st_nlink > 0;
}

int zp_report_folder_make(struct zp_report_folder *folder)
{
    remove_abandoned();
    for (int i = 0; i < ATTEMPTS; i++) {
        if ((size_t)snprintf(folder->path, sizeof(folder->path), "%s/%s%s", parent(), prefix,
                             pattern) >= sizeof(folder->path))
            return -ENAMETOOLONG;
        if (mkdtemp(folder->path) == NULL)
            return -errno;
        folder->fd = open_folder(AT_FDCWD, folder->path);
        if (folder->fd < 0 && errno != ENOENT) {
            int error = -errno;
            rmdir(folder->path);
            return error;
        }
        if (folder->fd >= 0 && hold(folder->fd))
            return 0;
        if (folder->fd >= 0)
            close(folder->fd);
    }
    return -EBUSY;
}

void zp_report_folder_remove(struct zp_report_folder *folder)
{
    remove_reports(folder->fd);
    rmdir(folder->path);
    close(folder->fd);
}
