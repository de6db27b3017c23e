// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where there are no helpers to be had, or nothing to hold a file by, reads are what they are
// without them; and a sandbox that the program goes into while others read finds nothing forbidden.
//
// usage: scarce one-cpu | no-descriptors | few-descriptors | no-threads | no-memory
//        scarce filter | filter-all | filter-early

#include "reads.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ID = 5, FULL = 64, ROUNDS = 15 };

#define SIZE (8 * MIB)

static int file;
static atomic_bool stop;
static atomic_uint rounds;

static void read_all_ways_of(int fd)
{
    char *buffer = new_buffer(SIZE + MIB);
    for (enum way way = 0; way < WAYS; way++) {
        struct iovec piece = {buffer, SIZE + MIB};
        memset(buffer, UNREAD, SIZE + MIB);
        CHECK(lseek(fd, 8, SEEK_SET) == 8);
        errno = 4711;
        CHECK(ask(way, fd, &piece, 1, 8).result == (ssize_t)SIZE - 8 && errno == 4711);
        CHECK(holds(buffer, ID, 8, SIZE - 8) && all_bytes(buffer + SIZE - 8, UNREAD, MIB + 8));
        CHECK(lseek(fd, 0, SEEK_CUR) == (way < WAYS_WITHOUT_OFFSET ? (off_t)SIZE : 8));
    }
    free(buffer);
}

static void read_all_ways(void)
{
    read_all_ways_of(file);
}

// ---- A processor -----------------------------------------------------------------------------

static cpu_set_t allowed;

static void *pinned(void *before)
{
    cpu_set_t one;
    size_t cpu = 0;
    int fd = open(path_of(file), O_RDONLY | O_CLOEXEC);
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    for (int i = 0; i < 2; i++)
        read_all_ways_of(fd);
    cpu_set_t now;
    CHECK(sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &one));
    return before;
}

// A pinned thread by itself, and beside one that is not.
static void one_cpu(void)
{
    pthread_t thread;
    CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&thread, NULL, pinned, NULL) == 0);
        if (i == 1)
            for (int j = 0; j < 2; j++)
                read_all_ways();
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

// ---- Descriptors -----------------------------------------------------------------------------

static void limit_descriptors(rlim_t limit)
{
    struct rlimit limits;
    CHECK(getrlimit(RLIMIT_NOFILE, &limits) == 0);
    limits.rlim_cur = limit;
    CHECK(setrlimit(RLIMIT_NOFILE, &limits) == 0);
}

// All that the process may have are open; then all but one.
static void no_descriptors(void)
{
    limit_descriptors(FULL);
    int last = -1;
    for (int fd; (fd = fcntl(file, F_DUPFD_CLOEXEC, 0)) >= 0;)
        last = fd;
    CHECK(errno == EMFILE && last >= 0);
    read_all_ways();
    CHECK(fcntl(file, F_DUPFD_CLOEXEC, 0) == -1 && errno == EMFILE);
    close(last);
    read_all_ways();
    CHECK(fcntl(file, F_DUPFD_CLOEXEC, 0) == last); // and it is free again
}

// The limit is below what is open; and below where the library likes its descriptors to be.
static void few_descriptors(void)
{
    file = fcntl(file, F_DUPFD_CLOEXEC, 200);
    CHECK(file >= 200);
    read_all_ways();
    limit_descriptors(20);
    unsigned before = descriptors();
    read_all_ways();
    limit_descriptors(3);
    read_all_ways();
    limit_descriptors(FULL);
    CHECK(descriptors() == before);
}

// ---- Threads and memory ----------------------------------------------------------------------

static int as_user(void)
{
    return setgid(65534) == 0 && setuid(65534) == 0 ? 0 : -1;
}

static void *nothing(void *argument)
{
    return argument;
}

// The user has as many threads as he may.
static void no_threads(void)
{
    struct rlimit none = {1, 1};
    pthread_t thread;
    if (getuid() == 0 && as_user() != 0)
        check_skip("no other user to be");
    CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        check_skip("this user may have threads all the same");
    read_all_ways();
    read_all_ways();
}

