#include "gateway/audit/verify_signatures.h"

#include <string>
#include <vector>

#include "tests/gateway/audit/audit_maker.h"

namespace redwall::audit {
namespace {

const crypto::SigningKey& Key() {
  static const crypto::SigningKey key = TestKey('k');
  return key;
}
const crypto::SigningKey& Other() {
  static const crypto::SigningKey key = TestKey('o');
  return key;
}

AuditMaker Signed() {
  AuditMaker maker;
  maker.Event("start").Command("get").Checkpoint(Key()).Command("set").Event("stop");
  return maker.Checkpoint(Key());
}
Verifier::Options Trusting() { return {{Key().public_key()}, false}; }

}  // namespace

TEST_CASE("a signed audit is signed up to its last line, with and without a trusted key") {
  const AuditMaker maker = Signed();
  for (const auto& options : {Verifier::Options{}, Trusting()}) {
    const Verdict verdict = VerifyText(maker.text(), {maker.HeadFile(true, &Key())}, options);
    CHECK_MESSAGE(verdict.text() == "", verdict.text());
    CHECK(verdict.summary.checkpoints == 2);
    CHECK(verdict.summary.signed_to == 6);
    CHECK(verdict.summary.key == Key().public_key());
  }
}

TEST_CASE("every bit of a signed audit and of its head counts") {
  const AuditMaker maker = Signed();
  const NamedText head = maker.HeadFile(true, &Key());
  for (std::size_t i = 0; i < maker.text().size(); ++i) {
    CAPTURE(i);
    std::string changed = maker.text();
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(VerifyText(changed, {head}, Trusting()).wrong.empty());
  }
  for (std::size_t i = 0; i < head.text.find('}') + 1; ++i) {
    CAPTURE(i);
    NamedText changed = head;
    changed.text[i] = static_cast<char>(changed.text[i] ^ 1);
    CHECK_FALSE(VerifyText(maker.text(), {changed}, Trusting()).wrong.empty());
  }
  for (std::size_t size = 0; size < head.text.find('}') + 1; ++size)
    CHECK_FALSE(VerifyText(maker.text(), {{head.name, head.text.substr(0, size)}}).wrong.empty());
}

TEST_CASE("an audit that was written anew with another key is found by who knows the right one") {
  AuditMaker forged;
  forged.Event("start").Command("get").Event("stop").Checkpoint(Other());
  const std::vector<NamedText> heads{forged.HeadFile(true, &Other())};
  const Verdict verdict = VerifyText(forged.text(), heads, Trusting());
  REQUIRE(verdict.wrong.size() >= 1);
  CHECK(verdict.wrong[0].line == 4);
  CHECK(verdict.Says("which is none of those given with --key"));
  CHECK(verdict.Says(crypto::FormatPublicKey(Other().public_key())));
  CHECK(verdict.summary.signed_to == 0);
  // Without the right key it can't be told: only which key it was.
  const Verdict blind = VerifyText(forged.text(), heads);
  CHECK(blind.wrong.empty());
  CHECK(blind.summary.key == Other().public_key());
}

TEST_CASE("a second key is wrong, unless both are trusted") {
  AuditMaker maker;
  maker.Event("start").Checkpoint(Key()).Event("stop").Checkpoint(Other());
  const std::vector<NamedText> heads{maker.HeadFile(true, &Other())};
  const Verdict verdict = VerifyText(maker.text(), heads);
  REQUIRE(verdict.wrong.size() >= 1);
  CHECK(verdict.wrong[0].line == 4);
  CHECK(verdict.Says("name both with --key"));
  const Verdict both =
      VerifyText(maker.text(), heads, {{Other().public_key(), Key().public_key()}, false});
  CHECK(both.text() == "");
  CHECK(both.summary.signed_to == 4);
}

TEST_CASE("a signature that names the right key and isn't by it") {
  AuditMaker maker;
  maker.Event("start").Checkpoint(Key()).Command("get");
  // The first checkpoint once more, at a place that it wasn't made for.
  const std::string line = LinesOf(maker.text())[1];
  const std::size_t from = line.find(",\"ts\"");
  maker.Body(line.substr(from, line.find(",\"prev\"") - from));
  const Verdict verdict = VerifyText(maker.text(), {maker.HeadFile(false, &Key())}, Trusting());
  REQUIRE(verdict.wrong.size() == 1);
  CHECK(verdict.wrong[0].line == 4);
  CHECK(verdict.Says("its signature is wrong"));
}

TEST_CASE("checkpoints that were taken out, the chain mended behind them") {
  AuditMaker all;
  all.Event("start").Command("get").Event("stop");
  CHECK(VerifyText(all.text(), {all.HeadFile(true)}).text() == "");
  const Verdict none = VerifyText(all.text(), {all.HeadFile(true)}, Trusting());
  CHECK(none.Says("no line is signed"));
  CHECK(none.Says("isn't signed although the lines are"));

  AuditMaker end;  // only behind the first one
  end.Event("start").Checkpoint(Key()).Command("del").Event("stop");
  for (const auto& options : {Verifier::Options{}, Trusting()}) {
    const Verdict verdict = VerifyText(end.text(), {}, options);
    CHECK(verdict.wrong.size() == (options.keys.empty() ? 1 : 2));  // and the head is missing
    CHECK(verdict.Says("the lines behind number 2 are not signed, although the agent stopped"));
  }
  AuditMaker late;
  late.Event("start").Checkpoint(Key()).Command("get").Command("del", 121);
  CHECK(VerifyText(late.text(), {}, Trusting()).Says("minutes pass in them"));
}

TEST_CASE("the last lines of a running agent may be unsigned, and those of one without a key") {
  AuditMaker running;
  running.Event("start").Checkpoint(Key()).Command("get", 7200).Command("get", 2);
  const Verdict verdict = VerifyText(running.text(), {running.HeadFile(false, &Key())}, Trusting());
  CHECK_MESSAGE(verdict.wrong.empty(), verdict.text());
  const Verdict bare = VerifyText(running.text());
  CHECK_MESSAGE(bare.wrong.empty(), bare.text());
  CHECK(bare.summary.signed_to == 2);

  // A command that waited for an hour is written when it ends.
  AuditMaker slow;
  slow.Event("start").Checkpoint(Key());
  slow.Body(",\"ts\":\"2027-01-15T08:00:01.000000Z\",\"cmd\":\"blpop\",\"us\":3600000000");
  slow.Body(",\"ts\":\"2027-01-15T09:00:02.000000Z\",\"cmd\":\"get\",\"us\":5");
  CHECK(VerifyText(slow.text()).wrong.empty());
  AuditMaker ended;  // and one without a reply doesn't say how long it waited
  ended.Event("start").Checkpoint(Key());
  ended.Body(",\"ts\":\"2027-01-15T08:00:01.000000Z\",\"cmd\":\"blpop\",\"us\":null");
  ended.Body(",\"ts\":\"2027-01-15T09:00:02.000000Z\",\"cmd\":\"get\",\"us\":5");
  CHECK(VerifyText(ended.text()).wrong.empty());
  AuditMaker hours;  // but not a day of them
  hours.Event("start").Checkpoint(Key());
  for (const char* hour : {"08", "12", "17"})
    hours.Body(",\"ts\":\"2027-01-15T" + std::string(hour) +
               ":00:01.000000Z\",\"cmd\":\"blpop\",\"us\":null");
  CHECK(VerifyText(hours.text()).Says("minutes pass in them"));

  AuditMaker keyless;  // restarted without its key
  keyless.Event("start").Event("stop").Checkpoint(Key());
  keyless.Event("start").Command("get", 300).Event("stop");
  CHECK(VerifyText(keyless.text(), {keyless.HeadFile(true)}).wrong.empty());
  CHECK(VerifyText(keyless.text(), {keyless.HeadFile(true)}, Trusting()).wrong.size() == 2);
}

TEST_CASE("a head that was replaced: by an older one, by one of another key, by an unsigned one") {
  AuditMaker maker;
  maker.Event("start").Command("get").Checkpoint(Key());
  const NamedText old = maker.HeadFile(false, &Key());
  const NamedText closed = maker.HeadFile(true, &Key());
  maker.Command("set").Event("stop").Checkpoint(Key());
  for (const NamedText& head : {old, closed}) {
    const Verdict verdict = VerifyText(maker.text(), {head}, Trusting());
    CHECK(verdict.Says("this file is older than the lines: it names number 3"));
  }
  const Verdict added = VerifyText(maker.text(), {closed}, Trusting());
  CHECK(added.wrong[0].line == 4);
  CHECK(added.Says("was added after the agent had stopped"));
  const Verdict other = VerifyText(maker.text(), {maker.HeadFile(true, &Other())}, Trusting());
  CHECK(other.Says("none of those given"));
  CHECK(VerifyText(maker.text(), {maker.HeadFile(true, &Other())}).wrong.size() == 1);
  for (const auto& options : {Verifier::Options{}, Trusting()})
    CHECK(VerifyText(maker.text(), {maker.HeadFile(true)}, options)
              .Says("isn't signed although the lines are"));
  // Not closed, and the agent stopped all the same.
  CHECK(VerifyText(maker.text(), {maker.HeadFile(false, &Key())}, Trusting()).wrong.size() == 1);
}

TEST_CASE("a head of other lines doesn't make them right") {
  AuditMaker maker = Signed();
  AuditMaker other;
  other.Event("start").Command("set").Checkpoint(Key()).Command("set").Event("stop");
  other.Checkpoint(Key());
  const Verdict verdict = VerifyText(maker.text(), {other.HeadFile(true, &Key())}, Trusting());
  REQUIRE(verdict.wrong.size() == 1);
  CHECK(verdict.wrong[0].line == 6);
  CHECK(verdict.Says("its hash in a.jsonl.head is another"));
}

TEST_CASE("with a trusted key, or where all must be there, the head must be, too") {
  AuditMaker maker;
  maker.Event("start").Command("get").Checkpoint(Key());
  CHECK(VerifyText(maker.text()).wrong.empty());
  CHECK(VerifyText(maker.text(), {}, Trusting()).Says("a.jsonl.head is there"));
  CHECK(VerifyText(maker.text(), {}, Trusting()).wrong.size() == 1);
  CHECK(VerifyText(maker.text(), {}, {{}, true}).wrong.size() == 1);
  maker.Rotate(&Key());  // this one goes on elsewhere, and says so
  CHECK(VerifyFiles({maker.files()[0]}, {}, Trusting()).wrong.empty());
}

TEST_CASE("lines that stood behind the last signature after a kill are counted out") {
  AuditMaker maker;
  maker.Event("start").Checkpoint(Key()).Command("get").Command("set");
  maker.Event("gap",
              ",\"lost\":null,\"why\":\"the agent ended without a stop: lines may be missing "
              "here; lines 3 to 4 stand behind the last head and nobody vouches for them\"");
  maker.Event("stop").Checkpoint(Key());
  for (const auto& options : {Verifier::Options{}, Trusting()}) {
    const Verdict verdict = VerifyText(maker.text(), {maker.HeadFile(true, &Key())}, options);
    CHECK_MESSAGE(verdict.wrong.empty(), verdict.text());
    CHECK(verdict.Says("nobody vouches for the lines with numbers 3 to 4"));
    CHECK(verdict.summary.unvouched == 2);
    CHECK(verdict.summary.signed_to == 7);
  }
}

TEST_CASE("members of a line") {
  const std::string line =
      "{\"v\":1,\"seq\":1,\"ts\":\"t\",\"keys\":[\",\\\"x\\\":\\\"no\\\"\"],"
      "\"x\":\"a\\\"b\\\\\",\"us\":17,\"lost\":null,\"prev\":\"p\"}";
  CHECK(TextMember(line, "ts") == "t");
  CHECK(TextMember(line, "x") == "a\\\"b\\\\");
  CHECK(TextMember(line, "prev") == "p");
  CHECK(TextMember(line, "none").empty());
  CHECK(TextMember("{\"a\":1,\"b\":\"never ends\\", "b").empty());
  CHECK(NumberMember(line, "us") == 17);
  CHECK_FALSE(NumberMember(line, "lost"));
  CHECK_FALSE(NumberMember(line, "none"));
}

}  // namespace redwall::audit
