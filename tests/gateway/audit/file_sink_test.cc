#include "gateway/audit/file_sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/gateway/audit/temp_folder.h"

using namespace redwall::audit;

namespace {

std::string OpenError(const std::string& path) {
  const auto sink = FileSink::Open(path);
  return sink ? std::string() : sink.error().sentence;
}

}  // namespace

TEST_CASE("a new file is made with mode 0600 and lines are appended") {
  const TempFolder folder;
  const std::string path = folder.File("audit.jsonl");
  const mode_t before = umask(0);
  auto sink = FileSink::Open(path);
  umask(before);
  REQUIRE(sink.ok());
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  std::string error;
  CHECK((*sink)->Append("one\n", error) == 4);
  CHECK((*sink)->Append("", error) == 0);
  CHECK((*sink)->Append("two\nthree\n", error) == 10);
  CHECK(error == "");
  CHECK(ReadAll(path) == "one\ntwo\nthree\n");
}

TEST_CASE("an existing file is appended to") {
  const TempFolder folder;
  const std::string path = folder.File("audit.jsonl");
  std::ofstream(path) << "old\n";
  auto sink = FileSink::Open(path);
  REQUIRE(sink.ok());
  std::string error;
  (*sink)->Append("new\n", error);
  CHECK(ReadAll(path) == "old\nnew\n");
}

TEST_CASE("half a line that is found at the end gets a line of its own") {
  const TempFolder folder;
  const std::string path = folder.File("audit.jsonl");
  std::ofstream(path) << "old\nhal";
  auto sink = FileSink::Open(path);
  REQUIRE(sink.ok());
  CHECK(ReadAll(path) == "old\nhal");
  std::string error;
  CHECK((*sink)->Append("new\n", error) == 4);
  CHECK((*sink)->Append("more\n", error) == 5);
  CHECK(ReadAll(path) == "old\nhal\nnew\nmore\n");
}

TEST_CASE("after a rename, reopening goes on in a new file") {
  const TempFolder folder;
  const std::string path = folder.File("audit.jsonl");
  auto sink = FileSink::Open(path);
  REQUIRE(sink.ok());
  std::string error;
  (*sink)->Append("one\n", error);
  REQUIRE(rename(path.c_str(), folder.File("audit.1").c_str()) == 0);
  (*sink)->Append("two\n", error);
  REQUIRE((*sink)->Reopen().ok());
  (*sink)->Append("three\n", error);
  CHECK(ReadAll(folder.File("audit.1")) == "one\ntwo\n");
  CHECK(ReadAll(path) == "three\n");
}

TEST_CASE("when reopening fails the old file stays in use") {
  const TempFolder folder;
  REQUIRE(mkdir(folder.File("d").c_str(), 0700) == 0);
  const std::string path = folder.File("d/audit.jsonl");
  auto sink = FileSink::Open(path);
  REQUIRE(sink.ok());
  REQUIRE(rename(folder.File("d").c_str(), folder.File("e").c_str()) == 0);
  const auto reopened = (*sink)->Reopen();
  REQUIRE(!reopened.ok());
  CHECK(reopened.error().sentence ==
        path + ": can't be opened for appending: No such file or directory; make its folder first");
  std::string error;
  CHECK((*sink)->Append("one\n", error) == 4);
  CHECK(ReadAll(folder.File("e/audit.jsonl")) == "one\n");
}

TEST_CASE("a full disk takes nothing and says what to do") {
  auto sink = FileSink::Open("/dev/full");
  REQUIRE(sink.ok());
  std::string error;
  CHECK((*sink)->Append("one\n", error) == 0);
  CHECK(error ==
        "/dev/full: can't be written to: No space left on device; free some space, recording then "
        "goes on by itself");
}

TEST_CASE("what can't be a sink is refused with a sentence") {
  const TempFolder folder;
  CHECK(OpenError(folder.File("")) ==
        folder.File("") + ": can't be opened for appending: Is a directory; name a file");
  CHECK(OpenError(folder.File("no/audit"))
            .ends_with("No such file or directory; make its folder first"));
  const std::string pipe = folder.File("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(OpenError(pipe).ends_with("nobody reads this pipe: start its reader first"));
}

TEST_CASE("a pipe is written to without blocking") {
  const TempFolder folder;
  const std::string path = folder.File("pipe");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  auto sink = FileSink::Open(path);
  REQUIRE(sink.ok());
  std::string error;
  const std::string lines(1 << 20, 'x');  // more than a pipe holds
  const std::size_t taken = (*sink)->Append(lines, error);
  CHECK(taken > 0);
  CHECK(taken < lines.size());
  CHECK(error.ends_with("the reader of this pipe doesn't keep up"));
  std::string drained(taken, '\0');
  std::size_t got = 0;
  for (ssize_t n; got < taken && (n = read(reader, drained.data() + got, taken - got)) > 0;)
    got += static_cast<std::size_t>(n);
  CHECK(got == taken);
  CHECK((*sink)->Append("rest", error) == 4);
  CHECK(error == "");
  close(reader);
}

TEST_CASE("a dash is standard output, which is neither closed nor reopened") {
  const TempFolder folder;
  const std::string path = folder.File("out");
  const int saved = dup(STDOUT_FILENO);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(file >= 0);
  REQUIRE(dup2(file, STDOUT_FILENO) == STDOUT_FILENO);
  std::size_t taken = 0;
  bool reopened = false;
  {
    auto sink = FileSink::Open("-");
    std::string error;
    if (sink) {
      taken = (*sink)->Append("one\n", error);
      reopened = (*sink)->Reopen().ok();
    }
  }
  const bool still_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(file);
  CHECK(taken == 4);
  CHECK(reopened);
  CHECK(still_open);
  CHECK(ReadAll(path) == "one\n");
}

namespace {

// Standard output is `fd` meanwhile. Says what happens, since doctest's words would go there, too.
struct Standstill {
  std::size_t taken = 0, later = 0;
  std::string error;
  bool blocking_still = false;
};

Standstill WriteToReaderThatStandsStill(int reader, int writer) {
  Standstill out;
  const int saved = dup(STDOUT_FILENO);
  dup2(writer, STDOUT_FILENO);
  close(writer);
  if (auto sink = FileSink::Open("-")) {
    const std::string lines(8 << 20, 'x');  // more than a pipe or a socket holds
    out.taken = (*sink)->Append(lines, out.error);
    std::string drained(1 << 20, '\0');
    for (std::size_t got = 0; got < out.taken;) {
      const ssize_t n = read(reader, drained.data(), drained.size());
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    std::string error;
    out.later = (*sink)->Append("rest", error);
  }
  out.blocking_still = (fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK) == 0;
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(reader);
  return out;
}

void CheckThatNothingWaited(const Standstill& out) {
  CHECK(out.taken > 0);
  CHECK(out.taken < 8 << 20);
  CHECK(out.error.ends_with("the reader of this pipe doesn't keep up"));
  CHECK(out.later == 4);
  CHECK(out.blocking_still);  // others may write there
}

}  // namespace

TEST_CASE("standard output is a pipe whose reader stands still: nothing waits for it") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CheckThatNothingWaited(WriteToReaderThatStandsStill(ends[0], ends[1]));
}

TEST_CASE("standard output is a socket, as under systemd: nothing waits for its reader") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  CheckThatNothingWaited(WriteToReaderThatStandsStill(ends[0], ends[1]));
}
