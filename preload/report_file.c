// SPDX-License-Identifier: MIT OR Apache-2.0

#include "report_file.h"

#include "core/base.h"
#include "core/log.h"
#include "preload/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MOST = 1024,
    NAME_MOST =
        FOLDER_MOST + ZP_OPTION_PATH_MOST + 64, // with a number for each %p as far as it fits
};

static ZP_FROZEN const char *path = NULL;
static ZP_FROZEN char folder[FOLDER_MOST] = ""; // empty: the name is absolute

void zp_report_file_init(const char *name)
{
    path = name;
    if (name[0] != '/' && getcwd(folder, sizeof(folder)) == NULL)
        folder[0] = '\0';
}

// The name with the number of the process for %p, and % for %%; false if it is too long.
static bool name_file(char name[NAME_MOST])
{
    int length = snprintf(name, NAME_MOST, "%s%s", folder, folder[0] != '\0' ? "/" : "");
    for (const char *at = path; *at != '\0' && length < NAME_MOST; at++) {
        char *to = name + length;
        size_t room = (size_t)(NAME_MOST - length);
        bool escape = at[0] == '%' && (at[1] == 'p' || at[1] == '%');
        at += escape;
        if (escape && *at == 'p')
            length += snprintf(to, room, "%d", (int)getpid());
        else
            length += snprintf(to, room, "%c", *at);
    }
    return length < NAME_MOST;
}

static int write_and_close(int fd, enum zp_stats_format format)
{
    if (fd < 0)
        return -errno;
    int error = zp_report_write(fd, format);
    return close(fd) != 0 && error == 0 ? -errno : error;
}

static bool is_replaceable(const char *name)
{
    struct stat about;
    return lstat(name, &about) != 0 ? errno == ENOENT : S_ISREG(about.st_mode);
}

// A reader of the file sees the old report or the new one.
static int replace(const char *name, enum zp_stats_format format)
{
    char fresh[NAME_MOST + 16];
    snprintf(fresh, sizeof(fresh), "%s.%d.new", name, (int)getpid());
    unlink(fresh); // left by a process of this number that was killed
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int error = write_and_close(fd, format);
    if (error == 0 && rename(fresh, name) != 0)
        error = -errno;
    if (error != 0)
        unlink(fresh);
    return error;
}

// A pipe that nobody reads must not make the program wait.
static int overwrite(const char *name, enum zp_stats_format format, int how)
{
    return write_and_close(open(name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | how, 0666),
                           format);
}

static void complain(const char *name, int error)
{
    static bool said;
    struct zp_line line;
    char why[64];
    if (__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
        return;
    zp_line_begin(&line, "zeropool: no report could be written to ");
    zp_line_text(&line, name);
    zp_line_text(&line, ": ");
    zp_line_text(&line, strerror_r(-error, why, sizeof(why)));
    zp_line_write(&line);
}

int zp_report_file_write(enum zp_stats_format format)
{
    char name[NAME_MOST];
    int error = -ENAMETOOLONG;
    if (!name_file(name)) {
        name[NAME_MOST - 1] = '\0';
    } else if (is_replaceable(name)) {
        error = replace(name, format);
        if (error == -EACCES || error == -EPERM || error == -EROFS) // the file may be writable
            error = overwrite(name, format, O_TRUNC);
    } else {
        error = overwrite(name, format, O_APPEND);
    }
    if (error != 0)
        complain(name, error);
    return error;
}
