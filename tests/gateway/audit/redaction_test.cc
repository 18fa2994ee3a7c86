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

TEST_CASE("HELLO hides user and password and keeps the rest") {
  CHECK(Shown("HELLO") == "HELLO");
  CHECK(Shown("HELLO 3") == "HELLO 3");
  CHECK(Shown("HELLO 3 AUTH user pw") == "HELLO 3 AUTH # #");
  CHECK(Shown("hello 3 auth user pw setname me") == "hello 3 auth # # setname me");
  CHECK(Shown("HELLO 3 SETNAME me AUTH user pw") == "HELLO 3 SETNAME me AUTH # #");
  CHECK(Shown("HELLO 3 AUTH auth pw") == "HELLO 3 AUTH # #");
  CHECK(Shown("HELLO 3 AUTH a b AUTH c d") == "HELLO 3 AUTH # # AUTH # #");
  CHECK(Shown("HELLO 3 SETNAME me") == "HELLO 3 SETNAME me");
}

TEST_CASE("a HELLO that Redis would not take shows no more than its options' words") {
  CHECK(Shown("HELLO AUTH user pw") == "HELLO AUTH # #");
  CHECK(Shown("HELLO 3 AUTH pw") == "HELLO # AUTH #");
  CHECK(Shown("HELLO 3 AUTH pw SETNAME me") == "HELLO # AUTH # SETNAME #");
  CHECK(Shown("HELLO 3 AUTH pw SETNAME") == "HELLO # AUTH # SETNAME");
  CHECK(Shown("HELLO 3 AUTH user SETNAME pw") == "HELLO # AUTH # SETNAME #");
  CHECK(Shown("HELLO 3 user pw") == "HELLO # # #");
  CHECK(Shown("HELLO 3 AUHT user pw") == "HELLO # # # #");
  CHECK(Shown("HELLO 3 AUTH user pw pw") == "HELLO # AUTH # # #");
  CHECK(Shown("HELLO pw") == "HELLO #");
  CHECK(Shown("HELLO 31415") == "HELLO #");
}

TEST_CASE("an option with a NUL behind it is still the option, as Redis reads it, and hidden") {
  CHECK(Shown({"HELLO", "3", std::string("AUTH\0x", 6), "user", "pw"}) == "HELLO 3 # # #");
  CHECK(Shown({"MIGRATE", "h", "1", "k", "0", "9", std::string("auth\0x", 6), "pw"}) ==
        "MIGRATE h 1 k 0 9 # #");
}

TEST_CASE("MIGRATE hides the password of AUTH and of AUTH2") {
  CHECK(Shown("MIGRATE h 1 k 0 9") == "MIGRATE h 1 k 0 9");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH pw") == "MIGRATE h 1 k 0 9 AUTH #");
  CHECK(Shown("migrate h 1 k 0 9 copy auth pw replace") == "migrate h 1 k 0 9 copy auth # replace");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 user pw") == "MIGRATE h 1 k 0 9 AUTH2 # #");
  CHECK(Shown({"MIGRATE", "h", "1", "", "0", "9", "COPY", "auth2", "u", "pw", "KEYS", "a", "b"}) ==
        "MIGRATE h 1  0 9 COPY auth2 # # KEYS a b");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 pw REPLACE") == "MIGRATE h 1 k 0 9 AUTH2 # #");
}

TEST_CASE(
    "what stands behind AUTH among MIGRATE's keys is hidden, a key called AUTH hides nothing") {
  CHECK(Shown({"MIGRATE", "h", "1", "", "0", "9", "KEYS", "a", "AUTH", "pw"}) ==
        "MIGRATE h 1  0 9 KEYS a AUTH #");
  CHECK(Shown("MIGRATE h 1 AUTH 0 9") == "MIGRATE h 1 AUTH 0 9");
  CHECK(Shown("MIGRATE h 1 AUTH2 0 9 COPY AUTH pw") == "MIGRATE h 1 AUTH2 0 9 COPY AUTH #");
}

