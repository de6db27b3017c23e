// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool doctor: what the kernel can do, what it lets this process do, and the hypervisor.

#include "command/findings.h"
#include "config/files.h"
#include "core/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 // Linux 5.7
#endif

// ---- Calls of the kernel ---------------------------------------------------------------------

// Each makes the call as the library does; 0, or the error number.

static int try_advice(int advice)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return errno;
    int error = madvise(at, page, advice) == 0 ? 0 : errno;
    munmap(at, page);
    return error;
}

static int try_free(void)
{
    return try_advice(MADV_FREE);
}

static int try_populate(void)
{
    return try_advice(MADV_POPULATE_WRITE);
}

static int try_guard(void)
{
    return try_advice(MADV_GUARD_INSTALL);
}

static int try_barrier(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 ? 0
                                                                                         : errno;
}

static int try_move(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return errno;
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    int error = mremap(at, page, page, flags, at + page) != MAP_FAILED ? 0 : errno;
    munmap(at, 2 * page);
    return error;
}

static int try_read(int flags)
{
    char byte;
    struct iovec to = {&byte, 1};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    // EAGAIN: not in the page cache, which is an answer.
    int error = preadv2(fd, &to, 1, 0, flags) >= 0 || errno == EAGAIN ? 0 : errno;
    close(fd);
    return error;
}

static int try_nowait(void)
{
    return try_read(RWF_NOWAIT);
}

static int try_cachestat(void)
{
    struct zp_os_range range = {0, 4096};
    struct zp_os_cached cached;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = syscall(SYS_cachestat, fd, &range, &cached, 0) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static const struct feature {
    const char *about, *key, *since;
    int (*attempt)(void);
    const char *cost;
} features[] = {
    {"MADV_FREE", "madv_free", "4.5", try_free,
     "what is pooled cannot be taken by the kernel, only by decay"},
    {"membarrier", "membarrier", "4.14", try_barrier,
     "thread caches are not kept: every large request takes a lock"},
    {"RWF_NOWAIT", "rwf_nowait", "4.14", try_nowait,
     "READ=parallel cannot tell what is in the page cache by reading"},
    {"MREMAP_DONTUNMAP", "mremap_dontunmap", "5.7", try_move,
     "realloc of a large buffer copies bytes where it could move pages"},
    {"MADV_POPULATE_WRITE", "madv_populate_write", "5.14", try_populate,
     "pages are fetched one by one where they could be fetched in one call"},
    {"cachestat", "cachestat", "6.5", try_cachestat,
     "READ=parallel finds out by reading whether a file is in the page cache"},
    {"MADV_GUARD_INSTALL", "madv_guard_install", "6.13", try_guard,
     "buffers of 512 KiB and more take another mapping each for the guard behind them"},
};

// A filter of system calls may end a process for a call, so another process makes it.
static int attempt(const struct feature *feature)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(feature->attempt() & 0xff);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static void find_features(struct zp_findings *findings)
{
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        const struct feature *feature = &features[i];
        int error = attempt(feature);
        bool unknown = error == EINVAL || error == ENOSYS;
        struct zp_finding *finding =
            zp_found(findings, feature->about, feature->key, error == 0 ? ZP_FINE : ZP_COSTS,
                     error == 0 ? "%s"
                     : unknown  ? "%s: it came with Linux %s"
                                : "%s: %s",
                     error == 0 ? "works"
                     : unknown  ? "not known to this kernel"
                                : "refused",
                     unknown ? feature->since : strerror(error));
        if (error == 0)
            continue;
        finding->cost = feature->cost;
        finding->advice = unknown ? "a newer kernel, if that matters"
                                  : "allow the call in the filter of the container (seccomp)";
    }
}

// ---- System and rights -----------------------------------------------------------------------

static void find_system(struct zp_findings *findings)
{
    struct utsname name;
    if (uname(&name) != 0)
        return;
    zp_found(findings, "system", "system", ZP_FINE, "%s %s on %s, glibc %s", name.sysname,
             name.release, name.machine, gnu_get_libc_version());
}

