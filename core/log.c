// SPDX-License-Identifier: MIT OR Apache-2.0

#include "log.h"

#include "syscall.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ZP_FROZEN int log_level = ZP_LOG_WARNING;

enum knowledge {
    UNKNOWN, // zp_log_init has not been called
    CLOSED,  // there was no standard error
    KNOWN,   // `device` and `inode` are its file's
};

static ZP_FROZEN struct {
    enum knowledge known;
    dev_t device;
    ino_t inode;
} standard_error = {UNKNOWN, 0, 0};

enum { UNSETTLED, SETTLED_WRITE, SETTLED_SILENT };
static int settled = UNSETTLED;

// By number: other preloaded libraries (fakeroot) replace libc's fstat, and allocate in it.
static bool identify(int fd, struct stat *status)
{
    int saved_errno = errno;
    bool open = zp_syscall(SYS_fstat, fd, status) == 0;
    errno = saved_errno;
    return open;
}

void zp_log_init(void)
{
    struct stat status = {0};
    standard_error.known = identify(STDERR_FILENO, &status) ? KNOWN : CLOSED;
    if (standard_error.known == KNOWN) {
        standard_error.device = status.st_dev;
        standard_error.inode = status.st_ino;
    }
}

bool zp_log_is_stderr(int fd)
{
    struct stat status = {0};
    return standard_error.known == KNOWN && identify(fd, &status) &&
           status.st_dev == standard_error.device && status.st_ino == standard_error.inode;
}

static bool may_write(void)
{
    int answer = __atomic_load_n(&settled, __ATOMIC_RELAXED);
    if (answer != UNSETTLED)
        return answer == SETTLED_WRITE;
    return standard_error.known == UNKNOWN || zp_log_is_stderr(STDERR_FILENO);
}

void zp_log_settle(void)
{
    __atomic_store_n(&settled, may_write() ? SETTLED_WRITE : SETTLED_SILENT, __ATOMIC_RELAXED);
}

void zp_line_begin(struct zp_line *line, const char *prefix)
{
    line->length = 0;
    zp_line_text(line, prefix);
}

void zp_line_bytes(struct zp_line *line, const char *text, size_t length)
{
    size_t room = ZP_LINE_MAX - 1 - line->length; // one byte is kept for the newline
    if (length > room)
        length = room;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

void zp_line_text(struct zp_line *line, const char *text)
{
    zp_line_bytes(line, text, strlen(text));
}

static void line_in_base(struct zp_line *line, uint64_t number, unsigned base)
{
    char digits[20];
    size_t used = sizeof(digits);
    do {
        digits[--used] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    zp_line_bytes(line, digits + used, sizeof(digits) - used);
}

void zp_line_number(struct zp_line *line, uint64_t number)
{
    line_in_base(line, number, 10);
}

void zp_line_pointer(struct zp_line *line, const void *pointer)
{
    zp_line_text(line, "0x");
    line_in_base(line, (uintptr_t)pointer, 16);
}

void zp_line_byte(struct zp_line *line, uint8_t byte)
{
    line_in_base(line, byte / 16, 16);
    line_in_base(line, byte % 16, 16);
}

void zp_line_write(struct zp_line *line)
{
    if (!may_write())
        return;
    int saved_errno = errno;
    line->text[line->length++] = '\n';
    // By number: libc's write is a cancellation point, which malloc must not be. If stderr is
    // closed or full the message is lost, and the program goes on.
    long written = zp_syscall(SYS_write, STDERR_FILENO, line->text, line->length);
    (void)written;
    errno = saved_errno;
}

void zp_log_set_level(int level)
{
    log_level = level;
}

bool zp_log_wants(enum zp_log_level level)
{
    return (int)level <= log_level;
}

void zp_log(enum zp_log_level level, const char *what, const char *detail)
{
    if (!zp_log_wants(level))
        return;
    struct zp_line line;
    zp_line_begin(&line, "zeropool: ");
    zp_line_text(&line, what);
    if (detail != NULL)
        zp_line_text(&line, detail);
    zp_line_write(&line);
}
