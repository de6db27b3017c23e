// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that catches its own faults in a buffer that it has protected, as garbage collectors
// do, and goes on.

#include "crash.h"

#include <sys/mman.h>

static char *pages;
static volatile sig_atomic_t faults;

static void unprotect(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    faults++;
    CHECK((char *)info->si_addr == pages + 4096 * faults);
    CHECK(mprotect(pages + 4096 * faults, 4096, PROT_READ | PROT_WRITE) == 0);
}

int main(void)
{
    require_library();
    struct sigaction action = {.sa_sigaction = unprotect, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    char *buffer = opaque(malloc(2 * MIB));
    pages = page_up(buffer);
    CHECK(mprotect(pages, MIB, PROT_READ) == 0);
    for (int i = 1; i <= 10; i++)
        ((volatile char *)pages)[4096 * i] = 1;
    CHECK(faults == 10);
    free(buffer);
    CHECK(all_bytes(buffer = opaque(calloc(1, 2 * MIB)), 0, 2 * MIB));
    free(buffer);
    return 0;
}
