"""Goal: a Redis client does not notice that the link between the sites is cut, however often: no
error, no command executed twice or not at all, no message lost, doubled, or out of order.

Clients of all kinds work through both agents while the transport between these is reset, closed,
or stands still, at times and at bytes that a seed gives. Each client knows what its next answer
has to be. REDWALL_CUTS says how many resets (60), REDWALL_SEED which ones (1).
"""

import os
import random
import time

import redis as redis_py

import scenario  # noqa: F401, finds tests/support
from chaos import Chaos
from crowd import LARGE, Crowds, Unbroken, check_counts, digest
from harness import Pair, disconnect, run_tests
from processes import PATIENCE, SHARE, Failure, check, check_equal, wait_until
from wire import encode

CUTS = int(os.environ.get("REDWALL_CUTS", 60 // SHARE))
SEED = int(os.environ.get("REDWALL_SEED", "1"))
CROWDS = 4  # processes with a pool each, of 16 clients: 64


def connected(scene, redis, **line):
    """(a Pair with the chaos relay between its agents, a client of Redis itself)"""
    pair = Pair(scene, redis)
    pair.start_server()
    pair.relay = scene.keep(Chaos(pair.server_address, seed=SEED, **line).start())
    pair.start_client()
    return pair, scene.client(redis.address)


def connection_ids(direct):
    return {one["id"] for one in direct.client_list()}


def wait_for_script(relay, crowds):
    """Until the script is over. A link that stays away would have it wait for ever."""
    cuts, since = relay.cuts, time.monotonic()
    while not relay.script_over and not crowds.stop.is_set():
        time.sleep(0.02)
        if relay.cuts != cuts:
            cuts, since = relay.cuts, time.monotonic()
        if time.monotonic() - since > 2 * PATIENCE:
            crowds.errors.append(f"no transport has come back after cut {cuts}")
            return


def live_through(pair, relay, direct, script, crowds=CROWDS):
    """The clients work, the script is played, and nobody has noticed."""
    with Crowds(pair.address, crowds) as all_of_them:
        all_of_them.wait_for_progress(100, "the clients to get going")
        ids, start = connection_ids(direct), time.monotonic()
        relay.play(script)
        wait_for_script(relay, all_of_them)
        seconds, cuts = time.monotonic() - start, relay.cuts
        if not all_of_them.errors:
            all_of_them.wait_for_progress(100, f"the clients to go on after {cuts} cuts")
        kept = ids & connection_ids(direct)
        all_of_them.collect()
    errors = all_of_them.errors
    happened = ", ".join(f"{many} {kind}" for kind, many in relay.happened.items())
    if errors:
        shown = "\n      ".join(errors[:8])
        raise Failure(
            f"clients noticed what happened to the link ({happened or 'nothing'}): at least "
            f"{len(errors)} of {all_of_them.clients} had an error:\n      {shown}"
        )
    check_counts(all_of_them, direct)
    check_equal(kept, ids, "connections of Redis that have lived through it")
    answers = sum(all_of_them.counts.values())
    large = sum(n for what, n in all_of_them.counts.items() if what.startswith("large"))
    print(
        f"    {happened or 'no cut'}; {all_of_them.clients} clients, {answers} answers, "
        f"{large} large values; {seconds:.1f} s",
        flush=True,
    )


def test_the_clients_themselves_find_no_fault_with_a_bare_redis(scene):
    """What the other tests ask of the agents must hold without them, or it would mean nothing."""
    redis = scene.redis()
    relay = scene.keep(Chaos(redis.address, seed=SEED).start())
    script = {"seed": SEED, "stalls": 2, "every_s": 0.3, "for_s": 0.3}
    live_through(relay, relay, scene.client(redis.address), script, 1)


def test_resets(scene):
    pair, direct = connected(scene, scene.redis())
    script = {"seed": SEED, "resets": CUTS, "every_s": 0.1, "every_bytes": 1_000_000}
    live_through(pair, pair.relay, direct, script)
    check_equal(pair.relay.cuts, CUTS, "cuts")
    pair.check_sound()


def test_resets_on_a_long_line_in_slices(scene):
    pair, direct = connected(scene, scene.redis(), delay=0.01, rate=50_000_000, slices=3000)
    script = {"seed": SEED, "resets": max(10, CUTS // 6), "every_bytes": 2_000_000}
    live_through(pair, pair.relay, direct, script, 1)
    pair.check_sound()


def test_a_link_that_ends_without_a_reset_or_stands_still(scene):
    """A FIN from the network is a loss, never the end of anybody's stream."""
    pair, direct = connected(scene, scene.redis())
    script = {
        "seed": SEED,
        "closes": 5,
        "half_closes": 5,
        "stalls": 3,
        "every_s": 0.2,
        "for_s": 0.3,
    }
    live_through(pair, pair.relay, direct, script, 1)
    pair.check_sound()


def test_a_cut_at_each_byte_of_a_new_transport(scene):
    """In handshake, RESUME, RESUMED, and what is sent again: there is no bad moment."""
    pair, direct = connected(scene, scene.redis())
    wire = pair.wire()
    check_equal(wire.call("INCR", "counter"), b":1\r\n", "INCR")
    sizes = random.Random(SEED).sample(range(1, 900), min(CUTS, 899))
    pair.relay.play([{"do": "reset"}] + [{"after_bytes": size, "do": "reset"} for size in sizes])
    number = 1
    while not pair.relay.script_over or number < 100:
        number += 1
        try:
            got = wire.call("INCR", "counter")
        except Exception as error:
            raise Failure(f"after {pair.relay.cuts} cuts: INCR {number}: {error!r}") from None
        check_equal(got, b":%d\r\n" % number, f"INCR {number} after {pair.relay.cuts} cuts")
    check_equal(int(direct.get("counter")), number, "the counter in Redis")
    pair.check_sound()


def test_large_values_get_through_however_short_a_transport_lives(scene):
    """What one transport has brought, the next one need not bring again."""
    pair, direct = connected(scene, scene.redis())
    host, _, port = pair.address.rpartition(":")
    pool = redis_py.ConnectionPool(connection_class=Unbroken, host=host, port=int(port))
    client = redis_py.Redis(connection_pool=pool)
    scene.stack.callback(disconnect, client)
    value = random.Random(SEED).randbytes(LARGE)
    client.ping()
    pair.relay.play({"seed": SEED, "resets": 10 * CUTS, "every_bytes": 100_000})
    for number in range(max(2, CUTS // 15)):
        try:
            client.set("large", value)
            got = client.get("large")
        except redis_py.RedisError as error:
            raise Failure(f"after {pair.relay.cuts} cuts: {error!r}") from None
        check_equal(digest(got), digest(value), f"hash of value {number}")
        check_equal(digest(direct.get("large")), digest(value), f"hash in Redis of value {number}")
    check(pair.relay.cuts > 10, f"only {pair.relay.cuts} cuts")
    print(
        f"    {pair.relay.cuts} cuts, {sum(pair.relay.bytes.values()):,} bytes passed", flush=True
    )
    pair.check_sound()


def test_what_a_connection_holds_outlives_the_transport(scene):
    """MULTI, WATCH, a subscription and a BLPOP, while Redis goes on without the link."""
    pair, direct = connected(scene, scene.redis())
    multi, watch, blocked, listener = (pair.wire() for _ in range(4))
    check_equal(multi.call("MULTI") + multi.call("INCR", "a"), b"+OK\r\n+QUEUED\r\n", "MULTI")
    check_equal(watch.call("WATCH", "watched"), b"+OK\r\n", "WATCH")
    check_equal(watch.call("MULTI") + watch.call("INCR", "b"), b"+OK\r\n+QUEUED\r\n", "MULTI")
    listener.call("SUBSCRIBE", "channel")
    blocked.send(encode("BLPOP", "list", "0"))
    wait_until(lambda: direct.info("clients")["blocked_clients"] == 1, "BLPOP to block")
    pair.relay.stall()
    pair.relay.cut()
    direct.set("watched", "changed")
    direct.rpush("list", "value")
    heard = sum(direct.publish("channel", number) for number in range(100))
    check_equal(heard, 100, "messages that Redis had a subscriber for while the link was cut")
    multi.send(encode("EXEC"))
    watch.send(encode("EXEC"))
    pair.relay.resume()
    try:
        check_equal(multi.reply(), b"*1\r\n:1\r\n", "EXEC after the cut")
        check_equal(watch.reply(), b"*-1\r\n", "EXEC after the cut, of a key that was changed")
        check_equal(blocked.reply(), encode("list", "value"), "BLPOP after the cut")
        for number in range(100):
            message = encode("message", "channel", str(number))
            check_equal(listener.reply(), message, f"message {number}")
    except OSError as error:
        raise Failure(f"a connection has not outlived the transport: {error!r}") from None
    check_equal(direct.mget("a", "b"), [b"1", None], "what EXEC did")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
