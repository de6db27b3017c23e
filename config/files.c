// SPDX-License-Identifier: MIT OR Apache-2.0

#include "files.h"

#include "core/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// /proc/self/cgroup, a line per hierarchy. Not on the stack, which may be a thread's smallest.
static char group_list[4096];

// ---- Files -----------------------------------------------------------------------------------

// Appends; a path that would be too long becomes one that does not exist.
static void path_add(struct zp_path *path, const char *text, size_t length)
{
    if (path->length + length >= ZP_PATH_MOST) {
        path->text[0] = '\0';
        path->length = ZP_PATH_MOST;
        return;
    }
    memcpy(path->text + path->length, text, length);
    path->length += length;
    path->text[path->length] = '\0';
}

static void path_join(struct zp_path *path, const char *root, const char *rest)
{
    path->length = 0;
    path->text[0] = '\0';
    path_add(path, root, strlen(root));
    path_add(path, rest, strlen(rest));
}

// By number, because libc's functions are cancellation points: a thread that is cancelled inside
// malloc would leave the pool half started. Opening a pipe does not wait, and a pipe refuses to be
// read at an offset, so its reader loses nothing.
static enum zp_file read_all(const char *path, char *text, size_t most)
{
    text[0] = '\0';
    int fd =
        (int)zp_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ZP_FILE_ABSENT : ZP_FILE_UNREADABLE;
    // In one go: the kernel writes what is asked for of a file of its own as one text.
    ssize_t got = zp_syscall(SYS_pread64, fd, text, most - 1, (off_t)0);
    zp_syscall(SYS_close, fd);
    text[got > 0 ? got : 0] = '\0';
    return got >= 0 ? ZP_FILE_READ : ZP_FILE_UNREADABLE;
}

enum zp_file zp_file_read(const char *root, const char *rest, char *text, size_t most)
{
    static struct zp_path path; // as group_list
    int saved_errno = errno;
    path_join(&path, root, rest);
    enum zp_file file = read_all(path.text, text, most);
    errno = saved_errno;
    return file;
}

enum zp_file zp_file_setting(const char *root, const char *rest, char text[ZP_SETTING_MOST])
{
    return zp_file_read(root, rest, text, ZP_SETTING_MOST);
}

const char *const zp_file_settings[ZP_FILE_SETTINGS] = {
    "/proc/sys/vm/overcommit_memory",
    "/sys/kernel/mm/transparent_hugepage/enabled",
};

static struct {
    size_t length; // 0: not noted
    char text[32];
} noted[ZP_FILE_SETTINGS];

void zp_file_note(enum zp_file_setting setting, const char *text, size_t length)
{
    if (length >= sizeof(noted[setting].text))
        return;
    memcpy(noted[setting].text, text, length);
    noted[setting].length = length;
}

enum zp_file zp_file_noted(const char *root, enum zp_file_setting setting,
                           char text[ZP_SETTING_MOST])
{
    if (*root != '\0' || noted[setting].length == 0)
        return zp_file_setting(root, zp_file_settings[setting], text);
    memcpy(text, noted[setting].text, sizeof(noted[setting].text)); // ends in zeros
    return ZP_FILE_READ;
}

size_t zp_number_at(const char *text)
{
    size_t number = 0;
    if (*text < '0' || *text > '9')
        return SIZE_MAX;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(number, (size_t)10, &number) ||
            __builtin_add_overflow(number, (size_t)(*text - '0'), &number))
            return SIZE_MAX;
    return number;
}

size_t zp_number_of(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            return zp_number_at(line + length + strspn(line + length, " "));
    }
    return SIZE_MAX;
}

// ---- Control groups --------------------------------------------------------------------------

