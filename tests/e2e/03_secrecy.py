"""Goal: who records everything between the agents finds nothing of what passed: not the values, not
the keys, not the channel's messages, in neither direction, in no keepalive, in no reconnect.
"""

import os

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, wait_until


def leave_traces(pair, marker):
    """Every way in which the marker can cross the tunnel."""
    client = pair.redis()
    check_equal(client.set(f"key:{marker}", marker), True, "SET")
    check_equal(client.get(f"key:{marker}"), marker.encode(), "GET")
    big = (marker * 40_000).encode()
    client.set("big", big)
    check_equal(client.get("big"), big, "GET of a big value")
    subscriber = client.pubsub()
    subscriber.subscribe(f"channel:{marker}")
    check_equal(subscriber.get_message(timeout=30)["type"], "subscribe", "SUBSCRIBE")
    client.publish(f"channel:{marker}", marker)
    check_equal(subscriber.get_message(timeout=30)["data"], marker.encode(), "the message")
    client.client_setname(marker)
    with pair.wire() as wire:  # an error that repeats the marker
        check(
            marker.encode() in wire.call(marker, marker), "Redis did not repeat an unknown command"
        )
    subscriber.close()


def total(relay):
    return sum(len(part) for part in relay.recorded())


def find(relay, marker):
    """Where the marker stands in what the relay has seen."""
    return [
        place for part in relay.recorded() if (place := part.lower().find(marker.encode())) >= 0
    ]


def test_a_relay_between_the_agents_never_sees_a_marker(scene):
    redis, marker = scene.redis(), os.urandom(12).hex()
    pair = scene.pair(redis, relay={})
    leave_traces(pair, marker)
    quiet = total(pair.relay)
    check(quiet > 1_900_000, f"the relay has seen only {quiet} bytes")
    wait_until(lambda: total(pair.relay) > quiet, "a keepalive after some silence")
    pair.relay.reset_all()
    pair.eventually_ping()
    leave_traces(pair, marker)
    check(len(pair.relay.connections) >= 2, "there was no second tunnel")
    check_equal(find(pair.relay, marker), [], "places of the marker in the recording")
    pair.check_sound()


def test_nor_does_it_see_the_key(scene):
    redis = scene.redis()
    pair = scene.pair(redis, relay={})
    pair.redis().ping()
    with open(pair.key, "rb") as file:
        key = file.read()
    for part in pair.relay.recorded():
        check(key[:8] not in part, "a piece of the key file is in the recording")


def test_two_tunnels_with_one_key_have_nothing_in_common(scene):
    """Same key, same traffic: not a single record looks the same, so nothing can be learnt by
    comparing.
    """
    redis = scene.redis()
    pair = scene.pair(redis, relay={})
    blocks = []
    for _ in range(2):
        pair.eventually_ping()
        connection = pair.relay.living()[-1]
        seen = bytes(connection.up.received)[8:] + bytes(connection.down.received)
        blocks.append({seen[i : i + 16] for i in range(len(seen) - 16)})
        pair.relay.reset_all()
    check_equal(blocks[0] & blocks[1], set(), "16 byte blocks seen twice")


def test_the_search_does_find_a_marker_where_nothing_is_encrypted(scene):
    """The same relay between the server agent and Redis: here it must see the marker."""
    redis, marker = scene.redis(), os.urandom(12).hex()
    relay = scene.relay(redis.address)
    pair = scene.pair(relay.address)
    leave_traces(pair, marker)
    check(find(relay, marker), "the marker was not found in the clear")


if __name__ == "__main__":
    run_tests(globals())
