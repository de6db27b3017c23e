// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool top: the processes that publish their counters, in the terminal.

#include "command/arguments.h"
#include "command/picture.h"
#include "command/rows.h"
#include "command/say.h"
#include "command/terminal.h"
#include "stats/format.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct top {
    struct zp_rows rows;
    struct zp_picture picture;
    long every; // seconds
    bool detail;
};

static const char keys[] = "q quits, p pid, n name, g gets, h hits, l live, r retained";

static void make_title(const struct top *top, char title[128])
{
    time_t now = time(NULL);
    struct tm local;
    char clock[16] = "";
    if (localtime_r(&now, &local) != NULL)
        strftime(clock, sizeof(clock), "%H:%M:%S", &local);
    snprintf(title, 128, "zeropool top  %s  %zu process%s, by %s", clock, top->rows.count,
             top->rows.count == 1 ? "" : "es", zp_sort_names[top->picture.order]);
}

// ---- In the terminal -------------------------------------------------------------------------

static void write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, text, length);
        if (written <= 0)
            return; // the terminal is gone: the next wait says so
        text += written;
        length -= (size_t)written;
    }
}

// Each line clears what was behind it, so that nothing flickers.
static void draw(struct top *top)
{
    char title[128], last[256];
    zp_terminal_size(&top->picture.lines, &top->picture.columns);
    unsigned lines = top->picture.lines;
    top->picture.lines = lines - 1; // for the keys
    make_title(top, title);
    zp_rows_sort(&top->rows, top->picture.order, top->picture.rates);
    zp_picture_draw(&top->picture, &top->rows, top->detail, title);
    write_all("\033[H", 3);
    write_all(top->picture.text, top->picture.length);
    int length = snprintf(last, sizeof(last), "\033[J\033[%u;1H%.*s", lines,
                          (int)top->picture.columns - 1, keys);
    write_all(last, (size_t)length);
}

// The order that a key chooses; false: it is no such key.
static bool choose_order(struct top *top, int key)
{
    static const char letters[ZP_SORTS + 1] = "pnghlr";
    const char *found = key != 0 && key < 256 ? strchr(letters, key) : NULL;
    if (found != NULL)
        top->picture.order = (enum zp_sort)(found - letters);
    return found != NULL;
}

static int show(struct top *top)
{
    top->picture.line_end = "\033[K\r\n";
    zp_terminal_begin();
    int event;
    do {
        draw(top);
        event = zp_terminal_wait((int)top->every * 1000);
        if (event == ZP_EVENT_TIME)
            zp_rows_read(&top->rows);
        else
            choose_order(top, event);
    } while (event != 'q' && event != 'Q' && event != ZP_EVENT_END);
    zp_terminal_end();
    int signal_number = event == ZP_EVENT_END ? zp_terminal_signal() : 0;
    if (signal_number != 0) {
        signal(signal_number, SIG_DFL);
        raise(signal_number); // so that the shell learns how it ended
    }
    return ZP_DONE;
}

// ---- Elsewhere -------------------------------------------------------------------------------

// A picture after the other, for a file or a pipe.
static int print(struct top *top, bool once)
{
    top->picture.line_end = "\n";
    top->picture.columns = 80;
    top->picture.lines = 0;
    while (true) {
        char title[128];
        make_title(top, title);
        zp_rows_sort(&top->rows, top->picture.order, top->picture.rates);
        zp_picture_draw(&top->picture, &top->rows, top->detail, once ? NULL : title);
        fputs(top->picture.text, stdout);
        int status = zp_finish(ZP_DONE);
        if (once || status != ZP_DONE)
            return status;
        putchar('\n');
        sleep((unsigned)top->every);
        zp_rows_read(&top->rows);
    }
}

static int print_json(struct top *top)
{
    struct zp_sink sink;
    zp_rows_sort(&top->rows, top->picture.order, false);
    zp_sink_begin(&sink, STDOUT_FILENO);
    zp_sink_add(&sink, "[");
    for (size_t i = 0; i < top->rows.count; i++) {
        struct zp_about about = zp_about_live(&top->rows.rows[i].live);
        zp_sink_add(&sink, i == 0 ? "\n" : ",\n");
        zp_format_json(&sink, &about);
    }
    zp_sink_add(&sink, "\n]\n");
    return zp_printed(zp_sink_end(&sink));
}

// ----------------------------------------------------------------------------------------------

static int read_flags(const struct zp_arguments *arguments, struct top *top)
{
    const char *order = zp_flag_value(arguments, "--sort");
    top->picture.order = ZP_BY_RETAINED;
    if (!zp_flag_number(arguments, "--every", 1, 3600, 1, &top->every))
        return ZP_WRONG;
    for (int i = 0; order != NULL; i++) {
        if (i == ZP_SORTS)
            return zp_wrong("--sort %s: expected pid, name, gets, hits, live or retained", order);
        if (strcmp(order, zp_sort_names[i]) == 0) {
            top->picture.order = (enum zp_sort)i;
            break;
        }
    }
    return ZP_DONE;
}

int zp_top(const struct zp_arguments *arguments)
{
    static struct top top;
    bool once = zp_flag_value(arguments, "--once") != NULL;
    bool json = zp_flag_value(arguments, "--json") != NULL;
    int status = read_flags(arguments, &top);
    if (status == ZP_DONE && once && zp_flag_value(arguments, "--every") != NULL)
        status = zp_wrong("--every does not go with --once");
    if (status == ZP_DONE && json && !once)
        status = zp_wrong("--json goes with --once");
    if (status == ZP_DONE)
        status = zp_rows_choose(&top.rows, arguments->words);
    if (status != ZP_DONE)
        return status;
    zp_rows_read(&top.rows);
    status = zp_rows_check(&top.rows);
    if (status != ZP_DONE)
        return status;
    top.detail = top.rows.only_count == 1;
    top.picture.rates = !once;
    if (json)
        return print_json(&top);
    return !once && zp_terminal_is_there() ? show(&top) : print(&top, once);
}
