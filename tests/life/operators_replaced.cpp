// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that replaces the plain operator new and delete alone, and has a header before each block: the
// standard makes all others of these two. An array's new that passes them by, or a sized delete, as compilers
// write it since C++14, that frees what only the program's own may free.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

static long made, gone;
static long kept; // by other libraries, before main

struct alignas(std::max_align_t) Header {
    size_t magic;
};

void *operator new(size_t size)
{
    auto *header = static_cast<Header *>(malloc(size + sizeof(Header)));
    if (header == nullptr)
        throw std::bad_alloc();
    header->magic = 0x600d;
    made++;
    return header + 1;
}

void operator delete(void *pointer) noexcept
{
    if (pointer == nullptr)
        return;
    Header *header = static_cast<Header *>(pointer) - 1;
    if (header->magic != 0x600d)
        abort();
    gone++;
    free(header);
}

static bool counts(void *block, void (*give)(void *))
{
    bool counted = made == gone + kept + 1;
    give(block);
    return counted && gone + kept == made;
}

int main()
{
    kept = made - gone;
    volatile size_t size = 3000000;
    bool good = true;
    for (int i = 0; i < 2; i++, size = 100) {
        good &= counts(operator new[](size), [](void *p) { operator delete[](p); });
        good &= counts(operator new[](size), [](void *p) { operator delete[](p, size_t(1)); });
        good &= counts(operator new(size), [](void *p) { operator delete(p, size_t(1)); });
        good &= counts(operator new(size), [](void *p) { operator delete(p, std::nothrow); });
        good &= counts(operator new(size, std::nothrow), [](void *p) { operator delete(p); });
        good &= counts(operator new[](size, std::nothrow), [](void *p) { operator delete[](p, std::nothrow); });
    }
    // Those of the standard's that are not made of the two are an allocator's of their own.
    operator delete(operator new(size, std::align_val_t(64)), std::align_val_t(64));
    operator delete[](operator new[](size, std::align_val_t(64)), size, std::align_val_t(64));
    if (operator new(SIZE_MAX / 4, std::nothrow) != nullptr)
        return 1;
    std::vector<std::string> texts(1000, std::string(1000, 'x'));
    std::stable_sort(texts.begin(), texts.end());
    auto array = std::make_unique<std::string[]>(50);
    texts.clear();
    texts.shrink_to_fit();
    array.reset();
    puts(good && made > 1000 && gone + kept == made ? "works" : "passed by");
    return !good || gone + kept != made;
}
