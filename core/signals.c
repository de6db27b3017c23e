// SPDX-License-Identifier: MIT OR Apache-2.0

#include "signals.h"

#include <time.h>

// The kernel's struct sigaction. Whatever the processor adds to it lies behind the handler.
struct kernel_action {
    uintptr_t handler;
    uint64_t rest[7];
};

static bool ends_the_program(int number)
{
    struct kernel_action action = {.handler = 0};
    long error = zp_kernel_call(SYS_rt_sigaction, number, NULL, &action, sizeof(zp_signals));
    return error == 0 && action.handler == (uintptr_t)SIG_DFL;
}

void zp_signals_take_raised(void)
{
    const zp_signals raised = (zp_signals)1 << (SIGPIPE - 1) | (zp_signals)1 << (SIGXFSZ - 1);
    const struct timespec at_once = {0, 0};
    while (zp_kernel_call(SYS_rt_sigtimedwait, &raised, NULL, &at_once, sizeof(raised)) > 0) {
    }
}

zp_signals zp_signals_hold(void)
{
    static const int of_users[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    zp_signals held = UINT64_MAX;
    for (size_t i = 0; i < sizeof(of_users) / sizeof(of_users[0]); i++)
        if (ends_the_program(of_users[i]))
            held &= ~((zp_signals)1 << (of_users[i] - 1));
    return zp_signals_set(held);
}
