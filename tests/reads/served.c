// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Files of a server (file_server.c) that is slow, fails, or says other things each time: a read
// answers as the kernel's does, what ends or changes during a slow one finds it as it would any
// other, and requests to a slow one are under way at the same time.
//
// usage: file-server FILES -- served errors | changing | slow | killed | cancelled | closed |
// locked |
//                                    forked
//        with the files broken, broken-direct, changing, slow, and very-slow

#include "reads.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { ID = 1 };

// The server's arguments have these, too.
#define BROKEN_SIZE (16 * MIB)
#define BROKEN_FROM (9 * MIB + 16 * KIB)
#define CHANGING_SIZE (8 * MIB)
#define CHANGING_BY (512 * KIB)
#define SLOW_SIZE (32 * MIB)
#define VERY_SLOW_SIZE (256 * MIB)

static int open_file(const char *name)
{
    char path[512];
    const char *folder = getenv("ZP_TEST_FILES");
    CHECK(folder != NULL);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static unsigned requests(unsigned *most_at_once)
{
    char text[64] = "";
    unsigned count, most;
    int fd = open_file("requests");
    CHECK(read(fd, text, sizeof(text) - 1) > 0 && sscanf(text, "%u %u", &count, &most) == 2);
    close(fd);
    if (most_at_once != NULL)
        *most_at_once = most;
    return count;
}

static void wait_for_requests(unsigned count)
{
    while (requests(NULL) < count)
        sched_yield();
}

// ---- Errors ----------------------------------------------------------------------------------

static void compare(int fd, enum way way, off_t from, char *buffer, char *memory)
{
    struct iovec ours = {buffer, BROKEN_SIZE}, kernels = {memory, BROKEN_SIZE};
    CHECK(lseek(fd, from, SEEK_SET) == from);
    struct answer answer = ask(way, fd, &ours, 1, from);
    off_t position = lseek(fd, 0, SEEK_CUR);
    CHECK(lseek(fd, from, SEEK_SET) == from);
    struct answer expected = ask_kernel(way, fd, &kernels, 1, from);
    if (answer.result != expected.result)
        dprintf(STDERR_FILENO, "%s at %lld: %zd, not %zd\n", name_of(way), (long long)from,
                answer.result, expected.result);
    CHECK(answer.result == expected.result && answer.error == expected.error);
    CHECK(position == lseek(fd, 0, SEEK_CUR));
    if (answer.result > 0)
        CHECK(holds(buffer, ID, (uint64_t)from, (size_t)answer.result));
    if (from < (off_t)BROKEN_FROM)
        CHECK(answer.result == (ssize_t)BROKEN_FROM - from);
    else
        CHECK(answer.result == -1 && answer.error == EIO);
}

static void errors(void)
{
    static const char *const names[] = {"broken", "broken-direct"};
    char *buffer = new_buffer(BROKEN_SIZE);
    char *memory =
        mmap(NULL, BROKEN_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        int fd = open_file(names[i]);
        size_t before = shared_reads();
        for (enum way way = 0; way < WAYS; way++) {
            compare(fd, way, 0, buffer, memory);
            compare(fd, way, 3 * MIB + 4 * KIB, buffer, memory);
            compare(fd, way, BROKEN_FROM - 4 * KIB, buffer, memory);
            compare(fd, way, BROKEN_FROM, buffer, memory);
            compare(fd, way, 12 * MIB, buffer, memory);
        }
        expect_shared(before, 2 * WAYS);
        FILE *stream = fdopen(fd, "r");
        CHECK(fseek(stream, 0, SEEK_SET) == 0);
        errno = 0;
        CHECK(fread(buffer, 1, BROKEN_SIZE, stream) == BROKEN_FROM);
        CHECK(holds(buffer, ID, 0, BROKEN_FROM));
        CHECK(ferror(stream) && !feof(stream) && errno == EIO);
        fclose(stream);
    }
    free(buffer);
}

// ---- Sizes -----------------------------------------------------------------------------------

// The size is another one each time that somebody asks.
static void changing(void)
{
    int fd = open_file("changing");
    size_t before = shared_reads();
    char *buffer = new_buffer(CHANGING_SIZE + 4 * MIB);
    for (int i = 0; i < 100; i++) {
        enum way way = (enum way)(i % WAYS);
        struct iovec piece = {buffer, CHANGING_SIZE + 4 * MIB};
        memset(buffer, UNREAD, CHANGING_SIZE + 4 * MIB);
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        struct answer answer = ask(way, fd, &piece, 1, 0);
        CHECK(answer.result >= (ssize_t)CHANGING_SIZE);
        CHECK(answer.result <= (ssize_t)(CHANGING_SIZE + 3 * CHANGING_BY));
        CHECK(holds(buffer, ID, 0, (size_t)answer.result));
        CHECK(lseek(fd, 0, SEEK_CUR) == (way < WAYS_WITHOUT_OFFSET ? answer.result : 0));
    }
    expect_shared(before, 50);
    free(buffer);
}

// ---- A slow one ------------------------------------------------------------------------------

// Many requests are under way at once, which is all that helps here.
static void slow(void)
{
    unsigned most;
    int fd = open_file("slow");
    char *buffer = new_buffer(SLOW_SIZE);
    size_t before = shared_reads();
    for (int i = 0; i < 3; i++) {
        memset(buffer, UNREAD, SLOW_SIZE);
        CHECK(pread(fd, buffer, SLOW_SIZE, 0) == (ssize_t)SLOW_SIZE);
        CHECK(holds(buffer, ID, 0, SLOW_SIZE));
    }
    requests(&most);
    printf("%u requests at once\n", most);
    CHECK(is_sharing() ? most >= 4 : most == 1);
    expect_shared(before, 3);
    free(buffer);
}

// A signal that ends the program ends it at once, not when the file has been read.
static void killed(void)
{
    int ends[2], status;
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open_file("very-slow");
        char *buffer = opaque(malloc(VERY_SLOW_SIZE));
        if (pread(fd, buffer, VERY_SLOW_SIZE, 0) > 0)
            CHECK(write(ends[1], "", 1) == 1);
        _exit(0);
    }
    close(ends[1]);
    wait_for_requests(3);
    CHECK(kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    char byte;
    CHECK(read(ends[0], &byte, 1) == 0); // it had not been read
}

static int slow_file;
static atomic_bool done;

static void *read_slow_file(void *buffer)
{
    ssize_t got = pread(slow_file, buffer, SLOW_SIZE, 0);
    CHECK(got == (ssize_t)SLOW_SIZE && holds(buffer, ID, 0, SLOW_SIZE));
    atomic_store(&done, true);
    for (;;)
        pthread_testcancel();
    return NULL;
}

static pthread_t begin_slow_read(char *buffer)
{
    pthread_t thread;
    unsigned before = requests(NULL);
    slow_file = open_file("slow");
    CHECK(pthread_create(&thread, NULL, read_slow_file, buffer) == 0);
    wait_for_requests(before + 2);
    return thread;
}

static void end_slow_read(pthread_t thread)
{
    void *result;
    while (!atomic_load(&done))
        sched_yield();
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED);
}

