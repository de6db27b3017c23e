// SPDX-License-Identifier: MIT OR Apache-2.0

#include "os.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

bool zp_os_affinity(unsigned long *mask, size_t bytes)
{
    memset(mask, 0, bytes);
    int saved = errno;
    bool known = sched_getaffinity(0, bytes, (cpu_set_t *)(void *)mask) == 0;
    errno = saved;
    return known;
}

unsigned zp_os_cpus(void)
{
    unsigned long mask[ZP_OS_CPUS_MOST / (8 * sizeof(unsigned long))];
    int cpus = 0;
    if (zp_os_affinity(mask, sizeof(mask)))
        cpus = CPU_COUNT_S(sizeof(mask), (cpu_set_t *)(void *)mask);
    return cpus > 0 ? (unsigned)cpus : 1;
}

int zp_os_cpu(void)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno, cpu = zp_os_calls.sched_getcpu();
    int error = zp_os_outcome(cpu >= 0, saved);
    return error != 0 ? error : cpu;
}

int zp_os_node(void)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    unsigned cpu = 0, node = 0;
    int error = zp_os_outcome(zp_os_calls.getcpu(&cpu, &node) == 0, saved);
    return error != 0 ? error : (int)node;
}

int zp_os_bind(void *address, size_t length, int policy, const unsigned long *nodes,
               unsigned long most)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    // The kernel takes one bit less than it is told.
    return zp_os_outcome(zp_os_calls.mbind(address, length, policy, nodes, most + 1, 0) == 0,
                         saved);
}