// No more addresses: none for a thread's stack.
static void no_memory(void)
{
    char *buffer = new_buffer(SIZE);
    struct rlimit none = {64 * MIB, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &none) == 0);
    CHECK(pread(file, buffer, SIZE, 0) == (ssize_t)SIZE && holds(buffer, ID, 0, SIZE));
    memset(buffer, UNREAD, SIZE);
    CHECK(lseek(file, 0, SEEK_SET) == 0 && read(file, buffer, SIZE) == (ssize_t)SIZE);
    CHECK(holds(buffer, ID, 0, SIZE));
}

// ---- Filters ---------------------------------------------------------------------------------

// What the program itself and any malloc and free need; all else ends the process.
static void install_filter(unsigned flags)
{
    static const unsigned calls[] = {
        SYS_read,        SYS_pread64,        SYS_readv,  SYS_preadv,          SYS_preadv2,
        SYS_write,       SYS_mmap,           SYS_munmap, SYS_madvise,         SYS_futex,
        SYS_mprotect,    SYS_mremap,         SYS_exit,   SYS_exit_group,      SYS_rt_sigreturn,
        SYS_sched_yield, SYS_rt_sigprocmask, SYS_rseq,   SYS_set_robust_list, SYS_gettid,
        SYS_brk,
    };
    enum { CALLS = sizeof(calls) / sizeof(calls[0]) };
    struct sock_filter filter[2 * CALLS + 2];
    size_t length = 0;
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++) {
        filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {(unsigned short)length, filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (flags == 0)
        CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    else
        CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
}

static void read_plainly(char *buffer)
{
    for (int i = 0; i < 3; i++) {
        CHECK(pread(file, buffer, SIZE, 0) == (ssize_t)SIZE && holds(buffer, ID, 0, SIZE));
        memset(buffer, UNREAD, 64 * KIB);
    }
}

static void *read_until_told(void *unused)
{
    char *buffer = new_buffer(SIZE);
    while (!atomic_load(&stop)) {
        CHECK(pread(file, buffer, SIZE, 0) == (ssize_t)SIZE);
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

static void let_read(unsigned count)
{
    unsigned had = atomic_load(&rounds);
    while (atomic_load(&rounds) < had + count)
        sched_yield();
}

// Others read when the filter comes: for the thread that asks for it alone, or for all.
static void filter_as(unsigned flags, bool early)
{
    pthread_t threads[2];
    char *buffer = new_buffer(SIZE);
    if (!early) {
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, read_until_told, NULL) == 0);
        let_read(6);
    }
    install_filter(flags);
    read_plainly(buffer);
    if (!early)
        let_read(6);
    free(buffer);
    read_plainly(new_buffer(SIZE));
    _exit(0); // the others are reading; exit handlers need more than the filter grants
}

// In a child, several times: the filter may come at any moment of a read.
static void filter(unsigned flags, bool early)
{
    if (prctl(PR_GET_SECCOMP) != 0)
        check_skip("there is a filter already");
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = fork();
        if (child == 0)
            filter_as(flags, early);
        expect_success(child);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    const char *wanted = arguments[1];
    file = make_file("memory", ID, SIZE);
    if (strcmp(wanted, "one-cpu") == 0)
        one_cpu();
    else if (strcmp(wanted, "no-descriptors") == 0)
        no_descriptors();
    else if (strcmp(wanted, "few-descriptors") == 0)
        few_descriptors();
    else if (strcmp(wanted, "no-threads") == 0)
        no_threads();
    else if (strcmp(wanted, "no-memory") == 0)
        no_memory();
    else if (strcmp(wanted, "filter") == 0)
        filter(0, false);
    else if (strcmp(wanted, "filter-all") == 0)
        filter(SECCOMP_FILTER_FLAG_TSYNC, false);
    else if (strcmp(wanted, "filter-early") == 0)
        filter(0, true);
    else
        return 2;
    return 0;
}
