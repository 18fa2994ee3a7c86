// A journal that goes from one file to the next.
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "crypto/signature.h"
#include "tests/gateway/audit/journal_harness.h"

using namespace redwall;
using namespace redwall::audit;

namespace {

constexpr std::int64_t kSecond = 1000000;
constexpr Now kNow{0, 1732325698 * kSecond};  // 2024-11-23T01:34:58Z

void Write(Journal& journal, std::string bodies, const Now& now = kNow) {
  CHECK(journal.Write(bodies, now));
  CHECK(bodies == "");
}

std::vector<std::string> Lines(const std::string& path) { return SplitLines(ReadAll(path)); }

std::vector<std::string> RotatedNames(const std::string& path) {
  std::vector<std::string> names;
  for (const RotatedFile& file : ListRotated(path)) names.emplace_back(BaseName(file.path));
  return names;
}

std::string EventOf(const std::string& line) { return Json::parse(line).value("event", ""); }

}  // namespace

TEST_CASE("the file is rotated once it has reached its size, to the byte") {
  // A first line of `first` bytes with its LF: `{"v":1,"seq":1` + body + `,"prev":"64"}` + LF.
  constexpr std::size_t kMax = 1000, kAround = 14 + 75 + 1;
  for (const std::size_t first : {kMax - 1, kMax, kMax + 1}) {
    CAPTURE(first);
    const TempFolder folder;
    const std::string path = folder.File("a");
    const auto journal = OpenJournal(path, {.max_bytes = kMax}, kNow);
    Write(*journal, Body("x", first - kAround) + "\n");
    const bool rotated = first >= kMax;
    CHECK(RotatedNames(path).size() == (rotated ? 1 : 0));
    Write(*journal, Body("y") + "\n");
    REQUIRE(RotatedNames(path).size() == 1);
    const std::uint64_t last = rotated ? 2 : 3;
    CHECK(RotatedNames(path)[0] == "a.20241123T013458Z-" + std::to_string(last));
    const auto old = Lines(folder.File(RotatedNames(path)[0]));
    CHECK(old.size() == last);
    const Json event = Json::parse(old.back());
    CHECK(event["event"] == "rotated");
    CHECK(event["next"] == "a");
    CHECK(CheckChain(Lines(path), CheckChain(old)).seq == (rotated ? 3 : 3));
  }
}

TEST_CASE("one long turn is spread over files, and the chain holds through all of them") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {.max_bytes = 5000}, kNow);
  std::string bodies;
  for (int i = 0; i < 200; ++i) bodies += Body(std::to_string(i), 300) + "\n";
  Write(*journal, bodies);
  ChainEnd end;
  std::size_t seen = 0;
  for (const RotatedFile& file : ListRotated(path)) {
    const auto lines = Lines(file.path);
    end = CheckChain(lines, end);
    CHECK(end.seq == file.last_seq);
    CHECK(std::filesystem::file_size(file.path) < 5000 + 400 + 300);
    seen += lines.size() - 1;
  }
  const auto rest = Lines(path);
  CHECK(CheckChain(rest, end).seq == journal->end().seq);
  CHECK(seen + rest.size() == 200);
  CHECK(ListRotated(path).size() > 10);
}

TEST_CASE("the file is rotated when its first line is old enough, without a line that comes") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {.max_age_s = 60}, kNow);
  Write(*journal, Body("x") + "\n");
  const auto later = [](std::int64_t us) { return Now{kNow.mono_us + us, kNow.wall_us + us}; };
  Write(*journal, Body("y") + "\n", later(60 * kSecond - 1));
  CHECK(RotatedNames(path).empty());
  CHECK(journal->due_us() <= later(60 * kSecond).mono_us);
  Write(*journal, "", later(60 * kSecond));
  CHECK(RotatedNames(path).size() == 1);
  CHECK(ReadAll(path) == "");
  Write(*journal, "", later(500 * kSecond));  // an empty file is not rotated
  CHECK(RotatedNames(path).size() == 1);
}

