// A journal in a folder of its own, its lines, and whether they are a chain.
#ifndef REDWALL_TESTS_GATEWAY_AUDIT_JOURNAL_HARNESS_H_
#define REDWALL_TESTS_GATEWAY_AUDIT_JOURNAL_HARNESS_H_

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/audit/journal.h"
#include "tests/gateway/audit/temp_folder.h"

namespace redwall::audit {

using Json = nlohmann::ordered_json;

inline std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != text.npos);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Fails where the lines aren't a chain that goes on behind `end`; each must be JSON of its own.
// Returns their end.
inline ChainEnd CheckChain(const std::vector<std::string>& lines, ChainEnd end = {}) {
  for (const std::string& line : lines) {
    const Json json = Json::parse(line);
    CHECK(json["v"] == 1);
    CHECK(json["seq"] == end.seq + 1);
    CHECK(json["prev"] == FormatHash(end.hash));
    CHECK(std::prev(json.end()).key() == "prev");
    end = {end.seq + 1, HashLine(line)};
  }
  return end;
}

inline std::unique_ptr<Journal> OpenJournal(const std::string& path, Rotation rotation = {},
                                            Now now = {}) {
  auto journal =
      Journal::Open({.path = path, .side = "server", .agent = "x", .rotation = rotation}, now);
  if (!journal) FAIL(journal.error().sentence);
  return std::move(*journal);
}

// A body of exactly `size` bytes, LF not counted.
inline std::string Body(std::string_view text, std::size_t size = 0) {
  std::string body = ",\"text\":\"" + std::string(text);
  if (size > body.size() + 1) body.resize(size - 1, 'x');
  return body + "\"";
}

// A pipe that holds little, so that lines are taken in pieces.
struct SmallPipe {
  SmallPipe() {
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reader >= 0);
    fcntl(reader, F_SETPIPE_SZ, 4096);
  }
  ~SmallPipe() { close(reader); }
  SmallPipe(const SmallPipe&) = delete;
  SmallPipe& operator=(const SmallPipe&) = delete;
  std::string Drain() const {
    std::string out;
    char piece[4096];
    for (ssize_t n; (n = read(reader, piece, sizeof piece)) > 0;)
      out.append(piece, static_cast<std::size_t>(n));
    return out;
  }

  TempFolder folder;
  std::string path = folder.File("pipe");
  int reader = -1;
};

}  // namespace redwall::audit

#endif  // REDWALL_TESTS_GATEWAY_AUDIT_JOURNAL_HARNESS_H_
