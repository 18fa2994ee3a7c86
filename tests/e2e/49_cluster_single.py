"""Goal: to a client that knows nothing of clusters, a Redis Cluster behind one endpoint is a Redis:
keys of all slots, commands over several slots, the whole key space, transactions within a slot,
scripts, messages, blocking; what Redis Cluster can't do is refused in its own words. Slots that
move and masters that are replaced are nothing such a client has to know.
"""

import threading

import redis

import scenario  # noqa: F401, finds tests/support
from cluster import Cluster, slot_of
from drives import redis_py_on_cluster
from harness import run_tests
from processes import SHARE, check, check_equal, check_few_lines, check_in, wait_until
from route_pair import single_pair
from wire import encode

CROWD = 100  # clients
OPERATIONS = 1500 // SHARE  # of a drive, between two events
NAMES = [f"name:{number}" for number in range(300)]


def start(scene, **options):
    """(cluster, pair, an ordinary client)"""
    cluster = Cluster(scene, **options)
    pair = single_pair(scene, cluster)
    return cluster, pair, scene.client(pair.fronts[0], decode_responses=True)


def nodes_of(cluster, names):
    return {cluster.owner(name).name for name in names}


def refused(action, word):
    """The text of the error that `action` ends with, which begins with `word`."""
    try:
        result = action()
    except redis.RedisError as error:
        check_in(word, f"{type(error).__name__} {error}".upper(), "an error's text")
        return str(error)
    check(False, f"{word} was expected, and it answered {result!r}")
    return None


def test_keys_of_all_slots(scene):
    cluster, pair, client = start(scene)
    for name in NAMES:
        check_equal(client.set(name, f"value of {name}"), True, "SET")
    for name in NAMES:
        check_equal(client.get(name), f"value of {name}", "GET")
        check_equal(client.incr(f"{name}:count"), 1, "INCR")
    check_equal(len(nodes_of(cluster, NAMES[:30])), 3, "masters that have the keys")
    wire = scene.wire(pair.fronts[0])
    wire.send(b"".join(encode("GET", name) for name in NAMES))
    expected = [f"$%d\r\nvalue of {name}\r\n" % len(f"value of {name}") for name in NAMES]
    check_equal(wire.replies(len(NAMES)), [e.encode() for e in expected], "answers in their order")
    pair.check_sound()


def test_commands_over_several_slots(scene):
    _, pair, client = start(scene)
    check_equal(client.mset({name: f"v {name}" for name in NAMES}), True, "MSET")
    asked = [*reversed(NAMES), "missing", NAMES[0]]
    expected = [*(f"v {name}" for name in reversed(NAMES)), None, f"v {NAMES[0]}"]
    check_equal(client.mget(asked), expected, "MGET")
    check_equal(client.exists(*NAMES, "missing", NAMES[0]), len(NAMES) + 1, "EXISTS")
    check_equal(client.touch(*NAMES[:10], "missing"), 10, "TOUCH")
    check_equal(client.delete(*NAMES[:100], "missing"), 100, "DEL")
    check_equal(client.unlink(*NAMES[50:150]), 50, "UNLINK")
    check_equal(client.mget(NAMES[:150]), [None] * 150, "MGET of what is gone")
    check_equal(client.exists(*NAMES), len(NAMES) - 150, "EXISTS of the rest")
    pair.check_sound()


def test_an_error_among_several_slots(scene):
    """MGET passes over a key of another type as Redis does; MSET with too few arguments is Redis's
    own error, and the connection goes on."""
    _, pair, client = start(scene)
    client.rpush("a list", "x")
    client.set("text", "y")
    check_equal(client.mget("a list", "text"), [None, "y"], "MGET of a list and a text")
    said = refused(lambda: client.execute_command("MSET", "a", "b", "c"), "WRONG NUMBER")
    check_in("'mset'", said, "the error of MSET")
    check_equal(client.ping(), True, "PING behind it")
    pair.check_sound()


def test_the_whole_key_space(scene):
    cluster, pair, client = start(scene)
    client.mset(dict.fromkeys(NAMES, "v"))
    check_equal(client.dbsize(), len(NAMES), "DBSIZE")
    check_equal(sorted(client.keys("name:*")), sorted(NAMES), "KEYS")
    for count in (1, 10, 1000):
        found = list(client.scan_iter(count=count))
        check_equal(sorted(found), sorted(NAMES), f"SCAN with COUNT {count}")
    check_equal(
        sorted(client.scan_iter("name:1*")), sorted(n for n in NAMES if n[5] == "1"), "MATCH"
    )
    check(client.randomkey() in NAMES, "RANDOMKEY")
    check_equal(client.flushall(), True, "FLUSHALL")
    check_equal((client.dbsize(), client.keys(), client.randomkey()), (0, [], None), "afterwards")
    check_equal([m.call("DBSIZE") for m in cluster.masters()], [0, 0, 0], "keys at the masters")
    pair.check_sound()