TEST_CASE("a file's age and size are those of the file, whoever began it") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path, {}, kNow);
    std::string bodies = ",\"ts\":\"2024-11-23T01:34:58.000000Z\"" + Body("x") + "\n";
    journal->Write(bodies, kNow);
    journal->Close(kNow);
  }
  const Now later{0, kNow.wall_us + 60 * kSecond};
  const auto journal = OpenJournal(path, {.max_age_s = 60}, later);
  CHECK(RotatedNames(path) == std::vector<std::string>{"a.20241123T013558Z-2"});
}

TEST_CASE("only so many rotated files are kept, and what is removed is recorded") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  std::ofstream(path + ".1") << "not ours";
  std::ofstream(path + ".20241123T013458Z-foreign") << "not ours either";
  const auto journal = OpenJournal(path, {.max_bytes = 1000, .keep = 2}, kNow);
  for (int i = 0; i < 5; ++i) {
    Write(*journal, Body("x", 1000) + "\n", {0, kNow.wall_us + i * kSecond});
    CHECK(RotatedNames(path).size() == std::min<std::size_t>(2, static_cast<std::size_t>(i) + 1));
  }
  const auto lines = Lines(path);
  REQUIRE(lines.size() == 1);
  const Json removed = Json::parse(lines[0]);
  CHECK(removed["event"] == "removed");
  CHECK(removed["last_seq"] == 6);
  CHECK(removed["file"] == "a.20241123T013500Z-6");
  CHECK(ReadAll(path + ".1") == "not ours");
  CHECK(ReadAll(path + ".20241123T013458Z-foreign") == "not ours either");
}

TEST_CASE("names that others planted don't make it remove its own files") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const std::string planted[] = {path + ".20990101T000000Z-1", path + ".20990101T000000Z-2",
                                 path + ".20990101T000000Z-99999"};
  for (const std::string& name : planted) std::ofstream(name) << "not ours";
  const auto journal = OpenJournal(path, {.max_bytes = 1000, .keep = 2}, kNow);
  for (int i = 0; i < 4; ++i)
    Write(*journal, Body("x", 1000) + "\n", {0, kNow.wall_us + i * kSecond});
  const auto kept = ListOwnRotated(path, journal->end().seq);
  REQUIRE(kept.size() == 2);  // the newest ones, up to where the file goes on
  CHECK(CheckChain(Lines(path), {kept[1].last_seq, HashLine(Lines(kept[1].path).back())}).seq ==
        journal->end().seq);
  CHECK(kept[0].last_seq > 2);
  for (const std::string& name : planted) CHECK(ReadAll(name) == "not ours");
}

TEST_CASE("a clock that was ahead doesn't keep the file from being rotated") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {.max_age_s = 60}, {0, kNow.wall_us + 900 * kSecond});
  Write(*journal, Body("x") + "\n", {0, kNow.wall_us + 900 * kSecond});
  Write(*journal, "", kNow);
  CHECK(RotatedNames(path).empty());
  Write(*journal, "", {60 * kSecond, kNow.wall_us + 60 * kSecond});
  CHECK(RotatedNames(path).size() == 1);
}

TEST_CASE("SIGUSR1 after the head was moved away, too: it is made anew where the file is") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {}, kNow);
  Write(*journal, Body("x") + "\n");
  REQUIRE(rename(path.c_str(), folder.File("old").c_str()) == 0);
  REQUIRE(rename((path + ".head").c_str(), folder.File("old.head").c_str()) == 0);
  CHECK(journal->Reopen(kNow));
  Write(*journal, Body("y") + "\n");
  journal->Close(kNow);
  CHECK(ParseHead(ReadAll(folder.File("old.head")))->end.seq == 1);
  CHECK(ParseHead(ReadAll(path + ".head"))->end.seq == 2);
}

