#include "gateway/audit/redaction.h"

#include <doctest/doctest.h>

#include "tests/gateway/policy/test_request.h"

using namespace redwall;
using policy::TestRequest;

namespace {

// The command with what is hidden as "#".
std::string Shown(const std::vector<std::string>& words) {
  const TestRequest request(words);
  REQUIRE(request.get().info != nullptr);
  const resp::Command& command = request.get().command;
  const audit::Redaction redaction(*request.get().info, command);
  std::string out;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (i > 0) out += ' ';
    out += redaction.Hides(i) ? "#" : std::string(command.arg(i));
  }
  return out;
}
std::string Shown(std::string_view line) { return Shown(TestRequest::Split(line)); }

}  // namespace

TEST_CASE("AUTH shows nothing of its arguments") {
  CHECK(Shown("AUTH pw") == "AUTH #");
  CHECK(Shown("auth user pw") == "auth # #");
  CHECK(Shown("AuTh user pw more") == "AuTh # # #");
}

TEST_CASE("HELLO hides the password and keeps the rest") {
  CHECK(Shown("HELLO 3") == "HELLO 3");
  CHECK(Shown("HELLO 3 AUTH user pw") == "HELLO 3 AUTH user #");
  CHECK(Shown("hello 3 auth user pw setname me") == "hello 3 auth user # setname me");
  CHECK(Shown("HELLO 3 SETNAME me AUTH user pw") == "HELLO 3 SETNAME me AUTH user #");
  CHECK(Shown("HELLO 3 AUTH auth pw") == "HELLO 3 AUTH auth #");
  CHECK(Shown("HELLO AUTH user pw") == "HELLO AUTH user #");
  CHECK(Shown("HELLO 3 SETNAME AUTH AUTH user pw") == "HELLO 3 SETNAME AUTH AUTH # #");
}

TEST_CASE("HELLO hides a password that stands in the user's place") {
  CHECK(Shown("HELLO 3 AUTH pw") == "HELLO 3 AUTH #");
  CHECK(Shown("HELLO 3 AUTH pw SETNAME me") == "HELLO 3 AUTH # # me");
}

TEST_CASE("an option with a NUL behind it is still the option, as Redis reads it") {
  CHECK(Shown({"HELLO", "3", std::string("AUTH\0x", 6), "user", "pw"}).ends_with("user #"));
  CHECK(
      Shown({"MIGRATE", "h", "1", "k", "0", "9", std::string("auth\0", 5), "pw"}).ends_with(" #"));
}

TEST_CASE("MIGRATE hides the password of AUTH and of AUTH2") {
  CHECK(Shown("MIGRATE h 1 k 0 9") == "MIGRATE h 1 k 0 9");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH pw") == "MIGRATE h 1 k 0 9 AUTH #");
  CHECK(Shown("migrate h 1 k 0 9 copy auth pw replace") == "migrate h 1 k 0 9 copy auth # replace");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 user pw") == "MIGRATE h 1 k 0 9 AUTH2 user #");
  CHECK(Shown("MIGRATE h 1 k 0 9 COPY auth2 user pw KEYS a b") ==
        "MIGRATE h 1 k 0 9 COPY auth2 user # KEYS a b");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 pw KEYS a") == "MIGRATE h 1 k 0 9 AUTH2 # # a");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 pw") == "MIGRATE h 1 k 0 9 AUTH2 #");
  CHECK(Shown("MIGRATE h 1 k 0 9 KEYS a AUTH pw") == "MIGRATE h 1 k 0 9 KEYS a AUTH #");
}

