// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Files as slow, broken or restless as wanted, through FUSE. Their bytes are those of content.h.
//
// usage: file_server FILE... -- COMMAND...    the command finds them in the folder $ZP_TEST_FILES
//        file_server FILE... --at FOLDER      until a signal ends it
//
// A file is NAME:size=BYTES and any of
//   :ms=N            each request takes so many milliseconds
//   :error=BYTES     from there on reading fails with EIO
//   :grow=BYTES      it has 0, 1, 2 and 3 times so many bytes more, by turns, each time it is asked
//   :direct          the kernel does not keep it in the page cache
// BYTES may end in K or M. The file "requests" in the same folder tells how many there have been,
// and the most at once.

#define FUSE_USE_VERSION 312

#include "content.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ID = 1, MOST = 16, SKIP = 77, REQUESTS = MOST + 2 };

static struct file {
    const char *name;
    uint64_t size, error, grow;
    unsigned ms;
    bool direct;
    atomic_uint asked;
} files[MOST];

static unsigned count;
static atomic_uint requests, at_once, most_at_once;

// ---- What is wanted --------------------------------------------------------------------------

static _Noreturn void fail(const char *what, int status)
{
    printf(status == SKIP ? "skipped: %s\n" : "file_server: %s\n", what);
    exit(status);
}

static uint64_t bytes_of(const char *text)
{
    char *end;
    uint64_t bytes = strtoull(text, &end, 10);
    return *end == 'M' ? bytes << 20 : *end == 'K' ? bytes << 10 : bytes;
}

static void add_file(char *text)
{
    char *state;
    if (count == MOST)
        fail("too many files", 2);
    struct file *file = &files[count++];
    file->error = UINT64_MAX;
    file->name = strtok_r(text, ":", &state);
    for (char *word; (word = strtok_r(NULL, ":", &state)) != NULL;) {
        if (strncmp(word, "size=", 5) == 0)
            file->size = bytes_of(word + 5);
        else if (strncmp(word, "error=", 6) == 0)
            file->error = bytes_of(word + 6);
        else if (strncmp(word, "grow=", 5) == 0)
            file->grow = bytes_of(word + 5);
        else if (strncmp(word, "ms=", 3) == 0)
            file->ms = (unsigned)bytes_of(word + 3);
        else if (strcmp(word, "direct") == 0)
            file->direct = true;
        else
            fail(word, 2);
    }
}

// ---- Answers ---------------------------------------------------------------------------------

// The root is 1, the files follow.
static struct file *file_of(fuse_ino_t node)
{
    return node >= 2 && node < count + 2 ? &files[node - 2] : NULL;
}

static struct stat about(fuse_ino_t node)
{
    struct file *file = file_of(node);
    struct stat is = {.st_ino = node, .st_nlink = 1, .st_mode = S_IFREG | 0444};
    if (node == FUSE_ROOT_ID)
        is.st_mode = S_IFDIR | 0555;
    if (file != NULL)
        is.st_size = (off_t)(file->size + file->grow * (atomic_fetch_add(&file->asked, 1) % 4));
    return is;
}

static double seconds_valid(fuse_ino_t node)
{
    const struct file *file = file_of(node);
    return file != NULL && file->grow == 0 ? 3600 : 0;
}

static void answer_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {.ino = strcmp(name, "requests") == 0 ? REQUESTS : 0};
    for (unsigned i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0)
            entry.ino = i + 2;
    if (parent != FUSE_ROOT_ID || entry.ino == 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    entry.attr = about(entry.ino);
    entry.attr_timeout = seconds_valid(entry.ino);
    entry.entry_timeout = 3600;
    fuse_reply_entry(request, &entry);
}

static void answer_getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *info)
{
    struct stat is = about(node);
    (void)info;
    fuse_reply_attr(request, &is, seconds_valid(node));
}

static void answer_open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *info)
{
    const struct file *file = file_of(node);
    info->direct_io = file == NULL || file->direct;
    info->keep_cache = 1;
    fuse_reply_open(request, info);
}

static void answer_requests(fuse_req_t request, off_t offset)
{
    char text[32];
    int length =
        snprintf(text, sizeof(text), "%u %u\n", atomic_load(&requests), atomic_load(&most_at_once));
    size_t from = offset < length ? (size_t)offset : (size_t)length;
    fuse_reply_buf(request, text + from, (size_t)length - from);
}

