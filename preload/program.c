// SPDX-License-Identifier: MIT OR Apache-2.0

#include "program.h"

#include "core/log.h"
#include "core/syscall.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

enum { PATH_MOST = 1024, ARGUMENTS_MOST = 4096 };

// Interpreters: the start of the name, which a digit, a dot or a dash may follow, and the letters
// of the options whose argument is the program itself.
static const struct interpreter {
    const char *name, *letters;
} interpreters[] = {
    {"python", "cm"}, {"pypy", "cm"},  {"perl", "eE"},  {"ruby", "e"}, {"node", "ep"},
    {"nodejs", "ep"}, {"php", "r"},    {"bash", "c"},   {"dash", "c"}, {"sh", "c"},
    {"lua", "e"},     {"luajit", "e"}, {"julia", "eE"}, {"R", "e"},    {"java", ""},
    {"ld-linux", ""}, {"ld", ""},
};

struct text {
    char *at, *end; // there is always room for a zero at `end`
};

static void add(struct text *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && text->at < text->end; i++) {
        bool plain = (unsigned char)bytes[i] >= ' ' && bytes[i] != 0x7F;
        *text->at++ = '?';
        if (plain)
            text->at[-1] = bytes[i];
    }
}

static void add_string(struct text *text, const char *string)
{
    add(text, string, strlen(string));
}

static void end_line(struct text *text)
{
    if (text->at < text->end)
        *text->at++ = '\n';
}

static void add_hash(struct text *text, const char *bytes, size_t length)
{
    char digits[16];
    zp_learned_hex(digits, zp_learned_hash(bytes, length));
    add(text, digits, sizeof(digits));
}

static void add_line(struct text *text, const char *what, const char *path)
{
    add_string(text, what);
    add_string(text, path);
    end_line(text);
}

// ---- Files -----------------------------------------------------------------------------------

// The path that a link of /proc stands for; false if there is none, or none so short.
static bool read_link(const char *link, char path[PATH_MOST])
{
    long length = zp_syscall(SYS_readlinkat, AT_FDCWD, link, path, (size_t)PATH_MOST - 1);
    if (length <= 0 || length >= PATH_MOST - 1)
        return false;
    path[length] = '\0';
    return true;
}

// The path of a regular file with all links followed; false if it is something else.
static bool resolve(const char *name, char path[PATH_MOST])
{
    struct stat status = {0};
    struct zp_line link;
    int fd = (int)zp_syscall(SYS_openat, AT_FDCWD, name, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return false;
    zp_line_begin(&link, "/proc/self/fd/");
    zp_line_number(&link, (uint64_t)fd);
    zp_line_bytes(&link, "", 1);
    bool found = zp_syscall(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH) == 0 &&
                 S_ISREG(status.st_mode) && read_link(link.text, path);
    zp_syscall(SYS_close, fd);
    return found;
}

// ---- What an interpreter runs ----------------------------------------------------------------

static bool is_letter(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_';
}

// The letters of the options whose argument is the program; NULL if this is no interpreter.
static const char *letters_of(const char *executable)
{
    const char *slash = strrchr(executable, '/'), *name = slash != NULL ? slash + 1 : executable;
    for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
        size_t length = strlen(interpreters[i].name);
        if (strncmp(name, interpreters[i].name, length) == 0 && !is_letter(name[length]))
            return interpreters[i].letters;
    }
    return NULL;
}

static bool is_one_of(char letter, const char *letters)
{
    return letter != '\0' && strchr(letters, letter) != NULL;
}

// If an option's argument is the program, that: behind the letter, or else the next argument.
static const char *program_text(const char *option, const char *next, const char *letters)
{
    if (option[0] != '-' || option[1] == '-' || option[1] == '\0')
        return NULL;
    if (is_one_of(option[strlen(option) - 1], letters))
        return next;
    return is_one_of(option[1], letters) ? option + 2 : NULL;
}

// The first argument that is a file, or the program itself.
static void add_argument(struct text *text, const char *arguments, const char *end,
                         const char *letters)
{
    static char path[PATH_MOST];
    const char *next = arguments + strlen(arguments) + 1; // the first is the interpreter
    for (const char *at = next; at < end; at = next) {
        next = at + strlen(at) + 1;
        const char *program = program_text(at, next < end ? next : "", letters);
        if (program != NULL) {
            add_string(text, "argument ");
            add_hash(text, program, strlen(program));
            end_line(text);
            return;
        }
        if (*at != '-' && resolve(at, path)) {
            add_line(text, "script ", path);
            return;
        }
    }
}

static void add_arguments(struct text *text, const char *letters)
{
    static char arguments[ARGUMENTS_MOST + 1]; // strings, and a zero behind the last
    int fd = (int)zp_syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    long length = zp_syscall(SYS_pread64, fd, arguments, (size_t)ARGUMENTS_MOST, (off_t)0);
    zp_syscall(SYS_close, fd);
    if (length > 0)
        add_argument(text, arguments, arguments + length, letters);
}

// ---- All of it -------------------------------------------------------------------------------

static void add_number(struct text *text, uint64_t number)
{
    struct zp_line line;
    zp_line_begin(&line, " ");
    zp_line_number(&line, number);
    add(text, line.text, line.length);
}

// A version is told from another by what changes when a file is written or replaced. Not by its
// device: the number of that may be another after each boot.
static void add_version(struct text *text, const struct stat *executable)
{
    add_string(text, "version");
    add_number(text, (uint64_t)executable->st_ino);
    add_number(text, (uint64_t)executable->st_size);
    add_number(text, (uint64_t)executable->st_mtim.tv_sec);
    add_number(text, (uint64_t)executable->st_mtim.tv_nsec);
    end_line(text);
}

bool zp_program_identify(struct zp_program *program)
{
    static char executable[PATH_MOST], script[PATH_MOST];
    static const char self[] = "/proc/self/exe";
    struct stat status = {0};
    struct text text = {program->head, program->head + sizeof(program->head) - 1};
    const char *started = (const char *)getauxval(AT_EXECFN);
    if (!read_link(self, executable) || zp_syscall(SYS_newfstatat, AT_FDCWD, self, &status, 0) != 0)
        return false;
    add_line(&text, "program ", executable);
    const char *letters = letters_of(executable);
    if (letters != NULL)
        add_arguments(&text, letters);
    else if (started != NULL && resolve(started, script) && strcmp(script, executable) != 0)
        add_line(&text, "script ", script); // whose first line names an interpreter
    program->hash = zp_learned_hash(program->head, (size_t)(text.at - program->head));
    add_version(&text, &status);
    *text.at = '\0';
    return text.at < text.end;
}
