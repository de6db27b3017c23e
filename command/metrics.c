// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool metrics: the counters of all processes that publish them, as Prometheus text: on stdout,
// in a file for node_exporter's textfile collector, or as the answer to one HTTP request.

#include "command/arguments.h"
#include "command/output.h"
#include "command/rows.h"
#include "command/say.h"
#include "stats/format.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

// 0, or a negative errno.
static int write_metrics(struct zp_rows *rows, int fd)
{
    struct zp_sink sink;
    zp_rows_read(rows);
    struct zp_about *about = zp_room(rows->count + 1, sizeof(*about));
    for (size_t i = 0; i < rows->count; i++)
        about[i] = zp_about_live(&rows->rows[i].live);
    zp_sink_begin(&sink, fd);
    zp_format_prometheus(&sink, about, rows->count);
    free(about);
    return zp_sink_end(&sink);
}

// ---- A file ----------------------------------------------------------------------------------

// The collector reads at any moment, and is another user. What is beside the file under another
// name has no ending that the collector looks for.
static int write_file(struct zp_rows *rows, const char *path)
{
    struct zp_output output;
    int error = zp_output_open(&output, path);
    if (error == 0)
        error = zp_output_close(&output, write_metrics(rows, output.fd), 0644);
    return error == 0 ? ZP_DONE : zp_fail(ZP_FAILED, "--textfile %s: %s", path, strerror(-error));
}

// ---- An answer -------------------------------------------------------------------------------

enum { REQUEST_MOST = 8192, PATIENCE_S = 5 };

// Reads up to the empty line behind the headers; false if it does not come.
static bool read_request(int peer, char request[REQUEST_MOST])
{
    size_t length = 0;
    while (length < REQUEST_MOST - 1) {
        ssize_t more = read(peer, request + length, REQUEST_MOST - 1 - length);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return false;
        length += (size_t)more;
        request[length] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL || strstr(request, "\n\n") != NULL)
            return true;
    }
    return false;
}

static void send_all(int peer, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(peer, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        text += sent;
        length -= (size_t)sent;
    }
}

static void answer(int peer, const char *status, const char *body, size_t length)
{
    char head[256];
    int size = snprintf(head, sizeof(head),
                        "HTTP/1.1 %s\r\n"
                        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                        "Content-Length: %zu\r\n"
                        "Connection: close\r\n\r\n",
                        status, length);
    send_all(peer, head, (size_t)size);
    send_all(peer, body, length);
}

static bool answer_metrics(struct zp_rows *rows, int peer)
{
    int fd = memfd_create("metrics", MFD_CLOEXEC);
    struct stat about;
    bool done = fd >= 0 && write_metrics(rows, fd) == 0 && fstat(fd, &about) == 0;
    char *body =
        done ? mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (body == MAP_FAILED)
        answer(peer, "500 Internal Server Error", "", 0);
    else
        answer(peer, "200 OK", body, (size_t)about.st_size);
    if (body != MAP_FAILED)
        munmap(body, (size_t)about.st_size);
    if (fd >= 0)
        close(fd);
    return body != MAP_FAILED;
}

static bool asks_for(const char *request, const char *path)
{
    size_t length = strlen(path);
    return strncmp(request + 4, path, length) == 0 && strchr(" ?", request[4 + length]) != NULL;
}

// Whether the metrics were sent.
static bool serve(struct zp_rows *rows, int peer)
{
    char request[REQUEST_MOST];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (!read_request(peer, request)) {
        answer(peer, "400 Bad Request", "", 0);
        return false;
    }
    if (strncmp(request, "GET ", 4) != 0) {
        answer(peer, "405 Method Not Allowed", "", 0);
        return false;
    }
    if (!asks_for(request, "/metrics") && !asks_for(request, "/")) {
        answer(peer, "404 Not Found", "", 0);
        return false;
    }
    return answer_metrics(rows, peer);
}

static int open_port(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        int error = errno;
        close(listener);
        return -error;
    }
    zp_say("listening on 127.0.0.1:%d for one request of /metrics", (int)ntohs(address.sin_port));
    return listener;
}

// Ends after the first request that gets its answer; what asks for anything else does not use it
// up.
static int answer_once(struct zp_rows *rows, uint16_t port)
{
    bool done = false;
    int listener = open_port(port);
    if (listener < 0)
        return zp_fail(ZP_FAILED, "--listen %d: %s", (int)port, strerror(-listener));
    while (!done) {
        int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (peer < 0) {
            int error = errno;
            close(listener);
            return zp_fail(ZP_FAILED, "--listen %d: %s", (int)port, strerror(error));
        }
        done = serve(rows, peer);
        shutdown(peer, SHUT_WR);
        close(peer);
    }
    close(listener);
    return ZP_DONE;
}

// ----------------------------------------------------------------------------------------------

int zp_metrics(const struct zp_arguments *arguments)
{
    struct zp_rows rows;
    long port;
    const char *file = zp_flag_value(arguments, "--textfile");
    bool listens = zp_flag_value(arguments, "--listen") != NULL;
    if (!zp_flag_number(arguments, "--listen", 0, 65535, 0, &port))
        return ZP_WRONG;
    if (file != NULL && listens)
        return zp_wrong("--textfile and --listen exclude each other");
    int status = zp_rows_choose(&rows, arguments->words);
    if (status == ZP_DONE) {
        zp_rows_read(&rows);
        status = zp_rows_check(&rows);
    }
    if (status != ZP_DONE)
        return status;
    if (listens)
        return answer_once(&rows, (uint16_t)port);
    if (file != NULL)
        return write_file(&rows, file);
    return zp_printed(write_metrics(&rows, STDOUT_FILENO));
}
