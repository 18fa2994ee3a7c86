#include "gateway/audit/verify.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/gateway/audit/audit_maker.h"

namespace redwall::audit {
namespace {

AuditMaker Small() {
  AuditMaker maker;
  maker.Event("start");
  for (const char* cmd : {"get", "set", "del", "config|set"}) maker.Command(cmd);
  maker.Event("stop");
  return maker;
}

// The findings' first place is at the line of that number or right behind or in front of it: a
// change shows in the hash that the next line holds.
bool Near(const Verdict& verdict, std::uint64_t line) {
  if (verdict.wrong.empty()) return false;
  const std::uint64_t found = verdict.wrong.front().line;
  return verdict.wrong.front().file == "a.jsonl" && found + 1 >= line && found <= line + 1;
}

}  // namespace

TEST_CASE("an audit as it was written has nothing wrong, in pieces of any size") {
  const AuditMaker maker = Small();
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100}, SIZE_MAX}) {
    CAPTURE(piece);
    const Verdict verdict = VerifyFiles(maker.files(), {maker.HeadFile(true)}, {}, piece);
    CHECK_MESSAGE(verdict.wrong.empty(), verdict.text());
    CHECK_MESSAGE(verdict.notes.empty(), verdict.text());
    CHECK(verdict.summary.lines == 6);
    CHECK(verdict.summary.first == 1);
    CHECK(verdict.summary.last == 6);
    CHECK(verdict.summary.signed_to == 0);
  }
}

TEST_CASE("every byte that is changed, removed or put in is noticed, and its line is named") {
  const AuditMaker maker = Small();
  const std::vector<NamedText> heads{maker.HeadFile(true)};
  std::uint64_t line = 1;
  for (std::size_t i = 0; i < maker.text().size(); ++i) {
    CAPTURE(i);
    std::vector<std::string> variants;
    for (const char to :
         {static_cast<char>(maker.text()[i] ^ 1), static_cast<char>(maker.text()[i] ^ 0x20), '\n',
          '\0', '0', '"', '\xff'}) {
      if (to == maker.text()[i]) continue;
      variants.push_back(maker.text());
      variants.back()[i] = to;
    }
    variants.push_back(maker.text());
    variants.back().erase(i, 1);
    for (const char put : {'x', '\n', '1', ' '}) {
      variants.push_back(maker.text());
      variants.back().insert(i, 1, put);
    }
    for (const std::string& variant : variants) {
      const Verdict verdict = VerifyText(variant, heads);
      CAPTURE(verdict.text());
      CHECK(Near(verdict, line));
    }
    if (maker.text()[i] == '\n') ++line;
  }
}

TEST_CASE("without a head, a change in any line but the last is noticed") {
  const AuditMaker maker = Small();
  const std::size_t last = maker.text().rfind('\n', maker.text().size() - 2) + 1;
  for (std::size_t i = 0; i < last; ++i) {
    std::string changed = maker.text();
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(VerifyText(changed).wrong.empty());
  }
  CHECK(VerifyText(maker.text()).Says("no file a.jsonl.head is there"));
}

TEST_CASE("every line that is removed is missed, by its number") {
  const AuditMaker maker = Small();
  for (std::size_t i = 0; i < 6; ++i) {
    std::vector<std::string> lines = LinesOf(maker.text());
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    const Verdict verdict = VerifyText(Joined(lines), {maker.HeadFile(true)}, {{}, true});
    CAPTURE(verdict.text());
    REQUIRE(verdict.wrong.size() == 1);
    if (i == 0) {
      CHECK(verdict.Says("the lines begin with number 2"));
    } else if (i == 5) {
      CHECK(verdict.Says("end with number 5, but by a.jsonl.head the agent had written 6"));
    } else {
      CHECK(verdict.wrong[0].line == i + 1);
      CHECK(verdict.Says("number " + std::to_string(i + 1) + " are missing in front of this one"));
    }
  }
}

TEST_CASE("every two neighbours that are swapped, and lines that are moved, copied or put in") {
  const AuditMaker maker = Small();
  const std::vector<std::string> good = LinesOf(maker.text());
  for (std::size_t i = 0; i + 1 < good.size(); ++i) {
    std::vector<std::string> lines = good;
    std::swap(lines[i], lines[i + 1]);
    const Verdict verdict = VerifyText(Joined(lines), {maker.HeadFile(true)});
    CAPTURE(verdict.text());
    CHECK(Near(verdict, i + 1));
    CHECK(verdict.wrong.size() <= 2);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::vector<std::string> lines = good;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(i), good[i]);
    const Verdict verdict = VerifyText(Joined(lines), {maker.HeadFile(true)});
    REQUIRE(verdict.wrong.size() == 1);
    CHECK(verdict.wrong[0].line == i + 2);
    CHECK(verdict.Says("second copy"));
  }
  // Put in, with the right number and the right hash of the line in front.
  AuditMaker forger;
  forger.Event("start").Command("get").Command("flushall");
  std::vector<std::string> lines = good;
  lines.insert(lines.begin() + 2, LinesOf(forger.text())[2]);
  CHECK(Near(VerifyText(Joined(lines), {maker.HeadFile(true)}), 3));
}

