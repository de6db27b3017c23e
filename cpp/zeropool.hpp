/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * zeropool for C++17: a memory resource for the containers of std::pmr, and an allocator for all
 * others. Header only; link with `pkg-config --libs zeropool`.
 *
 *     std::vector<float, zeropool::allocator<float>> weights(16 << 20);
 *     std::pmr::vector<float> same(16 << 20, zeropool::resource());
 *
 * Both use the one pool of the process: what one has allocated, any other may deallocate. Requests
 * below ZEROPOOL_MIN_SIZE go to malloc. Any thread may use them at any time. Memory has no
 * particular content, as with other allocators: with ZEROPOOL_ZERO=off it holds what its last owner
 * left.
 */

#ifndef ZEROPOOL_HPP
#define ZEROPOOL_HPP

#include <cstddef>
#include <limits>
#include <memory_resource>
#include <new>
#include <type_traits>

#include <zeropool.h>

namespace zeropool
{

namespace detail
{

/* Throws std::bad_alloc. */
[[nodiscard]] inline void *allocate(std::size_t size, std::size_t alignment)
{
    /* Every buffer has the alignment of malloc; to ask for it may cost more. */
    const bool usual = alignment != 0 && alignof(std::max_align_t) % alignment == 0;
    void *memory = usual ? zeropool_get(size) : zeropool_get_aligned(alignment, size);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

} // namespace detail

/* For std::pmr. Throws std::bad_alloc if there is no memory or the alignment is no power of two. */
class memory_resource final : public std::pmr::memory_resource
{
    void *do_allocate(std::size_t size, std::size_t alignment) override
    {
        return detail::allocate(size, alignment);
    }

    void do_deallocate(void *memory, std::size_t, std::size_t) override
    {
        zeropool_put(memory);
    }

    /* All of this class are one. */
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
#ifdef __cpp_rtti
        return dynamic_cast<const memory_resource *>(&other) != nullptr;
#else
        return this == &other;
#endif
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
        return static_cast<T *>(detail::allocate(count * sizeof(T), alignof(T)));
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
