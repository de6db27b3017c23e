// SPDX-License-Identifier: MIT OR Apache-2.0

#include "sandbox.h"

#include "core/log.h"
#include "core/os.h"
#include "core/read.h"
#include "core/syscall.h"
#include "preload/export.h"
#include "preload/marks.h"
#include "preload/start.h"

#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 // Linux 5.17
#endif

EXPORT int prctl(int option, ...);

// ---- The process that owns the memory --------------------------------------------------------

// The id of the process that owns this memory, on a page that is zero in every child with memory of
// its own, by whatever call it was made (MADV_WIPEONFORK, Linux 4.14). NULL without such a page.
static ZP_FROZEN pid_t *owner = NULL;

static pid_t own_id(void)
{
    return (pid_t)zp_kernel_call(SYS_getpid);
}

static void claim(void)
{
    __atomic_store_n(owner, own_id(), __ATOMIC_RELAXED);
}

void zp_sandbox_child(void)
{
    if (owner != NULL && !zp_os_is_restricted()) // a filter may not allow getpid
        claim();
}

__attribute__((constructor(101))) static void know_owner(void)
{
    size_t page = zp_os_page_size();
    void *mapped;
    if (zp_os_map(page, PROT_READ | PROT_WRITE, &mapped) != 0)
        return;
    if (zp_os_advise(mapped, page, MADV_WIPEONFORK) != 0) {
        zp_os_unmap(mapped, page);
        return;
    }
    owner = mapped;
    claim();
}

bool zp_sandbox_is_borrowed(void)
{
    if (owner == NULL || zp_os_is_restricted())
        return false;
    if (__atomic_load_n(owner, __ATOMIC_RELAXED) == 0)
        claim(); // a child made by clone, without fork handlers
    return __atomic_load_n(owner, __ATOMIC_RELAXED) != own_id();
}

// ---- Filters ---------------------------------------------------------------------------------

// False after the first filter: a second one changes nothing, and the first may not allow getpid.
static bool is_news(void)
{
    return !zp_os_is_restricted() && !zp_sandbox_is_borrowed();
}

// Makes the calls that a filter may not allow before it is installed.
static void prepare(bool filters)
{
    while (zp_start()) {
    }
    if (filters) {
        zp_log_settle();
        zp_read_stop();
    }
}

// After it was installed, or refused.
static void conclude(bool installed)
{
    if (installed)
        zp_os_restrict();
    zp_read_go_on();
}

int zp_sandbox_prctl(int option, const long *arguments)
{
    bool filters = option == PR_SET_SECCOMP;
    bool news = (filters || option == PR_SET_NO_NEW_PRIVS) && is_news();
    if (news)
        prepare(filters);
    long result =
        zp_syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
    if (news && filters)
        conclude(result == 0);
    if (option == PR_SET_VMA) // the program named the mapping
        zp_marks_note(result, (const void *)arguments[1], (size_t)arguments[2]);
    return (int)result;
}

int zp_sandbox_seccomp(unsigned operation, unsigned flags, void *argument)
{
    bool filters = operation == SECCOMP_SET_MODE_STRICT || operation == SECCOMP_SET_MODE_FILTER;
    bool news = filters && is_news();
    if (news)
        prepare(true);
    long result = zp_syscall(SYS_seccomp, operation, flags, argument);
    // A positive result is a descriptor, or the id of a thread that could not be synchronised.
    bool done = result == 0 || (result > 0 && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0);
    if (news)
        conclude(done);
    return (int)result;
}

int prctl(int option, ...)
{
    long arguments[4];
    va_list more;
    va_start(more, option);
    for (int i = 0; i < 4; i++) // read even if not passed, as libc's own does
        arguments[i] = va_arg(more, long);
    va_end(more);
    return zp_sandbox_prctl(option, arguments);
}
