// SPDX-License-Identifier: MIT OR Apache-2.0
//
// fread of much from a stream: what was pushed back or read ahead comes first, the end and errors
// are noted, the position is right afterwards, whatever the stream's mode and buffer. Each sequence
// of calls is made on two streams of the same file, by libc's functions into a buffer of malloc's,
// and in pieces that are too small to be shared into other memory; then the two must be alike.
//
// usage: streams sequences | ends | others | together | closing | errors

#include "reads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <wchar.h>

enum { ID = 6, ROUNDS = 40 };

#define SIZE (12 * MIB)
#define FILE_SIZE (SIZE + 4321)

size_t __fread_chk(void *to, size_t room, size_t unit, size_t count, FILE *stream);
size_t __fread_unlocked_chk(void *to, size_t room, size_t unit, size_t count, FILE *stream);

static int file;
static char *memory; // of no allocator

static char *map(size_t size)
{
    char *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    return mapped;
}

static FILE *open_stream(const char *mode)
{
    FILE *stream = fopen(path_of(file), mode);
    CHECK(stream != NULL);
    return stream;
}

// ---- Two streams alike -----------------------------------------------------------------------

struct pair {
    FILE *ours, *other;
    char *buffer;
    bool mapped; // libc's ungetc crashes with a mapped stream
};

// Reads the same bytes of both: at once, and in small pieces.
static size_t read_both(struct pair *pair, unsigned way, size_t unit, size_t count)
{
    size_t size = unit * count, got, pieces = 0;
    memset(pair->buffer, UNREAD, size);
    switch (way % 4) {
    case 0:
        got = fread(pair->buffer, unit, count, pair->ours);
        break;
    case 1:
        got = (fread_unlocked)(pair->buffer, unit, count, pair->ours);
        break;
    case 2:
        got = __fread_chk(pair->buffer, size, unit, count, pair->ours);
        break;
    default:
        got = __fread_unlocked_chk(pair->buffer, size, unit, count, pair->ours);
    }
    while (pieces < size) {
        size_t part = size - pieces < 64 * KIB ? size - pieces : 64 * KIB;
        size_t here = fread(memory + pieces, 1, part, pair->other);
        pieces += here;
        if (here < part)
            break;
    }
    CHECK(got == pieces / unit && memcmp(pair->buffer, memory, pieces) == 0);
    return got;
}

static void check_alike(const struct pair *pair)
{
    CHECK(ftell(pair->ours) == ftell(pair->other));
    CHECK(!feof(pair->ours) == !feof(pair->other) && !ferror(pair->ours) == !ferror(pair->other));
}

static void step_both(struct pair *pair, uint64_t *random)
{
    uint64_t number = next_random(random);
    unsigned way = (unsigned)(number >> 8);
    size_t size = 2 * MIB + number % (4 * MIB);
    switch (number >> 16 & 15) {
    case 0:
        CHECK(fgetc(pair->ours) == fgetc(pair->other));
        break;
    case 1:
        CHECK(pair->mapped || ungetc('x', pair->ours) == ungetc('x', pair->other));
        read_both(pair, way, 1, size);
        break;
    case 2:
        for (int i = 0; i < 2; i++)
            CHECK(fseek(i == 0 ? pair->ours : pair->other, (long)(number % SIZE), SEEK_SET) == 0);
        break;
    case 3:
        for (int i = 0; i < 2; i++)
            CHECK(fseek(i == 0 ? pair->ours : pair->other, -(long)(number % MIB), SEEK_END) == 0);
        break;
    case 4:
        for (int i = 0; i < 2; i++)
            rewind(i == 0 ? pair->ours : pair->other);
        break;
    case 5:
        read_both(pair, way, 1, number % (128 * KIB));
        break;
    case 6:
        read_both(pair, way, 1000, size / 1000);
        break;
    case 7:
        read_both(pair, way, size, 1);
        break;
    case 8:
        read_both(pair, way, 3 * MIB, 2);
        break;
    case 9:
        clearerr(pair->ours);
        clearerr(pair->other);
        break;
    default:
        read_both(pair, way, 1, size);
    }
    check_alike(pair);
}

static void set_buffer(FILE *stream, unsigned which)
{
    static char own[2][300 * KIB];
    static unsigned next;
    switch (which % 6) {
    case 0:
        break;
    case 1:
        CHECK(setvbuf(stream, NULL, _IONBF, 0) == 0);
        break;
    case 2:
        CHECK(setvbuf(stream, own[next++ % 2], _IOFBF, 300 * KIB) == 0);
        break;
    case 3:
        CHECK(setvbuf(stream, own[next++ % 2], _IOFBF, 7) == 0);
        break;
    case 4:
        CHECK(setvbuf(stream, own[next++ % 2], _IOLBF, 100 * KIB) == 0);
        break;
    default:
        CHECK(setvbuf(stream, own[next++ % 2], _IOFBF, 64 * KIB + 1) == 0);
    }
}

