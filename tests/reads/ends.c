// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What ends, changes or goes away during a read: the thread, the process, the descriptor, the
// file's end.
//
// usage: ends cancel | exit | close | offsets | shrink | grow | locks | flock

#include "reads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { CANCELLED = 60, EXITS = 30, READS = 300, LOCKS = 48, NUMBER = 400 };

#define SIZE (8 * MIB)

static int file;
static atomic_bool stop;
static atomic_uint rounds;

// ---- Threads that are cancelled --------------------------------------------------------------

// The buffer is freed at once: no helper may write to it any more.
static void *read_until_cancelled(void *unused)
{
    char *buffer = new_buffer(SIZE);
    pthread_cleanup_push(free, buffer);
    for (;;) {
        ssize_t got = pread(file, buffer, SIZE, 0);
        CHECK(got == (ssize_t)SIZE);
        atomic_fetch_add(&rounds, 1);
    }
    pthread_cleanup_pop(1);
    return unused;
}

static void cancel(void)
{
    unsigned open_before = descriptors();
    size_t before = shared_reads();
    for (int i = 0; i < CANCELLED; i++) {
        pthread_t thread;
        void *result;
        unsigned had = atomic_load(&rounds);
        CHECK(pthread_create(&thread, NULL, read_until_cancelled, NULL) == 0);
        while (atomic_load(&rounds) < had + 1 + (unsigned)i % 3)
            sched_yield();
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
        char *buffer = opaque(calloc(1, SIZE));
        sched_yield();
        CHECK(all_bytes(buffer, 0, SIZE));
        free(buffer);
    }
    expect_shared(before, CANCELLED / 2);
    CHECK(descriptors() <= open_before + 8);
}

// ---- Processes that end ----------------------------------------------------------------------

