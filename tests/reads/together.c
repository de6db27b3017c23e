// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many that read at the same time: every byte of a file goes to one of those who share its offset,
// and to each the bytes that are its own; children read as their parents do, and inherit nothing of
// the library's.
//
// usage: together threads | processes | different | storm | stream | spawn | vfork | own-table
//        together list COUNT    what `spawn` starts: so many descriptors have to be open

#include "reads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { THREADS = 8, PROCESSES = 4, FILES = 16, MOST_RANGES = 4096, STORM = 25, SPAWNS = 40 };

#define SIZE (6 * MIB)

extern char **environ;

// ---- One offset for all ----------------------------------------------------------------------

struct range {
    uint64_t from, to;
};

// Shared with children.
static struct ranges {
    atomic_uint count;
    struct range each[MOST_RANGES];
} * ranges;

static int shared_file;

// Large ones, and small ones that the library passes on.
static size_t some_size(uint64_t *random)
{
    uint64_t number = next_random(random);
    return number % 5 == 0 ? 1 + number % (64 * KIB) : 2 * MIB + number % (3 * MIB);
}

static void read_some(int fd, uint64_t seed)
{
    char *buffer = new_buffer(5 * MIB + 8);
    for (;;) {
        size_t size = some_size(&seed) & ~(size_t)7; // so that each begins where eight bytes do
        ssize_t got = read(fd, buffer, size);
        CHECK(got >= 0);
        if (got == 0 && size > 0)
            break;
        if (got == 0)
            continue;
        uint64_t from = offset_at(buffer);
        CHECK(id_at(buffer) == 1 && holds(buffer, 1, from, (size_t)got));
        unsigned at = atomic_fetch_add(&ranges->count, 1);
        CHECK(at < MOST_RANGES);
        ranges->each[at] = (struct range){from, from + (uint64_t)got};
    }
    free(buffer);
}

static int by_start(const void *a, const void *b)
{
    const struct range *one = a, *other = b;
    return one->from < other->from ? -1 : one->from > other->from;
}

// Together they are the file, each byte once.
static void check_ranges(uint64_t size)
{
    uint64_t at = 0;
    qsort(ranges->each, ranges->count, sizeof(struct range), by_start);
    for (unsigned i = 0; i < ranges->count; i++) {
        CHECK(ranges->each[i].from == at);
        at = ranges->each[i].to;
    }
    CHECK(at == size && lseek(shared_file, 0, SEEK_CUR) == (off_t)size);
}

