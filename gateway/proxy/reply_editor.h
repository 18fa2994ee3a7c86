// ReplyEditor: a reply that is written anew: read element by element, and copied where nothing has
// to change.
//
// Every function that can fail returns false and notes why in the resolver's outcome; then the
// output is of no use.
#ifndef REDWALL_GATEWAY_PROXY_REPLY_EDITOR_H_
#define REDWALL_GATEWAY_PROXY_REPLY_EDITOR_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/proxy/node_resolver.h"
#include "resp/reply_cursor.h"

namespace redwall::proxy {

class ReplyEditor {
 public:
  // `frame`: one whole reply. All is borrowed.
  ReplyEditor(std::string_view frame, NodeResolver& resolver, std::string& output)
      : nodes(resolver), out(output), cursor_(frame) {}

  // The next element, which is to be copied or replaced. False: there is none, which is malformed.
  bool Next(resp::Element& element) { return cursor_.Next(element) || nodes.Malformed(); }
  // Likewise, and it must be an array that isn't null; its header is copied.
  bool EnterArray(resp::Element& header);
  // An array of fields and values in turn, or a map; its header is copied.
  bool EnterFields(resp::Element& header);
  void Copy(const resp::Element& element);
  // The next `count` elements with all that is in them.
  bool CopyTrees(std::uint64_t count = 1);
  // In place of an element that is no aggregate: in its own type, where that can hold a text.
  void PutText(const resp::Element& old, std::string_view text);
  void PutNumber(const resp::Element& old, std::uint64_t number);
  // To look ahead.
  resp::ReplyCursor here() const { return cursor_; }
  bool at_end() const { return cursor_.at_end(); }

  NodeResolver& nodes;
  std::string& out;

 private:
  resp::ReplyCursor cursor_;
};

// A text or a number as text; empty for anything else.
std::string_view TextOf(const resp::Element& element);
// Of an element that should be a port. False: it isn't one.
bool PortOf(const resp::Element& element, std::uint16_t& port);

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_REPLY_EDITOR_H_
