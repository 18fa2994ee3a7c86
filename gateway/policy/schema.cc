#include "gateway/policy/schema.h"

#include <string_view>

#include "resp/command_table.h"

namespace redwall::policy {
namespace {

constexpr std::string_view kCategories = "%CATEGORIES%";

constexpr std::string_view kDocument = R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "$id": "redwall-policy",
  "title": "redwall policy",
  "description": "Which Redis commands pass, for whom, and what the audit records of them. The file may hold // and /* */ comments, which JSON itself hasn't: editors call it \"JSON with comments\" (jsonc).",
  "type": "object",
  "required": ["version", "default"],
  "additionalProperties": false,
  "properties": {
    "$schema": {"type": "string", "description": "Where this schema lies; for editors alone."},
    "version": {"const": 1, "description": "The version of the language."},
    "mode": {
      "enum": ["enforce", "observe"],
      "default": "enforce",
      "description": "\"observe\": all is forwarded, and the audit says what would have been decided."
    },
    "default": {
      "enum": ["allow", "deny"],
      "description": "What is decided where no rule matches a command that is known."
    },
    "unknown": {
      "enum": ["allow", "deny"],
      "default": "deny",
      "description": "What is decided where no rule matches a command that redwall doesn't know."
    },
    "push": {
      "type": "boolean",
      "default": false,
      "description": "The server agent has client agents refuse by this policy already, so that what is denied doesn't cross the link. It still enforces the policy itself."
    },
    "rules": {
      "type": "array",
      "maxItems": 65536,
      "items": {"$ref": "#/definitions/rule"},
      "description": "Looked at in order: the first one that matches decides."
    },
    "audit": {"$ref": "#/definitions/audit", "description": "What the audit records; a rule's own \"audit\" overrides it."}
  },
  "definitions": {
)json";

constexpr std::string_view kRule = R"json(    "rule": {
      "type": "object",
      "required": ["id", "action", "commands"],
      "additionalProperties": false,
      "dependencies": {"timezone": ["hours"]},
      "properties": {
        "id": {
          "type": "string",
          "pattern": "^[ -~]{1,64}$",
          "not": {"enum": ["default", "unknown", "replication", "audit"]},
          "description": "What errors and the audit call the rule: unique, printable ASCII."
        },
        "action": {
          "enum": ["allow", "deny", "disconnect"],
          "description": "\"deny\" answers an error in the command's place, \"disconnect\" closes the connection after it."
        },
        "commands": {
          "type": "array",
          "minItems": 1,
          "items": {"$ref": "#/definitions/command"},
          "description": "What the plain entries name, less what the entries with a leading '-' name; in any order."
        },
        "identities": {
          "type": "array",
          "items": {"type": "string"},
          "description": "The agents that the rule is for, as authorized.json or their key file calls them; \"*\", or left out: everybody."
        },
        "message": {
          "type": "string",
          "maxLength": 256,
          "pattern": "^[^\\u0000-\\u001f\\u007f]*$",
          "description": "One line for the client, behind the error."
        },
        "keys": {
          "$ref": "#/definitions/patterns",
          "description": "Redis globs (* ? [a-c] [^a] \\). A deny matches when ANY key does, an allow when ALL do. Where the keys can't be told a deny matches and an allow doesn't."
        },
        "access": {
          "enum": ["read", "write"],
          "description": "How the command reaches its keys. A deny means what does it among other things, an allow what does nothing else."
        },
        "channels": {
          "$ref": "#/definitions/patterns",
          "description": "Redis globs. A deny matches when ANY channel does, an allow when ALL do. A client's own pattern must be covered (allow) or may overlap (deny)."
        },
        "databases": {
          "type": "array",
          "minItems": 1,
          "items": {"type": "integer", "minimum": 0, "maximum": 1000000},
          "description": "The databases that the command touches: the connection's own, and those that SELECT, MOVE, COPY and SWAPDB name."
        },
        "users": {
          "type": "array",
          "minItems": 1,
          "items": {"type": "string", "minLength": 1, "maxLength": 127},
          "description": "The Redis users that the connection may be logged in as."
        },
        "from": {
          "type": "array",
          "minItems": 1,
          "items": {"type": "string", "pattern": "^(unix|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$"},
          "description": "Addresses and networks of the clients at their site: \"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.7\"; \"unix\": clients of a unix socket."
        },
        "arguments": {
          "oneOf": [
            {"$ref": "#/definitions/argument"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/argument"}}
          ],
          "description": "What the arguments hold. A deny matches when ANY condition finds its text, an allow when ALL match the whole text."
        },
        "max_arguments": {
          "$ref": "#/definitions/size",
          "description": "Arguments, the command's name included. An allow holds up to it, a deny beyond it."
        },
        "max_bytes": {
          "$ref": "#/definitions/size",
          "description": "Bytes of all arguments together. An allow holds up to it, a deny beyond it."
        },
        "hours": {
          "oneOf": [
            {"$ref": "#/definitions/hours"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/hours"}}
          ],
          "description": "The parts of the week in which the rule holds. A night belongs to the day that it begins on; an end's minute is outside."
        },
        "timezone": {
          "type": "string",
          "default": "UTC",
          "examples": ["Europe/Berlin", "America/New_York"],
          "description": "Of \"hours\": a name of the IANA database."
        },
        "rate": {"$ref": "#/definitions/rate"},
        "audit": {"$ref": "#/definitions/audit", "description": "What the audit records of the commands that this rule decides; what is left out is as the policy's own."}
      }
    },
)json";

constexpr std::string_view kParts = R"json(    "command": {
      "type": "string",
      "anyOf": [
        {"enum": ["*", %CATEGORIES%]},
        {"pattern": "^-?(\\*|@[A-Za-z]+|[!-)+,.-?A-~][!-)+-~]{0,127}|-[!-)+-~]{1,127})$"}
      ],
      "description": "A name (\"get\"; of a container all its sub-commands), \"container|subcommand\", a \"@category\", or \"*\". A leading '-' takes away."
    },
    "patterns": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    "size": {"type": "integer", "minimum": 0, "maximum": 1099511627776},
    "argument": {
      "oneOf": [
        {
          "type": "object",
          "required": ["index", "matches"],
          "additionalProperties": false,
          "properties": {
            "index": {"type": "integer", "minimum": -1000000, "maximum": 1000000, "description": "0 is the command's name, -1 the last argument."},
            "matches": {"type": "string", "maxLength": 4096, "description": "A regular expression of RE2, on bytes."}
          }
        },
        {
          "type": "object",
          "required": ["any"],
          "additionalProperties": false,
          "properties": {
            "any": {"type": "string", "maxLength": 4096, "description": "A regular expression of RE2, on bytes, for any argument but the name (in an allow: for each)."}
          }
        }
      ]
    },
    "hours": {
      "type": "string",
      "pattern": "^(%DAYS%( %SPAN%)?|%SPAN%)$",
      "examples": ["Mon-Fri 08:00-18:00", "Sat,Sun", "22:00-06:00"]
    },
    "rate": {
      "type": "object",
      "required": ["per_second"],
      "additionalProperties": false,
      "description": "A token bucket. A deny matches when it is empty, an allow while it isn't.",
      "properties": {
        "per_second": {"type": "integer", "minimum": 1, "maximum": 1000000000, "description": "Commands a second, in the long run."},
        "burst": {"type": "integer", "minimum": 1, "maximum": 1000000000, "description": "Commands at once; as \"per_second\" if left out."},
        "per": {"enum": ["rule", "identity", "client"], "default": "client", "description": "Who shares a bucket: all, the clients of an agent, or those of an address."}
      }
    },
    "audit": {
      "oneOf": [
        {"$ref": "#/definitions/events"},
        {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "events": {"$ref": "#/definitions/events"},
            "arguments": {"enum": ["none", "keys", "full"], "default": "keys", "description": "What of the arguments is recorded; secrets never are."},
            "max_argument_bytes": {"type": "integer", "minimum": 0, "maximum": 65536, "default": 128, "description": "Of each key, channel or argument that is recorded."}
          }
        }
      ]
    },
    "events": {
      "enum": ["all", "writes", "denied", "none"],
      "default": "all",
      "description": "Which commands are recorded."
    }
  }
}
)json";

void Replace(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
}

}  // namespace

std::string PolicySchema() {
  std::string categories = "\"@all\"";
  for (const std::string_view name : resp::CategoryNames())
    categories.append(", \"@").append(name).append("\"");
  // As the loader: in any case.
  constexpr std::string_view kDay =
      "([Mm][Oo][Nn]|[Tt][Uu][Ee]|[Ww][Ee][Dd]|[Tt][Hh][Uu]|[Ff][Rr][Ii]|[Ss][Aa][Tt]|"
      "[Ss][Uu][Nn])";
  std::string days = "%DAY%(-%DAY%)?(,%DAY%(-%DAY%)?)*";
  Replace(days, "%DAY%", kDay);
  std::string text;
  text.append(kDocument).append(kRule).append(kParts);
  Replace(text, kCategories, categories);
  Replace(text, "%DAYS%", days);
  Replace(text, "%SPAN%", "(([01][0-9]|2[0-3]):[0-5][0-9])-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)");
  return text;
}

}  // namespace redwall::policy