TEST_CASE("with a keep of 0 a rotated file goes at once") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {.max_bytes = 1000, .keep = 0}, kNow);
  Write(*journal, Body("x", 1000) + "\n");
  CHECK(RotatedNames(path).empty());
  CHECK(EventOf(Lines(path)[0]) == "removed");
}

TEST_CASE("a signed file ends with a checkpoint behind the rotation") {
  const TempFolder folder;
  const std::string path = folder.File("a"), key_path = folder.File("key");
  REQUIRE(crypto::WriteNewSigningKey(key_path).ok());
  auto journal = Journal::Open({.path = path,
                                .side = "server",
                                .agent = "x",
                                .rotation = {.max_bytes = 1000},
                                .key = std::move(*crypto::SigningKey::ReadFile(key_path))},
                               kNow);
  REQUIRE(journal.ok());
  Write(**journal, Body("x", 1000) + "\n");
  const auto old = Lines(ListRotated(path)[0].path);
  REQUIRE(old.size() == 3);
  CHECK(ListRotated(path)[0].last_seq == 3);
  CHECK(EventOf(old[1]) == "rotated");
  CHECK(EventOf(old[2]) == "checkpoint");
}

TEST_CASE("killed between the new name and the new file, the chain goes on") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  {
    const auto journal = OpenJournal(path, {}, kNow);
    std::string bodies = Body("x") + "\n";
    journal->Write(bodies, kNow);
    journal->Write(bodies, {kSecond, kNow.wall_us});  // the head: line 1
    bodies = Body("y") + "\n";
    journal->Write(bodies, kNow);
  }
  const std::string rotated = RotatedPath(path, kNow.wall_us, 2);
  REQUIRE(rename(path.c_str(), rotated.c_str()) == 0);
  const auto journal = OpenJournal(path, {}, kNow);
  CHECK(CheckChain(Lines(path), CheckChain(Lines(rotated))).seq == 3);
  CHECK(EventOf(Lines(path)[0]) == "gap");
}

TEST_CASE("a rotation that isn't possible is told, and the file grows on") {
  if (geteuid() == 0) return;  // root may rename everywhere
  const TempFolder folder;
  REQUIRE(mkdir(folder.File("d").c_str(), 0700) == 0);
  const std::string path = folder.File("d/a");
  const auto journal = OpenJournal(path, {.max_bytes = 1000}, kNow);
  REQUIRE(chmod(folder.File("d").c_str(), 0500) == 0);
  Write(*journal, Body("x", 1000) + "\n");
  Write(*journal, Body("y") + "\n");
  CHECK(journal->TakeNotes().size() == 1);
  chmod(folder.File("d").c_str(), 0700);
  CHECK(CheckChain(Lines(path)).seq == 2);
  Write(*journal, Body("z") + "\n", {11 * kSecond, kNow.wall_us});
  CHECK(RotatedNames(path).size() == 1);
}

TEST_CASE("SIGUSR1 after a rename: the chain goes on in the new file") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {}, kNow);
  Write(*journal, Body("x") + "\n");
  REQUIRE(rename(path.c_str(), folder.File("old").c_str()) == 0);
  Write(*journal, Body("y") + "\n");
  CHECK(journal->Reopen(kNow));
  Write(*journal, Body("z") + "\n");
  CHECK(CheckChain(Lines(path), CheckChain(Lines(folder.File("old")))).seq == 3);
  CHECK(ParseHead(ReadAll(path + ".head"))->end.seq == 2);
}

TEST_CASE("SIGUSR1 without a rename changes nothing") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {}, kNow);
  Write(*journal, Body("x") + "\n");
  CHECK(journal->Reopen(kNow));
  Write(*journal, Body("y") + "\n");
  CHECK(CheckChain(Lines(path)).seq == 2);
}

