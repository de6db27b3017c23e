// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The live file: what its writer writes, its reader reads, and what neither may trust.

#include "folder.h"
#include "stats/live.h"
#include "stats/table.h"
#include "stats/writer.h"

#include <sys/mman.h>

static struct zp_live_writer writer;
static struct zp_live live;
static struct zp_pool_stats stats;

static void begin(void)
{
    struct zp_live_origin origin = {folder_root, "a program", "1.2.3", 500};
    folder_make();
    setenv("XDG_RUNTIME_DIR", folder_root, 1);
    ck_assert_int_eq(zp_live_writer_begin(&writer, &origin), 0);
}

static void path_of(pid_t pid, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/zeropool/%d", folder_root, (int)pid);
}

static bool is_there(pid_t pid)
{
    char path[PATH_MAX];
    path_of(pid, path);
    return access(path, F_OK) == 0;
}

// Whether a process is listed, among others that may be in /dev/shm.
static bool is_listed(pid_t pid)
{
    static pid_t pids[4096];
    size_t count = zp_live_list(pids, 4096), found = 0;
    for (size_t i = 0; i < count && i < 4096; i++) {
        ck_assert(i == 0 || pids[i - 1] < pids[i]);
        found += pids[i] == pid;
    }
    return found == 1;
}

static void fill(uint64_t value)
{
    uint64_t *words = (uint64_t *)(void *)&stats;
    for (size_t i = 0; i < sizeof(stats) / sizeof(uint64_t); i++)
        words[i] = value;
}

static bool is_whole(void)
{
    const uint64_t *words = (const uint64_t *)(const void *)&live.stats;
    for (size_t i = 1; i < sizeof(stats) / sizeof(uint64_t); i++)
        if (words[i] != words[0])
            return false;
    return true;
}

// Breaks when the reader does not get what was written, or gets something before that.
START_TEST(what_was_written_is_read)
{
    begin();
    ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_BUSY);
    fill(4711);
    zp_live_writer_update(&writer, &stats);
    ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_READ);
    ck_assert_mem_eq(&live.stats, &stats, sizeof(stats));
    ck_assert_str_eq(live.program, "a program");
    ck_assert_str_eq(live.library, "1.2.3");
    ck_assert_uint_eq(live.pid, (uint32_t)getpid());
    ck_assert_uint_ne(live.started, 0);
    ck_assert(is_listed(getpid()));
    zp_live_writer_end(&writer);
    ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_ABSENT);
    ck_assert(!is_listed(getpid()));
    folder_take_down();
}
END_TEST

// Breaks when others can read or write the file, or put one of theirs in its place.
START_TEST(it_is_private)
{
    begin();
    char path[PATH_MAX];
    struct stat about;
    path_of(getpid(), path);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0700);
    chmod(path, 0770);
    ck_assert_int_eq(zp_live_open_folder(0, folder_root, true), -EPERM);
    zp_live_writer_end(&writer);
    folder_take_down();
    strcpy(strstr(folder_root, "machine-") + 8, "XXXXXX");
    folder_make();
    char link[PATH_MAX];
    snprintf(link, sizeof(link), "%s/zeropool", folder_root);
    ck_assert_int_eq(symlink("/tmp", link), 0);
    ck_assert_int_lt(zp_live_open_folder(0, folder_root, true), 0);
    ck_assert_int_eq(zp_live_open_folder(0, "relative", true), -ENOENT);
    ck_assert_int_eq(zp_live_open_folder(0, NULL, true), -ENOENT);
    folder_take_down();
}
END_TEST

static void *keep_updating(void *over)
{
    for (uint64_t i = 1; !__atomic_load_n((bool *)over, __ATOMIC_RELAXED); i++) {
        fill(i);
        zp_live_writer_update(&writer, &stats);
    }
    return NULL;
}

// Breaks when a reader gets a part of one moment and a part of another.
START_TEST(a_reader_sees_one_moment)
{
    begin();
    bool over = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_updating, &over), 0);
    for (unsigned i = 0, read = 0; read < 200 && i < 100000; i++) {
        enum zp_live_result result = zp_live_read(getpid(), &live);
        MUST(result == ZP_LIVE_READ || result == ZP_LIVE_BUSY);
        if (result == ZP_LIVE_READ) {
            MUST(is_whole());
            read++;
        }
    }
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    zp_live_writer_end(&writer);
    folder_take_down();
}
END_TEST

