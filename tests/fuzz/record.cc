// Feeds records to an open channel: genuine ones, laid over with the input, cut in pieces, repeated
// or left out, as the first bytes of the input say. Every plaintext that comes out must be the next
// one that was sealed, whatever happened to the bytes. Keys and ephemerals are fixed.
//
//   input = u8 piece size (0: whole) | u8 program of up to 8 steps, a bit each | bytes
//   a step takes u8 size and seals that much; its bit says that the record is then altered by the
//   bytes that follow: u8 what (0 flip, 1 drop, 2 repeat, 3 raw bytes instead), u8 where or how
//   many
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "crypto/primitives.h"
#include "crypto/secure_channel.h"

namespace {

using namespace redwall;          // NOLINT
using namespace redwall::crypto;  // NOLINT
using Bytes = std::vector<std::byte>;

void Require(bool condition) {
  if (!condition) std::abort();
}

// The input, byte for byte; zeros after its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ == size_; }
  std::uint8_t Next() { return empty() ? std::uint8_t{0} : data_[at_++]; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

SharedKey MakeKey() { return {"fuzz", {}, Secret(kKeySize)}; }

std::shared_ptr<const Keyring> MakeKeyring() {
  std::vector<SharedKey> keys;
  keys.push_back(MakeKey());
  return std::make_shared<const Keyring>(std::move(keys), nullptr, std::vector<AuthorizedAgent>());
}

void Pass(SecureChannel& from, SecureChannel& to) {
  Bytes message = from.TakeOutput();
  std::size_t used = 0;
  (void)to.Receive(message, used);
}

// Every plaintext from `stream` must be the next of `sealed`. Returns how many there were.
std::size_t Check(SecureChannel& receiver, Bytes stream, const std::vector<Bytes>& sealed,
                  std::size_t piece) {
  std::size_t opened = 0;
  MutableBytes in(stream);
  while (!in.empty() && !receiver.failed()) {
    std::size_t used = 0;
    const MutableBytes text = receiver.Receive(in.first(std::min(piece, in.size())), used);
    Require(used > 0 && used <= in.size());
    if (!text.empty()) {
      Require(opened < sealed.size());
      Require(std::equal(text.begin(), text.end(), sealed[opened].begin(), sealed[opened].end()));
      ++opened;
    }
    in = in.subspan(used);
  }
  return opened;
}

// Does to `record` what the input says, and returns what is sent instead.
Bytes Alter(Bytes record, Input& input) {
  const std::uint8_t what = input.Next() % 4;
  const std::uint8_t where = input.Next();
  if (what == 0) {
    record[where % record.size()] ^= static_cast<std::byte>(input.Next());
  } else if (what == 1) {
    record.clear();
  } else if (what == 2) {
    const Bytes copy = record;
    record.insert(record.end(), copy.begin(), copy.end());
  } else {
    record.resize(where);
    for (std::byte& b : record) b = static_cast<std::byte>(input.Next());
  }
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SharedKey key = MakeKey();
  static const std::shared_ptr<const Keyring> keyring = MakeKeyring();
  static const Bytes ephemeral(kKeySize, std::byte{3});
  ReplayCache replays;
  SecureChannel sender = SecureChannel::InitiatorForTest({&key, nullptr, {}}, ephemeral);
  SecureChannel receiver = SecureChannel::ResponderForTest(keyring, &replays, ephemeral);
  Pass(sender, receiver);
  Pass(receiver, sender);
  Require(sender.open() && receiver.open());

  Input input(data, size);
  const std::size_t piece = input.Next();
  const unsigned program = input.Next();
  Bytes stream;
  std::vector<Bytes> sealed;
  bool intact = true;
  for (unsigned step = 0; step < 8 && !input.empty(); ++step) {
    const std::size_t text_size = input.Next() + std::size_t{1};
    const Bytes text(text_size, static_cast<std::byte>(step + 1));
    Bytes record(text_size + kRecordOverhead);
    std::copy(text.begin(), text.end(), record.begin() + 2);
    Require(sender.Seal(record, text_size) == record.size());
    sealed.push_back(text);
    const Bytes sent = (program >> step & 1) != 0 ? Alter(record, input) : record;
    intact = intact && sent == record;
    stream.insert(stream.end(), sent.begin(), sent.end());
  }
  const std::size_t opened = Check(receiver, stream, sealed, piece == 0 ? SIZE_MAX : piece);
  if (intact) Require(opened == sealed.size() && !receiver.failed());
  return 0;
}
