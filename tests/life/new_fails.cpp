// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A new that finds no memory: it must call the program's handler as often as that wants, throw what the
// standard or the handler says, through C code and destructors, and with std::nothrow give nullptr. Never
// may it return nullptr otherwise, or end a program that was ready to catch.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <string>
#include <sys/resource.h>

#define CHECK(condition)                                                                                         \
    do {                                                                                                         \
        if (!(condition)) {                                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            abort();                                                                                             \
        }                                                                                                        \
    } while (0)

static volatile size_t too_much = SIZE_MAX / 4;
static const std::align_val_t line = std::align_val_t(64);

static int unwound;
struct Unwound {
    ~Unwound()
    {
        unwound++;
    }
};

// The operators that throw: plain, array, aligned, aligned array.
enum { THROWING = 4 };
static void *allocate(int which, size_t size)
{
    Unwound here;
    switch (which) {
    case 0:
        return operator new(size);
    case 1:
        return operator new[](size);
    case 2:
        return operator new(size, line);
    default:
        return operator new[](size, line);
    }
}

static void *allocate_or_not(int which, size_t size)
{
    switch (which) {
    case 0:
        return operator new(size, std::nothrow);
    case 1:
        return operator new[](size, std::nothrow);
    case 2:
        return operator new(size, line, std::nothrow);
    default:
        return operator new[](size, line, std::nothrow);
    }
}

static void release(int which, void *block)
{
    which < 2 ? operator delete(block) : operator delete(block, line);
}

static void without_handler()
{
    for (int which = 0; which < THROWING; which++) {
        unwound = 0;
        bool caught = false;
        try {
            allocate(which, too_much);
        } catch (const std::bad_alloc &error) {
            caught = error.what() != nullptr;
        }
        CHECK(caught && unwound == 1);
        CHECK(allocate_or_not(which, too_much) == nullptr);
    }
    bool caught = false;
    try {
        std::string text(SIZE_MAX / 4, 'x');
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
}

static int calls;

static void handler_that_throws()
{
    calls++;
    throw 42;
}

static void with_handler_that_throws()
{
    std::set_new_handler(handler_that_throws);
    for (int which = 0; which < THROWING; which++) {
        int caught = calls = unwound = 0;
        try {
            allocate(which, too_much);
        } catch (int thrown) {
            caught = thrown;
        }
        CHECK(caught == 42 && calls == 1 && unwound == 1);
        CHECK(allocate_or_not(which, too_much) == nullptr && calls == 2);
    }
}

static void handler_that_gives_up()
{
    if (++calls == 3)
        std::set_new_handler(nullptr);
}

static void with_handler_that_gives_up()
{
    for (int which = 0; which < THROWING; which++) {
        bool caught = false;
        calls = 0;
        std::set_new_handler(handler_that_gives_up);
        try {
            allocate(which, too_much);
        } catch (const std::bad_alloc &) {
            caught = true;
        }
        CHECK(caught && calls == 3);
    }
}

static rlimit before;

static void handler_that_makes_room()
{
    calls++;
    CHECK(setrlimit(RLIMIT_DATA, &before) == 0);
}

static void with_handler_that_makes_room(size_t size)
{
    operator delete(operator new(3000000)); // the pool has started
    getrlimit(RLIMIT_DATA, &before);
    rlimit none = before;
    none.rlim_cur = 1 << 20; // nothing can be made writable any more
    std::set_new_handler(handler_that_makes_room);
    for (int which = 0; which < 2 * THROWING; which++) {
        calls = 0;
        CHECK(setrlimit(RLIMIT_DATA, &none) == 0);
        void *block = which < THROWING ? allocate(which, size) : allocate_or_not(which - THROWING, size);
        CHECK(setrlimit(RLIMIT_DATA, &before) == 0);
        // An allocator may still have the addresses of the first block for the later ones.
        CHECK(block != nullptr && (calls == 1 || (which > 0 && calls == 0)));
        memset(block, 1, 100000);
        release(which % THROWING, block);
        malloc_trim(0);
    }
}

static void bad_alignment()
{
    volatile size_t odd = 48;
    bool caught = false;
    try {
        operator delete(operator new(100, std::align_val_t(odd)));
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
    CHECK(operator new(100, std::align_val_t(odd), std::nothrow) == nullptr);
}

int main()
{
    without_handler();
    with_handler_that_throws();
    with_handler_that_gives_up();
    with_handler_that_makes_room(size_t(600) << 20);
    std::set_new_handler(nullptr);
    bad_alignment();
    puts("works");
}
