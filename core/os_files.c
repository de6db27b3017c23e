// SPDX-License-Identifier: MIT OR Apache-2.0

#include "os.h"

#include <errno.h>
#include <unistd.h>

size_t zp_os_file_rest(int fd, off_t offset)
{
    if (zp_os_is_restricted())
        return 0;
    int saved = errno;
    struct stat about;
    bool known = zp_os_calls.fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    if (known && offset < 0)
        offset = zp_os_calls.lseek(fd, 0, SEEK_CUR);
    errno = saved;
    return known && offset >= 0 && about.st_size > offset ? (size_t)(about.st_size - offset) : 0;
}

int zp_os_file_about(int fd, struct stat *about)
{
    int saved = errno;
    return zp_os_outcome(zp_os_calls.fstat(fd, about) == 0, saved);
}

int zp_os_file_control(int fd, int command, void *argument)
{
    int saved = errno;
    int answer = zp_os_calls.fcntl(fd, command, argument);
    return answer >= 0 ? answer : zp_os_outcome(false, saved);
}

off_t zp_os_file_move(int fd, off_t by)
{
    int saved = errno;
    off_t position = zp_os_calls.lseek(fd, by, SEEK_CUR);
    return position >= 0 ? position : zp_os_outcome(false, saved);
}

void zp_os_file_close(int fd)
{
    int saved = errno;
    zp_os_calls.close(fd);
    errno = saved;
}

ssize_t zp_os_file_read(int fd, const struct iovec *to, unsigned count, off_t offset, int flags)
{
    int saved = errno;
    ssize_t bytes = zp_os_calls.preadv2(fd, to, (int)count, offset, flags);
    return bytes >= 0 ? bytes : zp_os_outcome(false, saved);
}

bool zp_os_file_is_cached(int fd, off_t offset, size_t bytes)
{
    int saved = errno;
    uint64_t page = zp_os_page_size(), first = (uint64_t)offset / page;
    uint64_t pages = ((uint64_t)offset + bytes + page - 1) / page - first;
    struct zp_os_range range = {(uint64_t)offset, bytes};
    struct zp_os_cached cached;
    bool known = zp_os_calls.cachestat(fd, &range, &cached) == 0;
    errno = saved;
    return known && cached.pages >= pages;
}