static void sequences(void)
{
    static const char *const modes[] = {"re", "r+e", "rme", "rce", "a+e"};
    uint64_t seed = test_seed(1);
    size_t before = shared_reads();
    struct pair pair = {NULL, NULL, new_buffer(7 * MIB), false};
    for (unsigned i = 0; i < ROUNDS; i++) {
        pair.ours = open_stream(modes[i % 5]);
        pair.other = open_stream(modes[i % 5]);
        pair.mapped = strchr(modes[i % 5], 'm') != NULL;
        set_buffer(pair.ours, i);
        set_buffer(pair.other, i);
        for (int step = 0; step < 12; step++)
            step_both(&pair, &seed);
        CHECK(fclose(pair.ours) == 0 && fclose(pair.other) == 0);
    }
    expect_shared(before, ROUNDS);
    free(pair.buffer);
}

// ---- The end of the file, and errors ---------------------------------------------------------

static void ends(void)
{
    char *buffer = new_buffer(FILE_SIZE + MIB);
    FILE *stream = open_stream("r+e");
    errno = 4711;
    CHECK(fread(buffer, 1, FILE_SIZE, stream) == FILE_SIZE && !feof(stream)); // not one too many
    CHECK(holds(buffer, ID, 0, FILE_SIZE) && errno == 4711);
    CHECK(fread(buffer, 1, SIZE, stream) == 0 && feof(stream) && !ferror(stream));
    CHECK(fread(buffer, 1, SIZE, stream) == 0 && errno == 4711);
    // Whether a stream that has met its end looks again is libc's affair, and not the library's.
    CHECK(fseek(stream, 0, SEEK_SET) == 0 && !feof(stream));
    memset(buffer, UNREAD, FILE_SIZE + MIB);
    CHECK(fread(buffer, 1, FILE_SIZE + MIB, stream) == FILE_SIZE && feof(stream));
    CHECK(holds(buffer, ID, 0, FILE_SIZE) && all_bytes(buffer + FILE_SIZE, UNREAD, MIB));
    CHECK(ftell(stream) == (long)FILE_SIZE && errno == 4711);

    // Written, then read: what was written is there, and the position between.
    rewind(stream);
    char byte = buffer[0];
    CHECK(fwrite(&byte, 1, 1, stream) == 1 && fseek(stream, 0, SEEK_CUR) == 0);
    CHECK(fread(buffer, 1, SIZE, stream) == SIZE && holds(buffer, ID, 1, SIZE));
    CHECK(ftell(stream) == (long)SIZE + 1 && fseek(stream, 0, SEEK_CUR) == 0);
    content_make(&byte, ID, SIZE + 1, 1);
    CHECK(fwrite(&byte, 1, 1, stream) == 1 && fflush(stream) == 0);
    CHECK(ftell(stream) == (long)SIZE + 2);
    char there[2];
    content_make(there, ID, SIZE + 2, 1);
    CHECK(fseek(stream, 0, SEEK_CUR) == 0 && fgetc(stream) == (unsigned char)there[0]);
    // The descriptor that is behind it is where the stream is once that is told.
    rewind(stream);
    CHECK(fread(buffer, 1, SIZE, stream) == SIZE && fflush(stream) == 0);
    CHECK(lseek(fileno(stream), 0, SEEK_CUR) == (off_t)SIZE);
    CHECK(fclose(stream) == 0);
    free(buffer);
}

static void errors(void)
{
    char *buffer = new_buffer(SIZE);
    FILE *stream = open_stream("we+");
    CHECK(stream != NULL && fclose(stream) == 0); // emptied, for what follows
    write_content(file, ID, 0, FILE_SIZE);
    stream = open_stream("ae");
    errno = 0;
    CHECK(fread(buffer, 1, SIZE, stream) == 0 && ferror(stream) && errno == EBADF);
    CHECK(fclose(stream) == 0);
    stream = open_stream("re");
    CHECK(fread(buffer, 0, SIZE, stream) == 0 && fread(buffer, SIZE, 0, stream) == 0);
    CHECK(!ferror(stream) && !feof(stream) && ftell(stream) == 0);
    int fd = fileno(stream), saved = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    close(fd); // behind the stream's back
    errno = 0;
    CHECK(fread(buffer, 1, SIZE, stream) == 0 && ferror(stream) && errno == EBADF);
    CHECK(dup2(saved, fd) == fd);
    clearerr(stream);
    CHECK(fread(buffer, 1, SIZE, stream) == SIZE && holds(buffer, ID, 0, SIZE));
    CHECK(fclose(stream) == 0);
    free(buffer);
}

