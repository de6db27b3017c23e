// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The helper thread as the program and an operator see it.
//
//     helper           under ZEROPOOL_ZERO=background and ZEROPOOL_PREWARM=40M,3M*5
//     helper absent    without: there is no thread but the program's

#include "check.h"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFERS = 12, PATIENCE_MS = 300000 }; // the machine may be busy

// The id of the thread of that name, or 0; how many threads there are goes to `*threads`.
static int find_helper(int *threads)
{
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    *threads = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300], name[32] = "";
        if (entry->d_name[0] == '.')
            continue;
        ++*threads;
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue; // it has just ended
        if (fgets(name, sizeof(name), file) != NULL && strcmp(name, "zeropool\n") == 0)
            found = atoi(entry->d_name);
        fclose(file);
    }
    closedir(tasks);
    return found;
}

static bool is_there(void)
{
    int threads;
    return find_helper(&threads) != 0;
}

static bool is_gone(void)
{
    int threads;
    return find_helper(&threads) == 0 && threads == 1;
}

static bool comes_true(bool (*condition)(void))
{
    for (int ms = 0; ms < PATIENCE_MS; ms++) {
        if (condition())
            return true;
        usleep(1000);
    }
    return false;
}

static void blocks_all_signals(int thread)
{
    char path[64], line[128];
    unsigned long long blocked = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return; // it has ended
    while (fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "SigBlk: %llx", &blocked);
    fclose(file);
    static const int usual[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD, SIGPROF, SIGUSR1};
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        CHECK((blocked >> (usual[i] - 1) & 1) == 1);
}

static bool is_resident(char *buffer, size_t size)
{
    static unsigned char vector[40 * 256 + 1];
    size_t pages = (size_t)(page_up(buffer + size) - page_down(buffer)) / page_size();
    CHECK(pages <= sizeof(vector) && mincore(page_down(buffer), pages * page_size(), vector) == 0);
    for (size_t i = 0; i < pages; i++)
        if ((vector[i] & 1) == 0)
            return false;
    return true;
}

static bool prewarmed_is_there(void)
{
    return mallinfo2().keepcost >= 55 * MIB;
}

static void finds_prewarmed_buffers(void)
{
    static const size_t sizes[] = {40 * MIB, 3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB};
    char *buffers[6];
    CHECK(comes_true(prewarmed_is_there));
    for (int i = 0; i < 6; i++) {
        buffers[i] = malloc(sizes[i]);
        CHECK(is_resident(buffers[i], sizes[i]));
        CHECK(all_bytes(buffers[i], 0, sizes[i]));
    }
    for (int i = 0; i < 6; i++)
        free(buffers[i]);
}

static void use_buffers(void)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i] = malloc(20 * MIB);
        CHECK(all_bytes(buffers[i], 0, 20 * MIB));
        memset(buffers[i], 1, 20 * MIB);
    }
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
}

// It lingers for a second after its work; on a busy machine that may be over when this thread
// looks.
static bool comes_with_work(void)
{
    use_buffers();
    return is_there();
}

static volatile sig_atomic_t signals;
static volatile int signalled_thread;

static void note_signal(int number)
{
    (void)number;
    signals++;
    signalled_thread = gettid();
}

static void signals_come_to_the_program(void)
{
    CHECK(signal(SIGUSR1, note_signal) != SIG_ERR);
    for (int i = 0; i < 100; i++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
        CHECK(signals == i + 1 && signalled_thread == getpid());
    }
}

// A child that never frees anything large has no second thread; one that does gets its own helper.
static void children_have_their_own(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(is_gone());
        use_buffers();
        use_buffers();
        exit(0);
    }
    expect_success(child);
}

// The end of the program does not wait for what is left to do, nor crash on it.
static void ends_at_any_time(void)
{
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            use_buffers();
            usleep((unsigned)i * 100);
            exit(0);
        }
        expect_success(child);
    }
}

int main(int argc, char **argv)
{
    require_library();
    if (argc == 2 && strcmp(argv[1], "absent") == 0) {
        use_buffers();
        CHECK(is_gone());
        return 0;
    }
    finds_prewarmed_buffers();
    int threads;
    CHECK(comes_true(comes_with_work));
    blocks_all_signals(find_helper(&threads));
    signals_come_to_the_program();
    use_buffers();
    children_have_their_own();
    ends_at_any_time();
    CHECK(comes_true(is_gone));
    CHECK(comes_true(comes_with_work)); // it comes again
    return 0;
}
