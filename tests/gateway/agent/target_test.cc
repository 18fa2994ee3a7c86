#include "gateway/agent/target.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace redwall::agent {
namespace {

using Kind = Target::Kind;

TEST_CASE("What is said is what is read") {
  for (const Target& target :
       {Target{}, Target{Kind::kSingle}, Target{Kind::kReplica}, Target{Kind::kSentinel},
        Target::Node({"10.0.0.1", 7000, {}}), Target::Node({"::1", 1, {}}),
        Target::Node({"node.example", 65535, {}})}) {
    const std::string text = target.ToText();
    CAPTURE(text);
    const auto read = Target::Parse(text);
    REQUIRE(read.has_value());
    CHECK(read->kind == target.kind);
    CHECK(read->node == target.node);
    CHECK(read->ToText() == text);
  }
}

TEST_CASE("Texts") {
  CHECK(Target{}.ToText().empty());
  CHECK(Target{Kind::kSingle}.ToText() == "single");
  CHECK(Target{Kind::kReplica}.ToText() == "replica");
  CHECK(Target{Kind::kSentinel}.ToText() == "sentinel");
  CHECK(Target::Node({"10.0.0.1", 7000, {}}).ToText() == "node 10.0.0.1:7000");
  CHECK(Target::Node({"::1", 7000, {}}).ToText() == "node [::1]:7000");
}

TEST_CASE("What makes no sense") {
  for (const std::string_view text :
       {"any", "Single", "single ", " single", "sing", "node", "node ", "node 10.0.0.1",
        "node 10.0.0.1:", "node 10.0.0.1:0", "node 10.0.0.1:65536", "node :7000", "node ::1:7000",
        "node unix:/a", "node  unix:/a", "NODE 10.0.0.1:7000", "node\t10.0.0.1:7000",
        "replica 10.0.0.1:7000"}) {
    CAPTURE(text);
    CHECK_FALSE(Target::Parse(text).has_value());
  }
}

}  // namespace
}  // namespace redwall::agent
