// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The items of LD_PRELOAD that name this library: shared by aside.c and inherit.c.
//
// An item names it if its file name is the one that the library was loaded by or its soname, or if
// it is a path that leads to the same file. Colons and spaces separate items; those of others stay
// as they are, in their order.
//
// As in anew.h no function of libc is called and no relocated pointer is used: aside.c needs that.

#ifndef ZP_PRELOAD_PRELOADS_H
#define ZP_PRELOAD_PRELOADS_H

#include "preload/anew.h"

enum { ZP_PRELOADS_PATH_MOST = 4096 }; // PATH_MAX; no longer one leads to a file

static inline bool zp_ends_item(char letter)
{
    return letter == ':' || letter == ' ' || letter == '\0';
}

static inline size_t zp_item_length(zp_text item)
{
    size_t length = 0;
    while (!zp_ends_item(item[length]))
        length++;
    return length;
}

// The file name in a path or an item, without its folders.
static inline zp_text zp_file_of(zp_text item)
{
    zp_text file = item;
    for (; !zp_ends_item(*item); item++)
        if (*item == '/')
            file = item + 1;
    return file;
}

// The path of this library's file, as the dynamic linker has it; "" if it has none.
static inline zp_text zp_own_path(void)
{
    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next)
        if (map->l_ld == _DYNAMIC)
            return map->l_name;
    return "";
}

static inline bool zp_is_file_name(zp_text file, zp_text name)
{
    return *name != '\0' && zp_starts_with(file, name) && zp_ends_item(file[zp_length_of(name)]);
}

// Whether an item is a path that leads to the file `own`.
static inline bool zp_leads_to(zp_text item, size_t length, zp_text own)
{
    char path[ZP_PRELOADS_PATH_MOST];
    struct stat here, there;
    if (length >= sizeof(path))
        return false;
    for (size_t i = 0; i < length; i++)
        *(volatile char *)(path + i) = item[i];
    path[length] = '\0';
    return zp_kernel_call(SYS_newfstatat, AT_FDCWD, own, &here, 0) == 0 &&
           zp_kernel_call(SYS_newfstatat, AT_FDCWD, path, &there, 0) == 0 &&
           // Both initialised by the kernel.
           // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static inline bool zp_names_own(zp_text item, size_t length)
{
    static const char soname[] = "libzeropool_preload.so";
    zp_text own = zp_own_path(), file = zp_file_of(item);
    bool is_path = file != item;
    return zp_is_file_name(file, zp_file_of(own)) || zp_is_file_name(file, soname) ||
           (is_path && *own != '\0' && zp_leads_to(item, length, own));
}

// Removes the items that name this library from a list. Returns whether there were any.
static inline bool zp_preloads_leave(char *list)
{
    volatile char *to = list;
    bool found = false;
    for (zp_text item = list; *item != '\0';) {
        size_t length = zp_item_length(item);
        bool own = zp_names_own(item, length);
        found |= own;
        length += item[length] != '\0';
        for (; length > 0; length--, item++)
            if (!own)
                *to++ = *item;
    }
    while (to > list && zp_ends_item(to[-1]))
        to--;
    *to = '\0';
    return found;
}

#endif
