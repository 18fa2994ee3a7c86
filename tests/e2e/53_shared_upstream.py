"""Goal: with "upstream": "shared" many clients reach Redis over a few connections, and notice
nothing of it: replies are theirs and in order, what needs a connection gets one, nobody waits for
another client's reading, a Redis that dies ends those who waited for it, and credentials are never
mixed.
"""

import random
import signal
import socket
import threading

import scenario  # noqa: F401, finds tests/support
from footprint import MB
from harness import read_audit, run_tests
from processes import check, check_equal, wait_until
from route_pair import RoutePair
from wire import Closed, Wire, encode

CONNECTIONS = 4  # SharedPool::kConnections


def shared_pair(scene, redis, **options):
    route = {"redis": redis.address, "upstream": "shared"}
    return RoutePair(scene, {"default": route}, [{}], **options)


def wire_of(scene, pair, front=0):
    return scene.wire(pair.fronts[front])


def connected(admin):
    """Clients of Redis but for the one that asks."""
    return len(admin.client_list()) - 1


def settled(scene, pair, admin, count):
    """Until Redis has so many connections of the agents'."""
    wait_until(lambda: connected(admin) == count, f"Redis to have {count} connections")


def test_many_clients_over_few_connections(scene):
    redis = scene.redis()
    admin = scene.client(redis.address)
    pair = shared_pair(scene, redis, audit=True)
    wires = [wire_of(scene, pair) for _ in range(50)]
    for number, wire in enumerate(wires):
        check_equal(wire.call("SET", f"own:{number}", number), b"+OK\r\n", "SET")
    settled(scene, pair, admin, CONNECTIONS)
    rng = random.Random(1)
    counts = [0] * len(wires)
    for _ in range(40):
        expected = [b""] * len(wires)
        for number in rng.sample(range(len(wires)), 30):
            batch = b""
            for _ in range(rng.randrange(1, 20)):
                kind = rng.randrange(3)
                if kind == 0:
                    counts[number] += 1
                    batch += encode("INCR", f"count:{number}")
                    expected[number] += b":%d\r\n" % counts[number]
                elif kind == 1:
                    value = b"x" * rng.randrange(3000)
                    batch += encode("ECHO", value)
                    expected[number] += b"$%d\r\n%s\r\n" % (len(value), value)
                else:
                    batch += encode("GET", f"own:{number}")
                    text = str(number).encode()
                    expected[number] += b"$%d\r\n%s\r\n" % (len(text), text)
            wires[number].send(batch)
        for number, wire in enumerate(wires):
            got = b""
            while len(got) < len(expected[number]):
                got += wire.reply()
            check_equal(got, expected[number], f"replies of client {number}")
    check_equal(connected(admin), CONNECTIONS, "connections at Redis")
    check_equal({line["db"] for line in admin.client_list()}, {"0"}, "databases in use")
    for wire in wires:
        check_equal(wire.call("QUIT"), b"+OK\r\n", "QUIT")
        check_equal(wire.rest(), b"", "bytes behind QUIT's answer")
    check_equal(connected(admin), CONNECTIONS, "connections at Redis when all have gone")
    commands = read_audit(pair.server_audit)
    check_equal({record["result"] for record in commands}, {"ok"}, "results in the audit")
    check_equal(len({r["stream"] for r in commands}), len(wires), "connections in the audit")
    pair.check_sound()