static bool names(const char *controllers, size_t length, const char *controller)
{
    size_t wanted = strlen(controller);
    for (const char *at = controllers, *end = at + length; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t word = (size_t)((comma != NULL ? comma : end) - at);
        if (word == wanted && memcmp(at, controller, word) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

// A line of the list is "id:controllers:path"; version 2 has no controllers.
static void read_line(const char *line, size_t length, struct zp_groups *groups)
{
    const char *controllers = memchr(line, ':', length);
    if (controllers == NULL)
        return;
    controllers++;
    const char *path = memchr(controllers, ':', length - (size_t)(controllers - line));
    if (path == NULL)
        return;
    size_t listed = (size_t)(path - controllers);
    path++;
    struct zp_hierarchy found = {NULL, path, length - (size_t)(path - line), listed == 0};
    if (listed == 0)
        groups->unified = found;
    if (names(controllers, listed, "memory")) {
        groups->memory = found;
        groups->memory.mount = "/sys/fs/cgroup/memory";
    }
    if (names(controllers, listed, "cpu")) {
        groups->cpu = found;
        groups->cpu.mount = "/sys/fs/cgroup/cpu";
    }
}

// Version 2 is mounted alone, or beside version 1 as "unified". Where version 1 has only trees that
// control nothing or something else, as a container of an old systemd mounts them, it may be
// either.
static const char *unified_mount(const char *root, const struct zp_groups *groups)
{
    static const char alone[] = "/sys/fs/cgroup", beside[] = "/sys/fs/cgroup/unified";
    char text[ZP_SETTING_MOST];
    const char *end = strchr(group_list, '\n');
    if (end == NULL || end[1] == '\0')
        return alone; // the only line
    if (groups->memory.mount != NULL && groups->cpu.mount != NULL)
        return beside;
    enum zp_file look = zp_file_setting(root, "/sys/fs/cgroup/cgroup.controllers", text);
    return look != ZP_FILE_ABSENT ? alone : beside;
}

void zp_groups_read(const char *root, struct zp_groups *groups)
{
    *groups = (struct zp_groups){.known = false};
    enum zp_file file = zp_file_read(root, "/proc/self/cgroup", group_list, sizeof(group_list));
    groups->known = file == ZP_FILE_READ && group_list[0] != '\0';
    for (const char *line = group_list; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        read_line(line, length, groups);
        line += length + (line[length] == '\n');
    }
    if (groups->unified.group != NULL)
        groups->unified.mount = unified_mount(root, groups);
    if (groups->memory.mount == NULL)
        groups->memory = groups->unified;
    if (groups->cpu.mount == NULL)
        groups->cpu = groups->unified;
}

bool zp_walk_from_top(struct zp_walk *walk, const char *root, const struct zp_hierarchy *hierarchy)
{
    if (hierarchy->mount == NULL)
        return false;
    path_join(&walk->folder, root, hierarchy->mount);
    walk->top = walk->folder.length;
    walk->next = hierarchy->group;
    walk->end = hierarchy->group + hierarchy->length;
    return walk->folder.length < ZP_PATH_MOST;
}

bool zp_walk_from_own(struct zp_walk *walk, const char *root, const struct zp_hierarchy *hierarchy)
{
    if (!zp_walk_from_top(walk, root, hierarchy))
        return false;
    while (zp_walk_down(walk)) {
    }
    return walk->folder.length < ZP_PATH_MOST;
}

bool zp_walk_down(struct zp_walk *walk)
{
    while (walk->next < walk->end && *walk->next == '/')
        walk->next++;
    if (walk->next == walk->end)
        return false;
    const char *slash = memchr(walk->next, '/', (size_t)(walk->end - walk->next));
    const char *end = slash != NULL ? slash : walk->end;
    path_add(&walk->folder, "/", 1);
    path_add(&walk->folder, walk->next, (size_t)(end - walk->next));
    walk->next = end;
    return walk->folder.length < ZP_PATH_MOST;
}

bool zp_walk_up(struct zp_walk *walk)
{
    struct zp_path *folder = &walk->folder;
    if (zp_walk_is_at_top(walk))
        return false;
    while (folder->length > walk->top && folder->text[--folder->length] != '/') {
    }
    folder->text[folder->length] = '\0';
    return true;
}
