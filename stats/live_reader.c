// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What reads live files: apart from live.c because the preloaded library, which defines names that
// this calls, has no use for it.

#include "live.h"

#include "stats/table.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 200 };

// ---- Stale files -----------------------------------------------------------------------------

// Whether a process maps a file: false only if its mappings can be read and none is of the file.
static bool may_map(pid_t pid, const struct stat *about)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL)
        return true;
    bool found = false, any = false;
    char *line = NULL;
    size_t room = 0;
    while (!found && getline(&line, &room, maps) > 0) {
        unsigned long long inode = 0;
        any = true;
        found = sscanf(line, "%*s %*s %*s %*s %llu", &inode) == 1 && inode == about->st_ino;
    }
    free(line);
    fclose(maps);
    return found || !any;
}

static bool is_stale(const struct zp_live *live, pid_t pid, const struct stat *about)
{
    uint64_t started = zp_live_start_of(pid);
    return zp_live_is_gone(pid) || live->pid != (uint32_t)pid ||
           (started != 0 && live->started != 0 && started != live->started) || !may_map(pid, about);
}

// ---- Reading ---------------------------------------------------------------------------------

enum zp_live_result zp_live_check(const void *bytes, size_t length)
{
    const struct zp_live *live = bytes;
    if (length < sizeof(*live) || memcmp(live->magic, ZP_LIVE_MAGIC, sizeof(live->magic)) != 0 ||
        live->version != ZP_LIVE_VERSION || live->size != sizeof(*live) ||
        live->signature != zp_stat_signature() ||
        memchr(live->program, '\0', sizeof(live->program)) == NULL ||
        memchr(live->library, '\0', sizeof(live->library)) == NULL)
        return ZP_LIVE_FOREIGN;
    return live->sequence % 2 == 0 ? ZP_LIVE_READ : ZP_LIVE_BUSY;
}

static bool read_sequence(int fd, uint32_t *sequence)
{
    return pread(fd, sequence, sizeof(*sequence), offsetof(struct zp_live, sequence)) ==
           sizeof(*sequence);
}

// The kernel copies bytes in any order, so the sequence is read by itself before and after.
static enum zp_live_result read_file(int fd, struct zp_live *live)
{
    enum zp_live_result result = ZP_LIVE_BUSY;
    for (unsigned i = 0; i < TRIES && result == ZP_LIVE_BUSY; i++) {
        uint32_t before, after;
        if (!read_sequence(fd, &before))
            return ZP_LIVE_FOREIGN;
        ssize_t length = pread(fd, live, sizeof(*live), 0);
        result = zp_live_check(live, length > 0 ? (size_t)length : 0);
        if (result == ZP_LIVE_READ && (!read_sequence(fd, &after) || before != after))
            result = ZP_LIVE_BUSY;
        if (result == ZP_LIVE_BUSY)
            usleep(100); // a write takes some microseconds, but the writer may lose its CPU
    }
    return result;
}

static enum zp_live_result read_in(int folder, pid_t pid, struct zp_live *live)
{
    char name[ZP_LIVE_NAME];
    struct stat about;
    zp_live_name(pid, name);
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return ZP_LIVE_ABSENT;
    enum zp_live_result result = ZP_LIVE_FOREIGN;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid())
        result = read_file(fd, live);
    close(fd);
    if (zp_live_is_gone(pid) || (result == ZP_LIVE_READ && is_stale(live, pid, &about))) {
        unlinkat(folder, name, 0);
        result = ZP_LIVE_STALE;
    }
    return result;
}

enum zp_live_result zp_live_read(pid_t pid, struct zp_live *live)
{
    enum zp_live_result result = ZP_LIVE_ABSENT;
    for (unsigned place = 0; place < ZP_LIVE_PLACES && result == ZP_LIVE_ABSENT; place++) {
        int folder = zp_live_open_folder(place, getenv("XDG_RUNTIME_DIR"), false);
        if (folder < 0)
            continue;
        result = read_in(folder, pid, live);
        close(folder);
    }
    return result;
}

// ---- All of them -----------------------------------------------------------------------------

// Adds a process in its place, once.
static size_t insert(pid_t *pids, size_t count, size_t most, pid_t pid)
{
    size_t at = count < most ? count : most;
    while (at > 0 && pids[at - 1] > pid)
        at--;
    if (at > 0 && pids[at - 1] == pid)
        return count;
    if (at < most) {
        size_t behind = (count < most ? count : most - 1) - at;
        memmove(pids + at + 1, pids + at, behind * sizeof(*pids));
        pids[at] = pid;
    }
    return count + 1;
}

static size_t list_in(int folder, pid_t *pids, size_t count, size_t most)
{
    DIR *files = fdopendir(folder);
    if (files == NULL) {
        close(folder);
        return count;
    }
    rewinddir(files); // its position is that of the copy that zp_live_clean read
    for (const struct dirent *entry; (entry = readdir(files)) != NULL;) {
        pid_t pid = zp_live_pid_of(entry->d_name);
        if (pid != 0)
            count = insert(pids, count, most, pid);
    }
    closedir(files);
    return count;
}

size_t zp_live_list(pid_t *pids, size_t most)
{
    size_t count = 0;
    for (unsigned place = 0; place < ZP_LIVE_PLACES; place++) {
        int folder = zp_live_open_folder(place, getenv("XDG_RUNTIME_DIR"), false);
        if (folder < 0)
            continue;
        zp_live_clean(folder);
        count = list_in(folder, pids, count, most);
    }
    return count;
}
