#include "crypto/secret.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include "tests/crypto/hex.h"

namespace redwall::crypto {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);

TEST_CASE("a new secret is zeroed, even where another one has just been") {
  for (std::size_t size : std::initializer_list<std::size_t>{1, 63, 64, 65, 4096, 70000}) {
    CAPTURE(size);
    {
      Secret first(size);
      std::fill(first.writable().begin(), first.writable().end(), std::byte{0xff});
    }
    const Secret second(size);
    REQUIRE(second.size() == size);
    CHECK(std::all_of(second.bytes().begin(), second.bytes().end(),
                      [](std::byte b) { return b == std::byte{0}; }));
  }
}

TEST_CASE("a secret moves, and leaves an empty one behind") {
  Secret a = Secret::CopyOf(AsBytes("abc"));
  Secret b = std::move(a);
  CHECK(a.empty());  // NOLINT: what a moved-from secret is like is the point
  CHECK(b.Equals(AsBytes("abc")));
  a = std::move(b);
  CHECK(a.Equals(AsBytes("abc")));
  CHECK(b.empty());  // NOLINT
  Secret& same = a;
  a = std::move(same);
  CHECK(a.Equals(AsBytes("abc")));
}

TEST_CASE("a clone is a copy of its own") {
  Secret a = Secret::CopyOf(AsBytes("abc"));
  const Secret b = a.Clone();
  a.writable()[0] = std::byte{'x'};
  CHECK(a.Equals(AsBytes("xbc")));
  CHECK(b.Equals(AsBytes("abc")));
  CHECK_FALSE(a.Equals(b.bytes()));
  CHECK_FALSE(a.Equals(AsBytes("xb")));
}

TEST_CASE("a wiped secret is empty, and so is a secret of nothing") {
  Secret a = Secret::CopyOf(AsBytes("abc"));
  a.Wipe();
  CHECK(a.empty());
  CHECK(a.bytes().empty());
  a.Wipe();
  CHECK(Secret().empty());
  CHECK(Secret::CopyOf({}).empty());
  CHECK(Secret().Clone().empty());
}

TEST_CASE("thousands of secrets live side by side without touching each other") {
  std::vector<Secret> secrets;
  for (std::size_t i = 0; i < 5000; ++i) {
    secrets.emplace_back(64);
    std::fill_n(secrets.back().writable().begin(), 64, static_cast<std::byte>(i * 7));
  }
  for (std::size_t i = 0; i < secrets.size(); i += 2) secrets[i].Wipe();
  for (std::size_t i = 1; i < secrets.size(); i += 2)
    CHECK(secrets[i].Equals(Bytes(64, static_cast<std::byte>(i * 7))));
}

TEST_CASE("a system that locks no memory is no error") {
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_MEMLOCK, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  REQUIRE(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
  std::vector<Secret> secrets;
  for (int i = 0; i < 1000; ++i) secrets.emplace_back(64);
  const Secret large(100000);
  REQUIRE(setrlimit(RLIMIT_MEMLOCK, &before) == 0);
  CHECK(large.size() == 100000);
  CHECK(std::all_of(secrets.begin(), secrets.end(), [](const auto& s) { return s.size() == 64; }));
}

TEST_CASE("memory that cannot be had leaves a secret empty") {
  const Secret huge(SIZE_MAX / 4);
  CHECK(huge.empty());
  CHECK(huge.bytes().empty());
}

}  // namespace redwall::crypto
