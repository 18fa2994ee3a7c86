#include "gateway/json/strict_json.h"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "gateway/json/document.h"
#include "gateway/json/names.h"

namespace redwall::json {

class Context {
 public:
  explicit Context(std::string file_name) : file(std::move(file_name)) {}

  void Fail(std::string_view where, std::string_view what) {
    if (error) return;
    error.emplace();
    error->sentence = file + ": ";
    if (!where.empty()) error->sentence.append(where).append(": ");
    error->sentence.append(what);
  }

  std::string file;
  Element root;
  std::optional<JsonError> error;
};

struct Value::Node {
  Node(std::shared_ptr<Context> the_context, const Element& the_element, std::string the_path)
      : context(std::move(the_context)), element(the_element), path(std::move(the_path)) {}

  std::shared_ptr<Context> context;
  const Element& element;  // in context->root
  std::string path;
  // What was asked for, present or not, and whether it exists in this version.
  struct Asked {
    std::string name;
    bool supported;
  };
  mutable std::vector<Asked> asked;
  mutable bool all_asked = false;

  bool dead() const { return context->error.has_value(); }
  const Element* Find(std::string_view name) const {
    for (const Element& member : element.elements)
      if (member.name == name) return &member;
    return nullptr;
  }
  bool WasAsked(std::string_view name) const {
    for (const Asked& each : asked)
      if (each.name == name) return true;
    return false;
  }
  void Ask(std::string_view name, bool supported) const {
    if (!WasAsked(name)) asked.push_back({std::string(name), supported});
  }
  // True where the element is of this kind; notes an error where not.
  bool Expect(Element::Kind kind, std::string_view what) const;
  void FailExpected(std::string_view what) const;
};

namespace {

std::string Describe(const Element& element) {
  switch (element.kind) {
    case Element::Kind::kNull:
      return "null";
    case Element::Kind::kBool:
      return element.boolean ? "true" : "false";
    case Element::Kind::kInteger:
      return std::to_string(element.integer);
    case Element::Kind::kOtherNumber:
      return element.text.substr(0, 64);
    case Element::Kind::kString:
      return Quoted(element.text);
    case Element::Kind::kArray:
      return "an array";
    case Element::Kind::kObject:
      return "an object";
  }
  return {};
}

// "a", "b" or "c"
std::string List(const std::vector<std::string_view>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += Quoted(names[i]);
  }
  return out;
}

std::string DidYouMean(std::string_view typed, const std::vector<std::string_view>& names) {
  const std::string_view nearest = NearestName(typed, names);
  return nearest.empty() ? std::string() : "; did you mean " + Quoted(nearest) + "?";
}

}  // namespace

bool Value::Node::Expect(Element::Kind kind, std::string_view what) const {
  if (dead()) return false;
  if (element.kind == kind) return true;
  FailExpected(what);
  return false;
}

void Value::Node::FailExpected(std::string_view what) const {
  context->Fail(path, "expected " + std::string(what) + ", got " + Describe(element));
}

Result<Value, JsonError> Value::Parse(std::string_view text, std::string file) {
  auto context = std::make_shared<Context>(std::move(file));
  auto root = ParseDocument(text);
  if (!root) {
    context->Fail(root.error().where, root.error().what);
    return *context->error;
  }
  context->root = *std::move(root);
  return Value(std::make_shared<Node>(context, context->root, ""));
}

Result<Value, JsonError> Value::ReadFile(const std::string& path) {
  const auto text = ReadText(path);
  if (!text) return text.error();
  return Parse(*text, path);
}

Result<std::string, JsonError> Value::ReadText(const std::string& path) {
  const auto failed = [&path](int code) {
    return JsonError{path + ": can't be read: " + std::generic_category().message(code)};
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) return failed(errno);
  std::string text;
  char piece[16 * 1024];
  while (text.size() <= kMaxDocumentBytes) {  // one piece more than allowed is enough to refuse it
    const std::size_t got = std::fread(piece, 1, sizeof piece, file.get());
    text.append(piece, got);
    if (got < sizeof piece) break;
  }
  if (std::ferror(file.get())) return failed(errno);
  return text;
}

