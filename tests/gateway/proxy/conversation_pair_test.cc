// Two conversations, one behind the other, as the two agents have them: each polices, and both
// number alike.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "tests/gateway/audit/temp_folder.h"
#include "tests/gateway/proxy/conversation_fixture.h"

namespace redwall::proxy {
namespace {

constexpr std::string_view kNoKeys = R"({"version": 1, "default": "allow", "rules": [
    {"id": "no-keys", "action": "deny", "commands": ["keys"]}]})";
constexpr std::string_view kNoFlush = R"({"version": 1, "default": "allow", "rules": [
    {"id": "no-wipes", "action": "deny", "commands": ["flushall"]}]})";
const std::string kNo(kDenied);
const std::string kNoKeysText = "-NOPERM redwall: 'keys' is denied by rule 'no-keys'\r\n";

struct Pair {
  // The client's agent denies FLUSHALL, the server's KEYS.
  explicit Pair(const std::string& client_audit = {}, const std::string& server_audit = {})
      : client({.policy = kNoFlush, .audit = client_audit, .side = "client"}),
        server({.policy = kNoKeys, .audit = server_audit, .side = "server"}) {}

  void Request(std::string_view bytes) {
    client.Request(bytes);
    Settle();
  }
  void Reply(std::string_view bytes) {
    server.Reply(bytes);
    Settle();
  }
  void Settle() {
    server.Request(client.TakeRedis());
    client.Reply(server.TakeClient());
    server.Request(client.TakeRedis());
  }

  Site client, server;
};

using Lines = std::vector<nlohmann::json>;

Lines ReadLines(Site& site, const std::string& path) {
  site.recorder().Flush({});
  Lines lines;
  std::istringstream in(audit::ReadAll(path));
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

const std::string kMulti = Wire({"MULTI"}), kExec = Wire({"EXEC"}), kDiscard = Wire({"DISCARD"});
const std::string kSet = Wire({"SET", "a", "1"}), kKeys = Wire({"KEYS", "*"}),
                  kFlush = Wire({"FLUSHALL"});

TEST_CASE("Denials of either agent stand in the order of the requests") {
  Pair pair;
  pair.Request(kSet + kFlush + kKeys + kSet + kKeys + kFlush);
  CHECK(pair.server.to_redis == kSet + "*0\r\n*0\r\n" + kSet + "*0\r\n*0\r\n");
  pair.Reply("+OK\r\n");
  pair.Reply("+OK\r\n");
  CHECK(pair.client.to_client == "+OK\r\n" + kNo + kNoKeysText + "+OK\r\n" + kNoKeysText + kNo);
  CHECK(pair.client.conversation().idle());
  CHECK(pair.server.conversation().idle());
}

TEST_CASE("A transaction is dropped whichever agent denied a command of it") {
  for (const bool at_client : {true, false}) {
    for (const bool at_server : {true, false}) {
      CAPTURE(at_client);
      CAPTURE(at_server);
      Pair pair;
      pair.Request(kMulti + kSet + (at_client ? kFlush : "") + (at_server ? kKeys : "") + kExec);
      const bool dropped = at_client || at_server;
      CHECK(pair.server.to_redis == kMulti + kSet + (at_client ? "*0\r\n" : "") +
                                        (at_server ? "*0\r\n" : "") + (dropped ? kDiscard : kExec));
      const std::string done = dropped ? "+OK\r\n" : "*1\r\n+OK\r\n";
      pair.Reply("+OK\r\n+QUEUED\r\n" + done);
      CHECK(pair.client.to_client == "+OK\r\n+QUEUED\r\n" + (at_client ? kNo : "") +
                                         (at_server ? kNoKeysText : "") +
                                         (dropped ? std::string(kAborted) : done));
      CHECK(pair.client.conversation().idle());
      CHECK(pair.server.conversation().idle());
      CHECK(pair.server.failure().empty());
    }
  }
}

TEST_CASE("CLIENT REPLY SKIP silences the same command at both agents") {
  for (const std::string& skipped : {kSet, kFlush, kKeys}) {
    Pair pair;
    pair.Request(Wire({"CLIENT", "REPLY", "SKIP"}) + skipped + kSet + kFlush + kKeys);
    pair.Reply("+OK\r\n");
    CHECK(pair.client.to_client == "+OK\r\n" + kNo + kNoKeysText);
    CHECK(pair.client.conversation().idle());
  }
}

TEST_CASE("Both agents' audit lines have the same numbers for the same commands") {
  const audit::TempFolder folder;
  const std::string client_path = folder.File("client.jsonl"),
                    server_path = folder.File("server.jsonl");
  Pair pair(client_path, server_path);
  pair.Request("PING\r\n\r\n*0\r\n" + kFlush + kKeys + kMulti + kSet + kFlush + kKeys + kExec +
               Wire({"SET", "long", std::string(100000, 'v')}) + "*-1\r\n" +
               Wire({"CLIENT", "REPLY", "SKIP"}) + kFlush + kSet);
  pair.Reply("+PONG\r\n+OK\r\n+QUEUED\r\n+OK\r\n+OK\r\n+OK\r\n");
  CHECK(pair.client.conversation().idle());

  std::map<int, std::string> client, server;
  for (const auto& line : ReadLines(pair.client, client_path)) {
    CHECK(line["stream"] == 7);
    client[line["n"].get<int>()] =
        line["cmd"].get<std::string>() + " " + line["decision"].get<std::string>();
  }
  for (const auto& line : ReadLines(pair.server, server_path)) {
    CHECK(line["stream"] == 7);
    server[line["n"].get<int>()] =
        line["cmd"].get<std::string>() + " " + line["decision"].get<std::string>();
  }
  const std::map<int, std::string> client_expected = {
      {1, "ping allow"}, {4, "flushall deny"},       {5, "keys allow"},     {6, "multi allow"},
      {7, "set allow"},  {8, "flushall deny"},       {9, "keys allow"},     {10, "exec allow"},
      {11, "set allow"}, {13, "client|reply allow"}, {14, "flushall deny"}, {15, "set allow"}};
  CHECK(client == client_expected);
  // What the client's agent denied never reached the server's, and its EXEC came as DISCARD.
  const std::map<int, std::string> server_expected = {
      {1, "ping allow"}, {5, "keys deny"},           {6, "multi allow"},
      {7, "set allow"},  {9, "keys deny"},           {10, "discard allow"},
      {11, "set allow"}, {13, "client|reply allow"}, {15, "set allow"}};
  CHECK(server == server_expected);
}

TEST_CASE("A protocol error is answered once, by Redis") {
  const std::string error = "-ERR Protocol error: invalid multibulk length\r\n";
  Pair pair;
  pair.Request(kSet + kKeys + "*x\r\n");
  CHECK(pair.server.to_redis == kSet + "*0\r\n*x\r\n");
  pair.Reply("+OK\r\n" + error);
  CHECK(pair.client.to_client == "+OK\r\n" + kNoKeysText + error);
  CHECK(pair.client.conversation().leaving());
  CHECK(pair.server.conversation().leaving());
}

}  // namespace
}  // namespace redwall::proxy
