// The allocator and the memory resource of zeropool.hpp: memory that is not the pool's or is not
// put back, a wrong alignment, sizes that overflow, resources that differ when they should not.
// Prints "works".

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <list>
#include <map>
#include <memory_resource>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include <zeropool.hpp>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                            \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

namespace
{

constexpr std::size_t MiB = std::size_t{1} << 20;
constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

struct alignas(4096) Page {
    unsigned char bytes[4096];
};

template <class Error, class Action> bool throws(Action action)
{
    try {
        action();
    } catch (const Error &error) {
        return typeid(error) == typeid(Error); // not of something derived
    }
    return false;
}

bool is_aligned(const void *memory, std::size_t alignment)
{
    return reinterpret_cast<std::uintptr_t>(memory) % alignment == 0;
}

void vectors()
{
    const void *place = nullptr;
    {
        std::vector<float, zeropool::allocator<float>> vector(4 * MiB, 1.5f);
        place = vector.data();
        CHECK(zeropool_owns(place));
        vector.push_back(2.5f); // moves
        CHECK(!zeropool_owns(place) || place == vector.data());
        CHECK(vector.front() == 1.5f && vector[4 * MiB - 1] == 1.5f && vector.back() == 2.5f);
        place = vector.data();
        CHECK(zeropool_owns(place));

        auto moved = std::move(vector);
        CHECK(moved.data() == place);
        vector = std::move(moved);
        CHECK(vector.data() == place); // not element by element
    }
    CHECK(!zeropool_owns(place));
}

// Small requests, nodes and other types than the one that was named.
void containers()
{
    std::list<int, zeropool::allocator<int>> list{1, 2, 3};
    list.sort();
    std::map<int, int, std::less<>, zeropool::allocator<std::pair<const int, int>>> map{{1, 2}};
    std::basic_string<char, std::char_traits<char>, zeropool::allocator<char>> string(2 * MiB, 'x');
    CHECK(list.size() == 3 && map[1] == 2 && zeropool_owns(string.data()));

    const zeropool::allocator<int> ints;
    const zeropool::allocator<Page> pages(ints);
    CHECK(ints == pages && !(ints != pages));
    static_assert(std::allocator_traits<zeropool::allocator<int>>::is_always_equal::value);
    static_assert(
        std::is_same_v<std::allocator_traits<zeropool::allocator<int>>::rebind_alloc<Page>,
                       zeropool::allocator<Page>>);
}

void alignments()
{
    for (const std::size_t count : {std::size_t{1}, std::size_t{1000}}) { // small, large
        std::vector<Page, zeropool::allocator<Page>> pages(count);
        CHECK(is_aligned(pages.data(), alignof(Page)));
        pages.back().bytes[4095] = 1;
    }
    std::pmr::memory_resource *resource = zeropool::resource();
    for (std::size_t alignment = 1; alignment <= 2 * MiB; alignment *= 2) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{100}, MiB, 3 * MiB + 1}) {
            void *memory = resource->allocate(size, alignment);
            CHECK(memory != nullptr && is_aligned(memory, alignment));
            resource->deallocate(memory, size, alignment);
            CHECK(size < MiB || !zeropool_owns(memory));
        }
    }
}

void refused()
{
    // volatile: the compiler must not look into it.
    volatile std::size_t much = most;
    zeropool::allocator<double> doubles;
    zeropool::allocator<char> chars;
    zeropool::allocator<Page> pages;
    std::pmr::memory_resource *resource = zeropool::resource();
    CHECK(throws<std::bad_array_new_length>([&] { (void)doubles.allocate(much); }));
    CHECK(throws<std::bad_array_new_length>([&] { (void)doubles.allocate(much / 8 + 1); }));
    CHECK(throws<std::bad_array_new_length>([&] { (void)pages.allocate(much / 4096 + 1); }));
    CHECK(throws<std::bad_alloc>([&] { (void)doubles.allocate(much / 8); }));
    CHECK(throws<std::bad_alloc>([&] { (void)pages.allocate(much / 4096); }));
    CHECK(throws<std::bad_alloc>([&] { (void)chars.allocate(much); }));
    CHECK(throws<std::bad_alloc>([&] { (void)chars.allocate(much / 2 + 1); })); // above PTRDIFF_MAX
    CHECK(throws<std::bad_alloc>([&] { (void)resource->allocate(much); }));
    for (const std::size_t alignment : {std::size_t{64}, 2 * MiB}) {
        CHECK(throws<std::bad_alloc>([&] { (void)resource->allocate(much / 2, alignment); }));
    }
    for (volatile std::size_t alignment : {std::size_t{0}, std::size_t{3}, std::size_t{48}, most}) {
        CHECK(throws<std::bad_alloc>([&] { (void)resource->allocate(MiB, alignment); }));
    }
    chars.deallocate(nullptr, 0);
}