static void find_rights(struct zp_findings *findings)
{
    enum { MOST = 8192 };
    static char text[MOST];
    zp_file_read(findings->root, "/proc/self/status", text, sizeof(text));
    const char *line = strstr(text, "\nCapEff:");
    unsigned long long capabilities = line != NULL ? strtoull(line + 8, NULL, 16) : 0;
    line = strstr(text, "\nSeccomp:\t");
    size_t filter = line != NULL ? zp_number_at(line + 10) : 0;
    line = strstr(text, "\nNoNewPrivs:\t");
    size_t settled = line != NULL ? zp_number_at(line + 13) : 0;
    zp_found(findings, "rights", "rights", ZP_FINE,
             "user %d, capabilities %llx%s%s; the library needs none", (int)geteuid(), capabilities,
             filter == 1 || filter == 2 ? ", a filter of system calls (seccomp)" : "",
             settled == 1 ? ", no new privileges" : "");
}

static bool is_there(const char *root, const char *path)
{
    char name[4096];
    snprintf(name, sizeof(name), "%s%s", root, path);
    return access(name, F_OK) == 0;
}

static void find_container(struct zp_findings *findings)
{
    const char *found = is_there(findings->root, "/.dockerenv")          ? "Docker"
                        : is_there(findings->root, "/run/.containerenv") ? "Podman"
                        : getenv("KUBERNETES_SERVICE_HOST") != NULL      ? "Kubernetes"
                                                                         : NULL;
    if (found != NULL)
        zp_found(findings, "container", "container", ZP_NOTE, "%s", found)->advice =
            "the library and the program must be in the same image";
}

static void find_preloads(struct zp_findings *findings)
{
    const char *list = getenv("LD_PRELOAD");
    char text[ZP_SETTING_MOST];
    if (list != NULL && *list != '\0')
        zp_found(findings, "LD_PRELOAD", "ld_preload", ZP_NOTE, "%.200s", list)->cost =
            "stays in force behind the library; another allocator in it would have no work";
    if (zp_file_setting(findings->root, "/etc/ld.so.preload", text) == ZP_FILE_READ &&
        text[0] != '\0')
        zp_found(findings, "/etc/ld.so.preload", "ld_so_preload", ZP_NOTE, "%.*s",
                 (int)strcspn(text, "\n"), text)
            ->cost = "is loaded into every program, behind LD_PRELOAD";
}

// ---- The machine's memory --------------------------------------------------------------------

// Bit 5 of a balloon's features: free pages are reported to the host, which takes them back.
static bool reports_free_pages(const char *root)
{
    char path[4096], text[ZP_SETTING_MOST], name[300];
    bool found = false;
    snprintf(path, sizeof(path), "%s/sys/bus/virtio/devices", root);
    DIR *folder = opendir(path);
    for (const struct dirent *entry;
         folder != NULL && (entry = readdir(folder)) != NULL && !found;) {
        snprintf(name, sizeof(name), "/%s/device", entry->d_name);
        if (zp_file_setting(path, name, text) != ZP_FILE_READ || strncmp(text, "0x0005", 6) != 0)
            continue;
        snprintf(name, sizeof(name), "/%s/features", entry->d_name);
        found =
            zp_file_setting(path, name, text) == ZP_FILE_READ && strlen(text) > 5 && text[5] == '1';
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

static void find_reporting(struct zp_findings *findings)
{
    if (!reports_free_pages(findings->root)) {
        zp_found(findings, "free-page reporting", "free_page_reporting", ZP_FINE, "off");
        return;
    }
    struct zp_finding *finding =
        zp_found(findings, "free-page reporting", "free_page_reporting", ZP_NOTE,
                 "on: this virtual machine's host takes free memory back");
    finding->cost =
        "memory that the host has taken costs 1 to 3 ms per huge page at its first touch; "
        "buffers that are reused do not pay that";
    finding->advice =
        "prepare buffers while the program starts (ZEROPOOL_PREWARM), and measure first "
        "loads several times";
}

void zp_find_kernel(struct zp_findings *findings)
{
    zp_find_nodes(findings);
    find_reporting(findings);
    find_container(findings);
    find_preloads(findings);
    if (findings->root[0] != '\0')
        return; // of another machine there are only the files
    find_system(findings);
    find_rights(findings);
    find_features(findings);
}
