// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The machine is a folder with made-up files of /proc and /sys.

#include "config/machine.h"
#include "folder.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

static struct zp_machine machine;

static const struct zp_machine_wants all = {
    .quota = true, .memory = true, .available = true, .cache = true, .huge_pages = true};

static void probe_for(const struct zp_machine_wants *wants)
{
    errno = 4711;
    zp_machine_probe(&machine, wants, folder_root);
    ck_assert_int_eq(errno, 4711);
}

static void probe(void)
{
    probe_for(&all);
}

static size_t physical_memory(void)
{
    struct sysinfo info;
    ck_assert_int_eq(sysinfo(&info), 0);
    return (size_t)info.totalram * info.mem_unit;
}

static unsigned allowed_cpus(void)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    return (unsigned)CPU_COUNT(&set);
}

// ---- Without files ---------------------------------------------------------------------------

// Breaks when a missing /proc or /sys is more than the loss of what they say.
START_TEST(every_file_may_be_missing)
{
    probe();
    ck_assert_uint_eq(machine.cpus, allowed_cpus());
    ck_assert_uint_eq(machine.memory.total, physical_memory());
    ck_assert_uint_eq(machine.address_space, SIZE_MAX);
    ck_assert_uint_ge(machine.cache, ZP_MIB);
    ck_assert(!machine.strict);
    ck_assert(machine.huge_pages);
}
END_TEST

// Breaks when the real files of this machine are misread.
START_TEST(this_machine)
{
    zp_machine_probe(&machine, &all, "");
    ck_assert_uint_ge(machine.cpus, 1);
    ck_assert_uint_le(machine.cpus, allowed_cpus());
    ck_assert_uint_gt(machine.memory.total, 16 * ZP_MIB);
    ck_assert_uint_le(machine.memory.total, physical_memory());
}
END_TEST

// Breaks when the CPUs that this process may not use are counted.
START_TEST(only_allowed_cpus_count)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    for (size_t cpu = CPU_SETSIZE - 1; CPU_COUNT(&set) > 1; cpu--)
        CPU_CLR(cpu, &set);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
    probe();
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

