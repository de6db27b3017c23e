// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System call filters. Breaks when the library needs a call that it says it can do without, or
// makes one that it does not name.
//
// usage: filters refuse CALLS PROGRAM [ARGUMENT...]   runs a program to which the calls fail, EPERM
//        filters kill CALLS         works on under a filter that ends the process for any other
//        filters announce CALLS     the same, installed by prctl before the first large request
//        filters by-number CALLS    the same, installed as libseccomp does
//
// CALLS are names as in docs/design.md, with spaces between.

#include "core/syscall.h"
#include "tests/preload/check.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

enum { ANY = -1 };

struct call {
    const char *name;
    unsigned number;
    int third; // what the third argument has to be
};

#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name, ANY                                                                     \
    }
#define ADVICE(name)                                                                               \
    {                                                                                              \
        "madvise(" #name ")", SYS_madvise, name                                                    \
    }

static const struct call known[] = {
    CALL(mmap),
    CALL(mprotect),
    CALL(munmap),
    CALL(mremap),
    CALL(mincore),
    CALL(sysinfo),
    CALL(fstat),
    CALL(lseek),
    CALL(membarrier),
    CALL(prctl),
    CALL(sched_setscheduler),
    CALL(openat),
    CALL(pread64),
    CALL(close),
    CALL(getpid),
    CALL(fstat),
    CALL(mbind),
    CALL(set_mempolicy),
    CALL(get_mempolicy),
    CALL(getcpu),
    CALL(sched_getaffinity),
    CALL(fcntl),
    CALL(preadv2),
    CALL(rt_sigaction),
    CALL(rt_sigpending),
    {"cachestat", 451, ANY},
    ADVICE(MADV_DONTNEED),
    ADVICE(MADV_DONTNEED_LOCKED),
    ADVICE(MADV_HUGEPAGE),
    ADVICE(MADV_NOHUGEPAGE),
    ADVICE(MADV_DONTDUMP),
    ADVICE(MADV_DODUMP),
    ADVICE(MADV_DONTFORK),
    ADVICE(MADV_DOFORK),
    ADVICE(MADV_FREE),
    ADVICE(MADV_WIPEONFORK),
    ADVICE(MADV_GUARD_INSTALL),
    ADVICE(MADV_GUARD_REMOVE),
    ADVICE(MADV_POPULATE_WRITE),
};

// What this program itself needs: to say what fails, to start threads, to fork, to read, to end.
static const unsigned own[] = {
    SYS_write,           SYS_exit,       SYS_exit_group, SYS_futex,          SYS_clone,  SYS_clone3,
    SYS_wait4,           SYS_rseq,       SYS_brk,        SYS_rt_sigprocmask, SYS_gettid, SYS_getpid,
    SYS_set_robust_list, SYS_newfstatat, SYS_pread64,
};

// ---- Filters ---------------------------------------------------------------------------------

static struct sock_filter code[256];
static unsigned short length;

static void add(struct sock_filter instruction)
{
    CHECK(length < sizeof(code) / sizeof(code[0]));
    code[length++] = instruction;
}

static void load(size_t offset)
{
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

// The verdict on one call; what is another goes on.
static void add_call(unsigned number, int third, unsigned verdict)
{
    load(offsetof(struct seccomp_data, nr));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, third == ANY ? 1 : 3));
    if (third != ANY) {
        load(offsetof(struct seccomp_data, args[2]));
        add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)third, 0, 1));
    }
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

static void add_calls(char *names, unsigned verdict)
{
    for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
        size_t i = 0, count = sizeof(known) / sizeof(known[0]);
        while (i < count && strcmp(known[i].name, name) != 0)
            i++;
        if (i == count) {
            fprintf(stderr, "docs/design.md names a call that this test does not know: %s\n", name);
            exit(1);
        }
        add_call(known[i].number, known[i].third, verdict);
    }
}

// How a filter is installed: past libc, so that the library does not hear of it, or so that it
// does.
enum way { UNHEARD, BY_PRCTL, BY_NUMBER };

static long set_filter(enum way way, struct sock_fprog *program)
{
    switch (way) {
    case BY_PRCTL:
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0);
    case BY_NUMBER:
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
    default:
        return zp_syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0);
    }
}

static void install(unsigned otherwise, enum way way)
{
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise));
    struct sock_fprog program = {.len = length, .filter = code};
    CHECK(zp_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (set_filter(way, &program) != 0)
        check_skip("no system call filters here");
}

