#include "gateway/agent/keys.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/gateway/audit/temp_folder.h"

namespace redwall::agent {
namespace {

class KeyFolder {
 public:
  std::string File(const std::string& name) const { return folder_.File(name); }
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream(File(name)) << text;
    chmod(File(name).c_str(), mode);
    return File(name);
  }
  std::string SharedKey(const std::string& name) const {
    REQUIRE(crypto::WriteNewSharedKey(File(name)).ok());
    return File(name);
  }
  // Returns the public key's text.
  std::string Identity(const std::string& name) const {
    const auto key = crypto::WriteNewIdentity(File(name));
    REQUIRE(key.ok());
    return crypto::FormatPublicKey(*key);
  }

 private:
  const audit::TempFolder folder_;
};

std::string LoginOf(const Credentials& credentials) {
  const auto login = ReadLogin(credentials);
  REQUIRE(login.ok());
  return std::string(AsText(login->bytes()));
}

TEST_CASE("The login of a route is the AUTH that its file and user make") {
  const KeyFolder folder;
  Credentials credentials;
  CHECK(LoginOf(credentials).empty());
  for (const char* text : {"secret", "secret\n", "secret\r\nsecond line\n"}) {
    credentials.password_file = folder.Write("pw", text);
    credentials.user.clear();
    CHECK(LoginOf(credentials) == "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
    credentials.user = "app";
    CHECK(LoginOf(credentials) == "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nsecret\r\n");
  }
}

TEST_CASE("A password file that is missing, open to others, empty or no file is refused by name") {
  const KeyFolder folder;
  const auto error = [&](const std::string& path) {
    Credentials credentials;
    credentials.password_file = path;
    const auto login = ReadLogin(credentials);
    REQUIRE_FALSE(login.ok());
    CHECK(login.error().sentence.starts_with(path + ": "));
    return login.error().sentence;
  };
  CHECK(error(folder.File("none")).find("can't be read") != std::string::npos);
  for (const mode_t mode : {0604u, 0640u, 0660u, 0622u})
    CHECK(error(folder.Write("open", "secret", mode)).find("chmod 600") != std::string::npos);
  CHECK(error("/dev/null").find("regular file") != std::string::npos);
  for (const char* text : {"", "\n", "\r\nsecret"})
    CHECK(error(folder.Write("empty", text)).find("is empty") != std::string::npos);
}

TEST_CASE("A password that is too long is refused, not cut") {
  const KeyFolder folder;
  Credentials credentials;
  credentials.password_file = folder.Write("pw", std::string(4095, 'x') + "\n");
  CHECK(LoginOf(credentials).find(std::string(4095, 'x')) != std::string::npos);
  credentials.password_file = folder.Write("long", std::string(5000, 'x') + "\n");
  CHECK_FALSE(ReadLogin(credentials).ok());
}

TEST_CASE("A server agent's keys: shared keys, authorized agents and their routes") {
  const KeyFolder folder;
  ServerConfig config;
  config.keys = {folder.SharedKey("site.key")};
  folder.Identity("me.identity");
  const std::string a = folder.Identity("a.identity"), b = folder.Identity("b.identity");
  config.identity = folder.File("me.identity");
  config.authorized = folder.Write(
      "authorized.json",
      R"({"agents": [{"name": "site-a", "public_key": ")" + a +
          R"(", "routes": ["default", "orders"]}, {"name": "site-b", "public_key": ")" + b +
          "\"}]}");
  const auto keys = ReadServerKeys(config);
  REQUIRE(keys.ok());
  CHECK(keys->keyring->has_keys());
  CHECK(keys->keyring->identity() != nullptr);
  const crypto::AuthorizedAgent* found = keys->keyring->FindAgent(*crypto::ParsePublicKey(a));
  REQUIRE(found != nullptr);
  CHECK(found->name == "site-a");
  CHECK(keys->MayUse("site-a", "default"));
  CHECK(keys->MayUse("site-a", "orders"));
  CHECK_FALSE(keys->MayUse("site-a", "other"));
  CHECK(keys->MayUse("site-b", "other"));
  CHECK(keys->MayUse("site", "other"));
}

TEST_CASE("A reload keeps the sessions of those whose proof still holds, and no others") {
  const KeyFolder folder;
  ServerConfig config;
  folder.Identity("me.identity");
  const std::string a = folder.Identity("a.identity"), b = folder.Identity("b.identity");
  config.identity = folder.File("me.identity");
  const auto read = [&](const std::string& agents) {
    config.authorized = folder.Write("authorized.json", "{\"agents\": [" + agents + "]}");
    auto keys = ReadServerKeys(config);
    REQUIRE(keys.ok());
    return std::move(*keys);
  };
  const auto agent = [](const std::string& name, const std::string& key) {
    return "{\"name\": \"" + name + "\", \"public_key\": \"" + key + "\"}";
  };
  const auto proof = [](const std::string& key) {
    return crypto::NoiseHash({*crypto::ParsePublicKey(key)});
  };
  const ServerKeys before = read(agent("site-a", a) + "," + agent("site-b", b));
  CHECK(before.StillHolds("site-a", proof(a)));
  CHECK_FALSE(before.StillHolds("site-a", proof(b)));
  CHECK_FALSE(before.StillHolds("site-c", proof(a)));
  const ServerKeys gone = read(agent("site-b", b));
  CHECK_FALSE(gone.StillHolds("site-a", proof(a)));
  CHECK(gone.StillHolds("site-b", proof(b)));
  const ServerKeys swapped = read(agent("site-a", b));
  CHECK_FALSE(swapped.StillHolds("site-a", proof(a)));
}

TEST_CASE("Shared keys may have one name, for a rotation, and each proves it by itself") {
  const KeyFolder folder;
  std::filesystem::create_directory(folder.File("next"));
  ServerConfig config;
  config.keys = {folder.SharedKey("site.key"), folder.SharedKey("next/site.key")};
  const auto proof = [](const std::string& file) {
    const auto key = crypto::ReadSharedKey(file);
    REQUIRE(key.ok());
    return crypto::NoiseHash({key->psk.bytes()});
  };
  const auto both = ReadServerKeys(config);
  REQUIRE(both.ok());
  for (const std::string& file : config.keys) CHECK(both->StillHolds("site", proof(file)));
  const crypto::Hash old = proof(config.keys[0]);
  config.keys.erase(config.keys.begin());
  const auto rotated = ReadServerKeys(config);
  REQUIRE(rotated.ok());
  CHECK_FALSE(rotated->StillHolds("site", old));
  CHECK(rotated->StillHolds("site", proof(config.keys[0])));
}

TEST_CASE("Where identities are in force, a shared key alone proves nothing unless that is said") {
  const KeyFolder folder;
  ServerConfig config;
  config.keys = {folder.SharedKey("site.key")};
  folder.Identity("me.identity");
  config.identity = folder.File("me.identity");
  config.authorized = folder.Write("authorized.json", R"({"agents": []})");
  const auto strict = ReadServerKeys(config);
  REQUIRE(strict.ok());
  CHECK_FALSE(strict->keyring->shared_key_alone());
  CHECK(strict->proofs.empty());
  config.shared_key_agents = true;
  const auto both = ReadServerKeys(config);
  REQUIRE(both.ok());
  CHECK(both->keyring->shared_key_alone());
  CHECK(both->proofs.size() == 1);
}

TEST_CASE("What a line says of place and time refuses its agent, and nobody else") {
  const KeyFolder folder;
  ServerConfig config;
  config.keys = {folder.SharedKey("site.key")};
  folder.Identity("me.identity");
  const std::string a = folder.Identity("a.identity"), b = folder.Identity("b.identity");
  config.identity = folder.File("me.identity");
  config.shared_key_agents = true;
  config.authorized = folder.Write(
      "authorized.json",
      R"({"agents": [{"name": "a", "public_key": ")" + a +
          R"(", "from": ["10.0.0.0/8", "2001:db8::7"], "not_after": "2027-01-01T00:00:00Z"},
             {"name": "b", "public_key": ")" +
          b + "\"}]}");
  const auto keys = ReadServerKeys(config);
  REQUIRE(keys.ok());
  const auto proof = [](const std::string& key) {
    return crypto::NoiseHash({*crypto::ParsePublicKey(key)});
  };
  const std::int64_t end = *ParseUtcTime("2027-01-01T00:00:00Z");
  CHECK(keys->Refusal("a", proof(a), "10.1.2.3:1", end).empty());
  CHECK(keys->Refusal("a", proof(a), "[::ffff:10.1.2.3]:1", 0).empty());
  CHECK(keys->Refusal("a", proof(a), "[2001:db8::7]:1", 0).empty());
  CHECK(keys->Refusal("a", proof(a), "10.1.2.3:1", end + 1) ==
        "its time was over at 2027-01-01T00:00:00Z (\"not_after\" of its line in the authorized "
        "agents)");
  for (const char* peer : {"11.0.0.1:1", "[2001:db8::8]:1", "unix", "unknown"})
    CHECK(keys->Refusal("a", proof(a), peer, 0) ==
          "it may not connect from here (\"from\" of its line in the authorized agents)");
  CHECK(keys->Refusal("a", proof(b), "10.1.2.3:1", 0) == "its key was taken away");
  CHECK(keys->Refusal("b", proof(b), "unix", end + 1).empty());
  const auto shared = crypto::ReadSharedKey(config.keys[0]);
  REQUIRE(shared.ok());
  CHECK(keys->Refusal("site", crypto::NoiseHash({shared->psk.bytes()}), "unix", end + 1).empty());
  CHECK(keys->NextEnd(0) == end);
  CHECK(keys->NextEnd(end) == end);
  CHECK_FALSE(keys->NextEnd(end + 1).has_value());
}