static void *read_for_ever(void *unused)
{
    char *buffer = new_buffer(SIZE);
    for (;;) {
        ssize_t got = pread(file, buffer, SIZE, 0);
        if (got != (ssize_t)SIZE)
            _exit(3);
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

static void end_as(int how)
{
    pthread_t threads[2];
    atomic_store(&rounds, 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, read_for_ever, NULL) == 0);
    while (atomic_load(&rounds) < 4)
        sched_yield();
    if (how == 0)
        exit(0);
    if (how == 1)
        _exit(0);
    if (how == 2)
        execl("/bin/true", "true", NULL);
    kill(getpid(), SIGTERM);
    pause();
}

static void end_while_reading(void)
{
    for (int i = 0; i < EXITS; i++) {
        pid_t child = fork();
        if (child == 0)
            end_as(i % 4);
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        if (i % 4 == 3)
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        else
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

// ---- Descriptors that are closed -------------------------------------------------------------

static int others[2];

// NUMBER is one file, another file, none. What was put there is opened anew, so that a read of it
// begins at its start.
static void *change_descriptor(void *unused)
{
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        int fd = open(path_of(others[i % 2]), O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0 && dup2(fd, NUMBER) == NUMBER);
        close(fd);
        if (i % 3 == 2)
            close(NUMBER);
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

// A read is whole and of one file, or there was no file.
static void closing(void)
{
    pthread_t thread;
    for (unsigned i = 0; i < 2; i++)
        others[i] = make_file(i == 0 ? "memory" : "here", 10 + i, SIZE);
    char *buffer = new_buffer(SIZE + 4096);
    size_t before = shared_reads(), whole = 0;
    unsigned open_before = descriptors();
    CHECK(pthread_create(&thread, NULL, change_descriptor, NULL) == 0);
    while (whole < READS) {
        enum way way = (enum way)(whole % WAYS);
        struct iovec piece = {buffer, SIZE + 4096};
        memset(buffer, UNREAD, SIZE + 4096);
        struct answer answer = ask(way, NUMBER, &piece, 1, 0);
        if (answer.result < 0) {
            CHECK(answer.error == EBADF);
            continue;
        }
        if (way < WAYS_WITHOUT_OFFSET && answer.result == 0)
            continue; // read already
        CHECK(answer.result == (ssize_t)SIZE && holds(buffer, id_at(buffer), 0, SIZE));
        CHECK(id_at(buffer) == 10 || id_at(buffer) == 11);
        CHECK(all_bytes(buffer + SIZE, UNREAD, 4096));
        whole++;
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    close(NUMBER);
    CHECK(descriptors() == open_before);
    expect_shared(before, READS / 4);
    free(buffer);
}

// ---- The offset is moved ---------------------------------------------------------------------

static void *move_offset(void *unused)
{
    for (unsigned i = 0; !atomic_load(&stop); i++)
        CHECK(lseek(file, (off_t)(i % 64) * 64 * (off_t)KIB, SEEK_SET) >= 0);
    return unused;
}

// Another thread moves it all the time: a read is of one place all the same.
static void offsets(void)
{
    pthread_t thread;
    char *buffer = new_buffer(3 * MIB);
    size_t before = shared_reads(), large = 0;
    CHECK(pthread_create(&thread, NULL, move_offset, NULL) == 0);
    while (large < READS) {
        ssize_t got = read(file, buffer, 3 * MIB);
        CHECK(got >= 0);
        if (got == 0) { // at the end: the other thread has its turn
            sched_yield();
            continue;
        }
        CHECK(holds(buffer, 9, offset_at(buffer), (size_t)got));
        CHECK(got == (ssize_t)(3 * MIB) || offset_at(buffer) + (uint64_t)got == SIZE);
        large += got >= (ssize_t)(2 * MIB);
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    expect_shared(before, READS / 2);
    free(buffer);
}

// ---- The file's end is moved -----------------------------------------------------------------

static void *shrink_and_write(void *unused)
{
    for (uint64_t seed = 1; !atomic_load(&stop);) {
        uint64_t size = SIZE / 2 + next_random(&seed) % (SIZE / 2);
        CHECK(ftruncate(file, (off_t)size) == 0);
        write_content(file, 9, size, SIZE);
    }
    return unused;
}

static void *append(void *unused)
{
    for (uint64_t size = SIZE / 2; !atomic_load(&stop) && size < 64 * MIB; size += 100 * KIB) {
        write_content(file, 9, size, size + 100 * KIB);
        sched_yield();
    }
    return unused;
}

// Bytes that have been cut off while they were read may be zero, as the kernel's are; none has not
// been read.
static bool holds_or_zero(const char *bytes, uint64_t offset, size_t size)
{
    for (size_t at = 0; at < size; at += 64) {
        size_t part = size - at < 64 ? size - at : 64;
        if (holds(bytes + at, 9, offset + at, part))
            continue;
        for (size_t i = 0; i < part; i++)
            if (bytes[at + i] != 0 && !holds(bytes + at + i, 9, offset + at + i, 1))
                return false;
    }
    return true;
}

static void with_moving_end(void *(*move)(void *))
{
    pthread_t thread;
    size_t before = shared_reads();
    CHECK(pthread_create(&thread, NULL, move, NULL) == 0);
    for (unsigned i = 0; i < READS / 3; i++) {
        char *buffer = new_buffer(SIZE + MIB);
        off_t from = i % 2 == 0 ? 0 : 4096;
        CHECK(lseek(file, from, SEEK_SET) == from);
        ssize_t got =
            i % 3 == 0 ? pread(file, buffer, SIZE + MIB, from) : read(file, buffer, SIZE + MIB);
        CHECK(got >= (ssize_t)(SIZE / 2) - from && got <= (ssize_t)(SIZE + MIB));
        CHECK(holds(buffer, 9, (uint64_t)from, SIZE / 2 - (size_t)from));
        CHECK(holds_or_zero(buffer, (uint64_t)from, (size_t)got));
        CHECK(lseek(file, 0, SEEK_CUR) == (i % 3 == 0 ? from : from + (off_t)got));
        free(buffer);
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    expect_shared(before, READS / 9);
}

// ---- Locks -----------------------------------------------------------------------------------

static short lock_seen_by_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path_of(file), O_RDWR | O_CLOEXEC);
        if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0)
            _exit(100);
        _exit(lock.l_type);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return (short)WEXITSTATUS(status);
}

static void lock_as(int fd, short type, off_t from, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = length};
    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
}

static void *read_until_told(void *unused)
{
    char *buffer = new_buffer(SIZE);
    while (!atomic_load(&stop)) {
        CHECK(pread(file, buffer, SIZE, 0) == (ssize_t)SIZE && holds(buffer, 9, 0, SIZE));
        atomic_fetch_add(&rounds, 1);
    }
    free(buffer);
    return unused;
}

static void let_read(unsigned count)
{
    unsigned had = atomic_load(&rounds);
    while (atomic_load(&rounds) < had + count)
        sched_yield();
}

// A process loses its locks of a file when it closes any descriptor of it: a read may not. The lock
// is set by the descriptor that is read from, or by another.
static void locks(void)
{
    char *buffer = new_buffer(SIZE);
    int fds[2] = {file, open(path_of(file), O_RDWR | O_CLOEXEC)};
    size_t before = shared_reads();
    CHECK(fds[1] >= 0);
    for (int i = 0; i < LOCKS; i++) {
        short type = i % 2 == 0 ? F_RDLCK : F_WRLCK;
        struct iovec piece = {buffer, SIZE};
        lock_as(fds[i / 2 % 2], type, i % 3 * 1000, i % 4 * 10);
        CHECK(ask((enum way)(i % WAYS), fds[i / 4 % 2], &piece, 1, 0).result >= 0);
        CHECK(lock_seen_by_child() == type);
        lock_as(file, F_UNLCK, 0, 0);
        CHECK(pread(file, buffer, SIZE, 0) == (ssize_t)SIZE && holds(buffer, 9, 0, SIZE));
        CHECK(lock_seen_by_child() == F_UNLCK);
    }
    expect_shared(before, LOCKS); // without a lock they are
    free(buffer);
}

static void flocks(void)
{
    pthread_t thread;
    CHECK(flock(file, LOCK_EX) == 0);
    CHECK(pthread_create(&thread, NULL, read_until_told, NULL) == 0);
    let_read(5);
    int other = open(path_of(file), O_RDWR | O_CLOEXEC);
    CHECK(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    let_read(5);
    CHECK(flock(file, LOCK_UN) == 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
    atomic_store(&stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    const char *wanted = arguments[1];
    file = make_file("here", 9, SIZE);
    if (strcmp(wanted, "cancel") == 0)
        cancel();
    else if (strcmp(wanted, "exit") == 0)
        end_while_reading();
    else if (strcmp(wanted, "close") == 0)
        closing();
    else if (strcmp(wanted, "offsets") == 0)
        offsets();
    else if (strcmp(wanted, "shrink") == 0)
        with_moving_end(shrink_and_write);
    else if (strcmp(wanted, "grow") == 0)
        with_moving_end(append);
    else if (strcmp(wanted, "locks") == 0)
        locks();
    else if (strcmp(wanted, "flock") == 0)
        flocks();
    else
        return 2;
    return 0;
}
