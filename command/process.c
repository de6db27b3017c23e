// SPDX-License-Identifier: MIT OR Apache-2.0

#include "process.h"

#include "command/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static int open_file(pid_t pid, const char *file)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return open(path, O_RDONLY | O_CLOEXEC);
}

// A whole file of /proc, with a zero byte behind it; NULL if it cannot be read.
static char *read_file(pid_t pid, const char *file, size_t *length)
{
    enum { STEP = 65536 };
    int fd = open_file(pid, file);
    char *text = NULL;
    ssize_t more = fd < 0 ? -1 : 1;
    for (*length = 0; more > 0; *length += more > 0 ? (size_t)more : 0) {
        char *longer = realloc(text, *length + STEP + 1);
        if (longer == NULL)
            exit(zp_fail(ZP_FAILED, "no memory"));
        text = longer;
        more = read(fd, text + *length, STEP);
    }
    if (fd >= 0)
        close(fd);
    if (more < 0) {
        free(text);
        return NULL;
    }
    text[*length] = '\0';
    return text;
}

// ---- Its parts -------------------------------------------------------------------------------

static void read_link(pid_t pid, const char *file, char path[PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, file);
    ssize_t length = readlink(name, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
}

static void read_name(struct zp_process *process)
{
    int fd = open_file(process->pid, "comm");
    ssize_t length = fd >= 0 ? read(fd, process->name, sizeof(process->name) - 1) : 0;
    process->name[length > 0 ? length : 0] = '\0';
    process->name[strcspn(process->name, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

static void read_secure(struct zp_process *process)
{
    unsigned long pair[2];
    int fd = open_file(process->pid, "auxv");
    while (fd >= 0 && read(fd, pair, sizeof(pair)) == sizeof(pair) && pair[0] != AT_NULL)
        process->secure |= pair[0] == AT_SECURE && pair[1] != 0;
    if (fd >= 0)
        close(fd);
}

static void read_environment(struct zp_process *process)
{
    size_t length, count = 0, at = 0;
    char *text = read_file(process->pid, "environ", &length);
    for (size_t i = 0; text != NULL && i < length; i++)
        count += text[i] == '\0';
    process->environment = zp_room(count + 2, sizeof(char *));
    for (char *entry = text; text != NULL && entry < text + length; entry += strlen(entry) + 1)
        process->environment[at++] = entry;
}

const char *zp_process_variable(const struct zp_process *process, const char *name)
{
    size_t length = strlen(name);
    for (char **entry = process->environment; *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

// The file of a line of /proc/PID/maps, or NULL.
static const char *mapped_file(char *line)
{
    static const char deleted[] = " (deleted)";
    char *path = strchr(line, '/');
    size_t length = path != NULL ? strlen(path) : 0;
    if (length > sizeof(deleted) && strcmp(path + length - (sizeof(deleted) - 1), deleted) == 0)
        path[length - (sizeof(deleted) - 1)] = '\0';
    return path;
}

bool zp_process_maps(const struct zp_process *process, const char *name, char path[PATH_MAX])
{
    size_t length;
    char *text = read_file(process->pid, "maps", &length), *rest;
    bool found = false;
    for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; line != NULL && !found;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *file = mapped_file(line);
        const char *slash = file != NULL ? strrchr(file, '/') : NULL;
        found = slash != NULL && strncmp(slash + 1, name, strlen(name)) == 0;
        if (found)
            snprintf(path, PATH_MAX, "%s", file);
    }
    free(text);
    return found;
}

static void read_library(struct zp_process *process)
{
    char path[PATH_MAX + sizeof(process->root)];
    if (!zp_process_maps(process, ZP_LIBRARY_FILE, process->library))
        return;
    snprintf(path, sizeof(path), "%s%s", process->root, process->library);
    if (!zp_library_identify(path, process->version))
        snprintf(process->version, sizeof(process->version), "not known");
}

int zp_process_read(pid_t pid, struct zp_process *process)
{
    size_t length;
    *process = (struct zp_process){.pid = pid};
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return zp_wrong("there is no process %d", (int)pid);
    snprintf(process->root, sizeof(process->root), "/proc/%d/root", (int)pid);
    char *maps = read_file(pid, "maps", &length);
    int error = errno;
    free(maps);
    if (maps == NULL)
        return zp_fail(ZP_FAILED, "process %d cannot be looked at: %s", (int)pid, strerror(error));
    read_name(process);
    read_link(pid, "exe", process->program);
    if (process->program[0] == '\0')
        return zp_wrong("process %d is a thread of the kernel, or has ended", (int)pid);
    read_library(process);
    read_secure(process);
    read_environment(process);
    return ZP_DONE;
}
