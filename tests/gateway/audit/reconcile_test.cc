#include "gateway/audit/reconcile.h"

#include <doctest/doctest.h>

#include <string>

#include "gateway/audit/reconcile_job.h"
#include "tests/gateway/audit/audit_lines.h"
#include "tests/gateway/audit/temp_folder.h"

namespace redwall::audit {
namespace {

constexpr std::int64_t kSecond = 1000000;

struct Sites {
  AuditText client{"client", "gw-a"}, server{"server", "gw-b"};
  ReconcileOptions options;

  Sites() {
    client.Event("start", 0);
    server.Event("start", 0);
  }
  void Both(LineFacts facts) {
    client.Command(facts);
    facts.at_us += 50;  // the link
    facts.us -= 60;
    server.Command(facts);
  }
  void Stop(std::int64_t at_us) {
    client.Event("stop", at_us);
    server.Event("stop", at_us);
  }
  Reconciliation Run() {
    const TempFolder folder;
    WriteAll(folder.File("c"), client.text());
    WriteAll(folder.File("s"), server.text());
    options.client_files = {folder.File("c")};
    options.server_files = {folder.File("s")};
    auto done = Reconcile(options);
    if (!done) FAIL(done.error().sentence);
    return *std::move(done);
  }
};

// All differences, and no other.
void CheckOnly(const Reconciliation& done, Outcome outcome, std::uint64_t count = 1) {
  INFO(Describe(done));
  for (std::size_t i = 0; i < kOutcomes; ++i)
    CHECK(done.counts[i] == (i == static_cast<std::size_t>(outcome) ? count : 0));
  CHECK(done.clean() == (outcome >= kFirstRegular));
}

}  // namespace

TEST_CASE("numbers as runs") {
  NumberSet set;
  CHECK(set.Add(5));
  CHECK(set.Add(7));
  CHECK(!set.Add(5));
  CHECK(set.Add(6));
  CHECK(!set.Add(6));
  CHECK(!set.Add(7));
  CHECK(set.Add(1));
  CHECK(set.Add(3));
  CHECK(set.Add(4));
  CHECK(set.Add(2));
  for (std::uint64_t i = 1; i <= 7; ++i) CHECK(!set.Add(i));
  CHECK(set.Add(0));
  CHECK(set.Add(8));
  CHECK(set.least() == 0);
  CHECK(set.most() == 8);
}

TEST_CASE("what both have is clean, and tells how the clocks stand") {
  Sites sites;
  for (std::uint64_t n = 1; n <= 3; ++n) sites.Both({.n = n, .at_us = std::int64_t(n) * kSecond});
  sites.Stop(9 * kSecond);
  const Reconciliation done = sites.Run();
  CHECK(done.clean());
  CHECK(done.matched == 3);
  CHECK(done.server_ahead_us == 20);  // 50 there, 10 back
  CHECK(Describe(done).find("\nclean: ") != std::string::npos);
}

TEST_CASE("what lacks at one site is named") {
  for (const bool at_server : {true, false}) {
    Sites sites;
    sites.Both({.n = 1, .at_us = 1 * kSecond});
    (at_server ? sites.client : sites.server)
        .Command({.n = 2, .at_us = 2 * kSecond, .key = "gone"});
    sites.Both({.n = 3, .at_us = 3 * kSecond});
    sites.Stop(9 * kSecond);
    const Reconciliation done = sites.Run();
    const Outcome outcome = at_server ? Outcome::kMissingAtServer : Outcome::kMissingAtClient;
    CheckOnly(done, outcome);
    REQUIRE(done.items[static_cast<std::size_t>(outcome)].size() == 1);
    const std::string& item = done.items[static_cast<std::size_t>(outcome)].front();
    CHECK(item.find(at_server ? "/c:3: seq 3, " : "/s:3: seq 3, ") != std::string::npos);
    CHECK(item.find("session aa stream 1 n 2: set [\"gone\"] from 10.0.0.7:4711") != item.npos);
  }
}

TEST_CASE("a contradiction is named; what each policy records may differ") {
  const auto differs = [](const LineFacts& client, const LineFacts& server, std::uint64_t count) {
    Sites sites;
    sites.client.Command(client);
    sites.server.Command(server);
    sites.Stop(9 * kSecond);
    const Reconciliation done = sites.Run();
    INFO(Describe(done));
    CHECK(done.count(Outcome::kDiffers) == count);
    CHECK(done.clean() == (count == 0));
  };
  differs({}, {.cmd = "get"}, 1);
  differs({}, {.key = "other"}, 1);
  differs({}, {.identity = "site-b"}, 1);
  differs({}, {.result = "error"}, 1);
  differs({}, {.result = "none", .us = -1}, 1);
  differs({.result = "none", .us = -1}, {}, 0);
  differs({.key = "abcdef\\+7"}, {.key = "abcdefghijklm"}, 1);  // a key that looks like a cut one
  differs({.cmd = "renamed-flushall"}, {.cmd = "flushall"}, 0);
  differs({.cmd = "exec", .decision = "deny"}, {.cmd = "discard"}, 0);
  differs({.cmd = "exec"}, {.cmd = "discard"}, 1);
}

TEST_CASE("denied at the client: the server has nothing, or something is wrong") {
  Sites sites;
  sites.Both({.n = 1});
  sites.client.Command({.n = 2, .decision = "deny", .result = "error"});
  sites.Stop(9 * kSecond);
  CheckOnly(sites.Run(), Outcome::kDeniedAtClient);
  Sites served;
  served.Both({.n = 1, .decision = "deny", .result = "error"});
  served.Stop(9 * kSecond);
  CheckOnly(served.Run(), Outcome::kDeniedYetServed);
}

TEST_CASE("a line that stands twice, a jump, and half a line") {
  Sites twice;
  twice.Both({.n = 1});
  twice.client.Command({.n = 1});
  twice.Stop(9 * kSecond);
  CheckOnly(twice.Run(), Outcome::kTwice);
  Sites jump;
  jump.Both({.n = 1});
  jump.server.Skip(1);
  jump.Stop(9 * kSecond);
  CheckOnly(jump.Run(), Outcome::kSequence);
  Sites unreadable;
  unreadable.Both({.n = 1});
  unreadable.client.Raw("{\"v\":1,\"se\n");
  unreadable.Stop(9 * kSecond);
  CheckOnly(unreadable.Run(), Outcome::kUnreadable);
  Sites torn;
  torn.Both({.n = 1});
  torn.client.Raw("{\"v\":1,\"se\n").Event("start", 5 * kSecond);
  torn.Stop(9 * kSecond);
  CheckOnly(torn.Run(), Outcome::kTorn);
}

TEST_CASE("a gap explains as many as it says, and only around its time") {
  for (const auto& [at_us, explained] :
       {std::pair(2 * kSecond, true), std::pair(30 * kSecond, false)}) {
    Sites sites;
    sites.Both({.n = 1, .at_us = 1 * kSecond});
    for (std::uint64_t n = 2; n <= 4; ++n) sites.client.Command({.n = n, .at_us = at_us});
    sites.server.Event("gap", 3 * kSecond, R"(,"lost":2,"why":"disk full")");
    sites.Both({.n = 5, .at_us = 4 * kSecond});  // so the gap's time is over
    sites.Stop(50 * kSecond);
    const Reconciliation done = sites.Run();
    INFO(Describe(done));
    CHECK(done.sites[1].gaps == 1);
    CHECK(done.sites[1].lost == 2);
    CHECK(done.count(Outcome::kGap) == (explained ? 2 : 0));
    CHECK(done.count(Outcome::kMissingAtServer) == (explained ? 1 : 3));
    CHECK(!done.clean());
  }
}

TEST_CASE("a killed agent's last commands are explained, earlier ones are not") {
  for (const std::uint64_t lacking : {3U, 2U}) {
    Sites sites;
    for (std::uint64_t n = 1; n <= 3; ++n) {
      const LineFacts facts{.n = n, .at_us = std::int64_t(n) * kSecond};
      if (n == lacking) {
        sites.client.Command(facts);
      } else {
        sites.Both(facts);
      }
    }
    sites.server.Event("start", 5 * kSecond);
    sites.Both({.n = 1, .at_us = 6 * kSecond, .session = "bb"});
    sites.Stop(9 * kSecond);
    CheckOnly(sites.Run(), lacking == 3 ? Outcome::kGap : Outcome::kMissingAtServer);
  }
}

TEST_CASE("an error of the client agent's own takes the place of whatever Redis answered") {
  for (const char* redis : {"ok", "error", "none"}) {
    CAPTURE(redis);
    Sites sites;
    sites.client.Command({.result = "error", .error = "ERR", .own = true});
    sites.server.Command({.result = redis});
    sites.Stop(9 * kSecond);
    CheckOnly(sites.Run(), Outcome::kOwnError);
  }
  // All else is still compared, and the server's word for it counts nothing.
  for (const bool at_server : {false, true}) {
    Sites sites;
    sites.client.Command({.result = "error", .own = !at_server});
    sites.server.Command({.key = at_server ? "k" : "other", .own = at_server});
    sites.Stop(9 * kSecond);
    CheckOnly(sites.Run(), Outcome::kDiffers);
  }
}

TEST_CASE("turned away: one error for a connection of which the server had nothing") {
  const auto outcome = [](const std::string& error, bool server_had_some, std::size_t errors,
                          Outcome expected) {
    Sites sites;
    sites.Both({.n = 1, .at_us = 1 * kSecond, .stream = server_had_some ? 3U : 1U});
    for (std::uint64_t n = 2; n < 2 + errors; ++n)
      sites.client.Command(
          {.n = n, .at_us = 2 * kSecond, .result = "error", .stream = 3, .error = error});
    sites.Both({.n = 9, .at_us = 3 * kSecond});
    sites.Stop(9 * kSecond);
    const Reconciliation done = sites.Run();
    INFO(Describe(done));
    CHECK(done.count(expected) == 1);
    CHECK(done.clean() == (expected == Outcome::kTurnedAway));
  };
  outcome("ERR", false, 1, Outcome::kTurnedAway);
  outcome("DENIED", false, 1, Outcome::kTurnedAway);
  outcome("WRONGTYPE", false, 1, Outcome::kMissingAtServer);
  outcome("ERR", true, 1, Outcome::kMissingAtServer);
  outcome("ERR", false, 2, Outcome::kMissingAtServer);
}

TEST_CASE("EXEC that the server sees as DISCARD: aborted, or refused in other words") {
  const auto outcome = [](const LineFacts& exec, const LineFacts& discard, Outcome expected) {
    Sites sites;
    sites.client.Command(exec);
    sites.server.Command(discard);
    sites.Stop(9 * kSecond);
    CheckOnly(sites.Run(), expected);
  };
  const LineFacts discarded{.cmd = "discard"};
  const LineFacts refused{.cmd = "discard", .result = "error", .error = "ERR"};
  const LineFacts aborted{.cmd = "exec", .result = "error", .error = "EXECABORT"};
  const LineFacts failed{.cmd = "exec", .result = "error", .error = "ERR"};
  outcome(aborted, discarded, Outcome::kDiscarded);
  outcome(failed, refused, Outcome::kDiscarded);
  outcome(failed, discarded, Outcome::kDiffers);
  outcome({.cmd = "exec"}, discarded, Outcome::kDiffers);
}

TEST_CASE("in flight: without a reply at its connection's end, and only there") {
  Sites sites;
  sites.Both({.n = 1, .at_us = 1 * kSecond});
  sites.client.Command({.n = 2, .at_us = 2 * kSecond, .result = "none", .us = -1});
  sites.Both({.n = 1, .at_us = 3 * kSecond, .stream = 2});
  sites.Stop(9 * kSecond);
  CheckOnly(sites.Run(), Outcome::kInFlight);
  Sites amid;
  amid.client.Command({.n = 1, .at_us = 2 * kSecond, .result = "none", .us = -1});
  amid.Both({.n = 2, .at_us = 3 * kSecond});
  amid.Stop(9 * kSecond);
  CheckOnly(amid.Run(), Outcome::kMissingAtServer);
}

TEST_CASE("a file that ends without a stop: a moment later is regular, much later is not") {
  for (const auto& [late, outcome] :
       {std::pair(kSecond / 2, Outcome::kAfter), std::pair(5 * kSecond, Outcome::kBeyondEnd)}) {
    Sites sites;
    sites.Both({.n = 1, .at_us = 1 * kSecond});
    sites.client.Command({.n = 2, .at_us = 1 * kSecond + late});
    sites.client.Event("stop", 9 * kSecond);
    const Reconciliation done = sites.Run();
    CheckOnly(done, outcome);
    REQUIRE(done.notes.size() == 1);
    CHECK(done.notes[0].find("server agent gw-b") != std::string::npos);
  }
}

TEST_CASE("what a policy doesn't record is not compared; where nobody said so there is a hint") {
  for (const bool told : {false, true}) {
    Sites sites;
    sites.Both({.n = 1, .at_us = 1 * kSecond});
    sites.client.Command({.n = 2, .at_us = 2 * kSecond, .cmd = "get"});
    sites.Both({.n = 3, .at_us = 3 * kSecond});
    sites.Stop(9 * kSecond);
    if (told) sites.options.server_events = policy::AuditEvents::kWrites;
    const Reconciliation done = sites.Run();
    CheckOnly(done, told ? Outcome::kNotRecorded : Outcome::kMissingAtServer);
    CHECK(done.notes.size() == (told ? 0 : 1));
    if (!told) CHECK(done.notes[0].find("--server-events") != std::string::npos);
  }
}

TEST_CASE("sessions with other agents are counted, never sessions with these") {
  for (const std::string peer : {"gw-c", "gw-a"}) {
    Sites sites;
    sites.Both({.n = 1, .at_us = 1 * kSecond});
    sites.server.Event("tunnel-up", 2 * kSecond,
                       R"(,"session":"bb","identity":"site-a","peer_name":")" + peer + "\"");
    sites.server.Command({.n = 1, .at_us = 3 * kSecond, .session = "bb"});
    sites.Stop(9 * kSecond);
    CheckOnly(sites.Run(), peer == "gw-c" ? Outcome::kOtherAgent : Outcome::kMissingAtClient);
  }
}

