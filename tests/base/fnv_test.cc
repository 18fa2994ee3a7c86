#include "base/fnv.h"

#include <doctest/doctest.h>

#include <string>

namespace redwall {
namespace {

// The draft's own vectors (section "test source code").
TEST_CASE("FNV-1a has the draft's values") {
  CHECK(Fnv1a("") == 0x811c9dc5U);
  CHECK(Fnv1a("a") == 0xe40c292cU);
  CHECK(Fnv1a("foobar") == 0xbf9cf968U);
  CHECK(Fnv1a(std::string_view("a\0", 2)) == 0x2b24d044U);
}

TEST_CASE("in pieces it is the same") {
  const std::string text = "10.0.0.1:7000\xff";
  for (std::size_t i = 0; i <= text.size(); ++i)
    CHECK(Fnv1a(text.substr(i), Fnv1a(text.substr(0, i))) == Fnv1a(text));
}

}  // namespace
}  // namespace redwall
