#!/usr/bin/python3
"""Does each room know only what it may know? Reads #include lines, CMake's USES, and a few words in
the sources.

    tests/layering.py [ROOT]        complaints, one a line; exit status 1 when there are any
    tests/layering.py --self-check  plants each kind of violation into a copy of the tree: each must
                                    be found

The rules are those of the house: dependency runs downward only, libuv only in gateway/net, JSON
only in gateway/json, libsodium and libcrypto only in a few files of crypto, no clock and no randomness below gateway/net,
no file over 500 lines.
"""

import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAX_LINES = 500
CODE = (".cc", ".h", ".py", ".inc")

# room: what it may include and link besides itself. Everybody may use base.
MAY_USE = {
    "base": (),
    "resp": (),
    "crypto": (),
    "gateway/tunnel": (),
    "gateway/json": (),
    "gateway/policy": ("resp", "gateway/json"),
    "gateway/audit": ("resp", "crypto", "gateway/policy"),
    "gateway/proxy": ("resp", "gateway/policy", "gateway/audit"),
    "gateway/net": (
        "resp",
        "crypto",
        "gateway/tunnel",
        "gateway/policy",
        "gateway/audit",
        "gateway/proxy",
    ),
    "gateway/agent": (
        "resp",
        "crypto",
        "gateway/tunnel",
        "gateway/json",
        "gateway/policy",
        "gateway/audit",
        "gateway/proxy",
        "gateway/net",
    ),
    "gateway/cli": (
        "resp",
        "crypto",
        "gateway/tunnel",
        "gateway/json",
        "gateway/policy",
        "gateway/audit",
        "gateway/proxy",
        "gateway/net",
        "gateway/agent",
    ),
}

# header (a pattern): the rooms or files that may include it
FOREIGN = {
    r"uv(/.*)?\.h": ("gateway/net/",),
    r"nlohmann/.*": ("gateway/json/",),
    r"sodium(/.*)?\.h": (
        "crypto/primitives.cc",
        "crypto/secret.cc",
        "crypto/key_file.cc",
        "crypto/signature.cc",
        "crypto/sha256.cc",
    ),  # key_file: base64
    r"openssl/.*": ("crypto/libcrypto.cc", "crypto/sha256.cc", "crypto/record_aead.cc"),
    r"spdlog/.*": ("gateway/agent/", "gateway/cli/"),
    r"CLI/.*": ("gateway/cli/",),
    r"hiredis/.*": ("gateway/net/",),
    r"re2/.*|cctz/.*": ("gateway/policy/",),
    r"sys/socket\.h|netdb\.h|netinet/.*|arpa/.*|sys/un\.h|sys/epoll\.h|poll\.h": (
        "gateway/net/",
        "base/network.cc",
    ),  # the last: inet_pton
}

# word (a pattern): the rooms or files that may use it, and what it is
WORDS = {
    r"\b(system_clock|steady_clock|high_resolution_clock|utc_clock)\b"
    r"|\b(uv_)?clock_gettime\s*\(|\bgettimeofday\s*\(|\buv_(now|hrtime)\s*\("
    r"|(?<![\w.>:])(std::)?time\s*\(\s*(nullptr|NULL|0|&)": (
        ("gateway/net/", "gateway/cli/"),
        "a clock",
    ),
    r"\brandom_device\b|\bgetrandom\s*\(|\bgetentropy\s*\(|\barc4random\w*\s*\("
    r"|(?<![\w.>:])(std::)?s?rand\s*\("
    r"|\bmt19937\w*\b|\brandombytes_\w+|\buv_random\s*\(": (
        ("gateway/net/", "gateway/cli/", "crypto/primitives.cc"),
        "randomness",
    ),
    r"\bthrow\b": (("gateway/json/",), "an exception"),
}

# library (a pattern, in USES): the rooms that may link it
LIBRARIES = {
    r"PkgConfig::libuv": ("gateway/net",),
    r"PkgConfig::libsodium|PkgConfig::libcrypto": ("crypto",),
    r"nlohmann_json::nlohmann_json": ("gateway/json",),
    r"spdlog::spdlog": ("gateway/agent", "gateway/cli"),
    r"CLI11::CLI11": ("gateway/cli",),
    r"PkgConfig::re2|\$\{CCTZ_LIBRARY\}": ("gateway/policy",),
    r"PkgConfig::hiredis": ("gateway/net",),
}


def room_of(path):
    """The room that a path relative to the root is in; None outside all rooms."""
    parts = pathlib.PurePosixPath(path).parts
    for room in ("/".join(parts[:2]), parts[0]):
        if room in MAY_USE:
            return room
    return None