static void begin_ranges(const char *where, size_t size)
{
    if (ranges == NULL)
        ranges =
            mmap(NULL, sizeof(*ranges), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(ranges != MAP_FAILED);
    atomic_store(&ranges->count, 0);
    shared_file = make_file(where, 1, size);
    CHECK(lseek(shared_file, 0, SEEK_SET) == 0);
}

// Every other one has a descriptor of its own, of the same offset.
static void *read_shared(void *number)
{
    unsigned i = (unsigned)(uintptr_t)number;
    int fd = i % 2 == 0 ? shared_file : fcntl(shared_file, F_DUPFD_CLOEXEC, 0);
    read_some(fd, i);
    return NULL;
}

static void run(unsigned count, void *(*function)(void *))
{
    pthread_t threads[32];
    for (unsigned i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, function, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < count; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void by_threads(void)
{
    const size_t size = 96 * MIB + 4321 * 8;
    size_t before = shared_reads();
    for (int i = 0; i < 4; i++) {
        begin_ranges(i % 2 == 0 ? "memory" : "here", size);
        run(THREADS, read_shared);
        check_ranges(size);
        close(shared_file);
    }
    expect_shared(before, 10);
}

// Each starts a thread besides, so that several of a process and several processes read at once.
static void by_processes(void)
{
    const size_t size = 96 * MIB + 4321 * 8;
    pid_t children[PROCESSES];
    for (int i = 0; i < 3; i++) {
        begin_ranges(i % 2 == 0 ? "memory" : "here", size);
        for (int j = 0; j < PROCESSES; j++) {
            children[j] = fork();
            if (children[j] == 0) {
                run(2, read_shared);
                _exit(0);
            }
        }
        run(2, read_shared);
        for (int j = 0; j < PROCESSES; j++)
            expect_success(children[j]);
        check_ranges(size);
        close(shared_file);
    }
}

// ---- A file each -----------------------------------------------------------------------------

static int files[FILES];
static atomic_bool stop;

static void make_files(void)
{
    for (unsigned i = 0; i < FILES; i++)
        files[i] = make_file(i % 4 == 3 ? "here" : "memory", i + 1, SIZE);
}

static void read_one(unsigned i)
{
    char *buffer = new_buffer(SIZE + 8);
    off_t from = (off_t)(i % 3) * 4096;
    ssize_t got = pread(files[i], buffer, SIZE + 8, from);
    CHECK(got == (ssize_t)SIZE - from && holds(buffer, i + 1, (uint64_t)from, (size_t)got));
    CHECK(all_bytes(buffer + got, UNREAD, (size_t)(SIZE + 8) - (size_t)got));
    free(buffer);
}

static void *read_own(void *number)
{
    for (int i = 0; i < 20; i++)
        read_one((unsigned)(uintptr_t)number);
    return NULL;
}

static void different(void)
{
    make_files();
    size_t before = shared_reads();
    run(FILES, read_own);
    expect_shared(before, 100);
}

// ---- Forks meanwhile -------------------------------------------------------------------------

static void *read_until_told(void *number)
{
    while (!atomic_load(&stop))
        read_one((unsigned)(uintptr_t)number);
    return NULL;
}

// A child has the descriptors that its parent knows of, and reads like it: with a team of its own.
static void fork_once(unsigned expected, unsigned number)
{
    pid_t child = fork();
    if (child == 0) {
        CHECK(descriptors() == expected);
        size_t before = shared_reads();
        read_one(number % FILES);
        read_one((number + 1) % FILES);
        expect_shared(before, 2);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            read_one(number % FILES);
            _exit(0);
        }
        expect_success(grandchild);
        CHECK(descriptors() == expected);
        _exit(0);
    }
    expect_success(child);
}

static void storm(void)
{
    pthread_t threads[4];
    make_files();
    unsigned expected = descriptors();
    for (unsigned i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, read_until_told, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < STORM; i++)
        fork_once(expected, i);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(descriptors() == expected);
}

// ---- A stream that is inherited --------------------------------------------------------------

// The child goes on where the parent was, with what the parent's stream had buffered.
static void stream(void)
{
    int fd = make_file("memory", 1, 64 * MIB);
    FILE *file = fopen(path_of(fd), "re");
    char *buffer = new_buffer(10 * MIB);
    CHECK(file != NULL && fread(buffer, 1, 100, file) == 100 && holds(buffer, 1, 0, 100));
    size_t before = shared_reads();
    CHECK(fread(buffer, 1, 10 * MIB, file) == 10 * MIB && holds(buffer, 1, 100, 10 * MIB));
    expect_shared(before, 1);
    pid_t child = fork();
    if (child == 0) {
        CHECK(ftell(file) == (long)(10 * MIB) + 100);
        CHECK(fread(buffer, 1, 9 * MIB, file) == 9 * MIB);
        CHECK(holds(buffer, 1, 10 * MIB + 100, 9 * MIB));
        CHECK(fgetc(file) == (unsigned char)((const char *)&(uint64_t){
                                 content_word(1, (19 * MIB + 100) / 8)})[(19 * MIB + 100) % 8]);
        fclose(file);
        exit(0);
    }
    expect_success(child);
    CHECK(fseek(file, 10 * (long)MIB + 100, SEEK_SET) == 0);
    CHECK(fread(buffer, 1, 10 * MIB, file) == 10 * MIB);
    CHECK(holds(buffer, 1, 10 * MIB + 100, 10 * MIB));
    fclose(file);
}

// ---- Programs that are started meanwhile -----------------------------------------------------

static void start_one(const char *count)
{
    pid_t child;
    const char *const arguments[] = {"together", "list", count, NULL};
    CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, (char *const *)arguments, environ) ==
          0);
    expect_success(child);
    child = vfork();
    if (child == 0) {
        execv("/proc/self/exe", (char *const *)arguments);
        _exit(126);
    }
    expect_success(child);
}

