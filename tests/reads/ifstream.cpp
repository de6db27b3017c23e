// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What libstdc++ reads of a large file, as sums that a run with the library has to repeat.
//
// usage: ifstream FILE

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

static void tell(const char *name, const char *bytes, std::size_t size)
{
    std::uint64_t sum = 14695981039346656037u; // FNV-1a
    for (std::size_t i = 0; i < size; i++)
        sum = (sum ^ static_cast<unsigned char>(bytes[i])) * 1099511628211u;
    std::printf("%s %zu %016llx\n", name, size, static_cast<unsigned long long>(sum));
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    std::ifstream file(arguments[1], std::ios::binary);
    std::vector<char> bytes(9 << 20);
    file.read(bytes.data(), 10);
    tell("first", bytes.data(), 10);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    tell("read", bytes.data(), static_cast<std::size_t>(file.gcount()));
    std::printf("at %lld\n", static_cast<long long>(file.tellg()));
    file.unget();
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    tell("rest", bytes.data(), static_cast<std::size_t>(file.gcount()));
    std::printf("end %d\n", file.eof());
    file.clear();
    file.seekg(4097);
    file.rdbuf()->pubsetbuf(nullptr, 0);
    const auto got = file.rdbuf()->sgetn(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    tell("sgetn", bytes.data(), static_cast<std::size_t>(got));
    file.seekg(0);
    std::stringstream all;
    all << file.rdbuf();
    tell("stream", all.str().data(), all.str().size());
    return 0;
}
