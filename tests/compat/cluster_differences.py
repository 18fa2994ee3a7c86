"""What of Redis's own test suite can't pass through the single endpoint of a cluster, and why: for
redis_suite.py --cluster.

    reason(masters, (unit, test, nth), text) -> why, or None
"""

MASTERS = {"one": 1, "three": 3}  # of the cluster behind the agents

# What can't pass through the single endpoint of a cluster. "one": with one master already; "three":
# where several share the slots. By a word in what the test says,
TEXTS = {
    "one": {
        "'sync' can't be done by a cluster": "it reads the replication stream; each node has its own",
    },
    "three": {
        "blocked clients": "INFO counts the blocked clients of one node",
        "[cmdstat ": "INFO has the command statistics of one node",
        "can't be part of a transaction": "a transaction is one node's, what each node does isn't",
        "attempted to access a non local key": "a script without keys finds those of its own node",
        "invalid username-password pair": "ACL SETUSER makes a user at one node, AUTH asks each",
        "file rewriting already in progress": "BGREWRITEAOF goes to each master, INFO tells of one",
    },
}
ONE_OBJECT = "DEBUG goes to one node, which isn't the key's"
ONE_SLOWLOG = "SLOWLOG has the commands of one node"
STOLEN = "a client that a test before left blocked has taken the element"
OVERTAKEN = (
    "a client's first command for a node waits for a connection to it, so another's overtakes it"
)
LEFT_OVER = "the test before ended in the midst of a transaction, or left maxmemory set"
# and by the test.
TESTS = {
    "one": {
        (
            "unit/introspection",
            "CLIENT KILL SKIPME YES/NO will kill all clients",
        ): "a node that closes an idle connection is connected to again; the client's isn't closed",
    },
    "three": {
        ("unit/type/incr", "INCR can modify objects in-place"): ONE_OBJECT,
        ("unit/scripting", "Script delete the expired key"): ONE_OBJECT,
        (
            "unit/type/list",
            "RPOPLPUSH with linkedlist source and existing target linkedlist",
        ): STOLEN,
        ("unit/type/zset", "BZMPOP readraw in RESP2"): STOLEN,
        ("unit/type/zset", "BZMPOP readraw in RESP3"): STOLEN,
        ("unit/type/stream-cgroups", "Blocking XREADGROUP: key deleted"): OVERTAKEN,
        ("unit/type/stream-cgroups", "Blocking XREADGROUP: key type changed with SET"): OVERTAKEN,
        ("unit/type/stream-cgroups", "Blocking XREADGROUP: flushed DB"): OVERTAKEN,
        ("unit/type/stream-cgroups", "Blocking XREAD: key type changed with SET"): OVERTAKEN,
        ("unit/slowlog", "SLOWLOG - Some commands can redact sensitive fields"): ONE_SLOWLOG,
        (
            "unit/slowlog",
            "SLOWLOG - Rewritten commands are logged as their original command",
        ): ONE_SLOWLOG,
        (
            "unit/scripting",
            "SCRIPT EXISTS - can detect already defined scripts?",
        ): "EVAL without keys leaves its script at one node; it exists where all have it",
        ("unit/scripting", "not enough good replicas"): LEFT_OVER,
        ("unit/pause", "Test that client pause starts at the end of a transaction"): LEFT_OVER,
        (
            "unit/introspection",
            "CONFIG sanity",
        ): "CONFIG SET goes to each master, and only one of them can have the port",
        (
            "unit/bitops",
            "SETBIT/BITFIELD only increase dirty when the value changed",
        ): "INFO counts the changes of one node",
    },
}
# Tests of "three" that leave a node in a state in which no further one can be run.
SKIPPED = {
    "/script timeout": "a script without keys keeps its own node busy, not the transaction's",
    "/^command stats for ": "INFO has the command statistics of one node",
    "/^MONITOR ": "it shows the commands of one node",
    "/^Keyspace notifications:": "each node tells of its own keys, to those subscribed there",
}
# Units that stop at the first of their tests, as all of them need it.
UNITS = {
    "unit/tracking": "CLIENT TRACKING ... REDIRECT names a connection by its id, which is a node's own",
}


def reason(cluster, key, text):
    """Why the test can't pass with so many masters (0: it is no cluster); None: it should. `key`:
    unit, test, and which one of that name; `text`: what it said."""
    for kind in [kind for kind, masters in MASTERS.items() if masters <= cluster]:
        if key[:2] in TESTS[kind]:
            return TESTS[kind][key[:2]]
        for word, why in TEXTS[kind].items():
            if word in text:
                return why
    return None