TEST_CASE("An agent may have several public keys while one replaces the other") {
  const KeyFolder folder;
  ServerConfig config;
  folder.Identity("me.identity");
  const std::string old_key = folder.Identity("old"), new_key = folder.Identity("new");
  config.identity = folder.File("me.identity");
  const auto read = [&](const std::string& public_keys) {
    config.authorized = folder.Write(
        "authorized.json", R"({"agents": [{"name": "a", "routes": ["default"], "public_keys": [)" +
                               public_keys + "]}]}");
    auto keys = ReadServerKeys(config);
    REQUIRE(keys.ok());
    return std::move(*keys);
  };
  const auto proof = [](const std::string& key) {
    return crypto::NoiseHash({*crypto::ParsePublicKey(key)});
  };
  const ServerKeys both = read("\"" + old_key + "\", \"" + new_key + "\"");
  for (const std::string& key : {old_key, new_key}) {
    CHECK(both.StillHolds("a", proof(key)));
    REQUIRE(both.keyring->FindAgent(*crypto::ParsePublicKey(key)) != nullptr);
    CHECK(both.keyring->FindAgent(*crypto::ParsePublicKey(key))->name == "a");
  }
  CHECK_FALSE(both.MayUse("a", "other"));
  const ServerKeys rotated = read("\"" + new_key + "\"");
  CHECK_FALSE(rotated.StillHolds("a", proof(old_key)));
  CHECK(rotated.StillHolds("a", proof(new_key)));
}

