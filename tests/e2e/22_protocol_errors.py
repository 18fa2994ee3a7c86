"""Goal: what isn't the Redis protocol, or only just is, gets Redis's own bytes back: compared with
a direct run, in one piece and in pieces. A web browser is turned away as Redis does it, and nobody
else notices.
"""

import random

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal
from wire import SENTINEL, Closed, Wire, encode, talk

ENDLESS = b"1" * 300_000  # beyond every limit of a line, however it arrives

INPUTS = [
    # inline commands
    b"PING\r\n",
    b"PING\n",
    b"ping\r\n",
    b"SET a b\r\nGET a\r\n",
    b"  PING  \r\n",
    b"\tPING\r\n",
    b"PING \r\n",
    b'SET "a b" "c\\r\\n\\x00d"\r\nGET "a b"\r\n',
    b"SET 'it''s' x\r\n",
    b"SET 'it\\'s' x\r\nGET \"it's\"\r\n",
    b'SET a "unbalanced\r\n',
    b"SET a 'unbalanced\r\n",
    b'SET a "b"c\r\n',
    b'GET ""\r\n',
    b"GET a\x00b" + ENDLESS,
    b'ECHO "\\n\\r\\t\\b\\a\\x41\\q\\xzz"\r\n',
    b"PING\r\r\n",
    b"PING\r\nPING\r\n\r\nPING\r\n",
    b"PING\rPING\r\n",
    b"\r\n",
    b"\n",
    b"\r\n\r\n\r\n",
    b" \r\n",
    b"   \n\n",
    b"\x00\r\n" + ENDLESS,
    b"\xff\xfe\r\n",
    b"nosuch 1 2\r\n",
    b"ECHO " + b"x" * 60000 + b"\r\n",
    b"ECHO " + ENDLESS,
    ENDLESS,
    b"EXISTS" + b" a" * 5000 + b"\r\n",
    # arrays
    b"*1\r\n$4\r\nPING\r\n",
    b"*0\r\n",
    b"*0\r\nPING\r\n",
    b"*-1\r\n",
    b"*-1\r\nPING\r\n",
    b"*-10\r\n",
    b"*00\r\n",
    b"*1\n$4\nPING\n",
    b"*01\r\n$4\r\nPING\r\n",
    b"*+1\r\n$4\r\nPING\r\n",
    b"* 1\r\n$4\r\nPING\r\n",
    b"*\r\n",
    b"*x\r\n",
    b"*1x\r\n",
    b"*1048577\r\n",
    b"*2147483648\r\n",
    b"*99999999999999999999\r\n",
    b"*1.5\r\n",
    b"*-9223372036854775808\r\n",
    b"*9223372036854775808\r\n",
    b"*1\r\r\n$4\r\nPING\r\n",
    b"*1 \r\n",
    b"*" + ENDLESS,
    b"*1\r\n$" + ENDLESS,
    b"*1\r\n\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\nPING\r\n",
    b"*2\r\n$4\r\nPING\r\n*1\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-2\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$4x\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n$+4\r\nPING\r\n",
    b"*1\r\n$ 4\r\nPING\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$99999999999999999999\r\n",
    b"*1\r\n$9223372036854775807\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*1\r\n$4\r\nPINGxx",
    b"*1\r\n$4\r\nPINGxxPING\r\n",
    b"*1\r\n$4\r\nPIN\r\n\r\n",
    b"*1\r\n$3\r\nPING\r\n",
    b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
    b"*2\r\n$4\r\nECHO\r\n$6\r\n\r\n\x00\xff$*\r\n",
    b"*2\r\n$4\r\nECHO\r\n$3\r\n\n\n\n\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
    b"*1\r\n$4\r\npInG\r\n",
    b"*3\r\n$3\r\nfoo\r\n",
    b"+OK\r\n",
    b"-ERR x\r\n",
    b":1\r\n",
    b"$4\r\nPING\r\n",
    b"%1\r\n",
    b"_\r\n",
    b">1\r\n",
    b"PING\r\n*1\r\n$x\r\nPING\r\n",
    b"SET a 1\r\n*1\r\n$x\r\nSET a 2\r\n",
    # not Redis at all
    b"POST / HTTP/1.1\r\n\r\n",
    b"post /\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nPING\r\n",
    b"host: x\r\n",
    b"Host:\r\n",
    b"*1\r\n$4\r\nPOST\r\n",
    b"*1\r\n$5\r\nhost:\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n" + ENDLESS,
]


def in_pieces(address, data, dice):
    """As wire.talk, but in pieces of a few bytes."""
    echo = b"$%d\r\n%s\r\n" % (len(SENTINEL), SENTINEL)
    whole = data + encode("PING", SENTINEL)
    with Wire(address) as wire:
        try:
            while whole:
                size = dice.randrange(1, 8) if len(whole) < 3000 else 20_000
                wire.send(whole[:size])
                whole = whole[size:]
        except (ConnectionResetError, BrokenPipeError):
            pass
        try:
            while echo not in wire.buffer:
                wire.more()
        except (Closed, ConnectionResetError):
            return wire.buffer, True
        return wire.buffer[: wire.buffer.index(echo)], False


def test_every_input_gets_redis_own_bytes(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    direct = scene.client(redis.address)
    closed = 0
    for data in INPUTS:
        direct.flushall()
        expected = talk(redis.address, data)
        direct.flushall()
        check_equal(talk(pair.address, data), expected, f"the answer to {data[:60]!r}")
        closed += expected[1]
    check(closed > 30, f"only {closed} of the inputs are errors to Redis itself")
    pair.check_sound()


def test_in_pieces_it_is_the_same(scene):
    """Some answers depend on how the bytes arrive even at Redis (its limits for lines): those are
    left out.
    """
    redis = scene.redis()
    pair = scene.pair(redis)
    dice = random.Random(22)
    for data in INPUTS:
        if len(data) > 3000:
            continue
        expected = talk(redis.address, data)
        check_equal(
            in_pieces(pair.address, data, dice), expected, f"the answer to {data[:60]!r} in pieces"
        )
    pair.check_sound()


def test_a_bad_neighbour_disturbs_nobody(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    good = pair.wire()
    for i in range(30):
        with Wire(pair.address) as bad:
            bad.send(b"*1\r\n$nonsense\r\n")
            check_equal(
                bad.rest(),
                b"-ERR Protocol error: invalid bulk length\r\n",
                "the bad neighbour's answer",
            )
        check_equal(good.call("INCR", "a"), b":%d\r\n" % (i + 1), "the good one's answer")
    pair.check_sound()


def test_a_half_close_still_gets_its_answers(scene):
    redis = scene.redis()
    pair = scene.pair(redis)
    with pair.wire() as wire:
        wire.call("SET", "a", "b")
        wire.send(encode("GET", "a") * 1000)
        wire.replies(1000)
        wire.finish_sending()
        check_equal(wire.rest(), b"", "what comes after the last answer")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