static void wait_for(unsigned ms)
{
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

// The bytes of a file that a request gets; negative: it fails. The kernel takes a short answer for
// the end of the file, unless it is a direct one, so a request that meets the error fails as a
// whole.
static ssize_t bytes_to_give(const struct file *file, size_t size, uint64_t offset)
{
    uint64_t end = file->size + 3 * file->grow;
    if (offset >= end)
        return 0;
    if (size > end - offset)
        size = end - offset;
    if (offset + size <= file->error)
        return (ssize_t)size;
    return file->direct && offset < file->error ? (ssize_t)(file->error - offset) : -1;
}

static void count_request(void)
{
    unsigned now = atomic_fetch_add(&at_once, 1) + 1, most = atomic_load(&most_at_once);
    while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now)) {
    }
    atomic_fetch_add(&requests, 1);
}

static void answer_read(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                        struct fuse_file_info *info)
{
    struct file *file = file_of(node);
    (void)info;
    if (file == NULL) {
        answer_requests(request, offset);
        return;
    }
    count_request();
    wait_for(file->ms);
    atomic_fetch_sub(&at_once, 1);
    ssize_t give = bytes_to_give(file, size, (uint64_t)offset);
    char *bytes = give > 0 ? malloc((size_t)give) : NULL;
    if (give < 0 || (give > 0 && bytes == NULL)) {
        fuse_reply_err(request, EIO);
        return;
    }
    content_make(bytes, ID, (uint64_t)offset, (size_t)give);
    fuse_reply_buf(request, bytes, (size_t)give);
    free(bytes);
}

static void begin(void *unused, struct fuse_conn_info *connection)
{
    (void)unused;
    connection->max_background = 64; // requests that are under way at once
}

static const struct fuse_lowlevel_ops answers = {
    .init = begin,
    .lookup = answer_lookup,
    .getattr = answer_getattr,
    .open = answer_open,
    .read = answer_read,
};

// ---- Running ---------------------------------------------------------------------------------

static struct {
    const char *folder;
    char **command; // NULL: none
    pid_t child;
    pthread_t waiting; // for it
    int status;
} run;

// Threads that wait for the kernel's next request end when nothing is mounted any more.
static void unmount(void)
{
    if (umount2(run.folder, MNT_DETACH) == 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        execlp("fusermount3", "fusermount3", "-u", "-z", run.folder, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

static void *wait_for_command(void *unused)
{
    int status;
    waitpid(run.child, &status, 0);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    unmount();
    return unused;
}

static void start_command(void)
{
    fflush(stdout);
    run.child = fork();
    if (run.child == 0) {
        setenv("ZP_TEST_FILES", run.folder, 1);
        execvp(run.command[0], run.command);
        perror(run.command[0]);
        _exit(127);
    }
    if (run.child < 0 || pthread_create(&run.waiting, NULL, wait_for_command, NULL) != 0)
        fail("the command could not be started", 1);
}

static void serve(struct fuse_session *session)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(config, 64);
    fuse_loop_cfg_set_idle_threads(config, 64);
    if (run.command != NULL) {
        start_command();
    } else {
        puts("ready");
        fflush(stdout);
    }
    fuse_session_loop_mt(session, config);
    if (run.command != NULL)
        pthread_join(run.waiting, NULL);
    else
        unmount();
    fuse_loop_cfg_destroy(config);
}

static void read_arguments(char **arguments)
{
    char **at = arguments + 1;
    while (*at != NULL && strncmp(*at, "--", 2) != 0)
        add_file(*at++);
    if (*at == NULL || at[1] == NULL || count == 0)
        fail("what is wanted?", 2);
    if (strcmp(*at, "--at") == 0)
        run.folder = at[1];
    else
        run.command = at + 1;
}

int main(int argc, char **arguments)
{
    (void)argc;
    char own[] = "/tmp/file_server-XXXXXX";
    char *words[] = {arguments[0], "-o", "ro,fsname=file_server", NULL};
    struct fuse_args options = FUSE_ARGS_INIT(3, words);
    read_arguments(arguments);
    if (run.command != NULL && (run.folder = mkdtemp(own)) == NULL)
        fail("no folder in /tmp", 1);
    struct fuse_session *session = fuse_session_new(&options, &answers, sizeof(answers), NULL);
    if (session == NULL || access("/dev/fuse", R_OK | W_OK) != 0 ||
        fuse_session_mount(session, run.folder) != 0) {
        if (run.command != NULL)
            rmdir(run.folder);
        fail("nothing can be mounted with FUSE here", SKIP);
    }
    if (run.command == NULL)
        fuse_set_signal_handlers(session);
    serve(session);
    if (run.command != NULL)
        rmdir(run.folder);
    return run.status;
}
