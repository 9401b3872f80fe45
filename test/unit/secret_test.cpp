// A secret is wiped wherever its memory is given back, and cannot be printed.

#include "base/secret.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace meetlink {
namespace {

/// What freed memory held at the moment it was freed.
std::vector<std::string>& freed()
{
    static std::vector<std::string> blocks;
    return blocks;
}

/// Looks at each block just before it is released: the bytes are still ours to read then.
template <typename T>
struct RecordingAllocator {
    using value_type = T;
    T* allocate(std::size_t n) { return std::allocator<T>{}.allocate(n); }
    void deallocate(T* p, std::size_t n)
    {
        freed().emplace_back(reinterpret_cast<const char*>(p), n * sizeof(T));
        std::allocator<T>{}.deallocate(p, n);
    }
};

using Recorded = BasicSecret<CleansingAllocator<char, RecordingAllocator<char>>>;

const std::string canary = "canary-of-a-token";

class SecretTest : public testing::Test {
protected:
    void SetUp() override { freed().clear(); }

    /// At least one block was freed, and each of them held zeros only.
    static void expect_wiped()
    {
        ASSERT_FALSE(freed().empty());
        for (const std::string& block : freed()) {
            EXPECT_TRUE(std::ranges::all_of(block, [](char c) { return c == '\0'; })) << block;
        }
    }
};

TEST_F(SecretTest, IsWipedWhenItDies)
{
    for (const std::size_t size : {1U, 15U, 16U, 4096U}) {
        freed().clear();
        {
            const Recorded secret(std::string(size, 'x'));
            EXPECT_EQ(secret.size(), size);
        }
        expect_wiped();
    }
}

TEST_F(SecretTest, IsWipedWhenItIsOverwritten)
{
    Recorded secret(canary);
    secret = Recorded(std::string(4096, 'y'));
    expect_wiped();
    freed().clear();
    const Recorded larger(std::string(100'000, 'z'));
    secret = larger;  // reallocates
    expect_wiped();
    EXPECT_EQ(secret, larger);
}

TEST_F(SecretTest, MovesPassTheOneBufferOn)
{
    Recorded first("short");
    const char* buffer = first.data();
    const Recorded second(std::move(first));
    EXPECT_EQ(second.reveal().data(), buffer);
    EXPECT_TRUE(freed().empty());
}

TEST_F(SecretTest, TheStringItIsMadeFromIsWiped)
{
    for (const std::size_t size : {5U, 500U}) {
        std::string source(size, 'q');
        source.reserve(size);
        const char* bytes = source.data();
        const std::size_t capacity = source.capacity();
        const Secret secret(std::move(source));
        // wiped in place and still owned by `source`, so it may be looked at
        EXPECT_EQ(source.data(), bytes);  // NOLINT(bugprone-use-after-move): the contract
        EXPECT_TRUE(source.empty());
        source.resize(capacity);
        EXPECT_EQ(source, std::string(capacity, '\0'));
        EXPECT_EQ(secret.reveal(), std::string(size, 'q'));
    }
}

TEST_F(SecretTest, TruncateWipesWhatItCutsOff)
{
    Secret secret(canary);
    const char* bytes = secret.data();
    secret.truncate(6);
    EXPECT_EQ(secret.reveal(), "canary");
    EXPECT_EQ(secret.data(), bytes);
    secret.truncate(100);
    EXPECT_EQ(secret.size(), 6U);
}

TEST_F(SecretTest, ComparesByContent)
{
    EXPECT_EQ(Secret("a"), Secret("a"));
    EXPECT_NE(Secret("a"), Secret("b"));
    EXPECT_NE(Secret("a"), Secret("ab"));
    EXPECT_EQ(Secret(), Secret(""));
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value)
{
    out << value;
};

// a secret cannot slip into a log, a message or a string without reveal()
static_assert(!Printable<Secret>);
static_assert(!std::convertible_to<Secret, std::string>);
static_assert(!std::convertible_to<Secret, std::string_view>);
static_assert(!std::convertible_to<std::string, Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);
static_assert(std::is_nothrow_move_assignable_v<Secret>);

}  // namespace
}  // namespace meetlink
