// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The files are made-up ones in a folder of their own. Limits alone: test_machine.c.

#include "config/memory.h"
#include "folder.h"

#include <sys/sysinfo.h>

static struct zp_memory memory;

static bool look(void)
{
    errno = 4711;
    bool known = zp_memory_look(folder_root, &memory);
    ck_assert_int_eq(errno, 4711);
    return known;
}

static size_t physical_memory(void)
{
    struct sysinfo info;
    ck_assert_int_eq(sysinfo(&info), 0);
    return (size_t)info.totalram * info.mem_unit;
}

// A file of so many MiB, as a number.
static void write_mib(const char *rest, size_t mib)
{
    char text[32];
    snprintf(text, sizeof(text), "%zu\n", mib * ZP_MIB);
    folder_write(rest, text);
}

static void write_stat(bool version_2, const char *folder, size_t inactive, size_t files,
                       size_t shared)
{
    char path[PATH_MAX], text[400];
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.stat", folder);
    snprintf(text, sizeof(text),
             version_2 ? "anon 1\nfile %zu\nshmem %zu\nactive_file 77\ninactive_file %zu\nx 5\n"
                       : "cache 7\ninactive_file 7\ntotal_cache %zu\ntotal_shmem %zu\n"
                         "total_active_file 77\ntotal_inactive_file %zu\n",
             files * ZP_MIB, shared * ZP_MIB, inactive * ZP_MIB);
    folder_write(path, text);
}

// A group of 400 MiB within one of 440, of either version: machines have more.
static void make_groups(bool version_2, size_t used, size_t used_above)
{
    folder_write("/proc/self/cgroup", version_2 ? "0::/a/b\n" : "4:memory:/a/b\n");
    write_mib(version_2 ? "/sys/fs/cgroup/a/b/memory.max"
                        : "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
              400);
    folder_write("/sys/fs/cgroup/a/memory.max", "max\n");
    write_mib(version_2 ? "/sys/fs/cgroup/a/memory.high"
                        : "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
              440);
    write_mib(version_2 ? "/sys/fs/cgroup/a/b/memory.current"
                        : "/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes",
              used);
    write_mib(version_2 ? "/sys/fs/cgroup/a/memory.current"
                        : "/sys/fs/cgroup/memory/a/memory.usage_in_bytes",
              used_above);
}

// Breaks when what others use, in the group or one above it, counts as available.
START_TEST(what_is_used_is_not_available)
{
    bool version_2 = _i == 0;
    make_groups(version_2, 100, 100);
    ck_assert(look());
    ck_assert(memory.limited && memory.complete);
    ck_assert_uint_eq(memory.total, 400 * ZP_MIB);
    ck_assert_uint_eq(memory.available, 300 * ZP_MIB);
    make_groups(version_2, 100, 390);
    look();
    ck_assert_uint_eq(memory.available, 50 * ZP_MIB);
    make_groups(version_2, 500, 1200); // as when a limit was lowered
    look();
    ck_assert_uint_eq(memory.available, 0);
}
END_TEST

// Breaks when files that the group has read count as used, or buffers that are marked as the
// kernel's to take, which it lists with them, do not.
START_TEST(caches_of_files_are_available)
{
    static const struct {
        size_t inactive, files, shared, available;
    } cases[] = {
        {0, 0, 0, 100},       {100, 150, 0, 200}, {100, 30, 0, 130},
        {100, 130, 100, 130}, {100, 20, 50, 100},
    };
    bool version_2 = _i == 0;
    make_groups(version_2, 300, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_stat(version_2, version_2 ? "/a/b" : "/memory/a/b", cases[i].inactive, cases[i].files,
                   cases[i].shared);
        look();
        ck_assert_uint_eq(memory.available, cases[i].available * ZP_MIB);
    }
}
END_TEST

// Breaks when the machine's own memory does not count, or counts what is marked as available.
START_TEST(the_machine_counts_too)
{
    make_groups(_i == 0, 100, 100);
    folder_write("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:   204800 kB\n");
    look();
    ck_assert_uint_eq(memory.available, 200 * ZP_MIB);
    folder_write("/proc/meminfo", "MemAvailable: 204800 kB\nBuffers: 1024 kB\nCached: 20480 kB\n"
                                  "Active(file): 10240 kB\nInactive(file): 61440 kB\n"
                                  "Shmem: 1024 kB\n");
    look();
    ck_assert_uint_eq(memory.available, 150 * ZP_MIB);
    folder_write("/proc/self/cgroup", "0::/\n");
    look();
    ck_assert(!memory.limited);
    ck_assert_uint_eq(memory.available, 150 * ZP_MIB);
    ck_assert_uint_eq(memory.total, physical_memory());
}
END_TEST

