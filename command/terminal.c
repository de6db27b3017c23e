// SPDX-License-Identifier: MIT OR Apache-2.0

#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static struct termios before;
static sigset_t signals_before;
static volatile sig_atomic_t ended, stopped, changed;

static void write_out(const char *text)
{
    ssize_t written = write(STDOUT_FILENO, text, strlen(text));
    (void)written; // the terminal is gone: the next read says so
}

bool zp_terminal_is_there(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind != NULL && *kind != '\0' &&
           strcmp(kind, "dumb") != 0;
}

// ---- Signals ---------------------------------------------------------------------------------

static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void note(int signal)
{
    if (signal == SIGTSTP)
        stopped = 1;
    else if (signal == SIGWINCH || signal == SIGCONT)
        changed = 1;
    else
        ended = signal;
}

// They are blocked but while zp_terminal_wait waits, so none comes between two pictures.
static void take_signals(void)
{
    struct sigaction action = {.sa_handler = note};
    sigset_t taken;
    sigemptyset(&taken);
    for (unsigned i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        sigaddset(&taken, endings[i]);
    sigaddset(&taken, SIGTSTP);
    sigaddset(&taken, SIGWINCH);
    sigaddset(&taken, SIGCONT);
    sigprocmask(SIG_BLOCK, &taken, &signals_before);
    for (int signal = 1; signal < SIGRTMIN; signal++)
        if (sigismember(&taken, signal) == 1)
            sigaction(signal, &action, NULL);
}

// ---- The screen ------------------------------------------------------------------------------

static void enter(void)
{
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    write_out("\033[?1049h\033[?25l"); // the other screen, no cursor
}

static void leave(void)
{
    write_out("\033[?25h\033[?1049l");
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void zp_terminal_begin(void)
{
    tcgetattr(STDIN_FILENO, &before);
    take_signals();
    enter();
}

void zp_terminal_end(void)
{
    leave();
    sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

int zp_terminal_signal(void)
{
    return ended;
}

// Stops as the terminal asked, with the user's screen back in place.
static void stop(void)
{
    stopped = 0;
    leave();
    raise(SIGSTOP);
    enter();
}

void zp_terminal_size(unsigned *lines, unsigned *columns)
{
    struct winsize size;
    *lines = 24;
    *columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        *lines = size.ws_row > 2 ? size.ws_row : 2;
        *columns = size.ws_col > 20 ? size.ws_col : 20;
    }
}

// ---- Waiting ---------------------------------------------------------------------------------

static long now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int read_key(void)
{
    unsigned char key[16]; // a key that is no letter sends several bytes at once
    ssize_t length = read(STDIN_FILENO, key, sizeof(key));
    if (length <= 0)
        return length < 0 && errno == EINTR ? ZP_EVENT_DRAW : ZP_EVENT_END;
    return key[0] == '\033' && length > 1 ? ZP_EVENT_DRAW : key[0];
}

int zp_terminal_wait(int milliseconds)
{
    long end = now_ms() + milliseconds;
    while (true) {
        long left = end - now_ms();
        struct timespec time = {left > 0 ? left / 1000 : 0, left > 0 ? left % 1000 * 1000000 : 0};
        struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = ppoll(&keys, 1, &time, &signals_before);
        if (ended)
            return ZP_EVENT_END;
        if (stopped) {
            stop();
            return ZP_EVENT_DRAW;
        }
        if (changed) {
            changed = 0;
            return ZP_EVENT_DRAW;
        }
        if (ready == 0)
            return ZP_EVENT_TIME;
        if (ready > 0)
            return read_key();
        if (errno != EINTR)
            return ZP_EVENT_END;
    }
}