// The thread ends, during the read or behind it; nobody writes to its buffer afterwards.
static void cancelled(void)
{
    void *result;
    for (int i = 0; i < 3; i++) {
        char *buffer = new_buffer(SLOW_SIZE);
        pthread_t thread = begin_slow_read(buffer);
        CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
        CHECK(result == PTHREAD_CANCELED);
        unsigned before = requests(NULL);
        memset(buffer, 0x55, SLOW_SIZE);
        int fd = open_file("slow"); // as long as this takes
        char *other = new_buffer(SLOW_SIZE);
        CHECK(pread(fd, other, SLOW_SIZE, 0) == (ssize_t)SLOW_SIZE && requests(NULL) > before);
        CHECK(holds(other, ID, 0, SLOW_SIZE) && all_bytes(buffer, 0x55, SLOW_SIZE));
        free(buffer);
        free(other);
    }
}

// The descriptor is closed, and its number is another file's, long before the end.
static void closed(void)
{
    char *buffer = new_buffer(SLOW_SIZE);
    pthread_t thread = begin_slow_read(buffer);
    int other = make_file("memory", 2, MIB);
    CHECK(dup2(other, slow_file) == slow_file);
    end_slow_read(thread);
    CHECK(holds(buffer, ID, 0, SLOW_SIZE));
    free(buffer);
}

static short lock_seen_by_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(open_file("slow"), F_GETLK, &lock) != 0)
            _exit(100);
        _exit(lock.l_type);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return (short)WEXITSTATUS(status);
}

// A lock that is set during the read is there after it.
static void locked(void)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    char *buffer = new_buffer(SLOW_SIZE);
    pthread_t thread = begin_slow_read(buffer);
    CHECK(fcntl(slow_file, F_SETLK, &lock) == 0 && !atomic_load(&done));
    end_slow_read(thread);
    CHECK(lock_seen_by_child() == F_RDLCK);
    free(buffer);
}

// A child that is made during the read has its parent's descriptors, and reads like any other.
static void forked(void)
{
    char *buffer = new_buffer(SLOW_SIZE);
    unsigned expected = descriptors() + 1;
    pthread_t thread = begin_slow_read(buffer);
    pid_t child = fork();
    if (child == 0) {
        CHECK(descriptors() == expected);
        memset(buffer, UNREAD, SLOW_SIZE);
        size_t before = shared_reads();
        CHECK(pread(slow_file, buffer, SLOW_SIZE, 0) == (ssize_t)SLOW_SIZE);
        CHECK(holds(buffer, ID, 0, SLOW_SIZE) && descriptors() == expected);
        expect_shared(before, 1);
        _exit(0);
    }
    expect_success(child);
    end_slow_read(thread);
    free(buffer);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"errors", errors},       {"changing", changing}, {"slow", slow},     {"killed", killed},
        {"cancelled", cancelled}, {"closed", closed},     {"locked", locked}, {"forked", forked},
    };
    CHECK(count == 2);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(tests[i].name, arguments[1]) == 0) {
            tests[i].test();
            return 0;
        }
    }
    return 2;
}