TEST_CASE("a line whose number was changed doesn't draw the others into it") {
  const AuditMaker maker = Small();
  for (const char* number : {"1", "2", "4", "5", "6", "100", "9223372036854775807"}) {
    std::vector<std::string> lines = LinesOf(maker.text());
    lines[2].replace(lines[2].find("\"seq\":3") + 6, 1, number);
    const Verdict verdict = VerifyText(Joined(lines), {maker.HeadFile(true)});
    CAPTURE(verdict.text());
    REQUIRE(verdict.wrong.size() == 2);
    CHECK(verdict.wrong[0].line == 3);
    CHECK(verdict.Says("this line's number was changed: it is " + std::string(number) +
                       ", and must be 3"));
  }
}

TEST_CASE("a tail that is cut off at any byte is noticed by the head") {
  const AuditMaker maker = Small();
  for (std::size_t size = 0; size < maker.text().size(); ++size) {
    CAPTURE(size);
    const Verdict verdict = VerifyText(maker.text().substr(0, size), {maker.HeadFile(true)});
    CHECK_FALSE(verdict.wrong.empty());
  }
  // And so is an empty file behind a rotated one that is whole.
  AuditMaker rotated;
  rotated.Event("start").Rotate().Command();
  CHECK(VerifyFiles({rotated.files()[0], {"a.jsonl", ""}}, {rotated.HeadFile(false)})
            .Says("the end is missing"));
}

TEST_CASE("rotated files: one missing, in front, between, at the end; one given twice") {
  AuditMaker maker;
  maker.Event("start").Rotate().Command().Rotate().Command().Rotate().Event("stop");
  const auto& files = maker.files();
  const std::vector<NamedText> heads{maker.HeadFile(true)};
  CHECK(VerifyFiles(files, heads).text() == "");
  CHECK(VerifyFiles(files, heads, {{}, true}).text() == "");

  const Verdict first = VerifyFiles({files[1], files[2], files[3]}, heads);
  CHECK(first.wrong.empty());
  CHECK(first.Says("begin with number 3; whether the older ones were removed rightly"));
  CHECK(VerifyFiles({files[1], files[2], files[3]}, heads, {{}, true}).wrong.size() == 1);

  const Verdict between = VerifyFiles({files[0], files[2], files[3]}, heads);
  REQUIRE(between.wrong.size() == 1);
  CHECK(between.wrong[0].file == files[2].name);
  CHECK(between.Says("the lines with numbers 3 to 4 are missing: " + files[0].name +
                     " ends with number 2, and this file begins with 5"));

  const Verdict last = VerifyFiles({files[0], files[1], files[2]});
  CHECK(last.wrong.empty());
  CHECK(last.Says("goes on in \"a.jsonl\", which isn't among these files"));
  CHECK(VerifyFiles({files[0], files[1], files[2]}, heads).wrong.size() == 1);

  const NamedText copy{"copy.jsonl", files[1].text};
  const Verdict twice = VerifyFiles({files[0], files[1], copy, files[2], files[3]}, heads);
  CAPTURE(twice.text());
  REQUIRE(twice.wrong.size() >= 1);
  CHECK(twice.wrong[0].file == "copy.jsonl");
  CHECK(twice.Says("it is a copy, or belongs to another audit"));
}

TEST_CASE("a rotated file whose end was cut off is noticed without a head") {
  AuditMaker maker;
  maker.Event("start").Command().Rotate().Event("stop");
  NamedText file = maker.files()[0];
  CHECK(VerifyFiles({file}).wrong.empty());
  std::vector<std::string> lines = LinesOf(file.text);
  lines.pop_back();
  file.text = Joined(lines);
  const Verdict verdict = VerifyFiles({file});
  CHECK(verdict.Says("at number 3 by the file's name, but the last line is number 2"));
  CHECK(verdict.wrong.size() == 1);
}

TEST_CASE("files that the agent removed itself are no hole") {
  AuditMaker maker;
  maker.Event("start").Rotate().Command().Rotate();
  maker.Event("removed", ",\"file\":\"" + maker.files()[0].name + "\",\"last_seq\":2")
      .Event("stop");
  const std::vector<NamedText> left{maker.files()[1], maker.files()[2]};
  const Verdict verdict = VerifyFiles(left, {maker.HeadFile(true)});
  CHECK_MESSAGE(verdict.wrong.empty(), verdict.text());
  CHECK(verdict.Says("the agent itself removed the older ones"));
  const Verdict more = VerifyFiles({maker.files()[2]}, {maker.HeadFile(true)});
  CHECK(more.Says("can't be told from these files"));
}

