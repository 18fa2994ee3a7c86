#include "gateway/audit/journal.h"

#include "base/bytes.h"
#include "crypto/key_file.h"
#include "crypto/primitives.h"
#include "crypto/signature.h"
#include "tests/gateway/audit/journal_harness.h"

using namespace redwall;
using namespace redwall::audit;

namespace {

constexpr std::int64_t kSecond = 1000000;

std::string Write(Journal& journal, std::string bodies, Now now = {}) {
  journal.Write(bodies, now);
  return bodies;
}

std::vector<std::string> Lines(const std::string& path) { return SplitLines(ReadAll(path)); }

Head HeadOf(const std::string& path) {
  const auto head = ParseHead(ReadAll(path + ".head"));
  REQUIRE(head.has_value());
  return *head;
}

// What a restart recorded first; empty: nothing.
std::string GapAfter(const std::string& path) {
  const std::size_t before = Lines(path).size();
  const auto journal = OpenJournal(path);
  const auto lines = Lines(path);
  if (lines.size() == before) return {};
  CHECK(lines.size() == before + 1);
  const Json gap = Json::parse(lines.back());
  CHECK(gap["event"] == "gap");
  CHECK(gap["side"] == "server");
  CHECK(gap["agent"] == "x");
  CHECK(journal->TakeNotes().size() == 1);
  return gap["why"];
}

// Leaves at `path` what a redwall left that bound lines by BLAKE2b; returns the lines.
std::string Blake2bChain(const std::string& path, int lines, bool closed) {
  ChainEnd end;
  std::string text;
  for (int i = 0; i < lines; ++i) {
    const std::size_t from = text.size();
    text += "{\"v\":1,\"seq\":" + std::to_string(++end.seq) + ",\"a\":1,\"prev\":\"" +
            FormatHash(end.hash) + "\"}";
    REQUIRE(crypto::Blake2b(end.hash, {AsBytes(std::string_view(text).substr(from))}));
    text += '\n';
  }
  std::ofstream(path) << text;
  std::ofstream(path + ".head") << FormatHead({end, closed, {}, {}});
  return text;
}

constexpr std::string_view kKilled = "the agent ended without a stop: lines may be missing here";

}  // namespace

TEST_CASE("bodies become a chain, over several writes") {
  const TempFolder folder;
  const auto journal = OpenJournal(folder.File("a"));
  CHECK(Write(*journal, ",\"a\":1\n,\"a\":2\n") == "");
  CHECK(Write(*journal, ",\"a\":3\n") == "");
  const auto lines = Lines(folder.File("a"));
  REQUIRE(lines.size() == 3);
  CHECK(CheckChain(lines).hash == journal->end().hash);
}

TEST_CASE("more than a batch is written, whole") {
  const TempFolder folder;
  const auto journal = OpenJournal(folder.File("a"));
  std::string bodies;
  for (int i = 0; i < 3000; ++i) bodies += Body("x", 500) + "\n";
  CHECK(Write(*journal, bodies) == "");
  CHECK(CheckChain(Lines(folder.File("a"))).seq == 3000);
}

TEST_CASE("after a clean stop the chain goes on in the file") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  for (int run = 0; run < 3; ++run) {
    const auto journal = OpenJournal(path);
    Write(*journal, ",\"a\":1\n");
    CHECK(journal->Close({}) == 0);
    CHECK(HeadOf(path).closed);
    CHECK(HeadOf(path).end.seq == journal->end().seq);
  }
  CHECK(CheckChain(Lines(path)).seq == 3);
}

TEST_CASE("after a kill a gap is recorded, with or without lines behind the head") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path);
    Write(*journal, ",\"a\":1\n", {0, 0});
    Write(*journal, "", {kSecond, kSecond});  // the head is written
    Write(*journal, ",\"a\":2\n", {kSecond, kSecond});
  }
  CHECK(HeadOf(path).end.seq == 1);
  CHECK(!HeadOf(path).closed);
  CHECK(GapAfter(path) ==
        std::string(kKilled) +
            "; lines 2 to 2 stand behind the last head and nobody vouches for them");
  CHECK(CheckChain(Lines(path)).seq == 3);
}

