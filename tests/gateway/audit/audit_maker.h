// Makes audits for tests of what reads them: files of lines in a chain, with checkpoints and heads,
// as an agent writes them; and runs a Verifier over them.
#ifndef REDWALL_TESTS_GATEWAY_AUDIT_AUDIT_MAKER_H_
#define REDWALL_TESTS_GATEWAY_AUDIT_AUDIT_MAKER_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/signature.h"
#include "gateway/audit/chain.h"
#include "gateway/audit/json_text.h"
#include "gateway/audit/verify.h"

namespace redwall::audit {

inline crypto::SigningKey TestKey(char fill) {
  auto key = crypto::SigningKey::FromSeed(AsBytes(std::string(32, fill)));
  REQUIRE(key);
  return *std::move(key);
}

struct NamedText {
  std::string name;
  std::string text;
};

// Lines of one audit, in one file after the other.
class AuditMaker {
 public:
  AuditMaker() { files_.push_back({"a.jsonl", ""}); }

  // A second passes before each line, unless told otherwise.
  AuditMaker& Command(std::string_view cmd = "get", std::int64_t seconds = 1) {
    return Body(Time(seconds) + ",\"cmd\":\"" + std::string(cmd) + "\",\"us\":5");
  }
  AuditMaker& Event(std::string_view event, std::string_view rest = "", std::int64_t seconds = 1) {
    return Body(Time(seconds) + ",\"event\":\"" + std::string(event) + "\"" + std::string(rest));
  }
  AuditMaker& Checkpoint(const crypto::SigningKey& key) {
    const std::string time = Time(0);
    crypto::Signature signature{};
    const std::string_view ts = TextMember(time, "ts");
    REQUIRE(key.Sign(AsBytes(CheckpointMessage({end_.seq + 1, end_.hash}, ts)), signature));
    return Body(time + ",\"event\":\"checkpoint\",\"key\":\"" +
                crypto::FormatPublicKey(key.public_key()) + "\",\"signature\":\"" +
                crypto::FormatSignature(signature) + "\"");
  }
  AuditMaker& Body(const std::string& body) {
    AppendLine(body, end_, files_.back().text);
    return *this;
  }
  // Ends the file as an agent does, and goes on in another.
  AuditMaker& Rotate(const crypto::SigningKey* key = nullptr) {
    const std::string base = files_.back().name;
    Event("rotated", ",\"next\":\"" + base + "\"");
    if (key != nullptr) Checkpoint(*key);
    files_.back().name =
        base + ".20261123T01345" + std::to_string(files_.size()) + "Z-" + std::to_string(end_.seq);
    files_.push_back({base, ""});
    return *this;
  }
  AuditMaker& Raw(std::string_view text) {
    files_.back().text += text;
    return *this;
  }

  NamedText HeadFile(bool closed, const crypto::SigningKey* key = nullptr) const {
    Head head{end_, closed, "", ""};
    if (key != nullptr) {
      crypto::Signature signature{};
      REQUIRE(key->Sign(AsBytes(HeadMessage(end_, closed)), signature));
      head.key = crypto::FormatPublicKey(key->public_key());
      head.signature = crypto::FormatSignature(signature);
    }
    return {files_.back().name + ".head", FormatHead(head)};
  }
  const std::vector<NamedText>& files() const { return files_; }
  const std::string& text() const { return files_.back().text; }
  ChainEnd& end() { return end_; }

 private:
  std::string Time(std::int64_t seconds) {
    now_ += seconds * 1'000'000;
    return ",\"ts\":\"" + std::string(timestamp_.Format(now_)) +
           "\",\"side\":\"server\",\"agent\":\"vm\"";
  }

  std::vector<NamedText> files_;
  ChainEnd end_;
  Timestamp timestamp_;
  std::int64_t now_ = 1'800'000'000'000'000;
};

inline std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}
inline std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

struct Verdict {
  std::vector<Finding> wrong, notes;
  Verifier::Summary summary;

  std::string text() const {
    std::string all;
    for (const auto* findings : {&wrong, &notes})
      for (const Finding& finding : *findings)
        all += (findings == &wrong ? "WRONG " : "note ") + finding.file + ":" +
               std::to_string(finding.line) + ": " + finding.sentence + "\n";
    return all;
  }
  bool Says(std::string_view words) const { return text().find(words) != std::string::npos; }
};

inline Verdict VerifyFiles(const std::vector<NamedText>& files,
                           const std::vector<NamedText>& heads = {}, Verifier::Options options = {},
                           std::size_t piece = SIZE_MAX) {
  Verdict verdict;
  Verifier verifier(std::move(options), [&verdict](const Finding& finding) {
    (finding.kind == Finding::Kind::kWrong ? verdict.wrong : verdict.notes).push_back(finding);
  });
  for (const NamedText& head : heads) verifier.AddHead(head.name, head.text);
  for (const NamedText& file : files) {
    verifier.BeginFile(file.name);
    for (std::string_view rest = file.text; !rest.empty();
         rest.remove_prefix(std::min(piece, rest.size())))
      verifier.Feed(rest.substr(0, piece));
    verifier.EndFile();
  }
  verdict.summary = verifier.Finish();
  CHECK(verdict.summary.wrong == verdict.wrong.size());
  return verdict;
}
inline Verdict VerifyText(const std::string& text, const std::vector<NamedText>& heads = {},
                          Verifier::Options options = {}) {
  return VerifyFiles({{"a.jsonl", text}}, heads, std::move(options));
}

}  // namespace redwall::audit

#endif  // REDWALL_TESTS_GATEWAY_AUDIT_AUDIT_MAKER_H_