TEST_CASE("half a line of a killed agent is known where the next line says so, and only there") {
  AuditMaker maker;
  maker.Event("start").Raw("{\"v\":1,\"seq\":2,\"ts\":\"19\n");
  maker.Event("gap", ",\"why\":\"the agent ended without a stop\"").Event("stop");
  const Verdict known = VerifyText(maker.text(), {maker.HeadFile(true)});
  CHECK_MESSAGE(known.wrong.empty(), known.text());
  CHECK(known.Says("a.jsonl:2: this is half a line"));
  CHECK(known.Says("a.jsonl:3: the agent says: \"the agent ended without a stop\""));

  AuditMaker silent;
  silent.Event("start").Raw("{\"v\":1,\"seq\":2,\"ts\":\"19\n").Event("stop");
  const Verdict told = VerifyText(silent.text(), {silent.HeadFile(true)});
  REQUIRE(told.wrong.size() == 1);
  CHECK(told.wrong[0].line == 2);

  AuditMaker foreign;
  foreign.Event("start").Raw("hello\n").Event("gap", ",\"why\":\"torn\"").Event("stop");
  CHECK(VerifyText(foreign.text(), {foreign.HeadFile(true)}).wrong.size() == 1);

  AuditMaker end;
  end.Event("start").Raw("{\"v\":1,\"se");
  const Verdict cut = VerifyText(end.text(), {end.HeadFile(false)});
  REQUIRE(cut.wrong.size() == 1);
  CHECK(cut.wrong[0].line == 2);
  CHECK(cut.Says("the file ends in the middle of this line"));
}

TEST_CASE("half a line that stands whole in the next file is no damage") {
  AuditMaker maker;
  maker.Event("start").Rotate().Command("set").Event("stop");
  std::vector<NamedText> files = maker.files();
  files[0].text += files[1].text.substr(0, 50);
  CHECK(VerifyFiles(files, {maker.HeadFile(true)}).wrong.empty());
  files[0].text.back() = 'X';
  CHECK(VerifyFiles(files, {maker.HeadFile(true)}).wrong.size() == 1);
}

TEST_CASE("a gap that the agent declares is a note, one that it found is wrong") {
  AuditMaker full;
  full.Event("start").Event("gap", ",\"lost\":17,\"why\":\"the queue is full\"").Event("stop");
  const Verdict note = VerifyText(full.text(), {full.HeadFile(true)});
  CHECK(note.wrong.empty());
  CHECK(note.Says("17 lines could not be written here: \"the queue is full\""));

  AuditMaker cut;
  cut.Event("start").Command().Command();
  const std::string start = LinesOf(cut.text())[0] + "\n";
  AuditMaker after;
  after.end() = cut.end();
  after.Event("gap", ",\"lost\":2,\"why\":\"its end was cut off\"").Event("stop");
  const Verdict wrong = VerifyText(start + after.text(), {after.HeadFile(true)});
  CHECK(wrong.wrong.size() == 1);
  CHECK(
      wrong.Says("numbers 2 to 3 are missing in front of this one. The agent found them missing"));

  AuditMaker added;
  added.Event("stop").Command("flushall");
  added.Event("gap",
              ",\"why\":\"the file was closed with line 1, and somebody has added lines since\"");
  added.Event("stop");
  const Verdict more = VerifyText(added.text(), {added.HeadFile(true)});
  CHECK(more.wrong.size() == 1);
  CHECK(more.Says("weren't written by the agent"));
}

TEST_CASE("what no agent leaves behind by itself is wrong, with what it can mean") {
  for (const auto& [why, says] : std::vector<std::pair<std::string, std::string>>{
           {"the head isn't signed with this agent's key: lines may", "\"sign\" was switched on"},
           {"line 9 is not the one that was written: it", "weren't written by the agent"},
           {"the head file is missing: lines may have", "somebody removed the head"},
           {"the head file can't be understood: lines", "somebody wrote over the head"},
           {"the file held nothing of a chain", "redwall 0.1"},
           {"the file held a chain bound by BLAKE2b, as", "bound its lines by BLAKE2b"},
           {"the file was deleted while it was written", "under the running agent"}}) {
    AuditMaker maker;
    maker.Event("start").Event("gap", ",\"lost\":null,\"why\":\"" + why + "\"").Event("stop");
    const Verdict verdict = VerifyText(maker.text(), {maker.HeadFile(true)});
    CAPTURE(verdict.text());
    REQUIRE(verdict.wrong.size() == 1);
    CHECK(verdict.wrong[0].line == 2);
    CHECK(verdict.Says(says));
    CHECK(verdict.Says("The agent says: \"" + why));
  }
}