TEST_CASE("a MIGRATE that Redis would not take shows no more than its options' words") {
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH AUTH pw") == "MIGRATE # # # # # AUTH AUTH #");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH AUTH2 u pw") == "MIGRATE # # # # # AUTH AUTH2 # #");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 pw KEYS a") == "MIGRATE # # # # # AUTH2 # KEYS #");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH2 pw") == "MIGRATE # # # # # AUTH2 #");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUHT pw") == "MIGRATE # # # # # # #");
  CHECK(Shown("MIGRATE h 1 k 0 9 AUTH pw pw") == "MIGRATE # # # # # AUTH # #");
  CHECK(Shown("MIGRATE h 1 AUTH pw 0 9") == "MIGRATE # # AUTH # # #");
  CHECK(Shown("MIGRATE h AUTH pw") == "MIGRATE # AUTH #");
}

TEST_CASE("ACL SETUSER hides passwords, hashes, and whatever isn't a known rule") {
  CHECK(Shown("ACL SETUSER bob on >pw ~app:* +@all") == "ACL SETUSER bob on # ~app:* +@all");
  CHECK(Shown("acl setuser bob <old #abc !abc") == "acl setuser bob # # #");
  CHECK(Shown("ACL SETUSER bob >my secret") == "ACL SETUSER bob # #");
  CHECK(Shown("ACL SETUSER bob secret") == "ACL SETUSER bob #");
  CHECK(Shown("ACL SETUSER bob RESET NoPass %R~x %rW~y &ch -get +config|set resetchannels") ==
        "ACL SETUSER bob RESET NoPass %R~x %rW~y &ch -get +config|set resetchannels");
  CHECK(Shown({"ACL", "SETUSER", "bob", std::string("on\0pw", 5)}) == "ACL SETUSER bob #");
  CHECK(Shown({"ACL", "SETUSER", "bob", " >pw"}) == "ACL SETUSER bob #");
}

TEST_CASE("ACL SETUSER's selectors are looked into") {
  CHECK(Shown({"ACL", "SETUSER", "bob", "(+get ~a)", "(+get >pw)", "(>pw)", "(%R~x +@read)"}) ==
        "ACL SETUSER bob (+get ~a) # # (%R~x +@read)");
  CHECK(Shown("ACL SETUSER bob (+get >pw ~a +set)") == "ACL SETUSER bob (+get # ~a +set)");
  CHECK(Shown("ACL SETUSER bob (+get >pw )") == "ACL SETUSER bob (+get # )");
  CHECK(Shown({"ACL", "SETUSER", "bob", "(+get pw)"}) == "ACL SETUSER bob #");
}

TEST_CASE("a clear password that looks like another rule is not told") {
  CHECK(Shown("ACL SETUSER bob #pw !pw") == "ACL SETUSER bob # #");
  CHECK(Shown("ACL SETUSER bob +pw -pw +@pw +select|pw %pw") == "ACL SETUSER bob # # # # #");
  CHECK(Shown("ACL SETUSER bob on >correct horse ~battery &staple +get") ==
        "ACL SETUSER bob on # # # # +get");
}

TEST_CASE("what stands in the place of an ACL user's name is told only where it can be one") {
  CHECK(Shown("ACL SETUSER >pw") == "ACL SETUSER #");
  CHECK(Shown({"ACL", "SETUSER", "bob on >pw"}) == "ACL SETUSER #");
  CHECK(Shown({"ACL", "SETUSER", std::string("bob\0pw", 6)}) == "ACL SETUSER #");
  CHECK(Shown("ACL GETUSER bob") == "ACL GETUSER bob");
  CHECK(Shown({"ACL", std::string("SETUSER\0pw", 10), "bob"}) == "ACL # bob");
  CHECK(Shown({"CLIENT", std::string("ID\0pw", 5), "x"}) == "CLIENT # #");
  CHECK(Shown("ACL GENPASS pw") == "ACL GENPASS #");
  CHECK(Shown("ACL DELUSER bob >pw") == "ACL DELUSER bob #");
  CHECK(Shown("ACL GETUSER bob pw") == "ACL GETUSER # #");
  CHECK(Shown("ACL DRYRUN >pw GET a") == "ACL DRYRUN # GET #");
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
  CHECK(Shown("CONFIG GET requirepass pw") == "CONFIG GET requirepass #");
  CHECK(Shown("CONFIG GET max* timeout") == "CONFIG GET max* timeout");
}