TEST_CASE("items are safe on a terminal, and no more than were asked for") {
  Sites sites;
  sites.options.max_listed = 2;
  for (std::uint64_t n = 1; n <= 5; ++n)
    sites.client.Command({.n = n, .at_us = kSecond, .key = "\x1b[2J\u202e\n"});
  sites.Stop(9 * kSecond);
  const std::string text = Describe(sites.Run());
  CHECK(text.find("\\u001b[2J\\u202e\\u000a") != std::string::npos);
  CHECK(text.find("and 3 more") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("files that say nothing about each other are not clean") {
  for (const bool client_has : {true, false}) {
    Sites sites;
    LineFacts facts;
    facts.at_us = 1000;
    (client_has ? sites.client : sites.server).Command(facts);
    const TempFolder folder;
    WriteAll(folder.File("has"), client_has ? sites.client.text() : sites.server.text());
    WriteAll(folder.File("empty"), "");
    sites.options.client_files = {folder.File(client_has ? "has" : "empty")};
    sites.options.server_files = {folder.File(client_has ? "empty" : "has")};
    const auto done = Reconcile(sites.options);
    REQUIRE(done.ok());
    INFO(Describe(*done));
    CHECK(!done->clean());
    CHECK(Describe(*done).find("NOT clean: ") != std::string::npos);
    CHECK(done->why_nothing_compared.ends_with("files hold no line"));
  }
  Sites silent;
  CHECK(!silent.Run().clean());
  CHECK(silent.Run().why_nothing_compared == "neither site's files hold a command");
}

}  // namespace redwall::audit
