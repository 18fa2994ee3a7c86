#include "gateway/policy/rate_limits.h"

#include <algorithm>

namespace redwall::policy {
namespace {

constexpr std::int64_t kSweepUs = 1'000'000;
constexpr std::string_view kOverflow = "\nothers";  // no client has this name

}  // namespace

void RateLimits::Fill(const Rate& rate, std::int64_t now_us, Bucket& bucket) {
  const double seconds = static_cast<double>(now_us - bucket.filled_us) / 1e6;
  bucket.tokens = std::min(rate.burst, bucket.tokens + std::max(seconds, 0.0) * rate.per_second);
  bucket.filled_us = std::max(now_us, bucket.filled_us);
}

RateLimits::Bucket& RateLimits::Find(const Rate& rate, std::string_view identity, Table& table,
                                     std::int64_t now_us) {
  if (const auto found = table.buckets.find(std::string_view(name_)); found != table.buckets.end())
    return found->second;
  if (table.buckets.size() >= kMaxBuckets && now_us - table.swept_us >= kSweepUs) {
    table.swept_us = now_us;
    std::erase_if(table.buckets, [&](const auto& item) {
      Bucket bucket = item.second;
      Fill(rate, now_us, bucket);
      return bucket.tokens >= rate.burst;
    });
  }
  if (table.buckets.size() >= kMaxBuckets) name_.assign(identity).append(kOverflow);
  return table.buckets.try_emplace(name_, Bucket{rate.burst, now_us}).first->second;
}

bool RateLimits::Take(const Rate& rate, std::string_view identity, const Sender& sender) {
  if (tables_.size() <= rate.number) tables_.resize(rate.number + 1);
  name_.clear();
  if (rate.per != Rate::Per::kRule) name_ = identity;
  if (rate.per == Rate::Per::kClient) {
    name_ += '\n';
    if (sender.ip) {
      name_.append(reinterpret_cast<const char*>(sender.ip->bytes.data()), sender.ip->bytes.size());
    } else {
      name_ += sender.address;
    }
  }
  Bucket& bucket = Find(rate, identity, tables_[rate.number], sender.now.mono_us);
  Fill(rate, sender.now.mono_us, bucket);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace redwall::policy
