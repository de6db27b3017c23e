// SPDX-License-Identifier: MIT OR Apache-2.0
//
// read, pread and fread are interposed to see that the program is about to fill a buffer (decision
// 28).
//
// Whether all of a new buffer will be written is not known when it is handed out. A large read from
// a file into it shows that it will, early enough to put it in huge pages: one fault for 2 MiB
// instead of 512. The read itself is done by libc's function, which is also a cancellation point.
// readv and preadv are not interposed, because reading their vector would crash where libc returns
// EFAULT.

#undef _FILE_OFFSET_BITS // it makes pread another name of pread64; here each is a function
#undef _FORTIFY_SOURCE   // it makes them inline functions that call those of libc

#include "reads.h"

#include "core/pool.h"
#include "preload/export.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/types.h>

#undef fread_unlocked

// Smaller reads are not examined, as that would take too large a part of their time.
#define LARGE_READ (256 * ZP_KIB)

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
    return ZP_UNLIKELY(size >= LARGE_READ) && zp_arena_owns(to);
}

static inline void expect_read(int fd, void *to, size_t size, off_t offset)
{
    if (is_large(to, size))
        zp_pool_expect_read(to, size, fd, offset);
}

static ZP_COLD void expect_large_fread(void *to, size_t size, FILE *file)
{
    int saved = errno;
    int fd = fileno(file); // what the stream has buffered is little, and ignored
    errno = saved;
    if (fd >= 0)
        zp_pool_expect_read(to, size, fd, OWN_POSITION);
}

static inline void expect_fread(void *to, size_t unit, size_t count, FILE *file)
{
    size_t size;
    if (!__builtin_mul_overflow(unit, count, &size) && is_large(to, size))
        expect_large_fread(to, size, file);
}

// Defines a function that calls EXPECT_name and then libc's function. Constructors of other
// libraries may call it before this library's constructor has looked libc's up.
#define DEFINE(name, result, parameters, arguments)                                                \
    EXPORT result name parameters;                                                                 \
    result name parameters                                                                         \
    {                                                                                              \
        EXPECT_##name;                                                                             \
        if (ZP_UNLIKELY(next.name##_ == NULL))                                                     \
            zp_reads_init();                                                                       \
        return next.name##_ arguments;                                                             \
    }

#define EXPECT_read expect_read(fd, to, size, OWN_POSITION)
#define EXPECT___read_chk EXPECT_read
#define EXPECT_pread expect_read(fd, to, size, offset)
#define EXPECT_pread64 EXPECT_pread
#define EXPECT___pread_chk EXPECT_pread
#define EXPECT___pread64_chk EXPECT_pread
#define EXPECT_fread expect_fread(to, unit, count, file)
#define EXPECT_fread_unlocked EXPECT_fread
#define EXPECT___fread_chk EXPECT_fread
#define EXPECT___fread_unlocked_chk EXPECT_fread

READS(DEFINE)
