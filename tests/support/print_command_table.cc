// Prints a command table as text, a line a command in the order of their names, for
// tests/compat/command_table_of_redis.py.
//
//   print_command_table --builtin
//   print_command_table [--password PASSWORD] ADDRESS [NAME...]
//
// The second form asks the Redis at ADDRESS ("host:port", "unix:/path") for its own table, and for
// each NAME for what it is an alias of; for each the last lines say what the table then finds
// ("alias NAME -> ..."). Exit status 1, with a sentence, where Redis doesn't give a table.
#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/agent/command_reply.h"
#include "gateway/net/redis_client.h"
#include "resp/command_table.h"

namespace {

using redwall::agent::ReadCommandReply;
using redwall::agent::RenamedFrom;
using redwall::resp::CommandInfo;
using redwall::resp::CommandTable;
using redwall::resp::KeySpec;
namespace net = redwall::net;
using Outcome = redwall::Result<std::vector<net::Reply>, net::RedisError>;

std::string ToText(const KeySpec& spec) {
  const auto number = [](std::int32_t value) { return std::to_string(value); };
  std::string text = " {";
  text += spec.read ? "r" : "";
  text += spec.write ? "w" : "";
  text += spec.not_key ? " not_key" : "";
  text += spec.incomplete ? " incomplete" : "";
  if (spec.begin == KeySpec::Begin::kIndex) text += " at " + number(spec.index);
  if (spec.begin == KeySpec::Begin::kKeyword)
    text += " after " + spec.keyword + " from " + number(spec.index);
  if (spec.find == KeySpec::Find::kRange)
    text += " range " + number(spec.last) + " " + number(spec.step) + " " + number(spec.limit);
  if (spec.find == KeySpec::Find::kKeynum)
    text += " keynum " + number(spec.keynum) + " " + number(spec.first) + " " + number(spec.step);
  return text + "}";
}

std::string ToText(const CommandInfo& info) {
  std::string text = info.name + " arity " + std::to_string(info.arity) + " flags " +
                     std::to_string(info.flags) + " verb " +
                     std::to_string(static_cast<int>(info.verb)) + " shape " +
                     std::to_string(static_cast<int>(info.key_shape));
  if (info.container) text += " container";
  if (info.touches_keyspace) text += " keyspace";
  for (const std::string_view category : redwall::resp::CategoryNames())
    if ((info.categories & redwall::resp::CategoryBit(category)) != 0)
      text += " @" + std::string(category);
  for (const KeySpec& spec : info.key_specs) text += ToText(spec);
  return text;
}

void Print(const CommandTable& table) {
  std::vector<std::string> lines;
  for (std::size_t id = 0; id < table.size(); ++id)
    lines.push_back(ToText(table.at(static_cast<std::uint16_t>(id))));
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) std::cout << line << '\n';
}

int Fail(const std::string& sentence) {
  std::cerr << "print_command_table: " << sentence << '\n';
  return 1;
}

int PrintOfServer(const net::Address& address, const std::string& password,
                  const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> commands = {{"COMMAND"}};
  for (const std::string& name : names) commands.push_back({"COMMAND", "INFO", name});
  const std::string login = password.empty() ? "" : net::FormatRedisCommand({"AUTH", password});
  std::optional<Outcome> outcome;
  {
    net::Loop loop;
    net::RedisClientOptions options;
    options.timeout_ms = 30000;
    options.login = redwall::AsBytes(login);
    const net::RedisClient client(loop, address, commands, options, [&](Outcome got) {
      outcome = std::move(got);
      loop.Stop();
    });
    loop.Run();
  }
  if (!outcome) return Fail("no outcome");  // a fault of RedisClient's
  if (!*outcome) return Fail(outcome->error().sentence);
  const std::vector<net::Reply>& replies = **outcome;
  auto read = ReadCommandReply(replies[0]);
  if (!read) return Fail(read.error().sentence);
  std::vector<CommandTable::Alias> aliases;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (auto of = RenamedFrom(replies[i + 1])) aliases.push_back({names[i], *of});
  const CommandTable table(std::move(read->commands), aliases);
  Print(table);
  std::cout << "left out " << read->left_out << '\n';
  for (const std::string& name : names) {
    const CommandInfo* info = table.Find(name);
    std::cout << "alias " << name << " -> " << (info == nullptr ? "(none)" : ToText(*info)) << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "--builtin") {
    Print(CommandTable::Builtin());
    return 0;
  }
  std::string password;
  if (arguments.size() > 2 && arguments[0] == "--password") {
    password = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.empty() || arguments[0].starts_with("-")) {
    std::cerr << "usage: print_command_table --builtin | [--password PASSWORD] ADDRESS [NAME...]\n";
    return 2;
  }
  const auto address = net::Address::Parse(arguments[0]);
  if (!address) {
    std::cerr << "print_command_table: " << address.error().sentence << '\n';
    return 2;
  }
  arguments.erase(arguments.begin());
  return PrintOfServer(*address, password, arguments);
}