TEST_CASE("half a line is ended, and the chain goes on behind the whole one") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  Write(*OpenJournal(path), ",\"a\":1\n", {});
  std::ofstream(path, std::ios::app) << "{\"v\":1,\"seq\":2,\"te";
  const std::string before = ReadAll(path);
  const auto journal = OpenJournal(path);
  const std::string after = ReadAll(path);
  REQUIRE(after.starts_with(before + "\n"));
  const auto lines = Lines(path);
  REQUIRE(lines.size() == 3);
  CHECK(CheckChain({lines[0], lines[2]}).seq == 2);
  CHECK(Json::parse(lines[2])["why"].get<std::string>().ends_with("the last line is torn"));
}

TEST_CASE("a tail that was cut off leaves a hole that can't be closed") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path);
    Write(*journal, ",\"a\":1\n,\"a\":2\n,\"a\":3\n");
    journal->Close({});
  }
  const auto lines = Lines(path);
  std::ofstream(path) << lines[0] << "\n";
  const auto journal = OpenJournal(path);
  const auto now = Lines(path);
  REQUIRE(now.size() == 2);
  const Json gap = Json::parse(now[1]);
  CHECK(gap["seq"] == 4);
  CHECK(gap["lost"] == 2);
  CHECK(gap["prev"] == FormatHash(HashLine(lines[2])));
}

TEST_CASE("a file rotated away by hand while no agent ran: the head knows the end") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path);
    Write(*journal, ",\"a\":1\n,\"a\":2\n");
    journal->Close({});
  }
  REQUIRE(rename(path.c_str(), folder.File("a.1").c_str()) == 0);
  const auto journal = OpenJournal(path);
  CHECK(journal->TakeNotes().empty());
  Write(*journal, ",\"a\":3\n");
  CHECK(CheckChain(Lines(path), CheckChain(Lines(folder.File("a.1")))).seq == 3);
}

TEST_CASE("a head that is missing or garbage is told") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path);
    Write(*journal, ",\"a\":1\n");
    journal->Close({});
  }
  REQUIRE(remove((path + ".head").c_str()) == 0);
  CHECK(GapAfter(path) == "the head file is missing: lines may have been cut off here unnoticed");
  std::ofstream(path + ".head") << "garbage";
  CHECK(GapAfter(path) ==
        "the head file can't be understood: lines may have been cut off here unnoticed; what was "
        "there is a.head.19700101T000000Z-foreign now");
  CHECK(CheckChain(Lines(path)).seq == 3);
  CHECK(ReadAll(path + ".head.19700101T000000Z-foreign") == "garbage");
  CHECK(HeadOf(path).end.seq == 3);
}

TEST_CASE("nothing is written over by way of the head's name") {
  const TempFolder folder;
  const std::string path = folder.File("a"), other = folder.File("other");
  std::ofstream(other) << "mine";
  const auto refused = [&path] {
    const auto journal = Journal::Open({.path = path, .side = "s", .agent = "x"}, {});
    return journal ? std::string() : journal.error().sentence;
  };
  REQUIRE(symlink(other.c_str(), (path + ".head").c_str()) == 0);
  CHECK(refused().find("is a symbolic link") != std::string::npos);
  REQUIRE(remove((path + ".head").c_str()) == 0);
  REQUIRE(link(other.c_str(), (path + ".head").c_str()) == 0);
  CHECK(refused().find("(a hard link)") != std::string::npos);
  REQUIRE(remove((path + ".head").c_str()) == 0);
  REQUIRE(mkfifo((path + ".head").c_str(), 0600) == 0);
  CHECK(refused().find("isn't a file") != std::string::npos);
  CHECK(ReadAll(other) == "mine");
}

TEST_CASE("a head that is longer than it may be is cut when it is written") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  OpenJournal(path)->Close({});
  std::ofstream(path + ".head", std::ios::app) << std::string(9000, ' ');
  CHECK(GapAfter(path).empty());
  CHECK(ReadAll(path + ".head").size() == kHeadBytes);
}

