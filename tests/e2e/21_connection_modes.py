"""Goal: everything that changes what a Redis connection is works as on a direct one, byte for byte:
MULTI, WATCH, subscriptions in RESP2 and RESP3, MONITOR, blocking commands, CLIENT REPLY, QUIT,
RESET, SELECT, scripts.
"""

import random
import re

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, wait_until
from wire import Closed, Wire, encode

# Conversations with one client, each as commands sent in one go. What comes back must be what Redis
# says directly.
SCRIPTS = {
    "transaction": "MULTI | SET a 1 | INCR a | GET a | EXEC | GET a",
    "transaction with an error at run time": "SET s x | MULTI | INCR s | GET s | EXEC",
    "transaction with an error when queued": "MULTI | NOSUCH | SET a 1 | EXEC | EXISTS a",
    "discard": "MULTI | SET a 2 | DISCARD | GET a | DISCARD | EXEC",
    "nested multi": "MULTI | MULTI | WATCH a | GET a | EXEC",
    "watch": "WATCH a | SET a 3 | MULTI | GET a | EXEC | WATCH a | UNWATCH | MULTI | GET a | EXEC",
    "empty transaction": "MULTI | EXEC",
    "subscribe in resp2": (
        "SUBSCRIBE a b c | PING | PING text | GET a | SUBSCRIBE a | PSUBSCRIBE p* | UNSUBSCRIBE "
        "a nothing | UNSUBSCRIBE | PUNSUBSCRIBE | GET a"
    ),
    "unsubscribe from none": "UNSUBSCRIBE | PUNSUBSCRIBE | SUNSUBSCRIBE | UNSUBSCRIBE x y | GET a",
    "subscribe without arguments": "SUBSCRIBE | PSUBSCRIBE | GET a",
    "subscribe in multi": "MULTI | SUBSCRIBE a b | GET a | EXEC",
    "publish to itself": "SUBSCRIBE c | PUBLISH c x",
    "reset from subscribe": "SUBSCRIBE a b | RESET | GET a",
    "reset from multi": "MULTI | SET a 9 | RESET | GET a | EXEC",
    "reset after select": (
        "SELECT 5 | SET only-here 1 | RESET | EXISTS only-here | SELECT 5 | EXISTS only-here"
    ),
    "reset from resp3": "HELLO 3 | GET nothing | RESET | GET nothing",
    "quit": "SET a 4 | QUIT | SET a 5",
    "quit in multi": "MULTI | SET a 6 | QUIT",
    "quit in subscribe": "SUBSCRIBE a | QUIT",
    "client reply off": "CLIENT REPLY OFF | SET a 7 | GET a | NOSUCH | CLIENT REPLY ON | GET a",
    "client reply skip": "CLIENT REPLY SKIP | GET a | SET a 8 | CLIENT REPLY SKIP | GET a | GET a",
    "client reply wrong": "CLIENT REPLY | CLIENT REPLY MAYBE | CLIENT REPLY OFF ON | GET a",
    "client reply off, then multi": (
        "CLIENT REPLY OFF | MULTI | SET a 1 | EXEC | CLIENT REPLY ON | GET a"
    ),
    "blocking that need not block": (
        "RPUSH l 1 2 3 | BLPOP l 0 | BRPOP l 0 | BLMOVE l m LEFT RIGHT 0 | BLPOP nothing m 1 | "
        "BLPOP l 0.01 | BZPOPMIN z 0.01 | GET a"
    ),
    "blocking in multi": "MULTI | BLPOP nothing 0 | EXEC",
    "streams": (
        "XADD st 1-1 f v | XREAD COUNT 1 STREAMS st 0 | XREAD BLOCK 10 STREAMS st $ | XGROUP "
        "CREATE st g 0 | XREADGROUP GROUP g c STREAMS st >"
    ),
    "scripts": (
        "EVAL return(1) 0 | EVAL return({1,2,{3}}) 0 | EVAL return(redis.error_reply('E')) 0 | "
        "EVALSHA 0000 0 | EVAL return(redis.call('get',KEYS[1])) 1 a"
    ),
    "hello": (
        "HELLO | HELLO 4 | HELLO x | HELLO 2 | HELLO 2 SETNAME n | CLIENT GETNAME | HELLO 3 "
        "SETNAME m | CLIENT GETNAME"
    ),
    "resp3 types": (
        "HELLO 3 | HSET h f v | HGETALL h | SADD s1 x | SMEMBERS s1 | ZADD z1 1.5 m | ZSCORE z1 "
        "m | GET nothing | DEBUG PROTOCOL attrib | DEBUG PROTOCOL map | DEBUG PROTOCOL set | "
        "DEBUG PROTOCOL double | DEBUG PROTOCOL bignum | DEBUG PROTOCOL null | DEBUG PROTOCOL "
        "true | DEBUG PROTOCOL verbatim | DEBUG PROTOCOL push | GET a"
    ),
    "resp2 types": (
        "DEBUG PROTOCOL attrib | DEBUG PROTOCOL map | DEBUG PROTOCOL set | DEBUG PROTOCOL "
        "double | DEBUG PROTOCOL bignum | DEBUG PROTOCOL null | DEBUG PROTOCOL verbatim | GET a"
    ),
    "resp3 subscribe": (
        "HELLO 3 | SUBSCRIBE a b | GET a | PUBLISH a x | UNSUBSCRIBE | SUBSCRIBE | PSUBSCRIBE "
        "p* | SSUBSCRIBE sh | UNSUBSCRIBE none | GET a"
    ),
    "resp3 subscribe in multi": (
        "HELLO 3 | MULTI | SUBSCRIBE a b | UNSUBSCRIBE | GET a | EXEC | GET a"
    ),
    "tracking": "HELLO 3 | CLIENT TRACKING ON | GET a | SET a 9 | GET a | CLIENT TRACKING OFF",
    "wait": "SET a 1 | WAIT 0 1 | GET a",
    "many databases": (
        "SELECT 1 | SET a in-1 | SELECT 0 | SWAPDB 0 1 | GET a | SWAPDB 0 1 | SELECT 99 | MOVE "
        "a 2 | GET a"
    ),
    "errors": (
        "GET | GET a b | NOSUCH | CONFIG NOSUCH | CLIENT | LPUSH s x | SET a 1 NOSUCH | AUTH x "
        "| AUTH a b | OBJECT | COMMAND GETKEYS GET | EVAL x 0 | FCALL nosuch 0"
    ),
    "sort and store": (
        "RPUSH n 3 1 2 | SORT n | SORT n STORE sorted | LRANGE sorted 0 -1 | OBJECT FREQ n"
    ),
    "big and small": "SETRANGE big 100000 x | GET big | STRLEN big | GET nothing | GET big",
    "introspection": (
        "COMMAND COUNT | COMMAND INFO get nosuch | COMMAND DOCS get | MEMORY USAGE nothing | "
        "LATENCY HISTORY x | SLOWLOG LEN | COMMAND LIST FILTERBY PATTERN xr*"
    ),
}
END = b"end-of-this-conversation"


