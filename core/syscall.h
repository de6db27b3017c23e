// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System calls that bypass libc: the preloaded library exports a function `syscall` to the program
// (preload/syscall.c), and its own calls must not end up there.
//
// zp_syscall(number, ...) is libc's syscall: -1 and errno. zp_kernel_call(number, ...) returns a
// negative errno, and needs nothing of libc: it works before libc does.

#ifndef ZP_CORE_SYSCALL_H
#define ZP_CORE_SYSCALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define ZP_OWN_SYSCALL 1
#endif

// Numbers that older headers lack, the same on every processor.
#ifndef SYS_process_madvise
#define SYS_process_madvise 440 // Linux 5.10
#endif
#ifndef SYS_mseal
#define SYS_mseal 462 // Linux 6.10
#endif

static inline long zp_kernel_call_6(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
    long result = syscall(number, a, b, c, d, e, f); // libc's: here the library offers none
    return result == -1 ? -errno : result;
#endif
}

static inline long zp_syscall_6(long number, long a, long b, long c, long d, long e, long f)
{
    long result = zp_kernel_call_6(number, a, b, c, d, e, f);
    if ((unsigned long)result <= -4096UL)
        return result;
    errno = (int)-result;
    return -1;
}

#define ZP_CALL_AS_LONG(call, number, a, b, c, d, e, f, ...)                                       \
    call((long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define zp_syscall(...) ZP_CALL_AS_LONG(zp_syscall_6, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define zp_kernel_call(...) ZP_CALL_AS_LONG(zp_kernel_call_6, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
