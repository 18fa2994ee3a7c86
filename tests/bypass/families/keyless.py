"""Commands that name no key and reach the key space all the same, under rules about keys."""

from case import Case, Family, Reply

COMMANDS = [
    ("wipes everything", "FLUSHALL"),
    ("wipes everything, later", "FLUSHALL ASYNC"),
    ("wipes a database", "FLUSHDB"),
    ("lists keys", "KEYS *"),
    ("lists keys by the pattern that is allowed", "KEYS app:*"),
    ("lists keys by the pattern that is not", "KEYS secret:*"),
    ("walks over keys", "SCAN 0"),
    ("walks over keys by a pattern", "SCAN 0 MATCH app:* COUNT 100"),
    ("walks over keys by type", "SCAN 0 TYPE string"),
    ("names a key", "RANDOMKEY"),
    ("counts keys", "DBSIZE"),
    ("swaps databases", "SWAPDB 0 1"),
    ("tells of keys", "INFO keyspace"),
    ("saves keys", "SAVE"),
    ("saves keys aside", "BGSAVE"),
    ("writes keys anew", "BGREWRITEAOF"),
    ("ends with all keys", "SHUTDOWN NOSAVE"),
    ("fills", "DEBUG POPULATE 3 secret 1"),
    ("reads all keys by replication", "PSYNC ? -1"),
    ("reads all keys by the old replication", "SYNC"),
    ("replaces all keys", "REPLICAOF 127.0.0.1 1"),
    ("runs a script", "EVAL return(1) 0"),
    ("runs a function", "FCALL f 0"),
    ("forgets functions", "FUNCTION FLUSH"),
    ("sees the keys of others", "MONITOR"),
    ("sees slow commands with keys", "SLOWLOG GET 100"),
    ("is told the keys that others change", "CLIENT TRACKING ON BCAST"),
    ("is told them by prefix", "CLIENT TRACKING ON BCAST PREFIX secret:"),
]


def family(policy, twin, text):
    mute = {"PSYNC ? -1", "SYNC", "MONITOR"}
    cases = [
        Case(
            how,
            ["HELLO 3", Reply(), command] if "TRACKING" in command else command,
            twin,
            stop=name_of(command),
            mute=command in mute,
        )
        for how, command in COMMANDS
    ]
    return Family(f"keyless commands {text}", policy, [], cases)


def name_of(command):
    words = command.lower().split()
    containers = ("function", "slowlog", "client")
    return "|".join(words[:2]) if words[0] in containers else words[0]


WRITING = [
    ("wipes everything", "FLUSHALL"),
    ("wipes the database", "FLUSHDB ASYNC"),
    ("swaps databases", "SWAPDB 0 1"),
    ("runs a script without keys", "EVAL return(1) 0"),
    ("runs a script with a key", "EVAL return(1) 1 secret:1"),
    ("runs a function with a key", "FCALL f 1 secret:1"),
    ("sends a key away", "MIGRATE 127.0.0.1 1 secret:1 0 1"),
    ("replaces all keys", "REPLICAOF 127.0.0.1 1"),
    ("reloads all keys", "DEBUG RELOAD"),
    ("sorts by what can't be told, and stores", "SORT app:set BY secret:* STORE app:9"),
    ("reads a group, which takes note", "XREADGROUP GROUP STREAMS c STREAMS secret:stream >"),
    ("acknowledges", "XACK secret:stream STREAMS 1-1"),
    ("an unknown command", "NOSUCH secret:1"),
]


def writing(policy, text):
    return Family(
        f"writing without saying so, {text}",
        policy,
        [],
        [
            Case(
                how, command, "GET secret:2", stop="?" if "NOSUCH" in command else name_of(command)
            )
            for how, command in WRITING
        ],
    )


FAMILIES = [
    writing("lookers", "where an allow lets read"),
    writing("keepers", "where a deny forbids to write"),
    family("tenant-all", "GET app:1", "under an allow list of keys"),
    family("no-secrets", "SET app:1 x", "where a key is denied"),
]
