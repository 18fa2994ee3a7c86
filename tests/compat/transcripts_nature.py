"""What differs between two transcripts by its nature, all in one place, each with the reason why;
the rest must be the same (tests/compat/transcripts.py compares).
"""

import json
import re

# What differs between two runs by its nature: (why, pattern, replacement) on each step's JSON text.
NATURE = [
    (
        "a client's own address, and the one it reached: ports are the kernel's choice, and "
        "through the agents Redis sees the server agent's (docs/fidelity.md says so)",
        r"\b(l?addr)(\": \"|=)(?:127\.0\.0\.1:\d+|[^\s\"]*\.sock:0)",
        r"\1\2ADDRESS",
    ),
    ("MONITOR: the address of the one who sends", r"\[(\d+) 127\.0\.0\.1:\d+\]", r"[\1 ADDRESS]"),
    ("MONITOR in redis-py: its port", r'("client_port": )"\d+"', r'\1"PORT"'),
    ("MONITOR: when it was", r'"\+?\d{10}\.\d{6} \[', r'"TIME ['),
    ("MONITOR in redis-py: when it was", r'("time": )\{"float": "[\d.]+"\}', r"\1TIME"),
    (
        "numbers of connections: they count up from where the server was, and clients that connect "
        "at the same time may come in either order",
        r"((?:^|[^-\w]|\\n)(?:id|redir|client-id|clientId)(?:\": \"?|=))[1-9]\d*",
        r"\1NUMBER",
    ),
    ("the same in CLIENT GETREDIR", r'("do": "client_getredir", "result": )[1-9]\d*', r"\1NUMBER"),
    ("the same in CLIENT TRACKINGINFO", r'("(?:b:)?redirect"(?:: |, ))[1-9]\d*', r"\1NUMBER"),
    (
        "CLIENT LIST: the socket's number, times, and sizes of buffers, which depend on how the "
        "bytes came in pieces",
        r"\b(fd|age|idle|qbuf|qbuf-free|argv-mem|tot-mem|rbs|rbp|obl|oll|omem"
        r"|qbufFree|argvMem|totMem)(\": \"?|=)\d+",
        r"\1\2N",
    ),
    (
        "streams: how long ago something was",
        r'("(?:b:)?(?:idle|inactive|time_since_delivered|millisecondsSinceLastDelivery)"'
        r"(?:: |, ))\d+",
        r"\1MS",
    ),
    (
        "the same in XPENDING as Redis says it: id, consumer, milliseconds, deliveries",
        r'("(?:b:)?\d+-\d+", "[^"]*", )\d+(?=, \d+\])',
        r"\1MS",
    ),
    (
        "milliseconds since 1970, as in XINFO STREAM FULL",
        r"(?<=[ \[])1[5-9]\d{11}(?=[,\]}])",
        "TIME",
    ),
]
# Steps whose whole result is such: (why, the step's name). Of the result only the kind is compared,
# but for numbers that say "none" by being negative.
WHOLLY_NATURAL = [
    ("a connection's number", r"^client[_ ]?id$"),
    ("the time", r"^(time|last_?save)$"),
    ("a random password", r"^acl[_ ]?gen_?pass"),
    ("time that has passed meanwhile", r"^(p?ttl|object idletime|object_?idle_?time) "),
]
# Commands whose calls are not compared: what drives repeat until something is so; scans, whose
# steps depend on the random seed of Redis's hash tables; what the server agent itself asks Redis.
UNCOUNTED = {
    *("client|list", "info", "echo", "pubsub|numpat", "pubsub|numsub"),
    *("scan", "sscan", "hscan", "zscan"),
    *("command", "command|info"),
}


def comparable(step):
    """The step as text, without what differs by nature."""
    for _, name in WHOLLY_NATURAL:
        result = step.get("result")
        negative = isinstance(result, int) and result < 0
        if "result" in step and not negative and re.search(name, step["do"], re.IGNORECASE):
            step = {**step, "result": type(result).__name__}
    text = json.dumps(step, sort_keys=True)
    for _, pattern, replacement in NATURE:
        text = re.sub(pattern, replacement, text)
    return text