namespace {

std::unique_ptr<Journal> OpenSigning(const std::string& path) {
  auto key = crypto::SigningKey::FromSeed(AsBytes(std::string(32, 'k')));
  REQUIRE(key.has_value());
  auto journal =
      Journal::Open({.path = path, .side = "server", .agent = "x", .key = *std::move(key)}, {});
  REQUIRE(journal.ok());
  return std::move(*journal);
}

std::string LastWhy(const std::string& path) {
  return Json::parse(Lines(path).back()).value("why", "");
}

void WriteHead(const std::string& path, const ChainEnd& end, bool closed) {
  std::ofstream(path + ".head") << FormatHead({end, closed, {}, {}});
}

}  // namespace

TEST_CASE("an agent that signs believes only its own head") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenSigning(path);
    Write(*journal, ",\"a\":1\n,\"a\":2\n");
    journal->Close({});
  }
  const std::string good = ReadAll(path), head = ReadAll(path + ".head");
  { OpenSigning(path)->Close({}); }
  CHECK(ReadAll(path) == good);  // nothing to tell

  ChainEnd end{1, HashLine(Lines(path)[0])};  // cut off, and others put in their place
  std::string forged = Lines(path)[0] + "\n";
  AppendLine(",\"a\":\"forged\"", end, forged);
  std::ofstream(path) << forged;
  WriteHead(path, end, true);
  { const auto journal = OpenSigning(path); }
  CHECK(LastWhy(path).starts_with("the head isn't signed with this agent's key"));

  REQUIRE(remove(path.c_str()) == 0);  // nothing left, as if nothing had been
  WriteHead(path, {}, true);
  { const auto journal = OpenSigning(path); }
  CHECK(LastWhy(path).starts_with("the head isn't signed with this agent's key"));

  std::ofstream(path) << good;  // of another key
  std::string other = head;
  other[head.find("\"key\":\"") + 7] ^= 1;
  std::ofstream(path + ".head") << other;
  { const auto journal = OpenSigning(path); }
  CHECK(LastWhy(path).starts_with("the head isn't signed with this agent's key"));
}

TEST_CASE("after a kill, lines that don't go on from the head's are told") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenSigning(path);
    Write(*journal, ",\"a\":1\n,\"a\":2\n", {0, 0});
    Write(*journal, "", {kSecond, kSecond});  // checkpoint and head: line 3
  }
  REQUIRE(HeadOf(path).end.seq == 3);
  const std::string good = ReadAll(path), head = ReadAll(path + ".head");
  ChainEnd end{1, HashLine(Lines(path)[0])};
  std::string forged = Lines(path)[0] + "\n";
  for (int i = 0; i < 4; ++i) AppendLine(",\"a\":\"forged\"", end, forged);
  std::ofstream(path) << forged;
  { const auto journal = OpenSigning(path); }
  CHECK(LastWhy(path).starts_with("line 3 is not the one that was written"));

  std::ofstream(path + ".head") << head;
  end = {3, HashLine(SplitLines(good)[2])};  // behind the head nobody can tell
  forged = good;
  for (int i = 0; i < 2; ++i) AppendLine(",\"a\":\"forged\"", end, forged);
  std::ofstream(path) << forged;
  { const auto journal = OpenSigning(path); }
  CHECK(LastWhy(path).ends_with(
      "; lines 4 to 5 stand behind the last head and nobody vouches for them"));
}

TEST_CASE("a file that is deleted while it is written is told, and made anew with its head") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path);
  Write(*journal, ",\"a\":1\n", {0, 0});
  REQUIRE(remove(path.c_str()) == 0);
  REQUIRE(remove((path + ".head").c_str()) == 0);
  Write(*journal, ",\"a\":2\n", {kSecond, kSecond});
  auto lines = Lines(path);
  REQUIRE(lines.size() == 2);
  CHECK(Json::parse(lines[0])["seq"] == 2);
  CHECK(Json::parse(lines[0])["why"].get<std::string>().starts_with(
      "the file was deleted while it was written"));
  CHECK(HeadOf(path).end.seq >= 2);
  CHECK(journal->TakeNotes().size() == 1);
  Write(*journal, ",\"a\":3\n", {3 * kSecond, 3 * kSecond});
  CHECK(Lines(path).size() == 3);
}

