#include "gateway/audit/line_reader.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <variant>

#include "gateway/audit/line_scanner.h"

namespace redwall::audit {
namespace {

using Target = std::variant<std::string_view AuditLine::*, std::uint64_t AuditLine::*,
                            std::int64_t AuditLine::*, bool AuditLine::*,
                            std::vector<std::string_view> AuditLine::*>;

struct Field {
  std::string_view name;
  Target target;
  bool AuditLine::*present = nullptr;
};

// In the order in which a line has them, so that each is found where the one before ended.
const Field kFields[] = {
    {"v", &AuditLine::v},
    {"seq", &AuditLine::seq},
    {"ts", &AuditLine::ts},
    {"side", &AuditLine::side},
    {"agent", &AuditLine::agent},
    {"event", &AuditLine::event},
    {"session", &AuditLine::session},
    {"stream", &AuditLine::stream},
    {"n", &AuditLine::n},
    {"identity", &AuditLine::identity},
    {"user", &AuditLine::user},
    {"db", &AuditLine::db},
    {"client", &AuditLine::client},
    {"client_name", &AuditLine::client_name},
    {"cmd", &AuditLine::cmd, &AuditLine::has_cmd},
    {"keys", &AuditLine::keys, &AuditLine::has_keys},
    {"keys_more", &AuditLine::keys_more},
    {"keys_untold", &AuditLine::keys_untold},
    {"channels", &AuditLine::channels},
    {"channels_more", &AuditLine::channels_more},
    {"args", &AuditLine::args, &AuditLine::has_args},
    {"args_more", &AuditLine::args_more},
    {"argc", &AuditLine::argc},
    {"bytes_in", &AuditLine::bytes_in},
    {"bytes_out", &AuditLine::bytes_out},
    {"decision", &AuditLine::decision},
    {"observed", &AuditLine::observed},
    {"would", &AuditLine::would},
    {"rule", &AuditLine::rule},
    {"result", &AuditLine::result},
    {"error", &AuditLine::error},
    {"own", &AuditLine::own},
    {"us", &AuditLine::us},
    {"prev", &AuditLine::prev},
};

const Field* FindField(std::string_view name, const Field*& expected) {
  for (std::size_t i = 0; i < std::size(kFields); ++i) {
    const Field* field = expected++;
    if (expected == std::end(kFields)) expected = std::begin(kFields);
    if (field->name == name) return field;
  }
  return nullptr;
}

template <class T>
bool ParseNumber(std::string_view text, T& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

// Reads a value into the line's member; `expected` says what it must be where it is something else.
struct Store {
  LineScanner& scanner;
  AuditLine& line;
  const char* expected = "";

  bool operator()(std::string_view AuditLine::*member) {
    expected = "a string";
    return scanner.Text(line.*member);
  }
  bool operator()(std::uint64_t AuditLine::*member) {
    expected = "a number from 0";
    std::string_view text;
    return scanner.Literal(text) && ParseNumber(text, line.*member);
  }
  bool operator()(std::int64_t AuditLine::*member) {
    expected = "a number";
    std::string_view text;
    if (!scanner.Literal(text)) return false;
    return text == "null" || ParseNumber(text, line.*member);
  }
  bool operator()(bool AuditLine::*member) {
    expected = "true or false";
    std::string_view text;
    if (!scanner.Literal(text)) return false;
    line.*member = text == "true";
    return text == "true" || text == "false";
  }
  bool operator()(std::vector<std::string_view> AuditLine::*member) {
    expected = "a list of strings";
    std::vector<std::string_view>& list = line.*member;
    list.clear();
    if (!scanner.Take('[')) return false;
    if (scanner.Take(']')) return true;
    do {
      if (!scanner.Text(list.emplace_back())) return false;
    } while (scanner.Take(','));
    return scanner.Take(']');
  }
};

// For the next line; the lists keep their memory.
void Clear(AuditLine& line) {
  AuditLine empty;
  std::swap(empty.keys, line.keys);
  std::swap(empty.channels, line.channels);
  std::swap(empty.args, line.args);
  std::swap(empty.more, line.more);
  empty.keys.clear();
  empty.channels.clear();
  empty.args.clear();
  empty.more.clear();
  line = std::move(empty);
}

bool ReadOther(LineScanner& scanner, std::string_view name, AuditLine& line) {
  std::string_view value;
  if (scanner.Peek('{') || scanner.Peek('[')) return scanner.Skip();
  if (!(scanner.Peek('"') ? scanner.Text(value) : scanner.Literal(value))) return false;
  line.more.emplace_back(name, value);
  return true;
}

// An empty text: all is well.
std::string ReadMembers(LineScanner& scanner, AuditLine& line) {
  if (!scanner.Take('{')) return "it is not a JSON object";
  const Field* expected = std::begin(kFields);
  if (!scanner.Take('}')) {
    do {
      std::string_view name;
      if (!scanner.Text(name) || !scanner.Take(':')) return "it is not JSON, or a part of it lacks";
      const Field* field = FindField(name, expected);
      if (field == nullptr) {
        if (ReadOther(scanner, name, line)) continue;
        return "it is not JSON, or a part of it lacks";
      }
      Store store{scanner, line};
      if (!std::visit(store, field->target))
        return "'" + std::string(field->name) + "' should be " + store.expected;
      if (field->present != nullptr) line.*field->present = true;
    } while (scanner.Take(','));
    if (!scanner.Take('}')) return "it is not JSON, or a part of it lacks";
  }
  return scanner.AtEnd() ? "" : "something stands behind the JSON object";
}

std::int64_t DaysSince1970(std::int64_t year, std::int64_t month, std::int64_t day) {
  if (month <= 2) --year;
  const std::int64_t cycle = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_cycle = year - cycle * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return cycle * 146097 + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 +
         day_of_year - 719468;
}

}  // namespace

std::string_view AuditLine::More(std::string_view name) const {
  for (const auto& [member, value] : more)
    if (member == name) return value;
  return {};
}

bool LineReader::Read(std::string_view text) {
  Clear(line_);
  decoded_.clear();
  decoded_.reserve(text.size());
  LineScanner scanner(text, decoded_);
  error_ = ReadMembers(scanner, line_);
  if (!error_.empty()) return false;
  if (line_.v != 1) {
    error_ = line_.v == 0 ? "it has no \"v\":1: this is not an audit line of redwall"
                          : "it is of version " + std::to_string(line_.v) +
                                " of the audit's form, and this redwall knows 1";
  } else if (!ParseTimestamp(line_.ts, line_.ts_us)) {
    error_ = "'ts' should be a time like 2026-11-23T01:34:58.000001Z";
  } else if (line_.side != "client" && line_.side != "server") {
    error_ = "'side' should be \"client\" or \"server\"";
  } else if (line_.has_cmd != line_.event.empty()) {
    error_ = "it should have either 'cmd' or 'event'";
  }
  return error_.empty();
}

bool ParseTimestamp(std::string_view text, std::int64_t& us) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() < kForm.size() + 1 || text.back() != 'Z') return false;
  const auto number = [&](std::size_t at, std::size_t count) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + count; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  std::int64_t fraction = 0, unit = 100000;
  const std::string_view rest = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  if (!rest.empty() && (rest.front() != '.' || rest.size() == 1)) return false;
  for (std::size_t i = 1; i < rest.size(); ++i, unit /= 10) {
    if (rest[i] < '0' || rest[i] > '9') return false;
    fraction += unit * (rest[i] - '0');
  }
  const std::int64_t month = number(5, 2), day = number(8, 2);
  if (month < 1 || month > 12 || day < 1 || day > 31 || number(11, 2) > 23 || number(14, 2) > 59 ||
      number(17, 2) > 60)
    return false;
  const std::int64_t seconds = DaysSince1970(number(0, 4), month, day) * 86400 +
                               number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
  us = seconds * 1000000 + fraction;
  return true;
}

}  // namespace redwall::audit
