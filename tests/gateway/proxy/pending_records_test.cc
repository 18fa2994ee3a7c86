#include "gateway/proxy/pending_records.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>

namespace redwall::proxy {
namespace {

TEST_CASE("Records leave in the order in which they were kept, whatever is at hand meanwhile") {
  PendingRecords records;
  std::deque<std::string> model;
  std::uint32_t seed = 1;
  std::size_t kept = 0;
  for (int round = 0; round < 30000; ++round) {
    seed = seed * 1664525u + 1013904223u;
    const bool grow = (seed >> 16) % 100 < (round / 3000 % 2 == 0 ? 55u : 45u);
    if (grow) {
      std::string& text = records.Begin();
      const std::string record((seed >> 8) % 700, static_cast<char>('a' + round % 26));
      text += record;
      REQUIRE(records.at_hand() == record);
      if ((seed >> 4) % 8 == 0) continue;  // it stays at hand, and the next one drops it
      REQUIRE(records.Keep() == record.size());
      REQUIRE(records.at_hand().empty());
      if (!record.empty()) model.push_back(record);
      ++kept;
    } else if (!model.empty()) {
      const std::string at_hand(records.at_hand());
      REQUIRE(records.front(model.front().size()) == model.front());
      records.Pop(model.front().size());
      REQUIRE(records.at_hand() == at_hand);
      model.pop_front();
    }
  }
  CHECK(kept > 10000);
}

TEST_CASE("The memory of many records is given back once they have gone") {
  PendingRecords records;
  for (int i = 0; i < 100; ++i) {
    records.Begin().append(1000, 'x');
    CHECK(records.Keep() == 1000);
  }
  for (int i = 0; i < 100; ++i) records.Pop(1000);
  CHECK(records.Begin().capacity() < 1000);
  records.Begin() += "one";
  CHECK(records.Keep() == 3);
  CHECK(records.front(3) == "one");
}

}  // namespace
}  // namespace redwall::proxy
