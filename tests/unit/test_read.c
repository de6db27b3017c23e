// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A shared read answers as one read would, or nothing has happened; also when the kernel refuses
// any of its calls, or reads less than it was asked to.

#define UNIT_FORKS
#include "core/read.h"
#include "core/team.h"
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

#define SIZE (6 * ZP_MIB)
#define FILE_SIZE (SIZE + 1234)

enum call { FSTAT, LSEEK, FCNTL, CLOSE, PREAD, CACHESTAT, CALLS };

// Which call of a kind fails: the first is 1; 0: none. Any thread counts.
static struct {
    enum call call;
    unsigned nth, calls;
    int error;   // 0: it reads half of what it is asked to
    bool always; // all from that one on
} fault;

static struct zp_os_calls real;
static int file;
static char *content;

static bool strikes(enum call call)
{
    if (fault.nth == 0 || fault.call != call)
        return false;
    unsigned calls = __atomic_add_fetch(&fault.calls, 1, __ATOMIC_RELAXED);
    if (calls != fault.nth && !(fault.always && calls > fault.nth))
        return false;
    if (fault.error != 0)
        errno = fault.error;
    return true;
}

static int faulty_fstat(int fd, struct stat *about)
{
    return strikes(FSTAT) ? -1 : real.fstat(fd, about);
}

static off_t faulty_lseek(int fd, off_t offset, int whence)
{
    return strikes(LSEEK) ? -1 : real.lseek(fd, offset, whence);
}

static int faulty_fcntl(int fd, int command, void *argument)
{
    return strikes(FCNTL) ? -1 : real.fcntl(fd, command, argument);
}

static int faulty_close(int fd) // which closes all the same, as Linux does
{
    int result = real.close(fd);
    return strikes(CLOSE) ? -1 : result;
}

static ssize_t faulty_preadv2(int fd, const struct iovec *to, int count, off_t offset, int flags)
{
    if (!strikes(PREAD))
        return real.preadv2(fd, to, count, offset, flags);
    if (fault.error != 0)
        return -1;
    struct iovec half = {to->iov_base, to->iov_len / 2};
    return real.preadv2(fd, &half, 1, offset, flags);
}

static int faulty_cachestat(int fd, const struct zp_os_range *range, struct zp_os_cached *cached)
{
    return strikes(CACHESTAT) ? -1 : real.cachestat(fd, range, cached);
}

static void start(void)
{
    unit_pool_start_default();
    real = zp_os_calls;
    zp_os_calls.fstat = faulty_fstat;
    zp_os_calls.lseek = faulty_lseek;
    zp_os_calls.fcntl = faulty_fcntl;
    zp_os_calls.close = faulty_close;
    zp_os_calls.preadv2 = faulty_preadv2;
    zp_os_calls.cachestat = faulty_cachestat;
    zp_read_init(&(struct zp_read_config){.cpus = 4, .limit = ZP_GIB});
    content = malloc(FILE_SIZE);
    struct unit_random random = unit_random_start("read", 1);
    for (size_t i = 0; i + 8 <= FILE_SIZE; i += 8)
        *(uint64_t *)(void *)(content + i) = unit_random(&random);
    FILE *stream = tmpfile();
    ck_assert_ptr_nonnull(stream);
    file = fileno(stream);
    ck_assert_int_eq(write(file, content, FILE_SIZE), FILE_SIZE);
}

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    MUST(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static char *new_buffer(size_t size)
{
    return memset(unit_get_or_fail(size)->start, 0xEE, size);
}

static bool share(int fd, char *to, size_t size, off_t offset, ssize_t *result)
{
    struct iovec whole = {to, size};
    errno = 4711;
    bool shared = zp_read_share(
        &(struct zp_read){.fd = fd, .to = &whole, .count = 1, .offset = offset}, result);
    MUST(errno == 4711); // Check's own assertions take a lock, which a child would find taken
    return shared;
}

static void expect_passed_on(int fd, char *to, size_t size, off_t offset)
{
    ssize_t result = 4711;
    off_t position = lseek(fd, 0, SEEK_CUR);
    ck_assert(!share(fd, to, size, offset, &result));
    ck_assert_int_eq(result, 4711);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), position);
}

// ---- What is answered ------------------------------------------------------------------------

// Breaks when bytes, counts or the file's position are wrong, or what is behind is written to.
START_TEST(what_is_there_is_read)
{
    start();
    char *buffer = new_buffer(FILE_SIZE + ZP_MIB);
    ssize_t result;
    static const off_t from[] = {0, 1, 4096, ZP_MIB + 5, FILE_SIZE - 2 * ZP_MIB};
    for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        size_t rest = FILE_SIZE - (size_t)from[i];
        memset(buffer, 0xEE, FILE_SIZE + ZP_MIB);
        ck_assert(share(file, buffer, FILE_SIZE + ZP_MIB, from[i], &result));
        ck_assert_int_eq(result, (ssize_t)rest);
        ck_assert_int_eq(memcmp(buffer, content + from[i], rest), 0);
        ck_assert_int_eq(buffer[rest], (char)0xEE);
        ck_assert_int_eq(lseek(file, from[i], SEEK_SET), from[i]);
        ck_assert(share(file, buffer, 2 * ZP_MIB, -1, &result));
        ck_assert_int_eq(result, 2 * (ssize_t)ZP_MIB);
        ck_assert_int_eq(memcmp(buffer, content + from[i], 2 * ZP_MIB), 0);
        ck_assert_int_eq(lseek(file, 0, SEEK_CUR), from[i] + 2 * (off_t)ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().reads_shared, 2 * sizeof(from) / sizeof(from[0]));
}
END_TEST