// Breaks when a file that is there and cannot be read is taken for one without a limit, or one that
// is not there for one that cannot be read.
START_TEST(an_unread_file_is_noted)
{
    make_groups(_i == 0, 100, 100);
    const char *own = _i == 0 ? "/sys/fs/cgroup/a/b/memory.max"
                              : "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes";
    folder_write(own, "");
    look();
    ck_assert(!memory.complete);
    folder_remove(own);
    folder_write(_i == 0 ? "/sys/fs/cgroup/a/b/memory.max/x"
                         : "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes/x",
                 "");
    look();
    ck_assert(!memory.complete);
    folder_write("/proc/self/cgroup", _i == 0 ? "0::/a\n" : "4:memory:/a\n");
    look();
    ck_assert(memory.complete);
    ck_assert_uint_eq(memory.total, 440 * ZP_MIB);
    folder_remove(_i == 0 ? "/sys/fs/cgroup/a/memory.current"
                          : "/sys/fs/cgroup/memory/a/memory.usage_in_bytes");
    look();
    ck_assert(!memory.complete);
}
END_TEST

// Breaks when a pipe that stands where a file should be, as after chroot, holds the process up, or
// when what somebody has written into it is taken away.
START_TEST(pipes_are_left_alone)
{
    static const char *const files[] = {"/proc/self/cgroup", "/proc/meminfo",
                                        "/sys/fs/cgroup/a/memory.max"};
    folder_write("/proc/self/cgroup", "0::/a\n");
    int ends[3];
    for (unsigned i = 0; i < 3; i++) {
        folder_remove(files[i]);
        ends[i] = folder_pipe(files[i]);
        ck_assert_int_eq(write(ends[i], "1048576\n", 8), 8);
    }
    ck_assert(!look());
    folder_remove(files[0]);
    folder_write(files[0], "0::/a\n");
    ck_assert(look());
    ck_assert(!memory.complete);
    ck_assert_uint_eq(memory.total, physical_memory());
    struct zp_strain strain;
    zp_strain_look(folder_root, &strain);
    for (unsigned i = 1; i < 3; i++) {
        char text[16];
        ck_assert_int_eq(read(ends[i], text, sizeof(text)), 8);
    }
}
END_TEST

// Breaks when a sign of want is overlooked, or that of another group taken for the own.
START_TEST(signs_of_strain)
{
    struct zp_strain strain;
    zp_strain_look(folder_root, &strain);
    ck_assert_uint_eq(strain.refused + strain.stalled, 0);
    folder_write("/proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n"
                                          "full avg10=0.00 avg60=0.00 avg300=0.00 total=999\n");
    folder_write("/proc/self/cgroup", "4:memory:/a/b\n0::/c\n");
    folder_write("/sys/fs/cgroup/memory/a/b/memory.failcnt", "5\n");
    folder_write("/sys/fs/cgroup/memory/a/memory.failcnt", "70\n");
    zp_strain_look(folder_root, &strain);
    ck_assert_uint_eq(strain.refused, 75);
    ck_assert_uint_eq(strain.stalled, 1234);
    folder_write("/proc/self/cgroup", "4:memory:/a/b\n3:cpu:/\n0::/c\n");
    folder_write("/sys/fs/cgroup/unified/memory.pressure", "some avg10=0.00 total=60\n");
    zp_strain_look(folder_root, &strain);
    ck_assert_uint_eq(strain.refused, 75);
    ck_assert_uint_eq(strain.stalled, 60);
    folder_write("/proc/self/cgroup", "0::/c/d\n");
    folder_write("/sys/fs/cgroup/c/d/memory.events.local", "low 1\nhigh 20\nmax 3\noom 0\n");
    folder_write("/sys/fs/cgroup/c/d/memory.events", "low 1\nhigh 2000\nmax 3000\noom 0\n");
    folder_write("/sys/fs/cgroup/c/memory.events.local", "low 0\nhigh 0\nmax 100\noom 0\n");
    folder_write("/sys/fs/cgroup/c/memory.pressure", "some avg10=0.00 total=50\n");
    folder_write("/sys/fs/cgroup/c/d/memory.pressure", "some avg10=0.00 total=40\n");
    zp_strain_look(folder_root, &strain);
    ck_assert_uint_eq(strain.refused, 123);
    ck_assert_uint_eq(strain.stalled, 40);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_checked_fixture(tests, folder_make, folder_take_down);
    tcase_add_loop_test(tests, what_is_used_is_not_available, 0, 2);
    tcase_add_loop_test(tests, caches_of_files_are_available, 0, 2);
    tcase_add_loop_test(tests, the_machine_counts_too, 0, 2);
    tcase_add_loop_test(tests, an_unread_file_is_noted, 0, 2);
    tcase_add_test(tests, pipes_are_left_alone);
    tcase_add_test(tests, signs_of_strain);
    return unit_run("memory", tests);
}