def test_transactions_within_a_slot(scene):
    _, pair, client = start(scene)
    for tag in ("a", "b", "c", "d"):  # of all masters
        with client.pipeline() as transaction:
            transaction.set(f"{{{tag}}}:1", tag).incr(f"{{{tag}}}:2").get(f"{{{tag}}}:1")
            check_equal(transaction.execute(), [True, 1, tag], f"a transaction of slot {tag}")
    other = scene.client(pair.fronts[0], decode_responses=True)
    with client.pipeline() as transaction:
        transaction.watch("{a}:1")
        other.set("{a}:1", "changed")
        transaction.multi()
        transaction.set("{a}:1", "mine")
        refused(transaction.execute, "WATCH")
    check_equal(client.get("{a}:1"), "changed", "the watched key")
    wire = scene.wire(pair.fronts[0])
    for command in (("WATCH", "{b}:1"), ("MULTI",), ("GET", "{b}:1"), ("DISCARD",)):
        wire.call(*command)
    check_equal(wire.call("GET", "{c}:1"), b"$1\r\nc\r\n", "another slot, after DISCARD")
    pair.check_sound()


def test_what_a_cluster_cannot_do(scene):
    """Redis's own error, nothing done, and the connection goes on."""
    cluster, pair, client = start(scene)
    client.mset({"a": "1", "b": "2"})
    check(cluster.owner("a") is not cluster.owner("b"), "a and b are of one master")
    for command in (
        ("RENAME", "a", "b"),
        ("SUNIONSTORE", "c", "a", "b"),
        ("EVAL", "return redis.call('GET', KEYS[1])", "2", "a", "b"),
        ("LMOVE", "a", "b", "LEFT", "LEFT"),
    ):
        refused(lambda c=command: client.execute_command(*c), "CROSSSLOT")
    wire = scene.wire(pair.fronts[0])
    check_equal(wire.call("MULTI"), b"+OK\r\n", "MULTI")
    check_equal(wire.call("SET", "a", "3"), b"+QUEUED\r\n", "the first of a transaction")
    check(wire.call("SET", "b", "3").startswith(b"-CROSSSLOT"), "another slot in a transaction")
    check(wire.call("EXEC").startswith(b"-EXECABORT"), "EXEC of a transaction over two slots")
    check_equal(client.mget("a", "b"), ["1", "2"], "the keys afterwards")
    refused(lambda: client.execute_command("SELECT", "1"), "SELECT")
    pair.check_sound()


def test_messages(scene):
    """Whoever publishes, and wherever: everybody who subscribed hears it, once and in order."""
    _, pair, client = start(scene)
    heard = [client.pubsub() for _ in range(5)]
    for number, pubsub in enumerate(heard):
        pubsub.subscribe("news")
        pubsub.psubscribe(f"own.{number}.*")
        confirmed = [pubsub.get_message(timeout=60)["type"] for _ in range(2)]
        check_equal(confirmed, ["subscribe", "psubscribe"], "confirmations")
    publishers = [scene.client(pair.fronts[0]) for _ in range(4)]
    for number in range(40):
        publishers[number % 4].publish("news", number)
    for number in range(5):
        client.publish(f"own.{number}.x", "last")
    for pubsub in heard:
        messages = []
        while not messages or messages[-1] != "last":
            message = pubsub.get_message(timeout=60)
            if message is not None and message["type"] in ("message", "pmessage"):
                messages.append(message["data"])
        check_equal(sorted(messages[:-1], key=int), [str(n) for n in range(40)], "messages")
        for first in range(4):
            of_one = [m for m in messages[:-1] if int(m) % 4 == first]
            check_equal(of_one, [str(n) for n in range(first, 40, 4)], "order of one publisher")
        pubsub.close()
    pair.check_sound()


