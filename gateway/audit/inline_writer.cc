#include <algorithm>
#include <utility>

#include "gateway/audit/writer.h"

namespace redwall::audit {
namespace {

constexpr std::int64_t kTryAgainUs = 100 * 1000;

class InlineWriter final : public Writer {
 public:
  InlineWriter(std::unique_ptr<Journal> journal, std::size_t max_bytes)
      : journal_(std::move(journal)),
        max_bytes_(max_bytes),
        healthy_(journal_->trouble().empty()) {}

  void Submit(std::string& bodies, const Now& now) override {
    if (bodies.empty() && healthy_ && !IsDue(now)) return;
    healthy_ = journal_->Write(bodies, now);
  }
  bool RoomFor(std::size_t bytes) const override { return bytes <= max_bytes_; }
  bool Recovered() const override { return healthy_; }
  bool healthy() const override { return healthy_; }
  std::string trouble() override { return journal_->trouble(); }
  std::vector<std::string> TakeNotes() override { return journal_->TakeNotes(); }
  std::int64_t DueUs(const Now& now) override {
    return healthy_ ? journal_->due_us() : now.mono_us + kTryAgainUs;
  }
  bool Reopen(const Now& now) override { return healthy_ = journal_->Reopen(now); }
  std::uint64_t Close(std::string& bodies, const Now& now) override {
    journal_->Write(bodies, now);
    const auto left = static_cast<std::uint64_t>(std::count(bodies.begin(), bodies.end(), '\n'));
    return left + journal_->Close(now);
  }

 private:
  bool IsDue(const Now& now) const {
    return journal_->due_us() >= 0 && now.mono_us >= journal_->due_us();
  }

  const std::unique_ptr<Journal> journal_;
  const std::size_t max_bytes_;
  bool healthy_;
};

}  // namespace

std::unique_ptr<Writer> MakeInlineWriter(std::unique_ptr<Journal> journal, std::size_t max_bytes) {
  return std::make_unique<InlineWriter>(std::move(journal), max_bytes);
}

}  // namespace redwall::audit