// Breaks when the elements of a vector get each other's bytes.
START_TEST(a_vector_is_filled_in_order)
{
    start();
    char *one = new_buffer(2 * ZP_MIB), *other = new_buffer(4 * ZP_MIB), few[10];
    struct iovec to[] = {{few, 10}, {one, ZP_MIB + 3}, {NULL, 0}, {other, 3 * ZP_MIB}, {few, 0}};
    ssize_t result;
    struct zp_read wanted = {.fd = file, .to = to, .count = 5, .offset = 9};
    ck_assert(zp_read_share(&wanted, &result));
    ck_assert_int_eq(result, 4 * (ssize_t)ZP_MIB + 13);
    ck_assert_int_eq(memcmp(few, content + 9, 10), 0);
    ck_assert_int_eq(memcmp(one, content + 19, ZP_MIB + 3), 0);
    ck_assert_int_eq(memcmp(other, content + 22 + ZP_MIB, 3 * ZP_MIB), 0);
    ck_assert_int_eq(one[ZP_MIB + 3], (char)0xEE);
}
END_TEST

// Breaks when a read is shared that may not be, or that is not worth it; then nothing may happen.
START_TEST(others_are_passed_on)
{
    start();
    char *buffer = new_buffer(SIZE);
    int ends[2], locking = dup(file);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(lseek(file, 0, SEEK_SET), 0);
    expect_passed_on(file, buffer, ZP_READ_LEAST - 1, 0);
    expect_passed_on(file, buffer, SIZE, FILE_SIZE - (off_t)ZP_READ_LEAST + 1);
    expect_passed_on(file, buffer, SIZE, FILE_SIZE + 5);
    expect_passed_on(file, content, SIZE, 0); // no buffer of the pool's
    expect_passed_on(file, buffer + SIZE, SIZE, 0);
    expect_passed_on(file, buffer, 64 * ZP_MIB, 0); // more than it has room for
    expect_passed_on(ends[0], buffer, SIZE, -1);
    expect_passed_on(-1, buffer, SIZE, 0);
    ck_assert_int_eq(fcntl(locking, F_SETLK, &lock), 0);
    expect_passed_on(file, buffer, SIZE, -1);
    close(locking); // and with it the lock is gone
    ssize_t result;
    ck_assert(share(file, buffer, SIZE, -1, &result));
    zp_read_stop();
    expect_passed_on(file, buffer, SIZE, 0);
    zp_read_go_on();
    ck_assert(share(file, buffer, SIZE, 0, &result));
    zp_os_restrict();
    expect_passed_on(file, buffer, SIZE, 0);
}
END_TEST

// ---- What fails ------------------------------------------------------------------------------

// One read while a call fails: the answer is right, or nothing has happened.
static void read_with_fault(char *buffer, off_t offset, unsigned lost_descriptors)
{
    ssize_t result = 4711;
    memset(buffer, 0xEE, SIZE);
    ck_assert_int_eq(lseek(file, 50, SEEK_SET), 50);
    unsigned before = descriptors();
    fault.calls = 0;
    bool shared = share(file, buffer, SIZE, offset, &result);
    unsigned struck = fault.calls >= fault.nth;
    fault.nth = 0;
    off_t from = offset < 0 ? 50 : offset, position = lseek(file, 0, SEEK_CUR);
    ck_assert_uint_le(descriptors(), before + lost_descriptors);
    if (!shared) {
        ck_assert_int_eq(position, 50);
        return;
    }
    if (result > 0)
        ck_assert_int_eq(memcmp(buffer, content + from, (size_t)result), 0);
    if (fault.call != PREAD)
        ck_assert_int_eq(result, (ssize_t)SIZE);
    ck_assert(result <= (ssize_t)SIZE && (result >= 0 || struck));
    // A position that cannot be moved back stays where it is.
    if (offset < 0 && fault.call != LSEEK)
        ck_assert_int_eq(position, 50 + (result > 0 ? result : 0));
    if (offset >= 0)
        ck_assert_int_eq(position, 50);
}