def without_comments(text):
    """The code with its comments and the insides of its strings blanked; lines stay where they
    are.
    """

    def blank(match):
        found = match.group()
        if found.startswith('"'):
            return '""'
        return re.sub(r"[^\n]", " ", found) if found.startswith("/") else found

    return re.sub(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', blank, text, flags=re.S
    )


def sources(root):
    for room in MAY_USE:
        for path in sorted((root / room).glob("*")):
            if path.suffix in (".cc", ".h"):
                yield room, path.relative_to(root).as_posix(), path.read_text("utf-8")


def check_includes(room, name, text):
    for match in re.finditer(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
        quote, header = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        target = room_of(header)
        if quote == '"':
            if target is None:
                yield f"{name}:{line}: includes {header}, which is in no room"
            elif target not in (room, "base", *MAY_USE[room]):
                yield f"{name}:{line}: {room} may not know {target} ({header})"
        for pattern, places in FOREIGN.items():
            if re.fullmatch(pattern, header) and not name.startswith(places):
                yield f"{name}:{line}: {header} belongs into {' and '.join(places)}"


def check_words(name, text):
    code = without_comments(text)
    for pattern, (places, what) in WORDS.items():
        for match in re.finditer(pattern, code):
            if not name.startswith(places):
                line = code.count("\n", 0, match.start()) + 1
                found = match.group().strip()
                yield f"{name}:{line}: {what} ({found}) belongs into {' and '.join(places)}"


def linked(root, room):
    """What a room's CMakeLists.txt links, by name."""
    path = root / room / "CMakeLists.txt"
    if not path.exists():
        return []
    text = re.sub(r"#[^\n]*", "", path.read_text("utf-8"))
    names = []
    for found in re.findall(
        r"redwall_room\([^)]*\bUSES\b([^)]*)\)|target_link_libraries\(([^)]*)\)", text
    ):
        names += " ".join(found).split()
    return [
        name
        for name in names
        if name not in ("PUBLIC", "PRIVATE", "INTERFACE", "redwall_flags", "redwall")
    ]


def check_links(root, room):
    for name in linked(root, room):
        where = f"{room}/CMakeLists.txt"
        if name.startswith("redwall_"):
            target = next((r for r in MAY_USE if r.split("/")[-1] == name[len("redwall_") :]), None)
            if target is None:
                yield f"{where}: links {name}, which is no room"
            elif target not in (room, "base", *MAY_USE[room]):
                yield f"{where}: {room} may not link {target}"
            continue
        rooms = next(
            (rooms for pattern, rooms in LIBRARIES.items() if re.fullmatch(pattern, name)), None
        )
        if rooms is None:
            yield f"{where}: links {name}, which tests/layering.py does not know"
        elif room not in rooms:
            yield f"{where}: {name} belongs into {' and '.join(rooms)}"


def cycle(edges):
    """A cycle in a graph {node: nodes}, as a list, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node) :] + [node]
        if node in done:
            return None
        path.append(node)
        for following in sorted(edges.get(node, ())):
            if found := visit(following):
                return found
        path.pop()
        done.add(node)
        return None

    return next((found for node in sorted(edges) if (found := visit(node))), None)


def check_cycles(root):
    files, rooms = {}, {}
    for room, name, text in sources(root):
        headers = re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M)
        files[name] = set(headers)
        rooms.setdefault(room, set()).update(
            r for header in headers if (r := room_of(header)) and r != room
        )
    for what, edges in (
        ("rooms", rooms),
        ("headers", {n: h for n, h in files.items() if n.endswith(".h")}),
    ):
        if found := cycle(edges):
            yield f"a cycle of {what}: {' -> '.join(found)}"


def check_lengths(root):
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix not in CODE or path.suffix == ".inc" or re.match(r"(build|\.git)/", name):
            continue
        lines = path.read_text("utf-8", "replace").count("\n")
        if lines > MAX_LINES:
            yield f"{name}: {lines} lines; no file has more than {MAX_LINES}"


def check_listed(root):
    """Each source of a room stands in its CMakeLists.txt by name: a file that nobody builds
    rots.
    """
    for room in MAY_USE:
        listing = root / room / "CMakeLists.txt"
        text = listing.read_text("utf-8") if listing.exists() else ""
        if "GLOB" in text:
            yield f"{room}/CMakeLists.txt: sources are listed by name, never globbed"
        for path in sorted((root / room).glob("*.cc")):
            if not re.search(rf"(?<![\w.-]){re.escape(path.name)}(?![\w.-])", text):
                yield f"{room}/{path.name}: not listed in {room}/CMakeLists.txt"


def complaints(root):
    seen = 0
    for room, name, text in sources(root):
        seen += 1
        yield from check_includes(room, name, text)
        yield from check_words(name, text)
    for room in MAY_USE:
        yield from check_links(root, room)
    yield from check_cycles(root)
    yield from check_lengths(root)
    yield from check_listed(root)
    if seen < 20:
        yield f"{root}: only {seen} source files were found; is this the right folder?"


PLANTS = [  # (file, text appended to it, what must be complained about)
    ("resp/glob.cc", '#include "gateway/policy/policy.h"\n', "resp may not know gateway/policy"),
    ("base/bytes.h", '#include "resp/command.h"\n', "base may not know resp"),
    (
        "gateway/policy/policy.h",
        '#include "gateway/audit/event.h"\n',
        "gateway/policy may not know gateway/audit",
    ),
    (
        "gateway/tunnel/frame.cc",
        '#include "crypto/secret.h"\n',
        "gateway/tunnel may not know crypto",
    ),
    ("gateway/proxy/conversation.h", "#include <uv.h>\n", "uv.h belongs into gateway/net/"),
    ("gateway/agent/config.cc", "#include <nlohmann/json.hpp>\n", "belongs into gateway/json/"),
    (
        "gateway/agent/config.cc",
        "#include <hiredis/hiredis.h>\n",
        "hiredis/hiredis.h belongs into gateway/net/",
    ),
    ("crypto/keyring.cc", "#include <sodium.h>\n", "sodium.h belongs into crypto/primitives.cc"),
    (
        "crypto/primitives.cc",
        "#include <openssl/evp.h>\n",
        "openssl/evp.h belongs into crypto/libcrypto.cc",
    ),
    (
        "gateway/proxy/conversation.cc",
        "auto Now() { return std::chrono::steady_clock::now(); }\n",
        "a clock",
    ),
    ("gateway/tunnel/frame.cc", "long Now() { return time(nullptr); }\n", "a clock"),
    ("gateway/agent/config.cc", "int Die() { return rand(); }\n", "randomness"),
    ("gateway/policy/policy.cc", "std::random_device device;\n", "randomness"),
    ("resp/writer.cc", "void Fail() { throw 1; }\n", "an exception"),
    (
        "resp/CMakeLists.txt",
        "target_link_libraries(redwall_resp PUBLIC redwall_crypto)\n",
        "may not link crypto",
    ),
    (
        "gateway/proxy/CMakeLists.txt",
        "target_link_libraries(redwall_proxy PUBLIC PkgConfig::libuv)\n",
        "PkgConfig::libuv belongs into gateway/net",
    ),
    ("resp/glob.cc", "\n" * MAX_LINES, f"no file has more than {MAX_LINES}"),
    ("resp/forgotten.cc", "int forgotten;\n", "not listed in resp/CMakeLists.txt"),
]
INNOCENT = [  # must not be complained about
    (
        "resp/glob.cc",
        "// steady_clock, rand() and #include <uv.h> in a comment\n"
        'const char* kText = "rand() time(0)";\n',
    ),
    (
        "gateway/net/timer.cc",
        "#include <uv.h>\nauto Now() { return std::chrono::steady_clock::now(); }\n",
    ),
    ("resp/glob.cc", "int lifetime(int); int a = lifetime(0); int operand(); int b = operand();\n"),
]


def self_check(root):
    """Complaints about this test itself."""
    before = set(complaints(root))
    with tempfile.TemporaryDirectory(prefix="redwall-layering-") as folder:
        copy = pathlib.Path(folder) / "tree"
        for room in MAY_USE:
            shutil.copytree(root / room, copy / room, dirs_exist_ok=True)
        for name, text, expected in PLANTS + [(*innocent, None) for innocent in INNOCENT]:
            path = copy / name
            original = path.read_bytes() if path.exists() else None
            path.write_bytes((original or b"") + b"\n" + text.encode())
            new = [complaint for complaint in complaints(copy) if complaint not in before]
            if expected is None and new:
                yield f"self-check: {text!r} in {name} is fine, but: {new}"
            if expected is not None and not any(expected in complaint for complaint in new):
                yield f"self-check: {text.strip()[:60]!r} in {name} was not found; there was {new}"
            if original is None:
                path.unlink()
            else:
                path.write_bytes(original)
    if cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) != ["b", "c", "b"] or cycle(
        {"a": {"b"}, "b": set()}
    ):
        yield "self-check: cycles are not found"


def main():
    arguments = sys.argv[1:]
    check = "--self-check" in arguments
    rest = [argument for argument in arguments if argument != "--self-check"]
    root = pathlib.Path(rest[0]).resolve() if rest else ROOT
    found = list(self_check(root) if check else complaints(root))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