// Breaks when a file of a process that was killed is shown, or stays for ever.
START_TEST(what_the_dead_left_is_removed)
{
    begin();
    zp_live_writer_update(&writer, &stats);
    pid_t child = fork();
    if (child == 0) {
        struct zp_live_origin origin = {folder_root, "child", "1", 500};
        zp_live_writer_forget(&writer);
        _exit(zp_live_writer_begin(&writer, &origin) == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(is_there(child));
    if (_i == 0) {
        ck_assert_int_eq(zp_live_read(child, &live), ZP_LIVE_STALE);
    } else if (_i == 1) {
        ck_assert(!is_listed(child));
    } else { // another starts
        zp_live_writer_end(&writer);
        struct zp_live_origin origin = {folder_root, "next", "1", 500};
        ck_assert_int_eq(zp_live_writer_begin(&writer, &origin), 0);
    }
    ck_assert(!is_there(child));
    zp_live_writer_end(&writer);
    folder_take_down();
}
END_TEST

// Breaks when the counters of the program before exec are shown for the one after it, or those of a
// process for another that got its number.
START_TEST(what_another_program_left_is_removed)
{
    begin();
    zp_live_writer_update(&writer, &stats);
    if (_i == 0)
        munmap(writer.live, sizeof(*writer.live));
    else
        writer.live->started--;
    ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_STALE);
    ck_assert(!is_there(getpid()));
    folder_take_down();
}
END_TEST

// Breaks when a child of a fork writes to its parent's file, or removes it.
START_TEST(a_child_leaves_it_alone)
{
    begin();
    fill(1);
    zp_live_writer_update(&writer, &stats);
    pid_t child = fork();
    if (child == 0) {
        bool gone = !unit_is_readable(writer.live);
        zp_live_writer_forget(&writer);
        zp_live_writer_update(&writer, &stats);
        zp_live_writer_end(&writer);
        unit_note_coverage(0);
        _exit(gone ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_READ);
    zp_live_writer_end(&writer);
    folder_take_down();
}
END_TEST

static void overwrite(size_t at, const void *bytes, size_t length)
{
    char path[PATH_MAX];
    path_of(getpid(), path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, length, (off_t)at), (ssize_t)length);
    close(fd);
}

// Breaks when a file is taken for what it is not: cut short, of another version, without an end of
// its strings, or left in the middle of a write.
START_TEST(a_damaged_file_is_not_read)
{
    static const char letters[32] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const size_t places[] = {
        offsetof(struct zp_live, magic),   offsetof(struct zp_live, version),
        offsetof(struct zp_live, size),    offsetof(struct zp_live, signature),
        offsetof(struct zp_live, program), offsetof(struct zp_live, library),
    };
    begin();
    zp_live_writer_update(&writer, &stats);
    struct zp_live before = *writer.live;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t length = places[i] == offsetof(struct zp_live, program)   ? 32
                        : places[i] == offsetof(struct zp_live, library) ? 16
                                                                         : 4;
        char full[32];
        memset(full, 'x', sizeof(full));
        overwrite(places[i], i < 4 ? letters : full, length);
        ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_FOREIGN);
        overwrite(0, &before, offsetof(struct zp_live, stats));
        ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_READ);
    }
    uint32_t odd = 7;
    overwrite(offsetof(struct zp_live, sequence), &odd, sizeof(odd));
    ck_assert_int_eq(zp_live_read(getpid(), &live), ZP_LIVE_BUSY);
    for (size_t length = 0; length < sizeof(live); length += 97)
        ck_assert_int_eq(zp_live_check(&before, length), ZP_LIVE_FOREIGN);
    zp_live_writer_end(&writer);
    folder_take_down();
}
END_TEST

// Breaks when a name that is no process's is removed or read.
START_TEST(other_files_are_left_alone)
{
    begin();
    folder_write("/zeropool/0123", "x");
    folder_write("/zeropool/12x", "x");
    folder_write("/zeropool/99999999999", "x");
    ck_assert(is_listed(getpid()));
    char path[PATH_MAX];
    folder_path(path, "/zeropool/0123");
    ck_assert_int_eq(access(path, F_OK), 0);
    folder_path(path, "/zeropool/12x");
    ck_assert_int_eq(access(path, F_OK), 0);
    zp_live_writer_end(&writer);
    folder_take_down();
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, what_was_written_is_read);
    tcase_add_test(tests, it_is_private);
    tcase_add_test(tests, a_reader_sees_one_moment);
    tcase_add_loop_test(tests, what_the_dead_left_is_removed, 0, 3);
    tcase_add_loop_test(tests, what_another_program_left_is_removed, 0, 2);
    tcase_add_test(tests, a_child_leaves_it_alone);
    tcase_add_test(tests, a_damaged_file_is_not_read);
    tcase_add_test(tests, other_files_are_left_alone);
    return unit_run("live", tests);
}
