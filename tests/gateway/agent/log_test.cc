#include "gateway/agent/log.h"

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

namespace redwall::agent {
namespace {

// What is logged meanwhile, as "level message" lines.
class Captured {
 public:
  Captured() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_, true));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~Captured() { spdlog::set_default_logger(before_); }
  std::string Take() {
    std::string taken = text_.str();
    text_.str({});
    return taken;
  }

 private:
  const std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

TEST_CASE("a limited line comes once in ten seconds, then with the number of those between") {
  Captured captured;
  LimitedLog log;
  for (int i = 0; i < 100; ++i) log.Info("a client left", 1000 + i);
  CHECK(captured.Take() == "info a client left\n");
  log.Warn("another", 10999);
  CHECK(captured.Take().empty());
  log.Warn("the next", 11000);
  CHECK(captured.Take() == "warning the next (and 100 more such lines since the last one)\n");
  log.Warn("and one", 21000);
  CHECK(captured.Take() == "warning and one\n");
}

TEST_CASE("news is told when it is another one, or trouble comes or goes") {
  Captured captured;
  NewsLog log;
  log.Tell("the master is a", {});
  CHECK(captured.Take() == "info the master is a\n");
  log.Tell("the master is a", {});
  CHECK(captured.Take().empty());
  log.Tell("the master is a", "it is away");
  CHECK(captured.Take() == "warning the master is a: it is away\n");
  log.Tell("the master is a", "it is still away");
  CHECK(captured.Take().empty());
  log.Tell("the master is b", "it is still away");
  CHECK(captured.Take() == "warning the master is b: it is still away\n");
  log.Tell("the master is b", {});
  CHECK(captured.Take() == "info the master is b\n");
}

}  // namespace
}  // namespace redwall::agent