std::string Value::String() const {
  if (!node_->Expect(Element::Kind::kString, "a string")) return {};
  return node_->element.text;
}

std::int64_t Value::Integer(std::int64_t least, std::int64_t most) const {
  const auto what = [&] {
    return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  };
  if (!node_->Expect(Element::Kind::kInteger, what())) return 0;
  const std::int64_t value = node_->element.integer;
  if (value >= least && value <= most) return value;
  node_->FailExpected(what());
  return 0;
}

bool Value::Bool() const {
  return node_->Expect(Element::Kind::kBool, "true or false") && node_->element.boolean;
}

std::size_t Value::OneOf(const std::vector<std::string_view>& choices) const {
  if (!node_->Expect(Element::Kind::kString, List(choices))) return 0;
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choices[i] == node_->element.text) return i;
  node_->FailExpected(List(choices));
  return 0;
}

std::vector<Value> Value::Array() const {
  std::vector<Value> out;
  if (!node_->Expect(Element::Kind::kArray, "an array")) return out;
  const std::vector<Element>& elements = node_->element.elements;
  out.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::string path = ItemPath(node_->path, i);
    out.push_back(Value(std::make_shared<Node>(node_->context, elements[i], std::move(path))));
  }
  return out;
}

std::vector<std::string> Value::Strings() const {
  std::vector<std::string> out;
  if (!node_->Expect(Element::Kind::kArray, "an array of strings")) return out;
  for (const Value& item : Array()) out.push_back(item.String());
  if (node_->dead()) out.clear();
  return out;
}

bool Value::is_object() const { return node_->element.kind == Element::Kind::kObject; }
bool Value::is_array() const { return node_->element.kind == Element::Kind::kArray; }
bool Value::is_string() const { return node_->element.kind == Element::Kind::kString; }

std::optional<Value> Value::Member(std::string_view name) const {
  node_->Ask(name, true);
  if (!node_->Expect(Element::Kind::kObject, "an object")) return std::nullopt;
  const Element* member = node_->Find(name);
  if (member == nullptr) return std::nullopt;
  return Value(std::make_shared<Node>(node_->context, *member, MemberPath(node_->path, name)));
}

std::optional<Value> Value::Required(std::string_view name) const {
  std::optional<Value> member = Member(name);
  if (!member) {
    // A slip in the name is the usual cause, and Finish() would be too late to say so.
    std::string what = "is required and missing";
    for (const Element& other : node_->element.elements) {
      if (NearestName(other.name, {name}).empty()) continue;
      what += "; is " + Quoted(other.name) + " meant to be it?";
      break;
    }
    node_->context->Fail(MemberPath(node_->path, name), what);
  }
  return member;
}

std::vector<std::pair<std::string, Value>> Value::Members() const {
  std::vector<std::pair<std::string, Value>> out;
  node_->all_asked = true;
  if (!node_->Expect(Element::Kind::kObject, "an object")) return out;
  for (const Element& member : node_->element.elements) {
    std::string path = MemberPath(node_->path, member.name);
    out.emplace_back(member.name,
                     Value(std::make_shared<Node>(node_->context, member, std::move(path))));
  }
  return out;
}

void Value::Finish() const {
  if (!node_->Expect(Element::Kind::kObject, "an object") || node_->all_asked) return;
  std::vector<std::string_view> names;
  for (const Node::Asked& each : node_->asked)
    if (each.supported) names.push_back(each.name);
  for (const Element& member : node_->element.elements) {
    if (node_->WasAsked(member.name)) continue;
    std::string what = "unknown name";
    if (!names.empty()) what += "; expected one of " + List(names);
    node_->context->Fail(MemberPath(node_->path, member.name),
                         what + DidYouMean(member.name, names));
    return;
  }
}

void Value::NotYet(std::string_view name) const {
  node_->Ask(name, false);
  if (node_->Find(name) != nullptr)
    node_->context->Fail(MemberPath(node_->path, name), "not supported by this version yet");
}

void Value::Fail(std::string_view what) const { node_->context->Fail(node_->path, what); }

const std::string& Value::path() const { return node_->path; }

Result<void, JsonError> Value::status() const {
  if (node_->context->error) return *node_->context->error;
  return {};
}

}  // namespace redwall::json
