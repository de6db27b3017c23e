// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Machines with 1 to 8192 CPUs: what is found of them, and the defaults that follow. The kernel's
// answer to sched_getaffinity is made up, and so are its files.

#include "config/machine.h"
#include "config/resolve.h"
#include "folder.h"

#include <sched.h>

static struct {
    unsigned cpus; // 0: the kernel's own answer
    unsigned
        every; // every so many CPUs are offline or not ours: the numbers of the others go further
} fake;

static bool is_ours(unsigned cpu)
{
    return fake.every == 0 || cpu % fake.every != 0;
}

// Takes the place of libc's for what is linked in. As the kernel, it refuses a mask that is too
// short for the machine.
__attribute__((visibility("default"))) int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    if (fake.cpus == 0)
        return syscall(SYS_sched_getaffinity, pid, size, set) < 0 ? -1 : 0;
    memset(set, 0, size);
    for (unsigned cpu = 0, found = 0; found < fake.cpus; cpu++) {
        if (cpu >= size * 8) {
            errno = EINVAL;
            return -1;
        }
        if (is_ours(cpu)) {
            CPU_SET_S(cpu, size, set);
            found++;
        }
    }
    return 0;
}

static struct zp_machine machine;
static struct zp_options options;
static struct zp_pool_config config;

static void probe(unsigned cpus)
{
    static const struct zp_machine_wants all = {
        .quota = true, .memory = true, .available = true, .cache = true, .huge_pages = true};
    fake.cpus = cpus;
    zp_machine_probe(&machine, &all, folder_root);
    zp_options_defaults(&options);
    zp_resolve(&options, &machine, &config);
}

static const unsigned machines[] = {1,  2,  3,  4,  6,   8,   12,  16,  24,
                                    32, 48, 64, 96, 128, 192, 256, 512, 8192};

// Breaks when a machine's CPUs are not counted, or a pool for it has no shard for each of them, too
// few buffers in a shard, or more than the process has mappings for.
START_TEST(every_cpu_has_a_shard)
{
    probe(machines[_i]);
    ck_assert_uint_eq(machine.cpus, machines[_i]);
    unsigned most = machine.cpus < ZP_SHARDS_MOST ? machine.cpus : ZP_SHARDS_MOST;
    ck_assert_uint_ge(config.shards, most);
    ck_assert(config.shards < 2 * most || config.shards == 4);
    ck_assert(zp_is_power_of_two(config.shards));
    ck_assert_uint_ge(config.most_per_shard, 64);
    ck_assert_uint_eq(config.shards * config.most_per_shard, 16384);
    ck_assert_uint_eq(config.thread_cache_most, 8);
}
END_TEST

// Breaks when CPUs are taken to have numbers without gaps: some are offline, or others' (cpusets).
START_TEST(cpus_may_have_any_number)
{
    fake.every = 2;
    probe(128);
    ck_assert_uint_eq(machine.cpus, 128);
    fake.every = 3;
    probe(1);
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

// Breaks when a quota of a large machine is not heeded, or one that is larger than the machine is.
START_TEST(a_quota_of_a_large_machine)
{
    folder_write("/proc/self/cgroup", "0::/a\n");
    folder_write("/sys/fs/cgroup/a/cpu.max", "2000000 100000\n");
    probe(128);
    ck_assert_uint_eq(machine.cpus, 20);
    ck_assert_uint_eq(config.shards, 32);
    probe(8);
    ck_assert_uint_eq(machine.cpus, 8);
    ck_assert_uint_eq(config.shards, 8);
}
END_TEST

// Breaks when a machine that is larger than Linux is built for is taken for anything but one of
// unknown size.
START_TEST(more_than_the_mask_holds)
{
    probe(8193);
    ck_assert_uint_eq(machine.cpus, 1);
    ck_assert_uint_eq(config.shards, 4);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_checked_fixture(tests, folder_make, folder_take_down);
    tcase_add_loop_test(tests, every_cpu_has_a_shard, 0, sizeof(machines) / sizeof(machines[0]));
    tcase_add_test(tests, cpus_may_have_any_number);
    tcase_add_test(tests, a_quota_of_a_large_machine);
    tcase_add_test(tests, more_than_the_mask_holds);
    return unit_run("machine_cpus", tests);
}