// None of the descriptors that the library may hold during a read gets into another program.
static void spawn(void)
{
    pthread_t threads[2];
    char count[16];
    make_files(); // all are closed on exec
    unsigned inherited = 0;
    for (int fd = 0; fd < 1024; fd++) {
        int about = fcntl(fd, F_GETFD);
        inherited += about >= 0 && (about & FD_CLOEXEC) == 0;
    }
    snprintf(count, sizeof(count), "%u", inherited);
    start_one(count);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, read_until_told, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < SPAWNS; i++)
        start_one(count);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void list(const char *count)
{
    CHECK(descriptors() == strtoul(count, NULL, 10));
}

// ---- Descriptors of its own, memory of the process -------------------------------------------

// The child of a vfork has its parent's memory, but files of its own: the same number is another
// file there.
static void read_in_vfork(char *buffer)
{
    memset(buffer, UNREAD, SIZE);
    pid_t child = vfork();
    if (child == 0) {
        if (dup2(files[5], files[4]) != files[4])
            _exit(2);
        _exit(read(files[4], buffer, SIZE) == (ssize_t)SIZE ? 0 : 3);
    }
    expect_success(child);
    CHECK(holds(buffer, 6, 0, SIZE));
    CHECK(lseek(files[5], 0, SEEK_CUR) == (off_t)SIZE && lseek(files[5], 0, SEEK_SET) == 0);
}

// Before there are helpers, when there are, and while other threads of the parent's read.
static void from_vfork(void)
{
    pthread_t threads[2];
    make_files();
    char *buffer = new_buffer(SIZE);
    for (int i = 0; i < 3; i++)
        read_in_vfork(buffer);
    size_t before = shared_reads();
    for (unsigned i = 0; i < 3; i++)
        read_one(i);
    expect_shared(before, 3);
    CHECK(!is_sharing() || entries("/proc/self/task") > 1); // there are helpers, for a second
    for (int i = 0; i < 10; i++)
        read_in_vfork(buffer);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, read_until_told, (void *)(uintptr_t)i) == 0);
    for (int i = 0; i < 60; i++)
        read_in_vfork(buffer);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    before = shared_reads();
    read_one(0);
    expect_shared(before, 1);
    free(buffer);
}

static int reopened[2];

// A thread with a table of its own: what it opens there has the numbers of the others' files.
static void *read_alone(void *number)
{
    unsigned i = (unsigned)(uintptr_t)number;
    if (unshare(CLONE_FILES) != 0)
        return (void *)1;
    CHECK(dup2(reopened[i], 300) == 300);
    char *buffer = new_buffer(SIZE);
    for (int round = 0; round < 50; round++) {
        CHECK(pread(300, buffer, SIZE, 0) == (ssize_t)SIZE);
        CHECK(holds(buffer, i + 1, 0, SIZE));
        CHECK(lseek(300, 0, SEEK_SET) == 0 && read(300, buffer, SIZE) == (ssize_t)SIZE);
        CHECK(holds(buffer, i + 1, 0, SIZE));
    }
    free(buffer);
    return NULL;
}

static void own_table(void)
{
    pthread_t threads[3];
    void *result;
    make_files();
    read_one(4);
    reopened[0] = files[0];
    reopened[1] = files[1];
    CHECK(dup2(files[2], 300) == 300);
    CHECK(pthread_create(&threads[2], NULL, read_until_told, (void *)(uintptr_t)2) == 0);
    bool refused = false;
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, read_alone, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], &result) == 0);
        refused |= result != NULL;
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(threads[2], NULL) == 0);
    if (refused)
        check_skip("no thread may have descriptors of its own");
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"threads", by_threads}, {"processes", by_processes}, {"different", different},
        {"storm", storm},        {"stream", stream},          {"spawn", spawn},
        {"vfork", from_vfork},   {"own-table", own_table},
    };
    CHECK(count >= 2);
    if (strcmp(arguments[1], "list") == 0) {
        CHECK(count == 3);
        list(arguments[2]);
        return 0;
    }
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(tests[i].name, arguments[1]) == 0) {
            tests[i].test();
            return 0;
        }
    }
    return 2;
}
