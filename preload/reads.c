// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions that read from files, interposed: a large read into a buffer fills it (core/fill.h)
// and may be shared with the team (core/read.h). All others are passed on after a compare.
//
// Whatever is not shared is read by libc's function, which is also a cancellation point.

#undef _FILE_OFFSET_BITS // it makes pread another name of pread64; here each is a function
#undef _FORTIFY_SOURCE   // it makes them inline functions that call those of libc

#include "reads.h"

#include "core/os.h"
#include "core/pool.h"
#include "core/syscall.h"
#include "preload/export.h"
#include "preload/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <wchar.h>

#undef fread_unlocked

// Smaller reads are not examined, as that would take too large a part of their time.
#define LARGE_READ (256 * ZP_KIB)

// An element of a vector is at least so long on average, if the vector is shared.
#define LARGE_ELEMENT (64 * ZP_KIB)

// What a stream reads by itself first: more than it can have read ahead or been given back.
#define STREAM_HEAD (64 * ZP_KIB)

// The file's current position.
#define OWN_POSITION (-1)

// Each function with its type, its parameters, and their names.
#define READS(X)                                                                                   \
    X(read, ssize_t, (int fd, void *to, size_t size), (fd, to, size))                              \
    X(__read_chk, ssize_t, (int fd, void *to, size_t size, size_t room), (fd, to, size, room))     \
    X(pread, ssize_t, (int fd, void *to, size_t size, off_t offset), (fd, to, size, offset))       \
    X(pread64, ssize_t, (int fd, void *to, size_t size, off_t offset), (fd, to, size, offset))     \
    X(__pread_chk, ssize_t, (int fd, void *to, size_t size, off_t offset, size_t room),            \
      (fd, to, size, offset, room))                                                                \
    X(__pread64_chk, ssize_t, (int fd, void *to, size_t size, off_t offset, size_t room),          \
      (fd, to, size, offset, room))                                                                \
    X(readv, ssize_t, (int fd, const struct iovec *to, int count), (fd, to, count))                \
    X(preadv, ssize_t, (int fd, const struct iovec *to, int count, off_t offset),                  \
      (fd, to, count, offset))                                                                     \
    X(preadv64, ssize_t, (int fd, const struct iovec *to, int count, off_t offset),                \
      (fd, to, count, offset))                                                                     \
    X(preadv2, ssize_t, (int fd, const struct iovec *to, int count, off_t offset, int flags),      \
      (fd, to, count, offset, flags))                                                              \
    X(preadv64v2, ssize_t, (int fd, const struct iovec *to, int count, off_t offset, int flags),   \
      (fd, to, count, offset, flags))                                                              \
    X(fread, size_t, (void *to, size_t unit, size_t count, FILE *file), (to, unit, count, file))   \
    X(fread_unlocked, size_t, (void *to, size_t unit, size_t count, FILE *file),                   \
      (to, unit, count, file))                                                                     \
    X(__fread_chk, size_t, (void *to, size_t room, size_t unit, size_t count, FILE *file),         \
      (to, room, unit, count, file))                                                               \
    X(__fread_unlocked_chk, size_t,                                                                \
      (void *to, size_t room, size_t unit, size_t count, FILE *file),                              \
      (to, room, unit, count, file))

#define TYPE(name, result, parameters, arguments) typedef result type_of_##name parameters;
#define POINTER(name, result, parameters, arguments) type_of_##name *name##_;
#define FIND(name, result, parameters, arguments) *(void **)&next.name##_ = dlsym(RTLD_NEXT, #name);

READS(TYPE)

// The functions of libc, or of another library that is preloaded behind this one.
static ZP_FROZEN struct {
    READS(POINTER)
} next = {0};

void zp_reads_init(void)
{
    READS(FIND)
}

static inline bool is_large(const void *to, size_t size)
{
    return size >= LARGE_READ && zp_arena_owns(to);
}

// ---- Reads -----------------------------------------------------------------------------------

// Each of these says whether `*answer` is the answer, errno included.

static bool share(const struct zp_read *wanted, ssize_t *answer)
{
    pthread_testcancel();
    if (zp_sandbox_is_borrowed() || !zp_read_share(wanted, answer))
        return false;
    if (*answer < 0) {
        errno = (int)-*answer;
        *answer = -1;
    }
    return true;
}

