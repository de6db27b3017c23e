/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * zeropool for C++17: a memory resource for the containers of std::pmr, and an allocator for all
 * others. Header only; link with `pkg-config --libs zeropool`.
 *
 *     std::vector<float, zeropool::allocator<float>> weights(16 << 20);
 *     std::pmr::vector<float> same(16 << 20, zeropool::resource());
 *
 * Both use the pool of the process, a memory resource also one that the program has made:
 *
 *     zeropool_options options = zeropool::options();
 *     options.budget = 256 << 20;
 *     zeropool::pool tenant(options);
 *     zeropool::memory_resource of_tenant(tenant);
 *     std::pmr::vector<float> theirs(16 << 20, &of_tenant);
 *
 * What one has allocated, any other may deallocate: a buffer knows its pool. Requests below
 * ZEROPOOL_MIN_SIZE, or the pool's threshold, go to malloc. Any thread may use them at any time.
 * Memory has no particular content, as with other allocators: with ZEROPOOL_ZERO=off it holds what
 * its last owner left.
 */

#ifndef ZEROPOOL_HPP
#define ZEROPOOL_HPP

#include <cerrno>
#include <cstddef>
#include <limits>
#include <memory_resource>
#include <new>
#include <system_error>
#include <type_traits>

#include <zeropool.h>

namespace zeropool
{

namespace detail
{

/* Throws std::bad_alloc. */
[[nodiscard]] inline void *allocate(zeropool_pool *pool, std::size_t size, std::size_t alignment)
{
    /* Every buffer has the alignment of malloc; to ask for it may cost more. */
    const bool usual = alignment != 0 && alignof(std::max_align_t) % alignment == 0;
    void *memory = nullptr;
    if (pool == nullptr) {
        memory = usual ? zeropool_get(size) : zeropool_get_aligned(alignment, size);
    } else {
        memory = usual ? zeropool_pool_get(pool, size)
                       : zeropool_pool_get_aligned(pool, alignment, size);
    }
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

} // namespace detail

/* What the process's pool has: change what is to differ. */
[[nodiscard]] inline zeropool_options options() noexcept
{
    zeropool_options now{};
    now.size = sizeof(now);
    zeropool_options_get(&now);
    return now;
}

/* A pool of the program's own, as long as this exists. Its buffers may stay longer, but memory
 * resources of it must not be asked for more. Throws std::system_error, as zeropool_pool_create
 * fails. */
class pool
{
    zeropool_pool *made_;

  public:
    explicit pool(const zeropool_options &options) : made_(zeropool_pool_create(&options))
    {
        if (made_ == nullptr) {
            throw std::system_error(errno, std::generic_category(), "zeropool_pool_create");
        }
    }

    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;

    ~pool()
    {
        zeropool_pool_destroy(made_);
    }

    /* For the functions of zeropool.h. */
    [[nodiscard]] zeropool_pool *get() const noexcept
    {
        return made_;
    }
};

/* For std::pmr. Throws std::bad_alloc if there is no memory or the alignment is no power of two. */
class memory_resource final : public std::pmr::memory_resource
{
    zeropool_pool *pool_ = nullptr;

    void *do_allocate(std::size_t size, std::size_t alignment) override
    {
        return detail::allocate(pool_, size, alignment);
    }

    void do_deallocate(void *memory, std::size_t, std::size_t) override
    {
        zeropool_put(memory);
    }

    /* What one has allocated, any other of this class may deallocate. */
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
#ifdef __cpp_rtti
        return dynamic_cast<const memory_resource *>(&other) != nullptr;
#else
        return this == &other;
#endif
    }

  public:
    /* Of the process's pool, and of another. */
    memory_resource() noexcept = default;

    explicit memory_resource(const pool &of) noexcept : pool_(of.get())
    {
    }
};

/* A memory resource that is there until the process ends: containers of static duration may use it,
 * too. */
inline memory_resource *resource() noexcept
{
    /* In memory of its own, so that nothing destroys it at exit. */
    alignas(memory_resource) static unsigned char place[sizeof(memory_resource)];
    static memory_resource *const only = new (place) memory_resource;
    return only;
}

/* For containers that have an allocator as a template parameter. */
template <class T> class allocator
{
  public:
    using value_type = T;
    using propagate_on_container_move_assignment = std::true_type;
    using is_always_equal = std::true_type;

    constexpr allocator() noexcept = default;

    template <class U> constexpr allocator(const allocator<U> &) noexcept
    {
    }

    /* Throws std::bad_array_new_length if `count` elements have more bytes than a size can say,
     * and std::bad_alloc if there is no memory. */
    [[nodiscard]] T *allocate(std::size_t count)
    {
        if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) {
            throw std::bad_array_new_length();
        }
        return static_cast<T *>(detail::allocate(nullptr, count * sizeof(T), alignof(T)));
    }

    void deallocate(T *memory, std::size_t) noexcept
    {
        zeropool_put(memory);
    }
};

template <class T, class U>
constexpr bool operator==(const allocator<T> &, const allocator<U> &) noexcept
{
    return true;
}

template <class T, class U>
constexpr bool operator!=(const allocator<T> &, const allocator<U> &) noexcept
{
    return false;
}

} // namespace zeropool

#endif