TEST_CASE("what is no line: CR LF, NULs, empty lines, a BOM, foreign text, lines without a chain") {
  const AuditMaker maker = Small();
  const auto with = [&maker](std::size_t i, const std::string& instead) {
    std::vector<std::string> lines = LinesOf(maker.text());
    lines[i] = instead;
    return VerifyText(Joined(lines), {maker.HeadFile(true)});
  };
  const std::string third = LinesOf(maker.text())[2];
  for (const auto& pair : std::vector<std::pair<std::string, std::string>>{
           {third + "\r", "CR LF"},
           {std::string(30, '\0'), "zero bytes"},
           {"", "this line is empty"},
           {"\xef\xbb\xbf" + third, "isn't a line of an audit"},
           {"hello", "isn't a line of an audit"},
           {"{\"v\":1,\"seq\":3,\"ts\":\"x\"}", "earlier version of redwall"},
           {third.substr(0, 40), "isn't a line of an audit"}}) {
    const std::string& says = pair.second;
    CAPTURE(says);
    const Verdict verdict = with(2, pair.first);
    CAPTURE(verdict.text());
    REQUIRE(verdict.wrong.size() == 1);
    CHECK(verdict.wrong[0].line == 3);
    CHECK(verdict.Says(says));
  }
  std::string dos;
  for (const std::string& line : LinesOf(maker.text())) dos += line + "\r\n";
  CHECK(VerifyText(dos, {maker.HeadFile(true)}).wrong.size() >= 6);
}

TEST_CASE("a line that never ends is given up at 64 MiB, and what follows is checked") {
  const AuditMaker maker = Small();
  std::vector<std::string> lines = LinesOf(maker.text());
  lines.insert(lines.begin() + 2, "{\"v\":1,\"seq\":3," + std::string(kMaxLineBytes, 'x'));
  const Verdict verdict = VerifyText(Joined(lines), {maker.HeadFile(true)});
  REQUIRE(verdict.wrong.size() == 1);
  CHECK(verdict.wrong[0].line == 3);
  CHECK(verdict.Says("longer than 64 MiB"));
  // Up to the limit, a line is one like any other.
  AuditMaker large;
  large.Event("start").Command(std::string(kMaxLineBytes - 1000, 'k')).Event("stop");
  CHECK(VerifyFiles(large.files(), {large.HeadFile(true)}, {}, 65536).text() == "");
}

TEST_CASE("nothing to read is not fine") {
  CHECK(VerifyFiles({}).Says("no line that could be read"));
  CHECK(VerifyText("").Says("no line that could be read"));
  CHECK(VerifyText("hello\n").wrong.size() == 2);
  CHECK(VerifyFiles({{"a", ""}, {"b", ""}}).wrong.size() == 1);
  const AuditMaker maker = Small();
  CHECK(VerifyFiles({{"empty", ""}, {"a.jsonl", maker.text()}, {"empty2", ""}},
                    {maker.HeadFile(true)})
            .wrong.empty());
}

TEST_CASE("what a forged file says is shown without steering the terminal") {
  AuditMaker maker;
  maker.Event("start").Event("gap", ",\"why\":\"\x1b[2Jgone\x07" + std::string(1000, 'x') + "\"");
  const Verdict verdict = VerifyText(maker.text());
  CHECK(verdict.Says("\"?[2Jgone?xxx"));
  CHECK(verdict.text().find('\x1b') == std::string::npos);
  CHECK(verdict.text().size() < 1000);
}

TEST_CASE("files are put in order by the number of their first line that can be read") {
  CHECK(FirstSeq(Small().text()) == 1);
  CHECK(FirstSeq("{\"v\":1,\"seq\":701,\"ts\"") == 701);
  CHECK(FirstSeq("rubbish\n{\"v\":1,\"seq\":8,") == 8);
  for (const char* text : {"", "rubbish", "{\"v\":1,\"seq\":", "{\"v\":1,\"seq\":x"})
    CHECK_FALSE(FirstSeq(text));
  CHECK(RotatedSeq("/var/log/s.jsonl.20261123T013458Z-200") == 200);
  for (const char* name :
       {"", "s.jsonl", "s.jsonl-200", "s.jsonl.20261123T013458Z-", "s.jsonl.2026112xT013458Z-2",
        "s.jsonl.20261123T013458Z-2x", "s.20261123T013458Z-99999999999999999999999"})
    CHECK_FALSE(RotatedSeq(name));
}

}  // namespace redwall::audit