TEST_CASE("A server agent's further identities are read, and a bad one is named") {
  const KeyFolder folder;
  ServerConfig config;
  folder.Identity("me.identity");
  folder.Identity("next.identity");
  config.identity = folder.File("me.identity");
  config.more_identities = {folder.File("next.identity")};
  config.authorized = folder.Write("authorized.json", R"({"agents": []})");
  const auto keys = ReadServerKeys(config);
  REQUIRE(keys.ok());
  CHECK(keys->keyring->more_identities().size() == 1);
  config.more_identities.push_back(folder.File("none.identity"));
  const auto bad = ReadServerKeys(config);
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().sentence.find(folder.File("none.identity")) != std::string::npos);
}

TEST_CASE("The keys in use are named alike in the log and in the audit") {
  std::vector<std::pair<std::string_view, std::string>> fields;
  AddFields({}, fields);
  CHECK(fields.empty());
  CHECK(Describe({.shared_key = "site 1a2b3c4d", .agent_key = {}, .server_key = {}}) ==
        "shared key site 1a2b3c4d");
  const crypto::SecureChannel::KeysInUse all = {
      .shared_key = "site 1a2b3c4d", .agent_key = "AAAA", .server_key = "BBBB"};
  CHECK(Describe(all) == "public key AAAA, shared key site 1a2b3c4d");
  AddFields(all, fields);
  CHECK(fields ==
        std::vector<std::pair<std::string_view, std::string>>{
            {"public_key", "AAAA"}, {"server_key", "BBBB"}, {"shared_key", "site 1a2b3c4d"}});
}