TEST_CASE("a file of something else, or of an earlier version, is moved aside") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const std::string old = "{\"v\":1,\"seq\":1,\"ts\":\"\",\"event\":\"start\"}\n";
  std::ofstream(path) << old;
  const auto journal = OpenJournal(path, {}, {0, 1732325698 * kSecond});
  const auto lines = Lines(path);
  REQUIRE(lines.size() == 1);
  CHECK(CheckChain(lines).seq == 1);
  CHECK(Json::parse(lines[0])["why"].get<std::string>().ends_with(
      "was moved to a.20241123T013458Z-foreign"));
  CHECK(ReadAll(folder.File("a.20241123T013458Z-foreign")) == old);
}

TEST_CASE("a chain bound by BLAKE2b is moved aside as it is, and another goes on behind its end") {
  for (const bool closed : {true, false}) {
    const TempFolder folder;
    const std::string path = folder.File("a");
    const std::string old = Blake2bChain(path, 3, closed);
    const ChainEnd end = HeadOf(path).end;
    {
      const auto journal = OpenJournal(path, {}, {0, 1732325698 * kSecond});
      const auto lines = Lines(path);
      REQUIRE(lines.size() == 1);
      CHECK(CheckChain(lines, end).seq == 4);
      const std::string why = Json::parse(lines[0])["why"];
      CHECK(
          why.starts_with("the file held a chain bound by BLAKE2b, as an earlier redwall wrote it, "
                          "which can't be continued"));
      CHECK((why.find(kKilled) != why.npos) == !closed);
      CHECK(why.ends_with(", and was moved to a.20241123T013458Z-foreign"));
      CHECK(journal->TakeNotes().size() == 1);
      journal->Close({});
    }
    CHECK(ReadAll(folder.File("a.20241123T013458Z-foreign")) == old);
    CHECK(GapAfter(path) == "");
    CHECK(HeadOf(path).end.seq == 4);
  }
}

TEST_CASE("a last line of any length is found") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path);
    Write(*journal, ",\"a\":1\n" + Body("long", 5 << 20) + "\n");
    journal->Close({});
  }
  const auto journal = OpenJournal(path);
  CHECK(journal->TakeNotes().empty());
  CHECK(journal->end().seq == 2);
}

TEST_CASE("the head follows once in checkpoint_ms while lines come") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path);
  CHECK(journal->due_us() == -1);
  Write(*journal, ",\"a\":1\n", {5 * kSecond, 0});
  CHECK(journal->due_us() == 6 * kSecond);
  Write(*journal, ",\"a\":2\n", {6 * kSecond - 1, 0});
  CHECK(HeadOf(path).end.seq == 0);
  Write(*journal, "", {6 * kSecond, 0});
  CHECK(HeadOf(path).end.seq == 2);
  CHECK(HeadOf(path).end.hash == journal->end().hash);
  CHECK(journal->due_us() == -1);
}

TEST_CASE("checkpoints and the head are signed") {
  const TempFolder folder;
  const std::string path = folder.File("a"), key_path = folder.File("key");
  const auto public_key = crypto::WriteNewSigningKey(key_path);
  REQUIRE(public_key.ok());
  auto key = crypto::SigningKey::ReadFile(key_path);
  REQUIRE(key.ok());
  auto opened =
      Journal::Open({.path = path, .side = "server", .agent = "x", .key = std::move(*key)}, {});
  REQUIRE(opened.ok());
  Journal& journal = **opened;
  Write(journal, ",\"a\":1\n", {0, 0});
  Write(journal, "", {kSecond, 3 * kSecond});
  Write(journal, "", {9 * kSecond, 3 * kSecond});  // nothing new to cover
  Write(journal, ",\"a\":2\n", {10 * kSecond, 3 * kSecond});
  journal.Close({10 * kSecond, 4 * kSecond});

  const auto lines = Lines(path);
  REQUIRE(lines.size() == 4);
  CheckChain(lines);
  for (const std::size_t i : {1U, 3U}) {
    const Json json = Json::parse(lines[i]);
    CHECK(json["event"] == "checkpoint");
    CHECK(json["key"] == crypto::FormatPublicKey(*public_key));
    const auto signature = crypto::ParseSignature(json["signature"].get<std::string>());
    REQUIRE(signature.has_value());
    const std::string ts = json["ts"];
    CHECK(ts == (i == 1 ? "1970-01-01T00:00:03.000000Z" : "1970-01-01T00:00:04.000000Z"));
    const std::string message = CheckpointMessage(*FindLink(lines[i]), ts);
    CHECK(crypto::VerifySignature(*public_key, AsBytes(message), *signature));
  }
  const Head head = HeadOf(path);
  CHECK(head.key == crypto::FormatPublicKey(*public_key));
  const auto signature = crypto::ParseSignature(head.signature);
  REQUIRE(signature.has_value());
  CHECK(crypto::VerifySignature(*public_key, AsBytes(HeadMessage(head.end, true)), *signature));
}

