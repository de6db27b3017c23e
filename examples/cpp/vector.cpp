// Vectors in zeropool's memory: by an allocator, and by a memory resource of std::pmr.
//
//     g++ -std=c++17 -O2 vector.cpp -o vector $(pkg-config --cflags --libs zeropool)
//     ./vector 100
//
// It makes a matrix as often as it is told, and prints how many of the large requests needed no
// fresh memory.

#include <cstdlib>
#include <iostream>
#include <memory_resource>
#include <numeric>
#include <vector>

#include <zeropool.hpp>

namespace
{

constexpr std::size_t rows = 512, columns = 2048; // 8 MiB of doubles

double with_allocator()
{
    std::vector<double, zeropool::allocator<double>> matrix(rows * columns, 0.5);
    return std::accumulate(matrix.begin(), matrix.end(), 0.0);
}

// A vector of vectors hands its resource on to its elements.
double with_resource()
{
    std::pmr::vector<std::pmr::vector<double>> matrix(zeropool::resource());
    for (int half = 0; half < 2; half++) {
        matrix.emplace_back(rows / 2 * columns, 0.5); // 4 MiB
    }
    double sum = 0;
    for (const auto &part : matrix) {
        sum = std::accumulate(part.begin(), part.end(), sum);
    }
    return sum;
}

} // namespace

int main(int count, char **arguments)
{
    const int turns = count > 1 ? std::atoi(arguments[1]) : 100;
    double sum = 0;
    for (int turn = 0; turn < turns; turn++) {
        sum += with_allocator() + with_resource();
    }
    std::cout << "sum " << sum << ", " << 100 * zeropool_hit_rate() << " % from the pool\n";
}