def test_blocking(scene):
    _, pair, client = start(scene)
    got = {}

    def wait_for(name):
        got[name] = scene.client(pair.fronts[0], decode_responses=True).blpop(name, 60)

    names = [f"queue:{number}" for number in range(12)]
    threads = [threading.Thread(target=wait_for, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for name in names:
        client.rpush(name, f"for {name}")
    for thread in threads:
        thread.join()
    check_equal(got, {name: (name, f"for {name}") for name in names}, "what BLPOP answered")
    wire = scene.wire(pair.fronts[0])  # what is sent behind a blocking command waits for it
    wire.send(encode("BLPOP", "queue:1", "0") + encode("GET", "queue:text"))
    client.set("queue:text", "later")
    client.rpush("queue:1", "now")
    check_equal(wire.reply(), b"*2\r\n$7\r\nqueue:1\r\n$3\r\nnow\r\n", "BLPOP")
    check_equal(wire.reply(), b"$5\r\nlater\r\n", "GET behind it")
    pair.check_sound()


def test_scripts(scene):
    """What is loaded once is known wherever its key is."""
    _, pair, client = start(scene)
    digest = client.script_load("return redis.call('SET', KEYS[1], ARGV[1])")
    check_equal(client.script_exists(digest, "0" * 40), [True, False], "SCRIPT EXISTS")
    for name in NAMES[:50]:
        check_equal(client.evalsha(digest, 1, name, "by script"), "OK", "EVALSHA")
        check_equal(client.eval("return redis.call('GET', KEYS[1])", 1, name), "by script", "EVAL")
    check_equal(client.script_flush(), True, "SCRIPT FLUSH")
    for name in NAMES[:50]:
        refused(lambda n=name: client.evalsha(digest, 1, n, "x"), "NOSCRIPT")
    pair.check_sound()


def test_readonly_and_the_rest_of_a_connection(scene):
    _, pair, client = start(scene)
    client.set("a", "1")
    wire = scene.wire(pair.fronts[0])
    for command, reply in (
        (("READONLY",), b"+OK\r\n"),
        (("GET", "a"), b"$1\r\n1\r\n"),
        (("READWRITE",), b"+OK\r\n"),
        (("SET", "a", "2"), b"+OK\r\n"),
        (("CLIENT", "SETNAME", "me"), b"+OK\r\n"),
        (("GET", "b"), b"$-1\r\n"),
        (("CLIENT", "GETNAME"), b"$2\r\nme\r\n"),
        (("SELECT", "0"), b"+OK\r\n"),
        (("ECHO", "x"), b"$1\r\nx\r\n"),
    ):
        check_equal(wire.call(*command), reply, " ".join(command))
    wire.call("HELLO", "3")
    wire.call("RPUSH", "list", "1", "2")
    wire.call("HSET", "hash", "f", "1")
    check_equal(wire.call("HGETALL", "hash"), b"%1\r\n$1\r\nf\r\n$1\r\n1\r\n", "RESP3 at any node")
    pair.check_sound()


def test_while_slots_move(scene):
    """Not even TRYAGAIN reaches the client; every answer is right."""
    cluster, pair, _ = start(scene)
    drive = redis_py_on_cluster(scene, [pair.fronts[0]], single=True)
    drive.wait_done(OPERATIONS)
    source, target = cluster.masters()[:2]
    cluster.move_slots(200 // SHARE, source, target)
    drive.wait_done(OPERATIONS)
    result = drive.finish()
    check_equal(result["findings"], {"wrong": 0, "lost": 0, "repeated": 0}, result["examples"])
    check_equal((result["errors"], result["redirects"]), ({}, {}), "what the client noticed")
    pair.check_sound()


def test_redirections_are_followed(scene):
    """The same for one key, step by step: it is answered whether it has moved or not."""
    cluster, pair, client = start(scene)
    source, target = cluster.masters()[:2]
    key = cluster.key_of(source)
    client.set(key, "0")
    answers = []

    def step(stage, _):
        answers.append((stage, client.get(key), client.incr(key), client.get(f"{{{key}}}:none")))

    cluster.move_slots([slot_of(key)], source, target, step)
    check_equal([answer[:3] for answer in answers], [("open", "0", 1), ("keys", "1", 2)], "answers")
    check_equal((client.get(key), target.call("GET", key)), ("2", "2"), "afterwards")
    pair.check_sound()


def served(scene, pair, key):
    try:
        return scene.client(pair.fronts[0]).set(key, "b")
    except redis.RedisError:
        return False


def test_while_a_master_dies(scene):
    """Errors, or a connection that is closed, until its replica serves; never a wrong answer."""
    cluster, pair, _ = start(scene)
    drive = redis_py_on_cluster(scene, [pair.fronts[0]], single=True)
    drive.wait_done(OPERATIONS)
    drive.phase("away")
    master = cluster.masters()[0]
    key = cluster.key_of(master)
    cluster.kill(master)
    cluster.wait_replaced(master)
    cluster.restart(master)
    drive.phase("recovery")
    drive.wait_done(OPERATIONS)
    # The server agent may have to hear of it: until then the old master answers CLUSTERDOWN.
    wait_until(lambda: served(scene, pair, key), f"a master for {key}")
    drive.phase("afterwards")
    drive.wait_done(OPERATIONS)
    result = drive.finish()
    check_equal(result["findings"]["wrong"], 0, f"wrong answers: {result['examples']}")
    errors = {p: e for p, e in result["errors"].items() if p not in ("away", "recovery")}
    check_equal(errors, {}, "errors when all was well")
    pair.check_sound()


def test_many_clients_that_lose_a_node_make_few_lines(scene):
    cluster, pair, _ = start(scene)
    master = cluster.masters()[0]
    crowd = [scene.wire(pair.fronts[0]) for _ in range(CROWD)]
    for wire in crowd:
        wire.send(encode("BLPOP", cluster.key_of(master), "0"))
    wait_until(
        lambda: master.call("CLIENT", "LIST").count("cmd=blpop") == CROWD,
        "all to wait at one node",
    )
    cluster.kill(master)
    for wire in crowd:
        check_equal(wire.rest(), b"", "what a client got that waited at a node that died")
    pair.server.wait_for_log("a client was disconnected: .* node of the cluster")
    for agent in (pair.server, pair.client):
        check_few_lines(agent, "disconnected")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