static ZP_COLD bool fill_large(int fd, void *to, size_t size, off_t offset, ssize_t *answer)
{
    size_t fetch = zp_fill_expect(to, size, fd, offset);
    struct iovec whole = {to, size};
    struct zp_read wanted = {.fd = fd, .to = &whole, .count = 1, .offset = offset, .fetch = fetch};
    if (zp_read_is_shared() && size >= ZP_READ_LEAST && share(&wanted, answer))
        return true;
    zp_fill_fetch(to, fetch);
    return false;
}

static inline bool fill(int fd, void *to, size_t size, ssize_t *answer)
{
    return is_large(to, size) && fill_large(fd, to, size, OWN_POSITION, answer);
}

static inline bool fill_at(int fd, void *to, size_t size, off_t offset, ssize_t *answer)
{
    return is_large(to, size) && offset >= 0 && fill_large(fd, to, size, offset, answer);
}

// ---- Vectors ---------------------------------------------------------------------------------

// Whether a word can be read. The kernel reads the set before it refuses the request.
static bool is_readable(const void *word)
{
    enum { NO_REQUEST = -1 };
    return zp_kernel_call(SYS_rt_sigprocmask, NO_REQUEST, word, NULL, sizeof(uint64_t)) == -EINVAL;
}

// Copies a vector, which may lie anywhere, if it is one that could be shared.
static bool copy_vector(const struct iovec *from, int count, struct iovec *to)
{
    if (count < 1 || count > ZP_PARTS_ELEMENTS || !is_readable(from) ||
        !is_readable(&from[count - 1].iov_len))
        return false;
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        to[i] = from[i];
        if (to[i].iov_len > SSIZE_MAX - size) // an error, which libc's function returns
            return false;
        size += to[i].iov_len;
    }
    return size >= ZP_READ_LEAST && size / (size_t)count >= LARGE_ELEMENT;
}

static ZP_COLD bool fill_vector(int fd, const struct iovec *to, int count, off_t offset,
                                ssize_t *answer)
{
    struct iovec vector[ZP_PARTS_ELEMENTS];
    if (!copy_vector(to, count, vector))
        return false;
    struct zp_read wanted = {.fd = fd, .to = vector, .count = (unsigned)count, .offset = offset};
    return share(&wanted, answer);
}

// ---- Streams ---------------------------------------------------------------------------------

static void unlock(void *file)
{
    funlockfile(file);
}

// Reads what follows the stream's position without the stream, once it has nothing read ahead.
static size_t read_past_stream(char *to, size_t size, size_t fetch, FILE *file)
{
    ssize_t got = 0;
    struct iovec whole = {to, size};
    struct zp_read wanted = {
        .fd = fileno(file), .to = &whole, .count = 1, .offset = OWN_POSITION, .fetch = fetch};
    // The file's position becomes the stream's.
    if (fflush_unlocked(file) != 0 || !zp_read_share(&wanted, &got))
        return 0;
    return got > 0 ? (size_t)got : 0;
}

// The stream itself reads the head, and what is missing at the end: so that it is in the right mode
// first, and notes the end of the file or an error.
static size_t read_stream(char *to, size_t size, size_t fetch, FILE *file)
{
    size_t got = next.fread_unlocked_(to, 1, STREAM_HEAD, file);
    if (got < STREAM_HEAD)
        return got;
    fetch = fetch > got ? fetch - got : 0;
    got += read_past_stream(to + got, size - got, fetch, file);
    return got < size ? got + next.fread_unlocked_(to + got, 1, size - got, file) : got;
}

// A stream that was opened with "m" reads from a mapping: its position is not the file's.
static bool is_mapping(const FILE *file)
{
    enum { IO_FLAGS2_MMAP = 1 }; // of libio.h, which glibc keeps to itself
    return (file->_flags2 & IO_FLAGS2_MMAP) != 0;
}

static bool is_worth_sharing(size_t size, FILE *file, int fd)
{
    return zp_read_is_shared() && size >= ZP_READ_LEAST + STREAM_HEAD && fwide(file, 0) <= 0 &&
           !is_mapping(file) && zp_os_file_rest(fd, OWN_POSITION) >= ZP_READ_LEAST &&
           next.fread_unlocked_ != NULL && !zp_sandbox_is_borrowed();
}