// Trapping ends the process as killing does, but says why.
static void trapped(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    const ucontext_t *state = context;
    (void)state;
    char text[64];
#ifdef __x86_64__
    int size = snprintf(text, sizeof(text), "call %d, third argument %lld: not documented\n",
                        info->si_syscall, state->uc_mcontext.gregs[REG_RDX]);
#else
    int size = snprintf(text, sizeof(text), "call %d: not documented\n", info->si_syscall);
#endif
    (void)!write(STDERR_FILENO, text, (size_t)size);
    _exit(1);
}

// ---- Work ------------------------------------------------------------------------------------

enum { BUFFERS = 12 };

static const size_t sizes[] = {MIB, 1500000, 3 * MIB, 8 * MIB, 40 * MIB};

static void *use(void *argument)
{
    char *buffers[BUFFERS];
    for (size_t i = 0; i < BUFFERS; i++) {
        size_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
        CHECK((buffers[i] = calloc(1, size)) != NULL && all_bytes(buffers[i], 0, size));
        memset(buffers[i], 7, i % 2 == 0 ? size : size / 3);
    }
    for (size_t i = 0; i < BUFFERS; i += 3) {
        CHECK((buffers[i] = realloc(buffers[i], 50 * MIB)) != NULL);
        CHECK(all_bytes(buffers[i], 7, MIB / 3));
    }
    for (size_t i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    void *small[300];
    for (size_t i = 0; i < 300; i++)
        CHECK((small[i] = malloc(100 * i)) != NULL);
    for (size_t i = 0; i < 300; i++)
        free(small[i]);
    return argument;
}

static int file;

// A buffer that nobody has used, filled from a file.
static void read_large(void)
{
    char *buffer = malloc(20 * MIB);
    CHECK(buffer != NULL && pread(file, buffer, 20 * MIB, 0) == (ssize_t)(20 * MIB));
    free(buffer);
}

static void make_file(void)
{
    file = memfd_create("filters", MFD_CLOEXEC);
    CHECK(file >= 0 && ftruncate(file, (off_t)(20 * MIB)) == 0);
}

static void *do_nothing(void *argument)
{
    return argument;
}

static void run_thread(void *(*function)(void *))
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, function, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static pthread_barrier_t filled, over;

static void *fill_cache_and_wait(void *argument)
{
    use(NULL);
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&over);
    return argument;
}

// All that the library does: here, in a thread, in a child, and giving back while another thread's
// cache holds something.
static void use_all(void)
{
    pthread_t sleeper;
    use(NULL);
    read_large();
    run_thread(use);
    pthread_barrier_init(&filled, NULL, 2);
    pthread_barrier_init(&over, NULL, 2);
    CHECK(pthread_create(&sleeper, NULL, fill_cache_and_wait, NULL) == 0);
    pthread_barrier_wait(&filled);
    malloc_trim(0);
    pthread_barrier_wait(&over);
    CHECK(pthread_join(sleeper, NULL) == 0);
    use(NULL);
    pid_t child = fork();
    if (child == 0) {
        use(NULL);
        run_thread(use);
        _exit(0);
    }
    expect_success(child);
    use(NULL);
}

static void kill_others(char *names, enum way way)
{
    require_library();
    make_file();
    run_thread(way == UNHEARD ? use : do_nothing); // the first use of threads, and of the pool
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSYS, &action, NULL) == 0);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        add_call(own[i], ANY, SECCOMP_RET_ALLOW);
    add_calls(names, SECCOMP_RET_ALLOW);
    install(SECCOMP_RET_TRAP, way);
    use_all();
    use_all();
    static const char said[] = "worked\n";
    CHECK(write(STDOUT_FILENO, said, sizeof(said) - 1) > 0);
    _exit(0); // what exit does is the program's own affair
}

int main(int count, char **arguments)
{
    CHECK(count >= 3);
    if (strcmp(arguments[1], "announce") == 0)
        kill_others(arguments[2], BY_PRCTL);
    if (strcmp(arguments[1], "by-number") == 0)
        kill_others(arguments[2], BY_NUMBER);
    if (strcmp(arguments[1], "refuse") != 0)
        kill_others(arguments[2], UNHEARD);
    CHECK(count >= 4);
    add_calls(arguments[2], SECCOMP_RET_ERRNO | EPERM);
    install(SECCOMP_RET_ALLOW, UNHEARD);
    execv(arguments[3], arguments + 3);
    perror(arguments[3]);
    return 1;
}