#ifndef UNIT_TSAN // limits of addresses and TSan do not go together
// Breaks when a limit of the address space is not seen.
START_TEST(the_address_space_may_be_limited)
{
    struct rlimit limit = {(rlim_t)1 << 46, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    probe();
    ck_assert_uint_eq(machine.address_space, (size_t)1 << 46);
}
END_TEST
#endif

// ---- Single settings -------------------------------------------------------------------------

// Breaks when strict overcommit is not seen, or seen where it is not.
START_TEST(overcommit)
{
    static const struct {
        const char *content;
        bool strict;
    } cases[] = {{"0\n", false}, {"1\n", false}, {"2\n", true}, {"", false}, {"\n", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        folder_write("/proc/sys/vm/overcommit_memory", cases[i].content);
        probe();
        ck_assert_int_eq(machine.strict, cases[i].strict);
    }
}
END_TEST

// Breaks when the most mappings of a process are not known, or not taken to be as usual where the
// kernel does not say.
START_TEST(mappings)
{
    static const struct {
        const char *content;
        size_t mappings;
    } cases[] = {{"1048576\n", 1048576}, {"300\n", 300}, {"", 65530}, {"many\n", 65530}};
    probe();
    ck_assert_uint_eq(machine.mappings, 65530);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        folder_write("/proc/sys/vm/max_map_count", cases[i].content);
        probe();
        ck_assert_uint_eq(machine.mappings, cases[i].mappings);
    }
}
END_TEST

// Breaks when "never" is not honoured, or another setting is taken for it; or when the kernel gives
// huge pages to who did not ask and that is not seen.
START_TEST(transparent_huge_pages)
{
    static const struct {
        const char *content;
        bool huge_pages, by_default;
    } cases[] = {{"always [madvise] never\n", true, false},
                 {"[always] madvise never\n", true, true},
                 {"always madvise [never]\n", false, false},
                 {"", true, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        folder_write("/sys/kernel/mm/transparent_hugepage/enabled", cases[i].content);
        probe();
        ck_assert_int_eq(machine.huge_pages, cases[i].huge_pages);
        ck_assert_int_eq(machine.huge_by_default, cases[i].by_default);
    }
}
END_TEST

// Breaks when the largest cache is not the last level that there is.
START_TEST(processor_caches)
{
    folder_write("/sys/devices/system/cpu/cpu0/cache/index2/size", "1024K\n");
    probe();
    ck_assert_uint_eq(machine.cache, ZP_MIB);
    folder_write("/sys/devices/system/cpu/cpu0/cache/index3/size", "32768K\n");
    probe();
    ck_assert_uint_eq(machine.cache, 32 * ZP_MIB);
    folder_write("/sys/devices/system/cpu/cpu0/cache/index3/size", "nonsense\n");
    probe();
    ck_assert_uint_eq(machine.cache, ZP_MIB);
}
END_TEST

// ---- Control groups, version 2 ---------------------------------------------------------------

// Breaks when a container that is its own folder_root, "/", has its limits overlooked.
START_TEST(v2_at_the_mount_point)
{
    folder_write("/proc/self/cgroup", "0::/\n");
    folder_write("/sys/fs/cgroup/memory.max", "104857600\n");
    folder_write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 100 * ZP_MIB);
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

// Breaks when a group's own limit is overlooked.
START_TEST(v2_in_a_group)
{
    folder_write("/proc/self/cgroup", "0::/user.slice/app.scope\n");
    folder_write("/sys/fs/cgroup/user.slice/memory.max", "max\n");
    folder_write("/sys/fs/cgroup/user.slice/app.scope/memory.max", "52428800\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 50 * ZP_MIB);
}
END_TEST

// Breaks when a limit further up, lower than the own one, is overlooked, at any height.
START_TEST(v2_nested_limits)
{
    static const char *const folders[] = {"", "/a", "/a/b", "/a/b/c"};
    folder_write("/proc/self/cgroup", "0::/a/b/c\n");
    for (unsigned i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", folders[i]);
        folder_write(path, i == (unsigned)_i ? "10485760\n" : "104857600\n");
    }
    probe();
    ck_assert_uint_eq(machine.memory.total, 10 * ZP_MIB);
}
END_TEST

// Breaks when "max" is read as a number, or a limit above physical memory as memory.
START_TEST(v2_without_a_limit)
{
    folder_write("/proc/self/cgroup", "0::/a\n");
    folder_write("/sys/fs/cgroup/a/memory.max", _i == 0 ? "max\n" : "999999999999999\n");
    folder_write("/sys/fs/cgroup/a/memory.high", "max\n");
    folder_write("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, physical_memory());
    ck_assert_uint_eq(machine.cpus, allowed_cpus());
}
END_TEST

// Breaks when memory.high, from which on the kernel slows a group down, does not count.
START_TEST(v2_memory_high)
{
    folder_write("/proc/self/cgroup", "0::/a\n");
    folder_write("/sys/fs/cgroup/a/memory.max", "104857600\n");
    folder_write("/sys/fs/cgroup/a/memory.high", "83886080\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 80 * ZP_MIB);
}
END_TEST

// Breaks when the folder of the group is not there, as in a container without a namespace, and the
// mount point's limits are overlooked for it.
START_TEST(v2_group_not_visible)
{
    folder_write("/proc/self/cgroup", "0::/docker/0123456789abcdef\n");
    folder_write("/sys/fs/cgroup/memory.max", "31457280\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 30 * ZP_MIB);
}
END_TEST

// Breaks when a controller that is off further down, as that of CPUs usually is for the groups of a
// user, hides what the other one says there.
START_TEST(v2_controllers_end_apart)
{
    folder_write("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n");
    folder_write("/sys/fs/cgroup/user.slice/cpu.max", "100000 100000\n");
    folder_write("/sys/fs/cgroup/user.slice/memory.max", "max\n");
    folder_write("/sys/fs/cgroup/user.slice/user-1000.slice/memory.max", "83886080\n");
    folder_write("/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/memory.max",
                 "62914560\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 60 * ZP_MIB);
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

// Breaks when a CPU quota is not rounded up to whole CPUs, or is allowed to make none.
START_TEST(v2_cpu_quota)
{
    static const struct {
        const char *content;
        unsigned cpus; // on a machine that has as many
    } cases[] = {
        {"100000 100000\n", 1}, {"50000 100000\n", 1},  {"1 100000\n", 1},
        {"100001 100000\n", 2}, {"200000 100000\n", 2}, {"150000 50000\n", 3},
    };
    folder_write("/proc/self/cgroup", "0::/a\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        folder_write("/sys/fs/cgroup/a/cpu.max", cases[i].content);
        probe();
        unsigned most = allowed_cpus();
        ck_assert_uint_eq(machine.cpus, cases[i].cpus < most ? cases[i].cpus : most);
    }
}
END_TEST

// ---- Control groups, version 1 ---------------------------------------------------------------

static const char v1_groups[] = "12:cpuset:/\n"
                                "11:memory:/docker/abc\n"
                                "10:cpu,cpuacct:/docker/abc\n"
                                "9:freezer:/\n"
                                "1:name=systemd:/docker/abc\n";

// Breaks when the hierarchies of version 1 are not found.
START_TEST(v1_limits)
{
    folder_write("/proc/self/cgroup", v1_groups);
    folder_write("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n");
    folder_write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "73400320\n");
    folder_write("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "-1\n");
    folder_write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "50000\n");
    folder_write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 70 * ZP_MIB);
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

// Breaks when version 1's ways of saying "no limit" are read as limits.
START_TEST(v1_without_limits)
{
    folder_write("/proc/self/cgroup", v1_groups);
    folder_write("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n");
    folder_write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
    folder_write("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "-1\n");
    folder_write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
    folder_write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, physical_memory());
    ck_assert_uint_eq(machine.cpus, allowed_cpus());
}
END_TEST

// Breaks when the folders of the group are not there, as in a container that has its own group
// mounted at the top, and the top's limits are overlooked for it.
START_TEST(v1_group_not_visible)
{
    folder_write("/proc/self/cgroup", v1_groups);
    folder_write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "73400320\n");
    folder_write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    folder_write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 70 * ZP_MIB);
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

// Breaks when the files of one controller are looked for under another one's mount point.
START_TEST(v1_controllers_are_kept_apart)
{
    folder_write("/proc/self/cgroup", "4:cpuset:/a\n3:memory:/b\n2:cpuacct:/c\n");
    folder_write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n");
    folder_write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "1000\n");
    folder_write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "1000\n");
    folder_write("/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "20971520\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 20 * ZP_MIB);
    ck_assert_uint_eq(machine.cpus, allowed_cpus());
}
END_TEST

// Breaks when version 2 beside version 1 is not looked for where it is mounted then, for what
// version 1 does not control.
START_TEST(both_versions)
{
    folder_write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n0::/y");
    folder_write("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "1000\n");
    folder_write("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "1000\n");
    folder_write("/sys/fs/cgroup/unified/y/memory.max", "41943040\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 40 * ZP_MIB);
    ck_assert_uint_eq(machine.cpus, 1);
}
END_TEST

// Breaks when a tree of version 1 that controls nothing, which a container of an old systemd has,
// makes version 2 be looked for where it is not.
START_TEST(named_tree_beside_version_2)
{
    folder_write("/proc/self/cgroup", "1:name=systemd:/z\n0::/y\n");
    folder_write("/sys/fs/cgroup/unified/y/memory.max", "52428800\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 50 * ZP_MIB);
    folder_write("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    folder_write("/sys/fs/cgroup/y/memory.max", "41943040\n");
    probe();
    ck_assert_uint_eq(machine.memory.total, 40 * ZP_MIB);
}
END_TEST

// ---- What is not wanted ----------------------------------------------------------------------

// Breaks when a start reads what decides nothing for it.
START_TEST(what_is_not_wanted_is_not_read)
{
    folder_write("/proc/self/cgroup", "0::/\n");
    folder_write("/proc/meminfo", "MemAvailable: 204800 kB\n");
    folder_write("/sys/fs/cgroup/memory.max", "268435456\n");
    folder_write("/sys/fs/cgroup/memory.current", "250000000\n");
    folder_write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    folder_write("/sys/devices/system/cpu/cpu0/cache/index3/size", "4096K\n");
    folder_write("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
    probe_for(&(struct zp_machine_wants){.quota = false});
    ck_assert_uint_eq(machine.cpus, allowed_cpus());
    ck_assert_uint_eq(machine.memory.total, physical_memory());
    ck_assert_uint_eq(machine.memory.available, physical_memory());
    ck_assert_uint_ge(machine.cache, 16 * ZP_MIB);
    ck_assert(machine.huge_pages);
    probe_for(&(struct zp_machine_wants){.quota = true, .few_cpus = allowed_cpus()});
    ck_assert_uint_eq(machine.cpus, allowed_cpus());
    probe_for(&(struct zp_machine_wants){.memory = true});
    ck_assert_uint_eq(machine.memory.total, 256 * ZP_MIB);
    ck_assert_uint_eq(machine.memory.available, 256 * ZP_MIB);
}
END_TEST

// Breaks when huge pages that are switched off for the process are taken to be there, or those that
// are left to who asks for some are not.
START_TEST(huge_pages_of_the_process)
{
    enum { EXCEPT_ADVISED = 1 << 1 }; // PR_THP_DISABLE_EXCEPT_ADVISED, Linux 6.18
    probe();
    ck_assert(!machine.huge_refused);
    ck_assert_int_eq(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
    probe();
    ck_assert(machine.huge_refused);
    probe_for(&(struct zp_machine_wants){.huge_pages = false});
    ck_assert(!machine.huge_refused);
    ck_assert_int_eq(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
    probe();
    ck_assert(!machine.huge_refused);
    if (prctl(PR_SET_THP_DISABLE, 1, EXCEPT_ADVISED, 0, 0) == 0) {
        probe();
        ck_assert(!machine.huge_refused);
    }
}
END_TEST

// Breaks when huge pages are used that are not of the size that the pool takes them to be of.
START_TEST(huge_pages_of_another_size)
{
    probe();
    ck_assert(machine.huge_too_large == (sysconf(_SC_PAGESIZE) != 4096));
}
END_TEST

// ---- Odd files -------------------------------------------------------------------------------

// Breaks when a file that holds nonsense crashes or sets a limit.
START_TEST(odd_lists_of_groups)
{
    static const char *const lists[] = {
        "",
        "\n",
        "\n\n\n",
        "0",
        "0:",
        "0::",
        "::",
        ":::::::\n",
        "0::relative",
        "x:memory",
        "1:memory:",
        "0::/..\n",
        "0:://\n",
        "0::/a//b/\n",
        "1:cpu:/\n2:memory:/\n",
        "\xff\xfe\n",
        "0::/a\n0::/a\n0::/a",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        folder_write("/proc/self/cgroup", lists[i]);
        probe();
        ck_assert_uint_eq(machine.memory.total, physical_memory());
        ck_assert_uint_eq(machine.cpus, allowed_cpus());
    }
}
END_TEST

// Breaks when a value that is no number sets a limit, or divides by zero.
START_TEST(odd_values)
{
    static const char *const values[] = {"",    "\n", "max", "-5",
                                         "abc", "+1", " 1",  "99999999999999999999999999"};
    static const char *const quotas[] = {"",
                                         "max",
                                         "100000",
                                         "0 100000",
                                         "1000 0",
                                         "abc def",
                                         "100000 abc",
                                         "-1 100000",
                                         "1000  1",
                                         "max max",
                                         "99999999999999999999999 1"};
    folder_write("/proc/self/cgroup", "0::/a\n");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        folder_write("/sys/fs/cgroup/a/memory.max", values[i]);
        probe();
        ck_assert_uint_eq(machine.memory.total, physical_memory());
    }
    for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++) {
        folder_write("/sys/fs/cgroup/a/cpu.max", quotas[i]);
        probe();
        ck_assert_uint_eq(machine.cpus, allowed_cpus());
    }
}
END_TEST

// Breaks when a path or a list longer than the room for it is written past its end.
START_TEST(long_paths)
{
    char list[9000];
    for (size_t length = 900; length < sizeof(list) - 8; length += length < 1100 ? 1 : 397) {
        memset(list, 'x', sizeof(list));
        memcpy(list, "0::/", 4);
        for (size_t i = 20; i < length; i += 20)
            list[i] = '/';
        list[length] = '\n';
        list[length + 1] = '\0';
        folder_write("/proc/self/cgroup", list);
        zp_machine_probe(&machine, &all, folder_root);
        MUST(machine.memory.total == physical_memory());
    }
}
END_TEST

// Breaks when a folder stands where a file should be.
START_TEST(folders_instead_of_files)
{
    folder_write("/proc/self/cgroup/x", "");
    folder_write("/proc/sys/vm/overcommit_memory/x", "");
    folder_write("/sys/kernel/mm/transparent_hugepage/enabled/x", "");
    probe();
    ck_assert_uint_eq(machine.memory.total, physical_memory());
    ck_assert(!machine.strict);
    ck_assert(machine.huge_pages);
}
END_TEST

// Breaks when a file is left open: a program may count on the next number.
START_TEST(no_file_is_left_open)
{
    folder_write("/proc/self/cgroup", "0::/a/b\n");
    folder_write("/sys/fs/cgroup/a/memory.max", "104857600\n");
    int before = dup(0);
    close(before);
    probe();
    int after = dup(0);
    close(after);
    ck_assert_int_eq(after, before);
}
END_TEST

// Breaks when a setting that jemalloc has just read is read again, or is taken for one of another
// machine, or when a text that is none is taken for a setting.
START_TEST(settings_that_are_known)
{
    char text[ZP_SETTING_MOST], too_long[64] = "2";
    bool strict = zp_file_noted("", ZP_FILE_OVERCOMMIT, text) == ZP_FILE_READ && text[0] == '2';
    zp_file_note(ZP_FILE_OVERCOMMIT, too_long, sizeof(too_long));
    zp_machine_probe(&machine, &all, "");
    ck_assert_int_eq(machine.strict, strict);
    zp_file_note(ZP_FILE_OVERCOMMIT, strict ? "0" : "2", 1);
    zp_file_note(ZP_FILE_HUGE_PAGES, "always madvise [never]\n", 23);
    zp_machine_probe(&machine, &all, "");
    ck_assert_int_eq(machine.strict, !strict);
    ck_assert(!machine.huge_pages);
    probe();
    ck_assert(!machine.strict);
    ck_assert(machine.huge_pages);
}
END_TEST

// ---- The memory alone ------------------------------------------------------------------------

static struct zp_memory memory;

// The memory that is there, or 0 if it cannot be told.
static size_t memory_now(void)
{
    errno = 4711;
    bool known = zp_memory_look(folder_root, &memory);
    ck_assert_int_eq(errno, 4711);
    return known ? memory.total : 0;
}

// Breaks when a limit that was changed is not seen, up or down, its own or one further up.
START_TEST(memory_is_read_again)
{
    folder_write("/proc/self/cgroup", _i == 0 ? "0::/a/b\n" : "4:memory:/a/b\n");
    const char *own = _i == 0 ? "/sys/fs/cgroup/a/b/memory.max"
                              : "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes";
    const char *above =
        _i == 0 ? "/sys/fs/cgroup/a/memory.high" : "/sys/fs/cgroup/memory/a/memory.limit_in_bytes";
    if (_i == 0)
        folder_write("/sys/fs/cgroup/a/memory.max", "max\n");
    else
        folder_write(above, "9223372036854771712\n");
    folder_write(own, "104857600\n");
    ck_assert_uint_eq(memory_now(), 100 * ZP_MIB);
    folder_write(own, "209715200\n");
    ck_assert_uint_eq(memory_now(), 200 * ZP_MIB);
    folder_write(above, "52428800\n");
    ck_assert_uint_eq(memory_now(), 50 * ZP_MIB);
    folder_write(above, _i == 0 ? "max\n" : "9223372036854771712\n");
    ck_assert_uint_eq(memory_now(), 200 * ZP_MIB);
    folder_write(own, _i == 0 ? "max\n" : "9223372036854771712\n");
    ck_assert_uint_eq(memory_now(), physical_memory());
}
END_TEST

// Breaks when groups that cannot be read any more are taken for groups without a limit: a process
// that has gone into a sandbox, or is out of file numbers, would retain a quarter of the machine.
START_TEST(memory_that_cannot_be_told)
{
    folder_write("/proc/self/cgroup", "0::/a\n");
    folder_write("/sys/fs/cgroup/a/memory.max", "104857600\n");
    ck_assert_uint_eq(memory_now(), 100 * ZP_MIB);
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    struct rlimit none = {0, files.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_uint_eq(memory_now(), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_eq(memory_now(), 100 * ZP_MIB);
    folder_remove("/proc/self/cgroup");
    ck_assert_uint_eq(memory_now(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_checked_fixture(tests, folder_make, folder_take_down);
    tcase_add_test(tests, every_file_may_be_missing);
    tcase_add_test(tests, this_machine);
    tcase_add_test(tests, only_allowed_cpus_count);
#ifndef UNIT_TSAN
    tcase_add_test(tests, the_address_space_may_be_limited);
#endif
    tcase_add_test(tests, overcommit);
    tcase_add_test(tests, mappings);
    tcase_add_test(tests, transparent_huge_pages);
    tcase_add_test(tests, processor_caches);
    tcase_add_test(tests, v2_at_the_mount_point);
    tcase_add_test(tests, v2_in_a_group);
    tcase_add_loop_test(tests, v2_nested_limits, 0, 4);
    tcase_add_loop_test(tests, v2_without_a_limit, 0, 2);
    tcase_add_test(tests, v2_memory_high);
    tcase_add_test(tests, v2_group_not_visible);
    tcase_add_test(tests, v2_controllers_end_apart);
    tcase_add_test(tests, v2_cpu_quota);
    tcase_add_test(tests, v1_limits);
    tcase_add_test(tests, v1_without_limits);
    tcase_add_test(tests, v1_controllers_are_kept_apart);
    tcase_add_test(tests, v1_group_not_visible);
    tcase_add_test(tests, both_versions);
    tcase_add_test(tests, named_tree_beside_version_2);
    tcase_add_test(tests, what_is_not_wanted_is_not_read);
    tcase_add_test(tests, huge_pages_of_the_process);
    tcase_add_test(tests, huge_pages_of_another_size);
    tcase_add_test(tests, odd_lists_of_groups);
    tcase_add_test(tests, odd_values);
    tcase_add_test(tests, long_paths);
    tcase_add_test(tests, folders_instead_of_files);
    tcase_add_test(tests, no_file_is_left_open);
    tcase_add_test(tests, settings_that_are_known);
    tcase_add_loop_test(tests, memory_is_read_again, 0, 2);
    tcase_add_test(tests, memory_that_cannot_be_told);
    return unit_run("machine", tests);
}
