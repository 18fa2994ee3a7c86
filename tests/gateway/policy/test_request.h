// TestRequest: a policy::Request made from words, through the real parser, table and key extractor.
#ifndef REDWALL_TESTS_GATEWAY_POLICY_TEST_REQUEST_H_
#define REDWALL_TESTS_GATEWAY_POLICY_TEST_REQUEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "gateway/policy/policy.h"
#include "resp/command_parser.h"
#include "resp/writer.h"

namespace redwall::policy {

class TestRequest {
 public:
  explicit TestRequest(const std::vector<std::string>& words) {
    resp::WriteArrayHeader(words.size(), wire_);
    for (const std::string& word : words) resp::WriteBulk(word, wire_);
    parser_.Parse(wire_);
    LookUp();
  }
  // "GET app:1": words without spaces in them.
  explicit TestRequest(std::string_view line) : TestRequest(Split(line)) {}

  // The head of a command whose last argument is long and still on its way.
  struct Head {
    std::string_view line;       // the arguments that are here
    std::size_t more_after = 0;  // how many follow the long one
  };
  explicit TestRequest(const Head& head) {
    const std::vector<std::string> words = Split(head.line);
    resp::WriteArrayHeader(words.size() + 1 + head.more_after, wire_);
    for (const std::string& word : words) resp::WriteBulk(word, wire_);
    wire_ += "$1000000\r\nthe beginning";
    parser_.Parse(wire_);
    LookUp();
  }
  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;

  const Request& get() const { return request_; }

  static std::vector<std::string> Split(std::string_view line) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      if (end > at) words.emplace_back(line.substr(at, end - at));
      at = end + 1;
    }
    return words;
  }

 private:
  void LookUp() {
    if (parser_.command().size() == 0) return;
    request_.info = resp::CommandTable::Builtin().Find(parser_.command());
    if (request_.info != nullptr)
      request_.key_status = resp::ExtractKeys(*request_.info, parser_.command(), keys_);
  }

  std::string wire_;
  resp::CommandParser parser_;
  std::vector<resp::KeyRef> keys_;
  Request request_{parser_.command(), nullptr, keys_, resp::KeyStatus::kUnknown};
};

}  // namespace redwall::policy

#endif  // REDWALL_TESTS_GATEWAY_POLICY_TEST_REQUEST_H_
