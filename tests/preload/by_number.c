// SPDX-License-Identifier: MIT OR Apache-2.0
//
// syscall and ioctl, which the library has in the way, are libc's to the program. Breaks when an
// argument is lost, or when results or errno are not the kernel's.

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 65536 };

int main(void)
{
    require_library();
    CHECK(syscall(SYS_getpid) == getpid());
    errno = 4711;
    CHECK(syscall(SYS_getuid) == (long)getuid() && errno == 4711);
    CHECK(syscall(SYS_close, -1) == -1 && errno == EBADF);
    CHECK(syscall(100000) == -1 && errno == ENOSYS);
    CHECK(syscall(-1) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_munmap, 1, PAGE) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_mmap, NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1);
    CHECK(errno == EINVAL);

    int file = memfd_create("by number", MFD_CLOEXEC); // two pages, one of each letter
    char page[PAGE];
    memset(page, 'a', PAGE);
    CHECK(syscall(SYS_pwrite64, file, page, PAGE, 0) == PAGE);
    memset(page, 'b', PAGE);
    CHECK(syscall(SYS_pwrite64, file, page, PAGE, PAGE) == PAGE);
    // Six arguments: of a call that is heard, and of one that is not.
    char *second = (char *)syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_SHARED, file, PAGE);
    CHECK(all_bytes(second, 'b', PAGE));
    int ends[2];
    long from = PAGE;
    CHECK(pipe(ends) == 0);
    CHECK(syscall(SYS_splice, file, &from, ends[1], NULL, 100, 0) == 100 && from == PAGE + 100);

    int waiting = 0;
    CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 100);
    CHECK(ioctl(-1, FIONREAD, &waiting) == -1 && errno == EBADF);
    CHECK(ioctl(file, FIOCLEX) == 0);
    CHECK(syscall(SYS_ioctl, ends[0], FIONREAD, &waiting) == 0 && waiting == 100);
    return 0;
}