def test_what_needs_a_connection_gets_one(scene):
    redis = scene.redis()
    admin = scene.client(redis.address)
    pair = shared_pair(scene, redis)
    for number, (commands, replies) in enumerate(
        [
            (
                [("SELECT", 3), ("SET", "a", "three"), ("GET", "a")],
                b"+OK\r\n+OK\r\n$5\r\nthree\r\n",
            ),
            (
                [("MULTI",), ("INCR", "n"), ("INCR", "n"), ("EXEC",), ("PING",)],
                b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n+PONG\r\n",
            ),
            ([("CLIENT", "SETNAME", "me"), ("CLIENT", "GETNAME")], b"+OK\r\n$2\r\nme\r\n"),
            ([("EVAL", "return 7", 0), ("NONSENSE",)], b":7\r\n-ERR unknown command"),
            ([("SUBSCRIBE", "c")], b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
            ([("CLIENT", "REPLY", "SKIP"), ("PING",), ("ECHO", "x")], b"$1\r\nx\r\n"),
            ([("WATCH", "a"), ("UNWATCH",)], b"+OK\r\n+OK\r\n"),
        ]
    ):
        wire = wire_of(scene, pair)
        before = encode("SET", "b", number) + encode("GET", "b")
        wire.send(before + b"".join(encode(*command) for command in commands))
        text = str(number).encode()
        expected = b"+OK\r\n$1\r\n%s\r\n" % text + replies
        got = b""
        while len(got) < len(expected):
            got += wire.reply()
        check(got.startswith(expected), f"{commands}: got {got!r}, not {expected!r}")
        others = [line for line in admin.client_list() if line["db"] != "0"]
        check_equal(
            len(others), 1 if commands[0][0] == "SELECT" else 0, "clients in other databases"
        )
        wire.close()
    check_equal(admin.get("a"), None, "the key of database 3 in database 0")
    pair.check_sound()


def test_a_blocked_client_blocks_nobody(scene):
    redis = scene.redis()
    admin = scene.client(redis.address)
    pair = shared_pair(scene, redis)
    wires = [wire_of(scene, pair) for _ in range(8)]
    blocked = wire_of(scene, pair)
    blocked.send(encode("PING") + encode("BLPOP", "list", 0) + encode("ECHO", "after"))
    check_equal(blocked.reply(), b"+PONG\r\n", "PING before BLPOP")
    wait_until(lambda: admin.info("clients")["blocked_clients"] == 1, "BLPOP to block")
    for turn in range(20):
        for wire in wires:
            check_equal(wire.call("PING"), b"+PONG\r\n", f"PING {turn} beside BLPOP")
    check_equal(wires[0].call("RPUSH", "list", "x"), b":1\r\n", "RPUSH")
    check_equal(blocked.reply(), b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n", "BLPOP")
    check_equal(blocked.reply(), b"$5\r\nafter\r\n", "ECHO behind BLPOP")
    subscriber = wire_of(scene, pair)
    subscriber.call("SUBSCRIBE", "news")
    check_equal(wires[1].call("PUBLISH", "news", "hi"), b":1\r\n", "PUBLISH")
    check_equal(subscriber.reply(), b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n", "message")
    pair.check_sound()


def test_who_does_not_read_holds_up_nobody(scene):
    redis = scene.redis()
    admin = scene.client(redis.address)
    pair = shared_pair(scene, redis)
    admin.set("large", b"v" * (10 * MB))
    admin.set("huge", b"v" * (200 * MB))
    wires = [wire_of(scene, pair) for _ in range(2 * CONNECTIONS)]
    for wire in wires:
        wire.call("PING")
    slow, stuck = wire_of(scene, pair), wire_of(scene, pair)
    slow.send(encode("GET", "large"))
    stuck.send(encode("GET", "huge"))
    for turn in range(20):
        for number, wire in enumerate(wires):
            check_equal(wire.call("INCR", f"n:{number}"), b":%d\r\n" % (turn + 1), "INCR")
    pair.server.wait_for_log("doesn't take its replies")
    # What is kept for it is all there; the other one is told that it isn't.
    check_equal(len(slow.reply()), 10 * MB + len(b"$10485760\r\n\r\n"), "bytes of the large reply")
    got = 0
    try:
        while data := stuck.sock.recv(1 << 20):
            got += len(data)
    except OSError:
        pass
    check(got < 200 * MB, "the reader of nothing got all of its reply")
    check_equal(slow.call("GET", "n:0"), b"$2\r\n20\r\n", "a command behind the large reply")
    check_equal(wires[0].call("PING"), b"+PONG\r\n", "PING when all is over")
    pair.check_sound()


def test_a_large_value_to_a_reader(scene):
    redis = scene.redis()
    admin = scene.client(redis.address)
    pair = shared_pair(scene, redis)
    value = random.Random(3).randbytes(30 * MB)
    wire = wire_of(scene, pair)
    check_equal(wire.call("SET", "large", value), b"+OK\r\n", "SET of a large value")
    fresh = wire_of(scene, pair)
    for _ in range(2):
        expected = b"$%d\r\n%s\r\n" % (len(value), value)
        check(fresh.call("GET", "large") == expected, "GET of a large value is wrong")
    check_equal(admin.strlen("large"), len(value), "STRLEN at Redis")
    pair.check_sound()


def test_a_client_that_goes_leaves_no_reply_to_others(scene):
    redis = scene.redis()
    pair = shared_pair(scene, redis)
    stay = [wire_of(scene, pair) for _ in range(CONNECTIONS)]
    for turn in range(30):
        gone = [wire_of(scene, pair) for _ in range(CONNECTIONS)]
        for wire in gone:
            wire.send(encode("ECHO", "not yours") * 200)
        for number, wire in enumerate(stay):
            wire.send(encode("ECHO", f"{turn}:{number}") * 3)
        for wire in gone:
            wire.close()
        for number, wire in enumerate(stay):
            text = f"{turn}:{number}".encode()
            for reply in wire.replies(3):
                check_equal(reply, b"$%d\r\n%s\r\n" % (len(text), text), "ECHO")
    pair.check_sound()


def test_redis_is_killed(scene):
    redis = scene.redis()
    pair = shared_pair(scene, redis)
    idle = [wire_of(scene, pair) for _ in range(6)]
    for wire in idle:
        check_equal(wire.call("SET", "a", "b"), b"+OK\r\n", "SET")
    waiting = [wire_of(scene, pair) for _ in range(3)]
    for wire in waiting:
        wire.call("PING")
    redis.pause()
    for wire in waiting:
        wire.send(encode("INCR", "n"))
    quick = wire_of(scene, pair)  # comes while Redis doesn't answer
    quick.send(encode("PING"))
    redis.resume()
    check_equal(quick.reply(), b"+PONG\r\n", "PING when Redis goes on")
    for wire in waiting:
        check_equal(wire.reply()[:1], b":", "INCR when Redis goes on")
    redis.pause()
    for wire in waiting:
        wire.send(encode("INCR", "n"))
    settle = wire_of(scene, pair)
    settle.send(encode("PING"))
    wait_until(lambda: queued_at(redis) > 0, "the commands to arrive")
    redis.kill()
    for wire in waiting:
        try:
            wire.reply()
            check(False, "a client that waited was answered by nobody")
        except (Closed, OSError):
            pass
    redis.start()
    # They had nothing under way, and may go on.
    for wire in idle:
        check_equal(wire.call("GET", "none"), b"$-1\r\n", "GET on the restarted Redis")
    pair.check_sound()


def queued_at(redis):
    """Bytes that have come for Redis and that it hasn't read."""
    port = f"{redis.port:04X}"
    total = 0
    for line in open("/proc/net/tcp", encoding="ascii").read().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(":" + port) and fields[3] == "01":
            total += int(fields[4].partition(":")[2], 16)
    return total


def test_credentials_are_never_mixed(scene):
    users = {"ann": "~ann:*", "bob": "~bob:*"}
    options = ["--requirepass", "admin"]
    for user, keys in users.items():
        options += ["--user", user, "on", f">{user}-password", keys, "+@all"]
    redis = scene.redis(options=options)
    admin = scene.client(redis.address, password="admin")
    routes, password_files = {}, {}
    for user in users:
        password_files[user] = scene.write(f"{user}.password", f"{user}-password")
        routes[user] = {
            "redis": redis.address,
            "upstream": "shared",
            "user": user,
            "password_file": password_files[user],
        }
    # And one whose clients log in by themselves.
    routes["open"] = {"redis": redis.address, "upstream": "shared"}
    pair = RoutePair(scene, routes, [{"route": name} for name in routes])
    wires = {user: [wire_of(scene, pair, at) for _ in range(10)] for at, user in enumerate(users)}
    for turn in range(20):
        for user, other in (("ann", "bob"), ("bob", "ann")):
            for number, wire in enumerate(wires[user]):
                wire.send(encode("SET", f"{user}:{number}", turn) + encode("GET", f"{other}:1"))
        for user in users:
            for wire in wires[user]:
                check_equal(wire.reply(), b"+OK\r\n", f"{user}'s SET")
                check_equal(wire.reply()[:7], b"-NOPERM", f"{user}'s GET of another's key")
    names = [line["user"] for line in admin.client_list()]
    check_equal({user: names.count(user) for user in users}, dict.fromkeys(users, 4), "connections")
    stranger, member = wire_of(scene, pair, 2), wire_of(scene, pair, 2)
    check_equal(stranger.call("GET", "ann:1")[:7], b"-NOAUTH", "GET without a password")
    check_equal(member.call("AUTH", "ann", "ann-password"), b"+OK\r\n", "AUTH")
    check_equal(member.call("GET", "ann:1"), b"$2\r\n19\r\n", "GET of who has logged in")
    check_equal(stranger.call("GET", "ann:1")[:7], b"-NOAUTH", "GET beside who has logged in")
    many = wire_of(scene, pair, 2)
    check(
        many.call("MGET", *"abcdefghijkl").startswith(b"-ERR Protocol error"), "too many arguments"
    )
    check_equal(member.call("PING"), b"+PONG\r\n", "PING beside that")

    # Who comes after a reload comes with the new ones.
    admin.execute_command("ACL", "SETUSER", "ann", ">other-password", "resetkeys", "~other:*")
    scene.write("ann.password", "other-password")
    pair.server.send_signal(signal.SIGHUP)
    pair.server.wait_for_log("were reloaded")
    check_equal(wire_of(scene, pair).call("SET", "other:1", "x"), b"+OK\r\n", "SET after a reload")
    pair.check_sound()


def test_a_login_that_redis_refuses(scene):
    redis = scene.redis(options=["--requirepass", "right"])
    route = {
        "redis": redis.address,
        "upstream": "shared",
        "password_file": scene.write("password", "wrong"),
    }
    pair = RoutePair(scene, {"default": route}, [{}])
    answer = wire_of(scene, pair).call("PING")
    check(answer.startswith(b"-ERR redwall: "), f"wrong credentials: answered {answer!r}")
    pair.server.wait_for_log("refused the credentials")
    pair.check_sound()


def test_a_redis_without_room(scene):
    """Its refusal is the client's to see, and the agent goes on when there is room."""
    redis = scene.redis(options=["--maxclients", "2"])
    admin = scene.client(redis.address)
    admin.ping()
    crowd = Wire(redis.address)
    crowd.call("PING")
    pair = shared_pair(scene, redis)
    wire = wire_of(scene, pair)
    try:
        check_equal(wire.call("PING"), b"-ERR max number of clients reached\r\n", "PING")
    except (Closed, OSError):
        pass  # as on a direct connection, where the refusal may be lost with a reset
    crowd.close()

    def served():
        try:
            with Wire(pair.fronts[0]) as other:
                return other.call("PING") == b"+PONG\r\n"
        except (Closed, OSError):
            return False

    wait_until(served, "a client to be served when there is room")
    pair.check_sound()


def test_the_policy_still_refuses(scene):
    redis = scene.redis()
    policy = {
        "version": 1,
        "default": "allow",
        "rules": [{"id": "no", "action": "deny", "commands": ["set"], "keys": ["secret:*"]}],
    }
    pair = shared_pair(scene, redis, policy=policy, audit=True)
    denied = b"-NOPERM redwall: 'set' is denied by rule 'no'\r\n"
    for _ in range(3):
        wire = wire_of(scene, pair)
        wire.send(
            encode("SET", "a", 1)
            + encode("SET", "secret:a", 1)
            + encode("GET", "a")
            + encode("SET", "secret:b", 1)
            + encode("MULTI")
            + encode("SET", "secret:c", 1)
            + encode("EXEC")
        )
        expected = [b"+OK\r\n", denied, b"$1\r\n1\r\n", denied, b"+OK\r\n", denied]
        check_equal(wire.replies(6), expected, "replies and refusals")
        check_equal(wire.reply()[:10], b"-EXECABORT", "EXEC")
    check_equal(scene.client(redis.address).keys("secret:*"), [], "keys that are denied")
    pair.check_sound()


def test_the_end_of_a_client(scene):
    """Half-closed with commands under way; in the middle of a command; with bytes that are none."""
    redis = scene.redis()
    pair = shared_pair(scene, redis)
    other = wire_of(scene, pair)
    wire = wire_of(scene, pair)
    wire.send(encode("PING") * 50)
    check_equal(wire.replies(50), [b"+PONG\r\n"] * 50, "PINGs")
    wire.finish_sending()
    check_equal(wire.rest(), b"", "bytes behind the client's end")
    half = wire_of(scene, pair)
    half.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nab")
    check_equal(other.call("PING"), b"+PONG\r\n", "PING beside half of a command")
    half.sock.shutdown(socket.SHUT_RDWR)
    wrong = wire_of(scene, pair)
    wrong.send(encode("PING") + b"*1\r\nX\r\n")
    check_equal(wrong.reply(), b"+PONG\r\n", "PING")
    check(wrong.rest().startswith(b"-ERR Protocol error"), "the answer to what is no command")
    check_equal(other.call("GET", "a"), b"$-1\r\n", "what half a SET has set")
    pair.check_sound()


def test_clients_come_and_go(scene):
    redis = scene.redis()
    admin = scene.client(redis.address)
    pair = shared_pair(scene, redis)
    before = admin.info("stats")["total_connections_received"]
    failures = []

    def come_and_go(number):
        try:
            for turn in range(50):
                with Wire(pair.fronts[0]) as wire:
                    text = f"{number}:{turn}".encode()
                    check_equal(
                        wire.call("ECHO", text), b"$%d\r\n%s\r\n" % (len(text), text), "ECHO"
                    )
                    if turn % 2 == 0:
                        check_equal(wire.call("QUIT"), b"+OK\r\n", "QUIT")
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_equal(failures, [], "failures")
    came = admin.info("stats")["total_connections_received"] - before
    check(came <= CONNECTIONS + 1, f"400 clients made {came} connections to Redis")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