TEST_CASE("Mistakes in the file of authorized agents are named with their place") {
  const KeyFolder folder;
  ServerConfig config;
  config.keys = {folder.SharedKey("site.key")};
  const std::string key = folder.Identity("me.identity");
  config.identity = folder.File("me.identity");
  const std::string good = R"("public_key": ")" + key + "\"";
  struct Case {
    std::string text, error;
  };
  const std::string later = "not supported by this version yet";
  const Case cases[] = {
      {"{}", "agents: is required and missing"},
      {R"({"agents": {}})", "agents: expected an array"},
      {R"({"agents": [], "extra": 1})", "extra: unknown name"},
      {R"({"agents": [{}]})", "agents[0].name: is required and missing"},
      {R"({"agents": [{"name": "", )" + good + "}]}", "agents[0].name: a name has 1 to 255 bytes"},
      {R"({"agents": [{"name": ")" + std::string(256, 'x') + "\", " + good + "}]}",
       "a name has 1 to 255 bytes"},
      {R"({"agents": [{"name": "a"}]})", "agents[0].public_key: is required and missing"},
      {R"({"agents": [{"name": "a", "public_key": "short"}]})", "agents[0].public_key: "},
      {R"({"agents": [{"name": "site", )" + good + "}]}",
       "agents[0].name: this name is given twice"},
      {R"({"agents": [{"name": "a", )" + good + R"(}, {"name": "a", )" + good + "}]}",
       "agents[1].name: this name is given twice"},
      {R"({"agents": [{"name": "a", "routes": [], )" + good + "}]}",
       "agents[0].routes: expected at least one route"},
      {R"({"agents": [{"name": "a", "from": [], )" + good + "}]}",
       "agents[0].from: expected at least one network, or no \"from\" for anywhere"},
      {R"({"agents": [{"name": "a", "from": ["10.0.0.0/8", "10.1.2.3/8"], )" + good + "}]}",
       "agents[0].from[1]: '10.1.2.3/8' is not a network: bits behind the prefix are set; write "
       "10.0.0.0/8"},
      {R"({"agents": [{"name": "a", "from": "10.0.0.0/8", )" + good + "}]}",
       "agents[0].from: expected an array"},
      {R"({"agents": [{"name": "a", "not_after": "x", )" + good + "}]}",
       "agents[0].not_after: expected a time in UTC like \"2027-01-01T00:00:00Z\", got \"x\""},
      {R"({"agents": [{"name": "a", "not_after": 2027, )" + good + "}]}",
       "agents[0].not_after: expected a string, got 2027"},
      {R"({"agents": [{"name": "a", "public_keys": [], )" + good + "}]}",
       "agents[0].public_keys: give \"public_key\" or \"public_keys\", not both"},
      {R"({"agents": [{"name": "a", "public_keys": []}]})",
       "agents[0].public_keys: expected at least one public key"},
      {R"({"agents": [{"name": "a", "public_keys": [")" + key + "\", \"" + key + "\"]}]}",
       "agents[0].public_keys[1]: this key is given twice"},
      {R"({"agents": [{"name": "a", "redis_user": "x", )" + good + "}]}",
       "agents[0].redis_user: " + later},
      {R"({"agents": [{"nam": "a", "name": "b", )" + good + "}]}", "agents[0].nam: unknown name"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    config.authorized = folder.Write("authorized.json", each.text);
    const auto keys = ReadServerKeys(config);
    REQUIRE_FALSE(keys.ok());
    CAPTURE(keys.error().sentence);
    CHECK(keys.error().sentence.starts_with(config.authorized + ": "));
    CHECK(keys.error().sentence.find(each.error) != std::string::npos);
  }
}

TEST_CASE("Two agents with one public key are refused, for nobody could say which of them came") {
  const KeyFolder folder;
  ServerConfig config;
  const std::string key = folder.Identity("me.identity");
  config.identity = folder.File("me.identity");
  config.authorized =
      folder.Write("authorized.json", R"({"agents": [{"name": "a", "public_key": ")" + key +
                                          R"("}, {"name": "b", "public_key": ")" + key + "\"}]}");
  const auto keys = ReadServerKeys(config);
  REQUIRE_FALSE(keys.ok());
  CHECK(keys.error().sentence.find("agents[1].public_key: this key is given twice") !=
        std::string::npos);
}

TEST_CASE("A key file that is missing is named") {
  const KeyFolder folder;
  ServerConfig server;
  server.keys = {folder.File("none.key")};
  CHECK_FALSE(ReadServerKeys(server).ok());
  ClientConfig client;
  client.keys = server.keys;
  const auto keys = ReadClientKeys(client);
  REQUIRE_FALSE(keys.ok());
  CHECK(keys.error().sentence.find(folder.File("none.key")) != std::string::npos);
}

TEST_CASE("A client agent's keys are what it starts the handshake with") {
  const KeyFolder folder;
  ClientConfig config;
  config.keys = {folder.SharedKey("site.key")};
  const auto shared = ReadClientKeys(config);
  REQUIRE(shared.ok());
  CHECK(shared->initiator().key == &shared->keys.front());
  CHECK(shared->initiator().identity == nullptr);
  const std::string public_key = folder.Identity("me.identity");
  config.identity = folder.File("me.identity");
  config.server_key = public_key;
  const auto both = ReadClientKeys(config);
  REQUIRE(both.ok());
  CHECK(both->initiator().identity == &*both->identity);
  CHECK(crypto::FormatPublicKey(both->server_key) == public_key);
  config.server_key = folder.Write("server.pub", public_key + "\n");
  const auto from_file = ReadClientKeys(config);
  REQUIRE(from_file.ok());
  CHECK(from_file->server_key == both->server_key);
  config.server_key = folder.Write("empty.pub", "\n");
  CHECK_FALSE(ReadClientKeys(config).ok());
  config.server_key = "nonsense";
  const auto bad = ReadClientKeys(config);
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().sentence.starts_with("the server's public key: "));
}

}  // namespace
}  // namespace redwall::agent
