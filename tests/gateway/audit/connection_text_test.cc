#include "gateway/audit/connection_text.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/gateway/policy/test_request.h"

namespace redwall::audit {
namespace {

// One connection's text, and what a line that is formatted anew has in its place.
struct Connection {
  const Subject subject{"0123456789abcdef0123456789abcdef", 5, "site-a", "10.0.0.1:5555"};
  const policy::TestRequest request{"GET a"};
  const policy::Decision decision{policy::Action::kAllow, false, policy::Action::kAllow, "r", ""};
  ConnectionText kept;

  void Check(std::string_view user, std::int64_t db, std::string_view client_name) {
    CAPTURE(user);
    CAPTURE(db);
    CAPTURE(client_name);
    const CommandStart start{subject, 7, user, db, client_name, request.get(), decision, 0};
    ConnectionText anew;
    anew.Update("client", "gw", start);
    kept.Update("client", "gw", start);
    CHECK(kept.before_n() == anew.before_n());
    CHECK(kept.behind_n() == anew.behind_n());
  }
};

}  // namespace

TEST_CASE("what lines have in common is what stands in each") {
  Connection connection;
  connection.Check("app", 2, "my client");
  CHECK(connection.kept.before_n() ==
        R"(,"side":"client","agent":"gw","session":"0123456789abcdef0123456789abcdef",)"
        R"("stream":5,"n":)");
  CHECK(connection.kept.behind_n() ==
        R"(,"identity":"site-a","user":"app","db":2,"client":"10.0.0.1:5555",)"
        R"("client_name":"my client")");
}

TEST_CASE("a user, a database and a name that change are told from then on") {
  Connection connection;
  for (int round = 0; round < 2; ++round) {
    connection.Check("", 0, "");
    connection.Check("app", 0, "");
    connection.Check("app", 0, "");
    connection.Check("app", 5, "");
    connection.Check("app", 5, "name");
    connection.Check("ap", 5, "name");
    connection.Check("bpp", 5, "name");
    connection.Check("bpp", 5, "nam");
    connection.Check("bpp", 5, "name ");
    connection.Check("name", -1, "bpp");
  }
}

TEST_CASE("of a long user and a long name all that the line shows counts") {
  Connection connection;
  const std::string most(256, 'a');
  for (int round = 0; round < 2; ++round) {
    for (const std::string& text : {most, most.substr(1), most + "a", most + "b", most + "aa",
                                    "b" + most, "b" + most + "a"}) {
      connection.Check(text, 0, "");
      connection.Check("", 0, text);
    }
  }
}

TEST_CASE("a long user and a long name take no more memory than their line does") {
  Connection connection;
  const std::string large(1 << 20, '\0');
  connection.Check(large, 0, large);
  CHECK(connection.kept.behind_n().size() < 4096);
}

}  // namespace redwall::audit
