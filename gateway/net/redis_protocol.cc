#include "gateway/net/redis_protocol.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace redwall::net {
namespace {

// hiredis asks for each value as it is read. An element goes straight into its parent, so that
// nothing has to be converted afterwards. The parent may move those that were finished before; of
// them hiredis keeps no pointer that it uses. Null makes hiredis give up.
void* Place(const redisReadTask* task, Reply value) {
  auto& budget = *static_cast<RedisReader::Budget*>(task->privdata);
  if (budget.values == 0) {
    budget.spent = true;
    return nullptr;
  }
  --budget.values;
  if (task->parent == nullptr) return new Reply(std::move(value));
  std::vector<Reply>& elements = static_cast<Reply*>(task->parent->obj)->elements;
  elements.push_back(std::move(value));
  return &elements.back();
}

Reply::Type TypeOf(int hiredis_type) {
  switch (hiredis_type) {
    case REDIS_REPLY_STATUS:
      return Reply::Type::kStatus;
    case REDIS_REPLY_ERROR:
      return Reply::Type::kError;
    default:
      return Reply::Type::kString;
  }
}

// The number of elements that an array announces is only announced: hiredis's own function would
// allocate them all at once.
redisReplyObjectFunctions MakeFunctions() {
  redisReplyObjectFunctions functions{};
  functions.createString = [](const redisReadTask* task, char* text, std::size_t size) {
    return Place(task, {TypeOf(task->type), std::string(text, size), 0, {}});
  };
  functions.createArray = [](const redisReadTask* task, auto) {
    return Place(task, {Reply::Type::kArray, {}, 0, {}});
  };
  functions.createInteger = [](const redisReadTask* task, long long integer) {
    return Place(task, {Reply::Type::kInteger, {}, integer, {}});
  };
  functions.createNil = [](const redisReadTask* task) { return Place(task, {}); };
  functions.freeObject = [](void* root) { delete static_cast<Reply*>(root); };
  return functions;
}

redisReplyObjectFunctions& Functions() {
  static redisReplyObjectFunctions functions = MakeFunctions();
  return functions;
}

}  // namespace

std::string FormatRedisCommand(const std::vector<std::string>& arguments) {
  assert(!arguments.empty());
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : arguments) {
    texts.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  char* formatted = nullptr;
  const int size = redisFormatCommandArgv(&formatted, static_cast<int>(arguments.size()),
                                          texts.data(), sizes.data());
  if (size < 0) return {};  // out of memory
  std::string command(formatted, static_cast<std::size_t>(size));
  redisFreeCommand(formatted);
  return command;
}

void RedisReader::ReaderFreer::operator()(redisReader* reader) const { redisReaderFree(reader); }

RedisReader::RedisReader(Limits limits)
    : limits_(limits),
      budget_{limits.values},
      reader_(redisReaderCreateWithFunctions(&Functions())) {
  if (reader_ != nullptr) reader_->privdata = &budget_;
}

RedisReader::~RedisReader() = default;

void RedisReader::Feed(ByteView bytes) {
  fed_ += bytes.size();
  if (reader_ == nullptr || fed_ > limits_.bytes) return;  // Next says so
  const std::string_view text = AsText(bytes);
  redisReaderFeed(reader_.get(), text.data(), text.size());  // failure stays in reader_->err
}

// hiredis looks for a line's end from its beginning whenever more has come.
bool RedisReader::LineIsTooLong() const {
  const std::size_t here = reader_->len - reader_->pos;
  return here > limits_.line &&
         std::memchr(reader_->buf + reader_->pos, '\n', limits_.line) == nullptr;
}

RedisReader::Status RedisReader::Die(std::string error) {
  error_ = std::move(error);
  reader_.reset();
  return Status::kError;
}

void RedisReader::Renew() {
  budget_.values = limits_.values;
  fed_ = reader_ == nullptr ? 0 : reader_->len - reader_->pos;
}

RedisReader::Status RedisReader::Next(Reply& reply) {
  if (!error_.empty()) return Status::kError;
  if (fed_ > limits_.bytes)
    return Die("the answer has more than " + std::to_string(limits_.bytes) + " bytes");
  if (reader_ == nullptr) return Die("out of memory");
  void* root = nullptr;
  if (redisReaderGetReply(reader_.get(), &root) != REDIS_OK) {
    if (budget_.spent)
      return Die("the answer has more than " + std::to_string(limits_.values) + " values");
    return Die(std::string("the answer isn't one that a Redis gives (") + reader_->errstr + ")");
  }
  if (root == nullptr) {
    if (LineIsTooLong())
      return Die("the answer has a line of more than " + std::to_string(limits_.line) + " bytes");
    return Status::kNeedMore;
  }
  const std::unique_ptr<Reply> owned(static_cast<Reply*>(root));
  reply = std::move(*owned);
  return Status::kReply;
}

}  // namespace redwall::net
