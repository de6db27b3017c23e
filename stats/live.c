// SPDX-License-Identifier: MIT OR Apache-2.0

#include "live.h"

#include "core/syscall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MOST = 512 };

// ---- The folder ------------------------------------------------------------------------------

// False: there is no such place.
static bool folder_path(unsigned place, const char *runtime, char path[PATH_MOST])
{
    int length;
    if (place == 0) {
        if (runtime == NULL || runtime[0] != '/')
            return false;
        length = snprintf(path, PATH_MOST, "%s/zeropool", runtime);
    } else {
        length = snprintf(path, PATH_MOST, "/dev/shm/zeropool-%u", (unsigned)geteuid());
    }
    return length > 0 && length < PATH_MOST;
}

// /dev/shm is everybody's: somebody may have made the folder, or a link of that name.
static bool is_own(int folder)
{
    struct stat about;
    return fstat(folder, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 077) == 0;
}

int zp_live_open_folder(unsigned place, const char *runtime, bool create)
{
    char path[PATH_MOST];
    if (!folder_path(place, runtime, path))
        return -ENOENT;
    if (create && mkdir(path, 0700) != 0 && errno != EEXIST)
        return -errno;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    if (is_own(folder))
        return folder;
    close(folder);
    return -EPERM;
}

// ---- Processes -------------------------------------------------------------------------------

void zp_live_name(pid_t pid, char name[ZP_LIVE_NAME])
{
    snprintf(name, ZP_LIVE_NAME, "%d", (int)pid);
}

pid_t zp_live_pid_of(const char *name)
{
    long pid = 0;
    for (const char *digit = name; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || pid > INT32_MAX / 10)
            return 0;
        pid = 10 * pid + (*digit - '0');
    }
    return pid <= INT32_MAX && name[0] != '0' ? (pid_t)pid : 0;
}

bool zp_live_is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

// The name of the program, in parentheses, may have any letters: what follows the last one counts.
uint64_t zp_live_start_of(pid_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    // By number: in the preloaded library read is a name of its own.
    long length = zp_syscall(SYS_read, fd, text, sizeof(text) - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *at = strrchr(text, ')');
    for (unsigned field = 2; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

void zp_live_clean(int folder)
{
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *files = copy >= 0 ? fdopendir(copy) : NULL;
    if (files == NULL) {
        if (copy >= 0)
            close(copy);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(files)) != NULL;) {
        pid_t pid = zp_live_pid_of(entry->d_name);
        if (pid != 0 && zp_live_is_gone(pid))
            unlinkat(folder, entry->d_name, 0);
    }
    closedir(files);
}