TEST_CASE("ACL SETUSER hides passwords, hashes, and whatever isn't a known rule") {
  CHECK(Shown("ACL SETUSER bob on >pw ~app:* +@all") == "ACL SETUSER bob on # ~app:* +@all");
  CHECK(Shown("acl setuser bob <old #abc !abc") == "acl setuser bob # # #");
  CHECK(Shown("ACL SETUSER bob >my secret") == "ACL SETUSER bob # #");
  CHECK(Shown("ACL SETUSER bob secret") == "ACL SETUSER bob #");
  CHECK(Shown("ACL SETUSER >pw") == "ACL SETUSER #");
  CHECK(Shown("ACL SETUSER bob RESET NoPass %R~x &ch -get resetchannels") ==
        "ACL SETUSER bob RESET NoPass %R~x &ch -get resetchannels");
  CHECK(Shown({"ACL", "SETUSER", "bob", "(+get ~a)", "(+get >pw)", "(>pw)"}) ==
        "ACL SETUSER bob (+get ~a) # #");
  CHECK(Shown("ACL SETUSER bob (+get >pw )") == "ACL SETUSER bob (+get # )");
  CHECK(Shown({"ACL", "SETUSER", "bob", std::string("on\0pw", 5)}) == "ACL SETUSER bob #");
  CHECK(Shown("ACL GETUSER bob") == "ACL GETUSER bob");
}

TEST_CASE("CONFIG SET hides the values of passwords, at each place, in any case") {
  CHECK(Shown("CONFIG SET requirepass pw") == "CONFIG SET requirepass #");
  CHECK(Shown("config set RequirePass pw") == "config set RequirePass #");
  CHECK(Shown("CONFIG SET masterauth pw") == "CONFIG SET masterauth #");
  CHECK(Shown("CONFIG SET MASTERAUTH pw") == "CONFIG SET MASTERAUTH #");
  CHECK(Shown("CONFIG SET tls-key-file-pass pw") == "CONFIG SET tls-key-file-pass #");
  CHECK(Shown("CONFIG SET tls-client-key-file-pass pw") == "CONFIG SET tls-client-key-file-pass #");
  CHECK(Shown("CONFIG SET maxmemory 1 requirepass pw timeout 5") ==
        "CONFIG SET maxmemory 1 requirepass # timeout 5");
  CHECK(Shown("CONFIG SET masterauth a requirepass b") == "CONFIG SET masterauth # requirepass #");
  CHECK(Shown("CONFIG SET masteruser u dir /data") == "CONFIG SET masteruser u dir /data");
  CHECK(Shown("CONFIG SET tls-auth-clients no") == "CONFIG SET tls-auth-clients no");
  CHECK(Shown("CONFIG GET requirepass") == "CONFIG GET requirepass");
}

TEST_CASE("commands that name another command hide its arguments") {
  CHECK(Shown("COMMAND GETKEYS AUTH user pw") == "COMMAND GETKEYS AUTH # #");
  CHECK(Shown("COMMAND GETKEYSANDFLAGS MIGRATE h 1") == "COMMAND GETKEYSANDFLAGS MIGRATE # #");
  CHECK(Shown("ACL DRYRUN bob AUTH pw") == "ACL DRYRUN bob AUTH #");
}

TEST_CASE("SENTINEL's passwords are hidden where a server says that it has SENTINEL") {
  resp::CommandInfo info;
  const auto shown = [&info](std::string_view line, const char* name) {
    const TestRequest request(line);
    info.name = name;
    const audit::Redaction redaction(info, request.get().command);
    std::string hidden;
    for (std::size_t i = 0; i < request.get().command.size(); ++i)
      hidden += redaction.Hides(i) ? '#' : '.';
    return hidden;
  };
  CHECK(shown("SENTINEL SET m auth-pass pw quorum 2", "sentinel|set") == "....#..");
  CHECK(shown("SENTINEL CONFIG SET sentinel-pass pw", "sentinel|config") == "....#");
}

TEST_CASE("what holds no secret is shown whole") {
  for (const char* line :
       {"SET auth value", "GET requirepass", "HSET auth pass word", "CLIENT SETNAME auth",
        "EVAL s 1 auth pw", "PUBLISH auth pw", "REPLICAOF auth 1"})
    CHECK(Shown(line) == line);
}