TEST_CASE("something else that has taken the file's place is moved aside") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {}, kNow);
  Write(*journal, Body("x") + "\n");
  REQUIRE(rename(path.c_str(), folder.File("old").c_str()) == 0);
  std::ofstream(path) << "hello\n";
  CHECK(journal->Reopen(kNow));
  CHECK(journal->TakeNotes().size() == 1);
  Write(*journal, Body("y") + "\n");
  CHECK(CheckChain(Lines(path), CheckChain(Lines(folder.File("old")))).seq == 2);
  CHECK(ReadAll(path + ".20241123T013458Z-foreign") == "hello\n");
}

TEST_CASE("only a file can be rotated") {
  const auto journal = Journal::Open(
      {.path = "/dev/null", .side = "s", .agent = "x", .rotation = {.max_bytes = 1}}, {});
  REQUIRE(!journal.ok());
  CHECK(journal.error().sentence == "/dev/null: only a file can be rotated");
}

namespace {

// The files of this process can't grow beyond `bytes`, as on a disk that is full.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("half a line that no room was left for is completed where it stands") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {}, kNow);
  std::string bodies;
  for (int i = 0; i < 10; ++i) bodies += Body("x", 300) + "\n";
  {
    const FileLimit limit(1000);
    CHECK(!journal->Write(bodies, kNow));
    CHECK(ReadAll(path).size() == 1000);
    CHECK(journal->trouble().find("ulimit -f") != std::string::npos);
    CHECK(!journal->Write(bodies, kNow));
  }
  CHECK(journal->Write(bodies, kNow));
  CHECK(journal->trouble() == "");
  CHECK(CheckChain(Lines(path)).seq == 10);
}

TEST_CASE("room is kept for what is under way, and its lack is told while lines still find it") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  auto opened =
      Journal::Open({.path = path, .side = "server", .agent = "x", .reserve_bytes = 2000}, kNow);
  REQUIRE(opened.ok());
  Journal& journal = **opened;
  CHECK(journal.trouble() == "");
  const FileLimit limit(5000);
  std::size_t written = 0;
  const std::string line = Body("x", 300) + "\n";
  for (std::string body = line; journal.Write(body, kNow); body = line) REQUIRE(++written < 20);
  CHECK(journal.trouble().find("has no room for what is under way") != std::string::npos);
  // All were written, the last one, too; and as much as was promised finds room.
  CHECK(CheckChain(SplitLines(ReadAll(path))).seq == written + 1);
  const std::size_t size = ReadAll(path).size();
  CHECK(5000 - size >= 2000 - 400);
  for (int i = 0; i < 4; ++i) {
    std::string body = line;
    CHECK(!journal.Write(body, kNow));
    CHECK(body == "");
  }
  CHECK(CheckChain(SplitLines(ReadAll(path))).seq == written + 5);
}

TEST_CASE("what was reserved is given back") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  struct stat status {};
  {
    auto opened = Journal::Open(
        {.path = path, .side = "server", .agent = "x", .reserve_bytes = 1 << 20}, kNow);
    REQUIRE(opened.ok());
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK(status.st_size == 0);
    if (status.st_blocks == 0) return;  // a file system that can't reserve
    CHECK(status.st_blocks * 512 >= 1 << 20);
    CHECK((*opened)->Reopen(kNow));
    CHECK((*opened)->Close(kNow) == 0);
  }
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < 1 << 20);
}

TEST_CASE("half a line is taken back when the rest goes to another file") {
  const TempFolder folder;
  const std::string path = folder.File("a");
  const auto journal = OpenJournal(path, {}, kNow);
  std::string bodies;
  for (int i = 0; i < 5; ++i) bodies += Body("x", 300) + "\n";
  {
    const FileLimit limit(1000);
    CHECK(!journal->Write(bodies, kNow));
    REQUIRE(rename(path.c_str(), folder.File("old").c_str()) == 0);
    CHECK(!journal->Reopen(kNow));  // some of it, then this one is full, too
  }
  CHECK(journal->Write(bodies, kNow));
  CHECK(CheckChain(Lines(path), CheckChain(Lines(folder.File("old")))).seq == 5);
}
