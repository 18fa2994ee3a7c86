// Verifier: any bytes as audit files, and a signed audit that was changed in any way.
//
// The first byte chooses. Even: what follows are files, separated by FS (0x1c), the first one a
// head. Odd: what follows are edits of a genuine audit, 4 bytes each: what to do, where (2 bytes),
// and a byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/primitives.h"
#include "crypto/signature.h"
#include "gateway/audit/verify.h"

namespace {

using redwall::audit::Finding;
using redwall::audit::Verifier;

void Check(bool holds) {
  if (!holds) std::abort();
}

const redwall::crypto::SigningKey& Key() {
  static const auto key = redwall::crypto::SigningKey::FromSeed(
      redwall::AsBytes(std::string_view("an audit's signing key, 32 bytes")));
  Check(redwall::crypto::Init() && key.has_value());
  return *key;
}

struct Outcome {
  std::string text;
  Verifier::Summary summary;
};

Outcome Verify(std::string_view head, const std::vector<std::string_view>& files, bool trusting,
               std::size_t piece) {
  Outcome outcome;
  Verifier::Options options;
  if (trusting) options.keys = {Key().public_key()};
  Verifier verifier(options, [&outcome](const Finding& finding) {
    for (const char c : finding.sentence) Check(c >= ' ' && c <= '~');
    outcome.text += finding.file + std::to_string(finding.line) + finding.sentence + "\n";
  });
  if (!head.empty()) verifier.AddHead("a.head", head);
  for (const std::string_view file : files) {
    verifier.BeginFile("a");
    for (std::size_t at = 0; at < file.size(); at += piece) verifier.Feed(file.substr(at, piece));
    verifier.EndFile();
  }
  outcome.summary = verifier.Finish();
  return outcome;
}

std::string Sign(const std::string& message) {
  redwall::crypto::Signature signature{};
  Check(Key().Sign(redwall::AsBytes(message), signature));
  return redwall::crypto::FormatSignature(signature);
}

struct Genuine {
  std::string text, head;
};

const Genuine& GenuineAudit() {
  static const Genuine genuine = [] {
    Genuine made;
    redwall::audit::ChainEnd end;
    const std::string key = redwall::crypto::FormatPublicKey(Key().public_key());
    const std::string ts = "2026-11-23T01:34:58.000000Z";
    const std::string time = ",\"ts\":\"" + ts + "\"";
    for (const char* rest : {",\"event\":\"start\"", ",\"cmd\":\"get\",\"us\":5", "",
                             ",\"cmd\":\"set\",\"us\":null", ",\"event\":\"stop\"", ""}) {
      std::string body = time + rest;
      if (*rest == '\0')
        body += ",\"event\":\"checkpoint\",\"key\":\"" + key + "\",\"signature\":\"" +
                Sign(redwall::audit::CheckpointMessage({end.seq + 1, end.hash}, ts)) + "\"";
      redwall::audit::AppendLine(body, end, made.text);
    }
    made.head =
        redwall::audit::FormatHead({end, true, key, Sign(redwall::audit::HeadMessage(end, true))});
    return made;
  }();
  return genuine;
}

// Whatever was done to it, it isn't passed over in silence.
void Edit(std::string_view edits) {
  const Genuine& genuine = GenuineAudit();
  std::string text = genuine.text;
  for (; edits.size() >= 4; edits.remove_prefix(4)) {
    const auto byte = [&edits](std::size_t i) { return static_cast<unsigned char>(edits[i]); };
    const std::size_t at = (256U * byte(1) + byte(2)) % (text.size() + 1);
    switch (byte(0) % 5) {
      case 0:
        if (at < text.size()) text[at] = edits[3];
        break;
      case 1:
        text.insert(at, 1, edits[3]);
        break;
      case 2:
        text.erase(at, byte(3));
        break;
      case 3:
        text.insert(at, text.substr(text.size() * byte(3) / 256, 400));
        break;
      default:
        text.resize(at);
    }
  }
  const Outcome outcome = Verify(genuine.head, {text}, true, SIZE_MAX);
  Check(outcome.text.empty() == (text == genuine.text));
}

void Foreign(std::string_view rest) {
  const std::size_t separator = rest.find('\x1c');
  const std::string_view head = rest.substr(0, separator);
  std::vector<std::string_view> files;
  for (std::size_t at = separator; at != rest.npos;) {
    const std::size_t next = rest.find('\x1c', at + 1);
    files.push_back(rest.substr(at + 1, next == rest.npos ? next : next - at - 1));
    at = next;
  }
  const Outcome whole = Verify(head, files, false, SIZE_MAX);
  Check(Verify(head, files, false, 3).text == whole.text);
  Check(whole.summary.signed_to <= whole.summary.last || whole.summary.wrong > 0);
  // No seed is signed with this key, and nobody can guess a signature.
  Check(Verify(head, files, true, SIZE_MAX).summary.wrong > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  if (bytes[0] % 2 != 0)
    Edit(bytes.substr(1));
  else
    Foreign(bytes.substr(1));
  return 0;
}