void resources()
{
    zeropool::memory_resource own;
    std::pmr::memory_resource *resource = zeropool::resource();
    CHECK(resource == zeropool::resource());
    CHECK(resource->is_equal(own) && own.is_equal(*resource));
    CHECK(*resource == own);
    std::pmr::unsynchronized_pool_resource above(resource);
    for (std::pmr::memory_resource *other :
         {std::pmr::new_delete_resource(), std::pmr::null_memory_resource(),
          static_cast<std::pmr::memory_resource *>(&above)}) {
        CHECK(!resource->is_equal(*other) && !other->is_equal(*resource));
    }

    // Equal resources: the memory is handed over. Others: it is copied.
    std::pmr::vector<int> first(MiB, 7, resource);
    const void *place = first.data();
    std::pmr::vector<int> second(std::move(first), &own);
    CHECK(second.data() == place && zeropool_owns(place));
    std::pmr::vector<int> third(std::move(second), std::pmr::new_delete_resource());
    CHECK(third.data() != place && third.back() == 7);

    std::pmr::monotonic_buffer_resource arena(4 * MiB, resource);
    std::pmr::string text(3 * MiB, 'y', &arena);
    CHECK(text.back() == 'y');
    void *block = above.allocate(5 * MiB);
    above.deallocate(block, 5 * MiB);

    std::pmr::set_default_resource(resource);
    {
        std::pmr::vector<char> by_default(2 * MiB);
        CHECK(zeropool_owns(by_default.data()));
    }
    std::pmr::set_default_resource(nullptr);
}

// A pool of the program's own keeps its memory from others, and buffers outlive it.
void pools()
{
    zeropool_options options = zeropool::options();
    options.budget = 64 * MiB;
    std::pmr::vector<char> longest(zeropool::resource());
    {
        const zeropool::pool tenant(options);
        zeropool::memory_resource resource(tenant);
        const auto retained = [&tenant] {
            zeropool_stats now{};
            now.size = sizeof(now);
            CHECK(zeropool_pool_stats_get(tenant.get(), &now) == 0);
            return now.retained_bytes;
        };
        {
            std::pmr::vector<char> theirs(8 * MiB, 'x', &resource);
            CHECK(zeropool_owns(theirs.data()) && retained() == 0);
        }
        CHECK(retained() >= 8 * MiB);
        longest = std::pmr::vector<char>(9 * MiB, 'y', &resource);
        CHECK(resource.is_equal(*zeropool::resource()));
    }
    CHECK(longest.front() == 'y' && longest.back() == 'y');
    options.shards = 3;
    try {
        const zeropool::pool refused(options);
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::invalid_argument);
    }
}

// What one thread allocates is deallocated by another.
void threads()
{
    std::vector<std::pmr::vector<int>> passed(4);
    std::vector<std::thread> makers;
    for (std::size_t i = 0; i < passed.size(); i++) {
        makers.emplace_back([&passed, i] {
            for (int turn = 0; turn < 20; turn++) {
                passed[i] = std::pmr::vector<int>(MiB, turn, zeropool::resource());
            }
        });
    }
    for (std::thread &maker : makers) {
        maker.join();
    }
    for (const auto &vector : passed) {
        CHECK(vector.front() == 19 && vector.back() == 19);
    }
}

// Destroyed at exit, after resource() was first used.
std::pmr::vector<std::pmr::vector<char>> &until_the_end()
{
    static std::pmr::vector<std::pmr::vector<char>> buffers(zeropool::resource());
    return buffers;
}

} // namespace

int main()
{
    until_the_end().emplace_back(2 * MiB);
    CHECK(zeropool_owns(until_the_end().back().data()));
    vectors();
    containers();
    alignments();
    refused();
    resources();
    pools();
    threads();
    std::puts("works");
}
