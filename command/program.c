// SPDX-License-Identifier: MIT OR Apache-2.0

#include "program.h"

#include "command/elf.h"
#include "command/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

// ---- Which file ------------------------------------------------------------------------------

// 0, or why this file cannot be executed.
static int try_file(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return EACCES;
    return access(path, X_OK) == 0 ? 0 : errno;
}

// 0 with the path, or an error number.
static int find_file(const char *name, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");
    int error = ENOENT;
    if (strchr(name, '/') != NULL || *name == '\0') {
        if ((size_t)snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
            return ENAMETOOLONG;
        return try_file(path);
    }
    if (folders == NULL)
        folders = "/bin:/usr/bin";
    while (true) {
        int length = (int)strcspn(folders, ":");
        int wanted =
            snprintf(path, PATH_MAX, "%.*s%s%s", length, folders, length > 0 ? "/" : "./", name);
        int found = wanted < PATH_MAX ? try_file(path) : ENAMETOOLONG;
        if (found == 0)
            return 0;
        if (found == EACCES)
            error = EACCES; // goes on: another folder may have one that can be executed
        if (folders[length] == '\0')
            return error;
        folders += length + 1;
    }
}

// ---- Scripts ---------------------------------------------------------------------------------

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// The words of a first line that begins with "#!"; false if it does not.
static bool read_first_line(const char *path, char line[256])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd >= 0 ? read(fd, line, 255) : 0;
    if (fd >= 0)
        close(fd);
    line[length > 0 ? length : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return line[0] == '#' && line[1] == '!';
}

// The program behind /usr/bin/env's own words, or NULL.
static char *behind_env(char **rest)
{
    char *word;
    while ((word = strtok_r(NULL, " \t", rest)) != NULL)
        if (word[0] != '-' && strchr(word, '=') == NULL)
            return word;
    return NULL;
}

// Follows a script to its interpreter, which may be a script in turn.
static void follow(char file[PATH_MAX])
{
    enum { DEEPEST = 5 }; // the kernel's limit
    char line[256], *rest, found[PATH_MAX];
    for (int depth = 0; depth < DEEPEST && read_first_line(file, line); depth++) {
        char *word = strtok_r(line + 2, " \t", &rest);
        if (word != NULL && strcmp(base_name(word), "env") == 0) {
            char *behind = behind_env(&rest);
            word = behind != NULL ? behind : word;
        }
        if (word == NULL || find_file(word, found) != 0)
            return;
        memcpy(file, found, strlen(found) + 1);
    }
}

// ---- What stands against it ------------------------------------------------------------------

static bool runs_as_somebody_else(const char *file)
{
    struct stat status;
    struct statvfs mount;
    if (stat(file, &status) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return false;
    if (statvfs(file, &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0)
        return false;
    if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid())
        return true;
    if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 &&
        status.st_gid != getgid())
        return true;
    return getuid() != 0 && getxattr(file, "security.capability", NULL, 0) > 0;
}

static bool is_glibc_linker(const char *path)
{
    return strncmp(base_name(path), "ld-linux", 8) == 0 || strncmp(base_name(path), "ld64", 4) == 0;
}

static enum zp_obstacle obstacle_of(const char *file)
{
    struct zp_elf elf;
    char real[PATH_MAX];
    if (runs_as_somebody_else(file))
        return ZP_IS_SET_ID;
    if (zp_elf_read(file, &elf) != 0)
        return ZP_NO_OBSTACLE; // no machine code: the shell will run it
    if (!elf.native)
        return ZP_IS_FOREIGN;
    if (elf.dynamic)
        return is_glibc_linker(elf.interpreter) ? ZP_NO_OBSTACLE : ZP_IS_OTHER_LIBC;
    // The linker itself can be run, with a program as its argument.
    return realpath(file, real) != NULL && is_glibc_linker(real) ? ZP_NO_OBSTACLE : ZP_IS_STATIC;
}

const char *zp_obstacle_text(enum zp_obstacle obstacle)
{
    static const char *const texts[] = {
        [ZP_NO_OBSTACLE] = "can be served",
        [ZP_IS_STATIC] = "is statically linked: nothing can be preloaded into it",
        [ZP_IS_SET_ID] = "runs with another user's or group's rights: LD_PRELOAD is ignored then",
        [ZP_IS_FOREIGN] = "is for another architecture than the library",
        [ZP_IS_OTHER_LIBC] = "uses another C library than glibc",
    };
    return texts[obstacle];
}

bool zp_obstacle_allows_preload(enum zp_obstacle obstacle)
{
    return obstacle == ZP_NO_OBSTACLE || obstacle == ZP_IS_STATIC;
}

// ---- The answer ------------------------------------------------------------------------------

void zp_program_look(const char *path, struct zp_program *program)
{
    *program = (struct zp_program){.obstacle = ZP_NO_OBSTACLE};
    snprintf(program->path, sizeof(program->path), "%s", path);
    memcpy(program->file, program->path, sizeof(program->file));
    follow(program->file);
    program->obstacle = obstacle_of(program->file);
    program->own_malloc =
        program->obstacle == ZP_NO_OBSTACLE && zp_elf_defines(program->file, "malloc");
}

int zp_program_fail(const char *name, int error)
{
    return zp_fail(error == ENOENT || error == ENOTDIR ? ZP_NO_PROGRAM : ZP_CANNOT_RUN, "%s: %s",
                   name, strerror(error));
}

int zp_program_find(const char *name, struct zp_program *program)
{
    char path[PATH_MAX];
    int error = find_file(name, path);
    if (error != 0)
        return zp_program_fail(name, error);
    zp_program_look(path, program);
    return ZP_DONE;
}