static ZP_COLD bool fill_large_from(FILE *file, void *to, size_t size, bool locked, size_t *bytes)
{
    int saved_errno = errno;
    int fd = fileno(file); // what the stream has buffered is little, and ignored
    errno = saved_errno;
    if (fd < 0)
        return false;
    size_t fetch = zp_fill_expect(to, size, fd, OWN_POSITION);
    if (!is_worth_sharing(size, file, fd)) {
        zp_fill_fetch(to, fetch);
        return false;
    }
    pthread_testcancel();
    if (locked) {
        *bytes = read_stream(to, size, fetch, file);
        return true;
    }
    flockfile(file);
    pthread_cleanup_push(unlock, file);
    *bytes = read_stream(to, size, fetch, file);
    pthread_cleanup_pop(true);
    return true;
}

static inline bool fill_from(FILE *file, void *to, size_t unit, size_t count, bool locked,
                             size_t *answer)
{
    size_t size, bytes;
    if (__builtin_mul_overflow(unit, count, &size) || !is_large(to, size) ||
        !fill_large_from(file, to, size, locked, &bytes))
        return false;
    *answer = bytes / unit;
    return true;
}

static inline bool is_much(size_t unit, size_t count)
{
    size_t size;
    return __builtin_mul_overflow(unit, count, &size) || size >= LARGE_READ;
}

// ---- The functions ---------------------------------------------------------------------------

// Defines a function that goes to libc's with a jump, not a call: behind a system call the
// processor does not know where a return goes, and each one takes 6 ns. If LARGE_name holds,
// another one returns what FILL_name answers, or else calls libc's function. Constructors of other
// libraries may call either before this library's constructor has looked libc's up. One that an old
// libc lacks does not exist for the program either.
#define DEFINE(name, result, parameters, arguments)                                                \
    static ZP_COLD result large_##name parameters                                                  \
    {                                                                                              \
        result answer;                                                                             \
        if (FILL_##name)                                                                           \
            return answer;                                                                         \
        if (next.name##_ == NULL)                                                                  \
            zp_reads_init();                                                                       \
        return next.name##_ arguments;                                                             \
    }                                                                                              \
    EXPORT result name parameters;                                                                 \
    result name parameters                                                                         \
    {                                                                                              \
        if (ZP_UNLIKELY(LARGE_##name || next.name##_ == NULL))                                     \
            return large_##name arguments;                                                         \
        return next.name##_ arguments;                                                             \
    }

#define LARGE_read (size >= LARGE_READ)
#define LARGE___read_chk LARGE_read
#define LARGE_pread LARGE_read
#define LARGE_pread64 LARGE_read
#define LARGE___pread_chk LARGE_read
#define LARGE___pread64_chk LARGE_read
#define LARGE_readv zp_read_is_shared()
#define LARGE_preadv LARGE_readv
#define LARGE_preadv64 LARGE_readv
#define LARGE_preadv2 LARGE_readv
#define LARGE_preadv64v2 LARGE_readv
#define LARGE_fread is_much(unit, count)
#define LARGE_fread_unlocked LARGE_fread
#define LARGE___fread_chk LARGE_fread
#define LARGE___fread_unlocked_chk LARGE_fread

#define FILL_read fill(fd, to, size, &answer)
#define FILL___read_chk (size <= room && FILL_read)
#define FILL_pread fill_at(fd, to, size, offset, &answer)
#define FILL_pread64 FILL_pread
#define FILL___pread_chk (size <= room && FILL_pread)
#define FILL___pread64_chk FILL___pread_chk
#define FILL_readv (zp_read_is_shared() && fill_vector(fd, to, count, OWN_POSITION, &answer))
#define FILL_preadv                                                                                \
    (zp_read_is_shared() && offset >= 0 && fill_vector(fd, to, count, offset, &answer))
#define FILL_preadv64 FILL_preadv
#define FILL_preadv2                                                                               \
    (zp_read_is_shared() && flags == 0 && offset >= OWN_POSITION &&                                \
     fill_vector(fd, to, count, offset, &answer))
#define FILL_preadv64v2 FILL_preadv2
#define FILL_fread fill_from(file, to, unit, count, false, &answer)
#define FILL_fread_unlocked fill_from(file, to, unit, count, true, &answer)
#define FILL___fread_chk (unit != 0 && count <= room / unit && FILL_fread)
#define FILL___fread_unlocked_chk (unit != 0 && count <= room / unit && FILL_fread_unlocked)

READS(DEFINE)