TEST_CASE("CONFIG SET shows no value of a setting that is not known, and none amid an odd number") {
  CHECK(Shown("CONFIG SET requirepas pw") == "CONFIG SET # #");
  CHECK(Shown("CONFIG SET maxmemory 1 masterath pw") == "CONFIG SET maxmemory # # #");
  CHECK(Shown("CONFIG SET requirepass my pass word") == "CONFIG SET requirepass # # #");
  CHECK(Shown("CONFIG SET timeout requirepass pw") == "CONFIG SET timeout requirepass #");
  CHECK(Shown("CONFIG SET requirepass") == "CONFIG SET requirepass");
  CHECK(Shown({"CONFIG", "SET", std::string("requirepass\0x", 13), "pw"}) == "CONFIG SET # #");
  CHECK(Shown({"CONFIG", "SET", "maxmemory maxmemory-clients", "pw"}) == "CONFIG SET # #");
  CHECK(Shown("CONFIG SET module.secret pw") == "CONFIG SET # #");
  CHECK(Shown("CONFIG RESETSTAT requirepass pw") == "CONFIG RESETSTAT # #");
  CHECK(Shown("SET requirepass pw") == "SET requirepass #");
  CHECK(Shown("SET MasterAuth pw EX 9") == "SET MasterAuth # # #");
}

TEST_CASE("commands that name another command hide its arguments") {
  CHECK(Shown("COMMAND GETKEYS AUTH user pw") == "COMMAND GETKEYS AUTH # #");
  CHECK(Shown("COMMAND GETKEYSANDFLAGS MIGRATE h 1") == "COMMAND GETKEYSANDFLAGS MIGRATE # #");
  CHECK(Shown("ACL DRYRUN bob AUTH pw") == "ACL DRYRUN bob AUTH #");
  CHECK(Shown("COMMAND GETKEYS AUTHpw") == "COMMAND GETKEYS #");
  CHECK(Shown("COMMAND GETKEYS SET a pw") == "COMMAND GETKEYS SET # #");
  CHECK(Shown("COMMAND DOCS AUTH pw") == "COMMAND DOCS AUTH #");
  CHECK(Shown("COMMAND INFO get config|set pw") == "COMMAND INFO get config|set #");
}

TEST_CASE("scripts and functions that mention passwords are hidden, with what they are given") {
  CHECK(Shown({"EVAL", "return redis.call('AUTH','pw')", "0"}) == "EVAL # 0");
  CHECK(Shown({"EVAL", "redis.call('Config','SET','RequirePass',ARGV[1])", "1", "k", "pw"}) ==
        "EVAL # 1 k #");
  CHECK(Shown({"EVAL_RO", "redis.call('migrate',unpack(ARGV))", "0", "h", "pw"}) ==
        "EVAL_RO # 0 # #");
  CHECK(Shown({"EVAL", "0", "redis.call('auth','pw')"}) == "EVAL # #");
  CHECK(Shown({"EVAL", "call('auth', ARGV[1])", "9", "pw"}) == "EVAL # # #");
  CHECK(Shown({"EVAL", "return ARGV[1]", "1", "auth", "password"}) ==
        "EVAL return ARGV[1] 1 auth password");
  CHECK(Shown({"SCRIPT", "LOAD", "redis.call('auth','pw')"}) == "SCRIPT LOAD #");
  CHECK(Shown({"SCRIPT", "LOAD", "return 1"}) == "SCRIPT LOAD return 1");
  CHECK(Shown({"FUNCTION", "LOAD", "#!lua name=x setuser"}) == "FUNCTION LOAD #");
  CHECK(Shown({"FUNCTION", "LOAD", "REPLACE", "#!lua name=x setuser"}) == "FUNCTION LOAD # #");
  CHECK(Shown("FUNCTION RESTORE payload FLUSH") == "FUNCTION RESTORE # #");
  CHECK(Shown("MODULE LOAD /m.so PASSWORD pw") == "MODULE LOAD /m.so # #");
  CHECK(Shown("MODULE LOADEX /m.so CONFIG m.key pw ARGS x") == "MODULE LOADEX /m.so # # # # #");
}