def conversation(address, commands, slices=None):
    """All that comes back for the commands, and whether the connection is still there. The end is a
    command that no Redis has: its error comes in every mode that answers at all.
    """
    data = b"".join(encode(*command.split()) for command in commands) + encode(END)
    with Wire(address) as wire:
        try:
            while data:
                size = slices.randrange(1, 40) if slices else len(data)
                wire.send(data[:size])
                data = data[size:]
            while END not in wire.buffer:
                wire.more()
            wire.exactly(wire.buffer.index(END))
            return wire.taken, "still there"
        except (Closed, ConnectionResetError, BrokenPipeError):
            return wire.taken + wire.buffer, "closed"


def comparable(answer):
    """Without the connection's own number, which HELLO tells."""
    return re.sub(rb"(\$2\r\nid\r\n):\d+", rb"\1:ID", answer[0]), answer[1]


def test_conversations_byte_for_byte(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    direct = scene.client(redis.address)
    for name, script in SCRIPTS.items():
        commands = script.split(" | ")
        answers = []
        for address, slices in (
            (redis.address, None),
            (pair.address, None),
            (pair.address, random.Random(name)),
        ):
            direct.flushall()
            answers.append(comparable(conversation(address, commands, slices)))
        check(answers[0][0], f"{name}: Redis itself said nothing")
        check_equal(answers[1], answers[0], f"{name}, in one piece")
        check_equal(answers[2], answers[0], f"{name}, in small pieces")
    pair.check_sound()


def test_subscriptions_inside_of_a_transaction_one_after_another(scene):
    """In RESP2 EXEC's reply then has more elements than its header says: one for each channel."""
    redis = scene.redis()
    pair = scene.pair(redis)
    script = ["MULTI", "SUBSCRIBE a b", "UNSUBSCRIBE", "GET a", "EXEC"]
    direct, through = scene.wire(redis.address), pair.wire()
    expected, _ = conversation(redis.address, script)
    for wire in (direct, through):
        wire.send(b"".join(encode(*command.split()) for command in script))
        check_equal(
            wire.exactly(expected.index(b"-ERR")), expected[: expected.index(b"-ERR")], "EXEC"
        )
        check(wire.silent(0.5), "more than Redis says, or the end")
        check_equal(wire.call("SET", "other", "b"), b"+OK\r\n", "the next command")
    pair.check_sound()


def test_a_blocked_client_is_served_by_another(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    direct = scene.client(redis.address)
    wires = [pair.wire().send(encode("BLPOP", f"list:{i}", 0) + encode("PING")) for i in range(20)]
    wait_until(lambda: direct.info("clients")["blocked_clients"] == 20, "all to block")
    for i in reversed(range(20)):
        pair.redis().rpush(f"list:{i}", i)
    for i, wire in enumerate(wires):
        name = f"list:{i}".encode()
        check_equal(
            b"".join(wire.replies(2)),
            b"*2\r\n$%d\r\n%s\r\n$%d\r\n%d\r\n+PONG\r\n" % (len(name), name, len(str(i)), i),
            "BLPOP",
        )
    pair.check_sound()


def test_messages_arrive_in_order_between_other_replies(scene):
    """RESP3: pushes may come between a command and its reply and take no slot."""
    redis = scene.redis()
    pair = scene.pair(redis)
    direct = scene.client(redis.address)
    wire = pair.wire()
    check(wire.call("HELLO", 3).startswith(b"%"), "HELLO 3")
    check(wire.call("SUBSCRIBE", "news").startswith(b">3"), "SUBSCRIBE")
    messages = replies = 0
    for i in range(200):
        direct.publish("news", i)
        wire.send(encode("ECHO", f"echo {i}"))
    while messages < 200 or replies < 200:
        got = wire.reply()
        if got.startswith(b">"):
            check(
                got.endswith(b"$%d\r\n%d\r\n" % (len(str(messages)), messages)),
                f"message {messages} is {got!r}",
            )
            messages += 1
        else:
            check_equal(got.split(b"\r\n")[1], b"echo %d" % replies, "a reply")
            replies += 1
    pair.check_sound()


def test_redis_py_pubsub_and_transactions(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    client = pair.redis()
    pubsub = client.pubsub()
    pubsub.subscribe("a")
    pubsub.psubscribe("b*")
    for _ in range(2):
        check(pubsub.get_message(timeout=30), "no answer to a subscription")
    for i in range(50):
        client.publish("a", i)
        client.publish("bb", i)
    got = [pubsub.get_message(timeout=30)["data"] for _ in range(100)]
    check_equal(got, [str(i // 2).encode() for i in range(100)], "messages")
    check_equal(
        client.transaction(lambda pipe: (pipe.multi(), pipe.set("x", 1), pipe.incr("x")), "x"),
        [True, 2],
        "transaction()",
    )
    with client.lock("lock", timeout=30):
        check(client.exists("lock"), "a lock that is none")
    check_equal(client.register_script("return ARGV[1]")(args=["v"]), b"v", "a script")
    pubsub.close()


def test_monitor_until_quit(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    for end in ("QUIT", "RESET"):
        wire = pair.wire()
        check_equal(wire.call("MONITOR"), b"+OK\r\n", "MONITOR")
        for i in range(10):
            pair.redis().set(f"key:{i}", i)
            check(b'"SET" "key:%d"' % i in wire.reply(), f"line {i} of MONITOR is missing")
        wire.send(encode(end))
        check_equal(wire.reply(), b"+RESET\r\n" if end == "RESET" else b"+OK\r\n", end)
        if end == "RESET":
            check_equal(wire.call("PING"), b"+PONG\r\n", "PING after RESET")
        else:
            check_equal(wire.rest(), b"", "what comes after QUIT")
    pair.check_sound()


def test_clients_see_and_kill_themselves_and_each_other(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    one, other = pair.wire(), pair.wire()
    numbers = [int(wire.call("CLIENT", "ID")[1:]) for wire in (one, other)]
    check(numbers[0] != numbers[1], "two clients are one to Redis")
    other.call("CLIENT", "SETNAME", "the-other")
    check(
        b"id=%d " % numbers[1] in one.call("CLIENT", "LIST")
        and b"name=the-other" in one.call("CLIENT", "LIST"),
        "CLIENT LIST does not show the other client",
    )
    other.send(encode("BLPOP", "nothing", 0))
    wait_until(
        lambda: one.call("CLIENT", "UNBLOCK", numbers[1], "ERROR") == b":1\r\n", "CLIENT UNBLOCK"
    )
    check_equal(
        other.reply(),
        b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n",
        "the unblocked command",
    )
    check_equal(one.call("CLIENT", "KILL", "ID", numbers[1]), b":1\r\n", "CLIENT KILL")
    check_equal(other.rest(), b"", "what a killed client reads")
    pair.check_sound()


def test_a_replica_follows_its_master_through_the_agents(scene):
    """PSYNC: the connection becomes raw both ways."""
    master, replica = scene.redis(
        "master", options=["--repl-diskless-sync-delay", "0"]
    ), scene.redis("replica")
    pair = scene.pair(master)
    client, follower = scene.client(master.address), scene.client(replica.address)
    client.set("before", "x" * 300_000)
    follower.slaveof("127.0.0.1", pair.address.rpartition(":")[2])
    wait_until(
        lambda: follower.info("replication")["master_link_status"] == "up",
        "the replica to be in step",
    )
    for i in range(100):
        client.incr("after")
    wait_until(lambda: follower.get("after") == b"100", "the writes to arrive")
    check_equal(follower.get("before"), b"x" * 300_000, "the value from the snapshot")
    check_equal(client.wait(1, 20_000), 1, "replicas that acknowledge")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
