// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Room for thread-local variables in a program that runs with LD_AUDIT (decision 32).
//
// jemalloc keeps 2.6 KB per thread in the static TLS area, where malloc reaches them by one
// addition; the distribution's archive is compiled that way. With LD_AUDIT set, glibc lays out that
// area before it loads preloaded libraries, leaves 1.7 KB, and ends the program: "cannot allocate
// memory in static TLS block". GLIBC_TUNABLES can reserve more. So the program is restarted with
// that set, and a line on stderr says what to set to avoid the restart.
//
// This must happen before the dynamic linker processes the first relocation of a thread-local
// variable. It processes relocations in their order, and calls the resolver of an exported ifunc at
// the relocation of a pointer to it. With -z nocombreloc, pointers in data come before the offsets
// of thread-local variables. tests/life/audit.sh fails if that is no longer so.

#include "anew.h"

#include "preload/export.h"

#include <string.h>
#include <unistd.h>

#define TUNABLE "glibc.rtld.optional_static_tls="
#define ENOUGH TUNABLE "4096"

extern void *__libc_stack_end; // of the dynamic linker: the address of the arguments

EXPORT void zeropool_audited(void);

// The first two are relocated before the resolver is called because they come before it. Nothing
// else can be relied on.
__attribute__((used)) static const volatile struct {
    void **stack_end;
    char ***environment; // libc's; what it points to is NULL until libc has started
    void (*moment)(void);
} early = {&__libc_stack_end, &environ, zeropool_audited};

static char *variable(char **environment, zp_text name)
{
    for (; *environment != NULL; environment++)
        if (zp_starts_with(*environment, name))
            return *environment;
    return NULL;
}

static bool has_tunable(zp_text tunables)
{
    for (; *tunables != '\0'; tunables++)
        if (zp_starts_with(tunables, TUNABLE))
            return true;
    return false;
}

static void say(void)
{
    static const char line[] =
        "zeropool: LD_AUDIT leaves too little room for thread-local variables; "
        "starting anew with GLIBC_TUNABLES=" ENOUGH "\n";
    zp_kernel_call(SYS_write, STDERR_FILENO, line, sizeof(line) - 1);
}

// Restarts the program with the setting added to `tunables`, or alone if that is NULL.
static void start_with_room(char **arguments, char **environment, zp_text tunables)
{
    static const char name[] = "GLIBC_TUNABLES=", enough[] = ENOUGH;
    size_t count = 0, length = tunables != NULL ? zp_length_of(tunables) : sizeof(name) - 1;
    while (environment[count] != NULL)
        count++;
    char *changed[count + 2];
    char setting[length + sizeof(enough) + 1];
    volatile char *to = setting;
    for (zp_text from = tunables != NULL ? tunables : name; *from != '\0'; from++)
        *to++ = *from;
    if (tunables != NULL)
        *to++ = ':';
    for (size_t i = 0; i < sizeof(enough); i++)
        *to++ = enough[i];
    char *volatile *entry = changed;
    *entry++ = setting;
    for (size_t i = 0; i < count; i++)
        if (environment[i] != tunables)
            *entry++ = environment[i];
    *entry = NULL;
    const char *file = zp_executable(environment);
    say();
    zp_kernel_call(SYS_execve, file, arguments, changed);
}

__attribute__((used)) static void (*make_room(void))(void)
{
    if (*early.environment != NULL) // a dlopen, later
        return NULL;
    long *stack = zp_start_of_stack(*early.stack_end);
    if (stack == NULL)
        return NULL;
    char **arguments = (char **)(stack + 1), **environment = arguments + *stack + 1;
    char *audit = variable(environment, "LD_AUDIT=");
    char *tunables = variable(environment, "GLIBC_TUNABLES=");
    bool may_help = audit != NULL && audit[sizeof("LD_AUDIT=") - 1] != '\0' &&
                    (tunables == NULL || !has_tunable(tunables));
    // Without AT_BASE the dynamic linker was run as the program. With AT_SECURE it ignores the
    // setting.
    if (may_help && zp_from_kernel(environment, AT_BASE) != 0 &&
        zp_from_kernel(environment, AT_SECURE) == 0)
        start_with_room(arguments, environment, tunables);
    return NULL;
}

void zeropool_audited(void) __attribute__((ifunc("make_room")));