TEST_CASE("an AUTH in the wrong place hides what stands behind it") {
  CHECK(Shown("PING AUTH user pw") == "PING AUTH # #");
  CHECK(Shown("QUIT auth pw") == "QUIT auth #");
  CHECK(Shown(std::vector<std::string>{"PING", "AUTH user pw"}) == "PING #");
  CHECK(Shown("ECHO hello") == "ECHO hello");
  CHECK(Shown("SELECT 0 AUTH pw") == "SELECT # # #");
  CHECK(Shown("GET AUTH user pw") == "GET AUTH # #");
  CHECK(Shown("GET a b") == "GET a b");
  CHECK(Shown("GET requirepass pw") == "GET requirepass #");
  CHECK(Shown("REPLICAOF h 1 masterauth pw") == "REPLICAOF # # # #");
}

TEST_CASE("the beginning of a command that is still on its way hides what a whole one would") {
  const auto shown = [](std::string_view line, std::size_t more_after) {
    const TestRequest request(TestRequest::Head{line, more_after});
    REQUIRE(request.get().info != nullptr);
    const audit::Redaction redaction(*request.get().info, request.get().command);
    std::string hidden;
    for (std::size_t i = 0; i < request.get().command.size(); ++i)
      hidden += redaction.Hides(i) ? '#' : '.';
    return hidden;
  };
  CHECK(shown("MIGRATE h 1 k 0 9 AUTH pw AUTH2 u", 0) == ".......#.#");
  CHECK(shown("MIGRATE h 1 k 0 9 AUTH2 u", 1) == ".......#");
  CHECK(shown("MIGRATE h 1 k 0 9 AUTH2", 0) == ".#####.");
  CHECK(shown("ACL SETUSER bob >pw", 0) == "...#");
  CHECK(shown("CONFIG SET requirepass pw maxmemory", 0) == "...#.");
  CHECK(shown("CONFIG SET requirepass pw maxmemory", 1) == "...#.");
  CHECK(shown("EVAL call('auth') 1 k pw", 0) == ".#..#");
}

TEST_CASE("the name of an unknown command is told where it looks like one") {
  for (const char* name : {"json.get", "JSON.GET", "Json.get", "ft._list", "x", "sort_ro", "get-x"})
    CHECK(audit::TellableName(name) == name);
  for (const std::string& name :
       {std::string("hunter2"), std::string("AUTHsecret"), std::string("AUTH secret"),
        std::string("auth\0pw", 7), std::string("CorrectHorse"), std::string("b840fc02d5"),
        std::string("p\xc3\xa4ss"), std::string(), std::string(33, 'a'),
        std::string("requirepass")})
    CHECK(audit::TellableName(name) == audit::kRedacted);
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
  CHECK(shown("SENTINEL SET m quorum 2 auth-user u", "sentinel|set") == ".......");
  CHECK(shown("SENTINEL SET m rename-command CONFIG pw", "sentinel|set") == "..####");
  CHECK(shown("SENTINEL SET auth-pass pw", "sentinel|set") == "..##");
  CHECK(shown("SENTINEL CONFIG SET sentinel-pass pw", "sentinel|config") == "....#");
  CHECK(shown("SENTINEL CONFIG GET sentinel-pass", "sentinel|config") == "..#.");
}

TEST_CASE("what holds no secret is shown whole") {
  for (const char* line :
       {"SET auth value", "GET requirepass", "HSET auth pass word", "CLIENT SETNAME auth",
        "EVAL s 1 auth pw", "PUBLISH auth pw", "REPLICAOF auth 1"})
    CHECK(Shown(line) == line);
}
