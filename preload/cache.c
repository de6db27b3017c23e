// SPDX-License-Identifier: MIT OR Apache-2.0

#include "cache.h"

#include "config/learned.h"
#include "core/log.h"
#include "core/syscall.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

// By number, because libc's functions are cancellation points, and others may interpose them.

enum {
    PATH_MOST = 1024,
    NAME_DIGITS = 16,
    NAME_MOST = 40, // digits, and for a file that is being written a dot and the process
    REMOVED_MOST = 8,
    FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
};

static const char own_name[] = "zeropool";

static char above[PATH_MOST]; // the folder that holds ours; empty: there is none

struct name {
    char is[NAME_MOST];
};

static struct name name_of(uint64_t file)
{
    struct name name = {""};
    zp_learned_hex(name.is, file);
    return name;
}

// There is room. Returns where the text ends.
static char *append(char *to, const char *text)
{
    while ((*to = *text++) != '\0')
        to++;
    return to;
}

static void complain(const char *what)
{
    zp_log(ZP_LOG_INFO, "ZEROPOOL_PREWARM=learn: ", what);
}

// ---- The folder ------------------------------------------------------------------------------

static const char *find_variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return "";
}

void zp_cache_find(char *const *environment)
{
    const char *base = find_variable(environment, "XDG_CACHE_HOME"), *rest = "";
    if (*base != '/') {
        base = find_variable(environment, "HOME");
        rest = "/.cache";
    }
    if (*base != '/' || strlen(base) + strlen(rest) >= PATH_MOST) {
        complain("there is no home");
        return;
    }
    append(append(above, base), rest);
}

// Whether what is open is the user's and nobody else may write to it.
static bool is_own(int fd, mode_t type, off_t most)
{
    struct stat status = {0};
    return zp_syscall(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH) == 0 &&
           (status.st_mode & S_IFMT) == type && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           status.st_uid == (uid_t)zp_syscall(SYS_geteuid) &&
           (type == S_IFDIR || status.st_size <= most);
}

static int checked(int fd, mode_t type, off_t most, const char *what)
{
    if (fd >= 0 && !is_own(fd, type, most)) {
        complain(what);
        zp_syscall(SYS_close, fd);
        fd = -1;
    }
    return fd;
}

// The open folder, or -1.
static int open_folder(bool make)
{
    if (above[0] == '\0')
        return -1;
    if (make)
        zp_syscall(SYS_mkdirat, AT_FDCWD, above, S_IRWXU);
    int parent = (int)zp_syscall(SYS_openat, AT_FDCWD, above, FOLDER);
    if (parent < 0)
        return -1;
    if (make)
        zp_syscall(SYS_mkdirat, parent, own_name, S_IRWXU);
    int folder = (int)zp_syscall(SYS_openat, parent, own_name, FOLDER | O_NOFOLLOW);
    zp_syscall(SYS_close, parent);
    return checked(folder, S_IFDIR, 0, "the folder in the cache folder is not this user's alone");
}

// ---- How many files there are ----------------------------------------------------------------

static bool is_named_by_us(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    return digits == NAME_DIGITS && (name[digits] == '\0' || name[digits] == '.') &&
           strlen(name) < NAME_MOST;
}

struct survey {
    unsigned files;
    struct name oldest;
    int64_t used; // when that was last written or read
};

static void add_file(struct survey *survey, int folder, const char *name)
{
    struct stat status = {0};
    if (!is_named_by_us(name) ||
        zp_syscall(SYS_newfstatat, folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    int64_t written = status.st_mtim.tv_sec, read = status.st_atim.tv_sec;
    int64_t used = written > read ? written : read;
    if (survey->files++ == 0 || used < survey->used) {
        survey->used = used;
        append(survey->oldest.is, name);
    }
}

static struct survey look_through(int folder)
{
    static char entries[4096] __attribute__((aligned(8)));
    struct survey survey = {.files = 0};
    long length;
    zp_syscall(SYS_lseek, folder, (off_t)0, SEEK_SET);
    while ((length = zp_syscall(SYS_getdents64, folder, entries, sizeof(entries))) > 0)
        for (long at = 0; at < length;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            add_file(&survey, folder, entry->d_name);
            at += entry->d_reclen;
        }
    return survey;
}

static void remove_surplus(int folder)
{
    for (unsigned i = 0; i < REMOVED_MOST; i++) {
        struct survey survey = look_through(folder);
        if (survey.files <= ZP_CACHE_FILES_MOST)
            return;
        zp_syscall(SYS_unlinkat, folder, survey.oldest.is, 0);
    }
}

// ---- Files -----------------------------------------------------------------------------------

size_t zp_cache_read(uint64_t file, char *text, size_t most)
{
    int folder = open_folder(false);
    if (folder < 0)
        return 0;
    struct name name = name_of(file);
    // Opening a pipe of that name does not wait.
    int fd = (int)zp_syscall(SYS_openat, folder, name.is,
                             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    zp_syscall(SYS_close, folder);
    fd = checked(fd, S_IFREG, (off_t)most, "the program's file in the cache folder is not one");
    if (fd < 0)
        return 0;
    long length = zp_syscall(SYS_pread64, fd, text, most, (off_t)0);
    zp_syscall(SYS_close, fd);
    return length > 0 ? (size_t)length : 0;
}

static bool write_new(int folder, const char *name, const char *text, size_t length)
{
    int fd =
        (int)zp_syscall(SYS_openat, folder, name,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return false;
    bool whole = zp_syscall(SYS_write, fd, text, length) == (long)length;
    whole = zp_syscall(SYS_close, fd) == 0 && whole;
    if (!whole)
        zp_syscall(SYS_unlinkat, folder, name, 0);
    return whole;
}

void zp_cache_write(uint64_t file, const char *text, size_t length)
{
    struct name name = name_of(file), new_name = name;
    struct zp_line process;
    zp_line_begin(&process, ".");
    zp_line_number(&process, (uint64_t)zp_syscall(SYS_getpid));
    memcpy(new_name.is + NAME_DIGITS, process.text, process.length);
    int folder = open_folder(true);
    bool written = false;
    if (folder >= 0) {
        zp_syscall(SYS_unlinkat, folder, new_name.is, 0); // of a process that was killed
        written = write_new(folder, new_name.is, text, length) &&
                  zp_syscall(SYS_renameat, folder, new_name.is, folder, name.is) == 0;
        remove_surplus(folder);
        zp_syscall(SYS_close, folder);
    }
    if (!written)
        complain("nothing can be written to the cache folder");
}

void zp_cache_remove(uint64_t file)
{
    int folder = open_folder(false);
    if (folder < 0)
        return;
    struct name name = name_of(file);
    zp_syscall(SYS_unlinkat, folder, name.is, 0);
    zp_syscall(SYS_close, folder);
}