// Breaks when one refused call makes bytes, counts or the position wrong, or loses a descriptor.
START_TEST(any_call_may_fail)
{
    static const int errors[CALLS] = {
        [FSTAT] = EIO,   [LSEEK] = EOVERFLOW, [FCNTL] = EMFILE,
        [CLOSE] = EINTR, [PREAD] = EIO,       [CACHESTAT] = ENOSYS,
    };
    start();
    char *buffer = new_buffer(SIZE);
    for (unsigned nth = 1; nth <= 12; nth++) {
        for (int always = 0; always < 2; always++) {
            fault.call = (enum call)_i;
            fault.nth = nth;
            fault.always = always != 0;
            fault.error = errors[_i];
            // If nobody says whether the file is locked, the descriptor stays open.
            read_with_fault(buffer, nth % 2 == 0 ? -1 : 7, _i == FCNTL);
        }
    }
}
END_TEST

// Breaks when a short read is taken for a whole one, or what is behind it for what follows.
START_TEST(reads_may_be_short)
{
    start();
    char *buffer = new_buffer(SIZE);
    for (unsigned nth = 1; nth <= 12; nth++) {
        for (int always = 0; always < 2; always++) {
            fault.call = PREAD;
            fault.nth = nth;
            fault.always = always != 0;
            fault.error = 0;
            read_with_fault(buffer, nth % 2 == 0 ? -1 : 7, 0);
        }
    }
}
END_TEST

// Breaks when the file system's lack of a call without waiting, or of uncached reads, is an error.
START_TEST(the_kernel_may_be_old)
{
    static const int errors[] = {EOPNOTSUPP, EINVAL, ENOSYS};
    start();
    char *buffer = new_buffer(SIZE);
    zp_read_init(&(struct zp_read_config){.cpus = 4, .limit = ZP_MIB}); // more than fits in memory
    fault.call = PREAD;
    fault.nth = 1;
    fault.error = errors[_i];
    ssize_t result;
    ck_assert(share(file, buffer, SIZE, 3, &result));
    ck_assert_int_eq(result, (ssize_t)SIZE);
    ck_assert_int_eq(memcmp(buffer, content + 3, SIZE), 0);
}
END_TEST

// ---- Forks -----------------------------------------------------------------------------------

static bool over;

static void *read_for_ever(void *buffer)
{
    ssize_t result;
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
        MUST(share(file, buffer, SIZE, 0, &result) && result == (ssize_t)SIZE);
    return NULL;
}

static bool can_share(char *buffer)
{
#ifdef UNIT_ASAN
    (void)buffer;
    return true; // its children cannot start threads
#else
    ssize_t result = 0;
    return share(file, buffer, SIZE, 0, &result) && result == (ssize_t)SIZE;
#endif
}

// Breaks when a child has a descriptor that its parent's read holds, or cannot share reads itself.
START_TEST(children_hold_nothing)
{
    pthread_t thread;
    start();
    unit_watch_forks();
    char *buffer = new_buffer(SIZE), *own = new_buffer(SIZE);
    unsigned expected = descriptors();
    ck_assert_int_eq(pthread_create(&thread, NULL, read_for_ever, buffer), 0);
    for (int i = 0; i < 100 / UNIT_SLOWER; i++) {
        pid_t child = fork();
        if (child == 0) {
            unit_begin_child();
            if (descriptors() != expected)
                _exit(2);
            _exit(can_share(own) ? 0 : 3);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(descriptors(), expected);
}
END_TEST

// Between the question how much there is and the call that reserves it.
static off_t lseek_after_another(int fd, off_t offset, int whence)
{
    if (offset != 0)
        real.lseek(fd, ZP_MIB, SEEK_SET);
    return real.lseek(fd, offset, whence);
}

// Breaks when another thread that moves the position back from near the end makes a read short
// that then has enough.
START_TEST(the_position_is_moved_meanwhile)
{
    start();
    struct zp_slot *slot = unit_get_or_fail(SIZE);
    struct iovec to = {slot->start, 4 * ZP_MIB};
    struct zp_read wanted = {.fd = file, .to = &to, .count = 1, .offset = -1};
    ssize_t result;
    off_t near_end = (off_t)(3 * ZP_MIB);
    ck_assert_int_eq(lseek(file, near_end, SEEK_SET), near_end);
    zp_os_calls.lseek = lseek_after_another;
    ck_assert(!zp_read_share(&wanted, &result)); // libc's own does it
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), ZP_MIB);
    ck_assert_int_eq(lseek(file, 0, SEEK_SET), 0);
    ck_assert(zp_read_share(&wanted, &result)); // there is enough from both places
    ck_assert_int_eq(result, 4 * ZP_MIB);
    ck_assert(memcmp(slot->start, content + ZP_MIB, 4 * ZP_MIB) == 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, what_is_there_is_read);
    tcase_add_test(tests, a_vector_is_filled_in_order);
    tcase_add_test(tests, others_are_passed_on);
    tcase_add_loop_test(tests, any_call_may_fail, 0, CALLS);
    tcase_add_test(tests, reads_may_be_short);
    tcase_add_loop_test(tests, the_kernel_may_be_old, 0, 3);
    tcase_add_test(tests, children_hold_nothing);
    tcase_add_test(tests, the_position_is_moved_meanwhile);
    return unit_run("read", tests);
}
