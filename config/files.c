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
    size_t length = 0;
    text[0] = '\0';
    int fd =
        (int)zp_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ZP_FILE_ABSENT : ZP_FILE_UNREADABLE;
    ssize_t got = 1;
    while (got > 0 && length < most - 1) {
        got = zp_syscall(SYS_pread64, fd, text + length, most - 1 - length, (off_t)length);
        if (got > 0)
            length += (size_t)got;
    }
    zp_syscall(SYS_close, fd);
    text[length] = '\0';
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

struct visitor {
    void (*visit)(const struct zp_path *folder, enum zp_hierarchy hierarchy, void *context);
    void *context;
};

// A group and all groups above it. In a container the group's own path may not be there; the mount
// point is then the group.
static void visit_groups(const char *root, const char *mount, const char *group,
                         size_t group_length, enum zp_hierarchy hierarchy,
                         const struct visitor *visitor)
{
    struct zp_path folder;
    path_join(&folder, root, mount);
    size_t top = folder.length;
    path_add(&folder, group, group_length);
    while (folder.length < ZP_PATH_MOST) {
        visitor->visit(&folder, hierarchy, visitor->context);
        if (folder.length <= top)
            break;
        while (folder.length > top && folder.text[--folder.length] != '/') {
        }
        folder.text[folder.length] = '\0';
    }
}

// Where the hierarchy of a line of /proc/self/cgroup is mounted: "id:controllers:path". Version 2
// has no controllers; beside version 1 it is mounted as "unified".
static void visit_hierarchy(const char *root, const char *line, size_t length,
                            const struct visitor *visitor)
{
    const char *controllers = memchr(line, ':', length);
    if (controllers == NULL)
        return;
    controllers++;
    const char *group = memchr(controllers, ':', length - (size_t)(controllers - line));
    if (group == NULL)
        return;
    size_t named = (size_t)(group - controllers);
    group++;
    size_t group_length = length - (size_t)(group - line);
    if (group_length == 1) // "/": the mount point itself
        group_length = 0;
    if (named == 0) {
        visit_groups(root, "/sys/fs/cgroup", group, group_length, ZP_GROUPS_2, visitor);
        visit_groups(root, "/sys/fs/cgroup/unified", group, group_length, ZP_GROUPS_2, visitor);
    } else if (memmem(controllers, named, "memory", 6) != NULL) {
        visit_groups(root, "/sys/fs/cgroup/memory", group, group_length, ZP_GROUPS_MEMORY, visitor);
    } else if (named >= 3 && memcmp(controllers, "cpu", 3) == 0 &&
               (named == 3 || controllers[3] == ',')) {
        visit_groups(root, "/sys/fs/cgroup/cpu", group, group_length, ZP_GROUPS_CPU, visitor);
    }
}

bool zp_groups_visit(const char *root,
                     void (*visit)(const struct zp_path *folder, enum zp_hierarchy hierarchy,
                                   void *context),
                     void *context)
{
    struct visitor visitor = {visit, context};
    enum zp_file file = zp_file_read(root, "/proc/self/cgroup", group_list, sizeof(group_list));
    for (const char *line = group_list; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        visit_hierarchy(root, line, length, &visitor);
        line += length + (line[length] == '\n');
    }
    return file == ZP_FILE_READ && group_list[0] != '\0';
}
