// SPDX-License-Identifier: MIT OR Apache-2.0

#include "library.h"

#include "command/elf.h"
#include "command/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool zp_library_identify(const char *path, char version[ZP_VERSION_MOST])
{
    struct zp_elf elf;
    return zp_elf_read(path, &elf) == 0 && elf.native &&
           zp_elf_text(path, "zeropool-library-version=", version, ZP_VERSION_MOST);
}

static bool is_there(const char *folder, const char *between, struct zp_library *library)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof(path), "%s%s/%s", folder, between, ZP_LIBRARY_FILE);
    return realpath(path, library->path) != NULL &&
           zp_library_identify(library->path, library->version);
}

// The folder of this command's file; "" if that cannot be found out.
static void own_folder(char folder[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
}

static bool search(struct zp_library *library)
{
    // Relative to bin/, so that an installation can be moved; ZP_LIBDIR is where it was made for.
    static const char installed[] = "/../" ZP_LIBDIR_BELOW;
    static const char *const places[] = {"", "/preload", installed, "/../lib"};
    char folder[PATH_MAX];
    own_folder(folder);
    for (size_t i = 0; folder[0] != '\0' && i < sizeof(places) / sizeof(places[0]); i++)
        if (is_there(folder, places[i], library))
            return true;
    return is_there(ZP_LIBDIR, "", library);
}

int zp_library_find(const char *given, struct zp_library *library)
{
    if (given == NULL)
        return search(library) ? ZP_DONE : ZP_FAILED;
    if (realpath(given, library->path) == NULL)
        return ZP_WRONG;
    return zp_library_identify(library->path, library->version) ? ZP_DONE : ZP_WRONG;
}

int zp_library_require(const char *given, struct zp_library *library)
{
    int status = zp_library_find(given, library);
    if (status == ZP_WRONG && access(given, R_OK) != 0)
        return zp_wrong("--library %s: %s", given, strerror(errno));
    if (status == ZP_WRONG)
        return zp_wrong("--library %s: this is not the library of zeropool for this machine",
                        given);
    if (status != ZP_DONE)
        return zp_fail(ZP_FAILED, "no " ZP_LIBRARY_FILE " beside this command or installed; "
                                  "--library FILE names it");
    if (strpbrk(library->path, " :") != NULL)
        return zp_fail(ZP_FAILED,
                       "%s: a path with a space or a colon cannot be preloaded; move the library",
                       library->path);
    return ZP_DONE;
}