// ---- Streams of other kinds ------------------------------------------------------------------

static ssize_t cookie_read(void *cookie, char *to, size_t size)
{
    uint64_t *at = cookie;
    size_t part = size < 100000 ? size : 100000;
    content_make(to, ID, *at, part);
    *at += part;
    return (ssize_t)part;
}

static void others(void)
{
    char *buffer = new_buffer(SIZE), *content = map(SIZE);
    content_make(content, ID, 0, SIZE);
    size_t before = shared_reads();
    FILE *stream = fmemopen(content, SIZE, "r");
    CHECK(fread(buffer, 1, SIZE, stream) == SIZE && holds(buffer, ID, 0, SIZE));
    fclose(stream);
    memset(buffer, UNREAD, SIZE);
    uint64_t at = 0;
    stream = fopencookie(&at, "r", (cookie_io_functions_t){.read = cookie_read});
    CHECK(fread(buffer, 1, SIZE, stream) == SIZE && holds(buffer, ID, 0, SIZE));
    fclose(stream);
    stream = popen("head -c 12582912 /dev/zero", "re");
    CHECK(stream != NULL && fread(buffer, 1, SIZE, stream) == SIZE && all_bytes(buffer, 0, SIZE));
    CHECK(fread(buffer, 1, SIZE, stream) == 0 && feof(stream) && pclose(stream) == 0);
    CHECK(shared_reads() == before);

    stream = open_stream("re"); // for wide characters, and one that is opened so
    CHECK(fwide(stream, 1) > 0);
    size_t wide = fread(buffer, 1, SIZE, stream);
    FILE *same = open_stream("re");
    CHECK(fwide(same, 1) > 0 && wide == fread(memory, 1, SIZE, same));
    CHECK(memcmp(buffer, memory, wide) == 0);
    fclose(stream);
    fclose(same);
    stream = open_stream("re,ccs=UTF-8");
    CHECK(fread(buffer, 1, SIZE, stream) <= SIZE);
    fclose(stream);
    free(buffer);
}

// ---- Streams that several threads use --------------------------------------------------------

static FILE *shared_stream;
static atomic_size_t bytes_read;
static atomic_uint parts[FILE_SIZE / MIB + 1];

// Each gets bytes that are side by side, and nobody else gets them.
static void *read_pieces(void *unused)
{
    char *buffer = new_buffer(3 * MIB);
    for (size_t got; (got = fread(buffer, 1, 3 * MIB, shared_stream)) >= 8;) {
        CHECK(id_at(buffer) == ID && offset_at(buffer) % (3 * MIB) == 0);
        CHECK(holds(buffer, ID, offset_at(buffer), got));
        CHECK(atomic_fetch_add(&parts[offset_at(buffer) / MIB], 1) == 0);
        atomic_fetch_add(&bytes_read, got);
    }
    free(buffer);
    return unused;
}

static void together(void)
{
    pthread_t threads[6];
    size_t before = shared_reads();
    for (int round = 0; round < 20; round++) {
        shared_stream = open_stream("re");
        atomic_store(&bytes_read, 0);
        memset(parts, 0, sizeof(parts));
        for (int i = 0; i < 6; i++)
            CHECK(pthread_create(&threads[i], NULL, read_pieces, NULL) == 0);
        for (int i = 0; i < 6; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(atomic_load(&bytes_read) == FILE_SIZE && feof(shared_stream));
        CHECK(fclose(shared_stream) == 0);
    }
    expect_shared(before, 40);
}

static atomic_bool locked;

static void *read_locked(void *unused)
{
    char *buffer = new_buffer(SIZE);
    flockfile(shared_stream); // as fread does itself; so that it is certain who is first
    atomic_store(&locked, true);
    CHECK(fread(buffer, 1, SIZE, shared_stream) == SIZE && holds(buffer, ID, 0, SIZE));
    funlockfile(shared_stream);
    free(buffer);
    return unused;
}

// fclose in another thread waits for the read to end.
static void closing(void)
{
    for (int i = 0; i < 30; i++) {
        pthread_t thread;
        shared_stream = open_stream("re");
        atomic_store(&locked, false);
        CHECK(pthread_create(&thread, NULL, read_locked, NULL) == 0);
        while (!atomic_load(&locked))
            sched_yield();
        CHECK(fclose(shared_stream) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"sequences", sequences}, {"ends", ends},       {"others", others},
        {"together", together},   {"closing", closing}, {"errors", errors},
    };
    CHECK(count == 2);
    file = make_file("memory", ID, FILE_SIZE);
    memory = map(FILE_SIZE + MIB);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(tests[i].name, arguments[1]) == 0) {
            tests[i].test();
            return 0;
        }
    }
    return 2;
}