TEST_CASE("a full disk: what was chained waits inside, what wasn't outside") {
  const auto journal = OpenJournal("/dev/full");
  CHECK(Write(*journal, ",\"a\":1\n") == "");
  CHECK(journal->trouble().find("No space left on device") != std::string::npos);
  CHECK(journal->end().seq == 1);
  CHECK(Write(*journal, ",\"a\":2\n") == ",\"a\":2\n");
  CHECK(journal->end().seq == 1);
  CHECK(journal->Close({}) == 1);
}

TEST_CASE("lines that are taken in pieces are whole in the end, and nothing is written twice") {
  const SmallPipe pipe;
  const auto journal = OpenJournal(pipe.path);
  std::string bodies;
  for (int i = 0; i < 100; ++i) bodies += Body("x", 301) + "\n";
  std::string text;
  int rounds = 0;
  for (bool done = false; !done && ++rounds < 1000;) {
    done = journal->Write(bodies, {});
    text += pipe.Drain();
  }
  CHECK(rounds > 2);
  CHECK(CheckChain(SplitLines(text)).seq == 100);
}

TEST_CASE("two agents can't write one file") {
  const TempFolder folder;
  const auto journal = OpenJournal(folder.File("a"));
  const auto other = Journal::Open({.path = folder.File("a"), .side = "s", .agent = "x"}, {});
  REQUIRE(!other.ok());
  CHECK(other.error().sentence ==
        folder.File("a") +
            ": another process writes its audit there; give each agent a file of its own");
}

namespace {

struct Copy final : LineCopy {
  void Take(std::string_view lines) override { taken += lines; }
  std::optional<Loss> TakeLoss() override { return std::exchange(loss, {}); }
  void Finish(std::uint64_t) override {}
  std::optional<Change> TakeChange() override { return {}; }
  const std::string& name() const override { return name_; }

  std::string taken, name_ = "copy";
  std::optional<Loss> loss;
};

}  // namespace

TEST_CASE("copies get the lines that the file has, each once, and what they lost is recorded") {
  const SmallPipe pipe;
  Copy copy;
  auto journal =
      Journal::Open({.path = pipe.path, .side = "server", .agent = "x", .copies = {&copy}}, {});
  REQUIRE(journal.ok());
  std::string bodies;
  for (int i = 0; i < 100; ++i) bodies += Body("x", 301) + "\n";
  copy.loss = LineCopy::Loss{7, "its disk is full"};
  std::string text;
  for (bool done = false; !done;) {
    done = (*journal)->Write(bodies, {});
    text += pipe.Drain();
    CHECK(text.starts_with(copy.taken));
    CHECK((copy.taken.empty() || copy.taken.back() == '\n'));
  }
  CHECK(copy.taken == text);
  const Json gap = Json::parse(text.substr(0, text.find('\n')));
  CHECK(gap["event"] == "sink-gap");
  CHECK(gap["sink"] == "copy");
  CHECK(gap["lost"] == 7);
  CHECK(gap["why"] == "its disk is full");
}

TEST_CASE("copies are asked what they lost though no line comes") {
  const TempFolder folder;
  Copy copy;
  auto opened = Journal::Open(
      {.path = folder.File("a"), .side = "server", .agent = "x", .copies = {&copy}}, {});
  REQUIRE(opened.ok());
  CHECK((*opened)->due_us() == kSecond);
  copy.loss = LineCopy::Loss{7, "its disk is full"};
  Write(**opened, "", {kSecond, 0});
  CHECK(ReadAll(folder.File("a")).find("\"sink-gap\"") != std::string::npos);
  CHECK((*opened)->due_us() == 2 * kSecond);
}
