// SPDX-License-Identifier: MIT OR Apache-2.0
//
// prctl, to hear that the program is about to put itself under a filter of system calls.
//
// Such a filter lists what the program needs, and whatever the library asks for beyond that may end
// it. It is announced: by PR_SET_SECCOMP, or by PR_SET_NO_NEW_PRIVS, which has to come first for
// those without privileges. So then the pool is started, as that reads files, and from there on
// makes only the calls that any malloc makes (zp_os_restrict).
//
// A filter that was there before the program is not heard of: docs/design.md says what it has to
// allow.

#include "core/os.h"
#include "preload/export.h"
#include "preload/start.h"

#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

EXPORT int prctl(int option, ...);

int prctl(int option, ...)
{
    unsigned long arguments[4];
    va_list more;
    va_start(more, option);
    for (int i = 0; i < 4; i++) // reads what is not there, as libc's own does
        arguments[i] = va_arg(more, unsigned long);
    va_end(more);
    bool announces = option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS;
    while (announces && zp_start()) {
    }
    int result =
        (int)syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
    if (announces && result == 0)
        zp_os_restrict();
    return result;
}
