// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every operator new and delete, and all that is made of them, in one program with malloc and free: a block
// that one allocator gave and another is asked about or has to free.
//
// usage: operators [OPERATOR...]: the mangled names that must come from the preloaded library

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <malloc.h>
#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <thread>
#include <vector>

#define CHECK(condition)                                                                                         \
    do {                                                                                                         \
        if (!(condition)) {                                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            abort();                                                                                             \
        }                                                                                                        \
    } while (0)

static const size_t sizes[] = {0, 1, 64, 5000, 300000, 1 << 20, 5000000};
static const std::align_val_t alignments[] = {std::align_val_t(1), std::align_val_t(16), std::align_val_t(64),
                                              std::align_val_t(4096), std::align_val_t(1 << 17)};

// Writes all of a block, and what malloc_usable_size says is there.
static void *used(void *block, size_t size, std::align_val_t alignment)
{
    CHECK(block != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(block) % static_cast<size_t>(alignment) == 0);
    size_t usable = malloc_usable_size(block);
    CHECK(usable >= size);
    memset(block, 0x5a, usable);
    return block;
}

static void *used(void *block, size_t size)
{
    return used(block, size, std::align_val_t(1));
}

static void pairs(size_t size)
{
    // Each new with every delete that may follow it, free among them: they are one allocator's.
    operator delete(used(operator new(size), size));
    operator delete(used(operator new(size), size), size);
    operator delete(used(operator new(size), size), std::nothrow);
    operator delete(used(operator new(size, std::nothrow), size));
    operator delete(used(operator new(size, std::nothrow), size), size);
    operator delete[](used(operator new[](size), size));
    operator delete[](used(operator new[](size), size), size);
    operator delete[](used(operator new[](size), size), std::nothrow);
    operator delete[](used(operator new[](size, std::nothrow), size));
    free(used(operator new(size), size));
    free(used(operator new[](size, std::nothrow), size));
    operator delete(used(malloc(size), size));
    operator delete[](used(calloc(1, size), size), size);
    char *moved = static_cast<char *>(used(operator new(size), size));
    moved = static_cast<char *>(realloc(moved, size + 3000000));
    CHECK(std::all_of(moved, moved + size, [](char byte) { return byte == 0x5a; }));
    operator delete(moved);
}

static void aligned_pairs(size_t size, std::align_val_t alignment)
{
    operator delete(used(operator new(size, alignment), size, alignment), alignment);
    operator delete(used(operator new(size, alignment), size, alignment), size, alignment);
    operator delete(used(operator new(size, alignment), size, alignment), alignment, std::nothrow);
    operator delete(used(operator new(size, alignment, std::nothrow), size, alignment), alignment);
    operator delete[](used(operator new[](size, alignment), size, alignment), alignment);
    operator delete[](used(operator new[](size, alignment), size, alignment), size, alignment);
    operator delete[](used(operator new[](size, alignment), size, alignment), alignment, std::nothrow);
    operator delete[](used(operator new[](size, alignment, std::nothrow), size, alignment), size, alignment);
    free(used(operator new(size, alignment), size, alignment));
}

static void nothing()
{
    void *one = operator new(0), *other = operator new(0), *array = operator new[](0, std::nothrow);
    CHECK(one != other && one != array && other != array);
    operator delete(one);
    operator delete(other, size_t(0));
    operator delete[](array);
    operator delete(nullptr);
    operator delete[](nullptr, size_t(5));
    operator delete(nullptr, std::align_val_t(64));
    errno = EDOM;
    operator delete(operator new(3000000));
    CHECK(errno == EDOM);
}

// What libraries make of them, and memory of C's that is freed here.
static void library()
{
    std::vector<std::string> texts;
    for (int i = 0; i < 300; i++)
        texts.push_back(std::string(static_cast<size_t>(i) * 5000, 'x'));
    std::stable_sort(texts.begin(), texts.end(), std::greater<std::string>()); // new(std::nothrow)
    CHECK(texts.front().size() == 299 * 5000);
    auto shared = std::make_shared<std::vector<double>>(400000, 1.5);
    std::thread([shared] { shared->resize(800000); }).join();
    std::pmr::monotonic_buffer_resource arena;
    std::pmr::vector<std::pmr::string> inside(&arena);
    for (int i = 0; i < 1000; i++)
        inside.emplace_back(static_cast<size_t>(i) * 50, 'y');
    std::pmr::unsynchronized_pool_resource pool;
    std::pmr::memory_resource *plain = std::pmr::new_delete_resource();
    for (std::pmr::memory_resource *resource : {static_cast<std::pmr::memory_resource *>(&pool), plain})
        for (size_t size : {size_t(100), size_t(4000000)})
            resource->deallocate(memset(resource->allocate(size, 256), 1, size), size, 256);
    char *text = static_cast<char *>(realloc(strdup("text"), 4 << 20));
    CHECK(strcmp(text, "text") == 0);
    free(text);
    void *block = nullptr;
    CHECK(posix_memalign(&block, 64, 3000000) == 0);
    operator delete(block);
}

int main(int count, char **names)
{
    // Whoever else is in the process, these are one library's, malloc as well.
    Dl_info of_malloc, of_operator;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &of_malloc) != 0);
    for (int i = 1; i < count; i++) {
        void *found = dlsym(RTLD_DEFAULT, names[i]);
        CHECK(found != nullptr && dladdr(found, &of_operator) != 0);
        if (of_operator.dli_fbase != of_malloc.dli_fbase) {
            fprintf(stderr, "%s is of %s, malloc of %s\n", names[i], of_operator.dli_fname, of_malloc.dli_fname);
            return 1;
        }
    }
    for (size_t size : sizes) {
        pairs(size);
        for (std::align_val_t alignment : alignments)
            aligned_pairs(size, alignment);
    }
    nothing();
    library();
    puts("works");
}
