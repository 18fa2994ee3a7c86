"""Goal: docs/protocol.md is enough to write an agent from. A client agent in Python, which shares no
code with redwall, works with a real server agent: both suites, flow control, pings, and resuming a
session whose connection was cut. A RESUME that isn't right gets nothing and harms nothing.
"""

import os
import random

import scenario  # noqa: F401, finds tests/support
import noise
from agent import ClientAgent, Lost
from harness import run_tests
from processes import Failure, check, check_equal, free_port, wait_until
from wire import encode

MEGABYTE = 1 << 20
SUITES = {"0x01": False, "0x11": True}  # whether it is about identities


class Site:
    """A Redis, a server agent with `names` as its authorized identities, and Python agents."""

    def __init__(self, scene, identities, names=("site-a",), **limits):
        self.scene = scene
        self.redis = scene.redis(f"redis-{identities}")
        self.direct = scene.client(self.redis.address)
        self.address = f"127.0.0.1:{free_port()}"
        config = {
            "listen": [self.address],
            "routes": {"default": {"redis": self.redis.address}},
            "limits": limits,
        }
        if identities:
            self.own = noise.Identity()
            self.own.write(scene.path("server.id"))
            self.identities = {name: noise.Identity() for name in names}
            agents = [
                {"name": name, "public_key": identity.public_text}
                for name, identity in self.identities.items()
            ]
            config["identity"] = scene.path("server.id")
            config["authorized"] = scene.write("authorized.json", {"agents": agents})
        else:
            self.identities = {}
            config["keys"] = [scene.key()]
            self.key = noise.SharedKey.from_file(config["keys"][0])
        path = scene.write(f"server-{identities}.json", config)
        self.server = scene.agent("server", "--config", path)

    def agent(self, name="site-a", **options):
        if self.identities:
            keys = {"identity": self.identities[name], "server_key": self.own.public}
        else:
            keys = {"key": self.key}
        return self.scene.keep(ClientAgent(self.address, **keys, **options))


def every_suite(scene, **options):
    """A site for each suite."""
    return [Site(scene, identities, **options) for identities in SUITES.values()]


def expect(agent, stream, reply, what):
    check_equal(agent.take(stream, len(reply)), reply, what)


def call(agent, stream, *arguments, reply):
    stream.send(encode(*arguments))
    expect(agent, stream, reply, f"the reply to {arguments[0]}")


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


def check_works(agent, what):
    """The agent's connection and a new stream are fine."""
    stream = agent.open()
    stream.send(b"PING\r\n")
    expect(agent, stream, b"+PONG\r\n", f"PING {what}")
    stream.finish()
    agent.until(stream.is_over, "the stream to end both ways")


def blocked(site):
    return site.direct.info("clients")["blocked_clients"]


def test_commands_in_both_suites(scene):
    for site in every_suite(scene):
        agent = site.agent()
        check_equal(len(agent.session.id), 16, "bytes of the session's id")
        check_equal(agent.session.linger_ms, 60000, "linger_ms of SESSION, by default")
        if site.identities:
            check_equal(agent.session.hello["identity"], "site-a", "the name in TLV 8")
        one, other = agent.open(), agent.open()
        call(agent, one, "SET", "a", "1", reply=b"+OK\r\n")
        call(agent, other, "GET", "a", reply=b"$1\r\n1\r\n")
        check_equal(site.direct.get("a"), b"1", "what Redis has")
        one.finish()
        agent.until(lambda: one.fin_received, "FIN to be answered by FIN")
        call(agent, other, "PING", reply=b"+PONG\r\n")
        agent.session.ping(77)
        agent.until(lambda: agent.session.pongs == [77], "a PONG with the number of the PING")
        site.server.check_sound()


def test_large_values_within_the_windows(scene):
    """The session counts every byte against the credit it gave, and fails at one too many."""
    for site in every_suite(scene):
        agent = site.agent(stream_window=64 << 10, session_window=128 << 10)
        stream, value = agent.open(), os.urandom(MEGABYTE)
        call(agent, stream, "SET", "big", value, reply=b"+OK\r\n")
        call(agent, stream, "GET", "big", reply=bulk(value))
        stream.send(encode("GET", "big"))
        agent.until(lambda: stream.receive_credit == 0, "a full window")
        call(agent, agent.open(), "PING", reply=b"+PONG\r\n")  # the other is stalled, this isn't
        expect(agent, stream, bulk(value), "the rest, once it is taken")
        site.server.check_sound()


def test_unknown_routes_and_more_streams_than_allowed(scene):
    site = Site(scene, identities=False, max_streams=2)
    agent = site.agent()
    lost = agent.open("nowhere")
    agent.until(lost.is_over, "an answer to OPEN of an unknown route")
    check_equal(lost.reset_code, 4, "the code of RST")
    for number in range(6):  # MAX_STREAMS gives back each place
        agent.until(lambda: agent.session.next_stream // 2 < agent.session.max_streams, "a place")
        check_works(agent, f"on stream {number}")
    agent.session.max_streams += 2  # a lie, to itself
    for _ in range(4):
        agent.open()
    try:
        agent.until(lambda: False, "the end of the session")
    except Lost:
        pass
    check_works(site.agent(), "on a new session")


def test_pings_keep_a_silent_session_up(scene):
    site = Site(scene, identities=True, ping_after_ms=500, dead_after_ms=1500)
    agent = site.agent(silence_ms=1500)
    stream = agent.open()
    call(agent, stream, "PING", reply=b"+PONG\r\n")
    agent.until(lambda: agent.session.pings >= 4, "the server agent to ask four times")
    call(agent, stream, "PING", reply=b"+PONG\r\n")


def test_multi_and_blpop_go_on_after_a_cut(scene):
    for site in every_suite(scene):
        agent = site.agent()
        multi, pops = agent.open(), agent.open()
        call(agent, multi, "CLIENT", "SETNAME", "same", reply=b"+OK\r\n")
        call(agent, multi, "MULTI", reply=b"+OK\r\n")
        call(agent, multi, "INCR", "n", reply=b"+QUEUED\r\n")
        pops.send(encode("BLPOP", "q", "0"))
        agent.flush()
        wait_until(lambda: blocked(site) == 1, "BLPOP to wait")
        agent.cut()
        site.direct.rpush("q", "while away")
        agent.resume()
        expect(agent, pops, b"*2\r\n$1\r\nq\r\n$10\r\nwhile away\r\n", "BLPOP, ended while away")
        call(agent, multi, "INCR", "n", reply=b"+QUEUED\r\n")
        check_equal(site.direct.get("n"), None, "n before EXEC")
        call(agent, multi, "EXEC", reply=b"*2\r\n:1\r\n:2\r\n")
        call(agent, multi, "CLIENT", "GETNAME", reply=b"$4\r\nsame\r\n")

        pops.send(encode("BLPOP", "q", "0"))
        agent.flush()
        wait_until(lambda: blocked(site) == 1, "BLPOP to wait again")
        agent.cut()
        agent.resume()
        site.direct.rpush("q", "later")
        expect(agent, pops, b"*2\r\n$1\r\nq\r\n$5\r\nlater\r\n", "BLPOP, ended afterwards")
        check_equal(agent.session.epoch, 2, "resumes")
        site.server.check_sound()


def test_what_was_lost_is_sent_again_and_only_that(scene):
    for site in every_suite(scene):
        agent = site.agent()
        stream = agent.open()
        call(agent, stream, "PING", reply=b"+PONG\r\n")

        stream.send(encode("INCR", "n"))
        agent.flush(into_the_void=True)
        check(agent.session.log, "nothing is kept until it is acknowledged")
        agent.cut()
        check_equal(agent.resume(), agent.session.sent - 1, "frames handled without the lost one")
        expect(agent, stream, b":1\r\n", "INCR that was lost on its way")

        stream.send(encode("INCR", "n"))
        agent.flush()
        wait_until(lambda: site.direct.get("n") == b"2", "INCR to arrive")
        agent.cut()  # its reply and its acknowledgement are lost
        check_equal(agent.resume(), agent.session.sent, "frames handled, all of them")
        check(not agent.session.log, "a frame that was handled is still kept")
        expect(agent, stream, b":2\r\n", "INCR whose reply was lost on its way")
        check_equal(site.direct.get("n"), b"2", "n, counted once each time")
        site.server.check_sound()


def test_a_large_value_each_way_through_many_cuts(scene):
    for site in every_suite(scene):
        agent = site.agent()
        stream, value = agent.open(), os.urandom(MEGABYTE)
        stream.send(encode("SET", "big", value))
        for number in range(4):
            before = agent.session.base
            agent.until(
                lambda before=before: agent.session.base > before or stream.received,
                "some of it to be acknowledged",
            )
            check(number or stream.pending, "all was gone before the first cut")
            agent.cut()
            agent.resume()
        expect(agent, stream, b"+OK\r\n", "SET through four cuts")
        check(site.direct.get("big") == value, "Redis has another value")

        stream.send(encode("GET", "big"))
        reply = b""
        for size in (1, 100000, 200000, 300000):
            reply += agent.take(stream, size)
            agent.cut()
            agent.resume()
        whole = bulk(value)
        reply += agent.take(stream, len(whole) - len(reply))
        check(reply == whole, "GET through four cuts gave something else")
        call(agent, stream, "PING", reply=b"+PONG\r\n")
        site.server.check_sound()


def cut_somehow(agent, dice):
    """Loses what is under way, and sometimes RESUMED too."""
    agent.flush(into_the_void=dice.random() < 0.4)
    for _ in range(dice.randrange(3)):
        if agent.session.sent > agent.session.base and dice.random() < 0.5:
            break
        record = agent.transport.receive(0.01)
        if record is not None:
            agent.session.receive(record)
    agent.cut()
    while dice.random() < 0.4:
        transport = agent.dial()
        (epoch, _), _ = agent.claim(transport, *agent.session.resume_point())
        transport.close()
        check_equal(epoch, agent.session.epoch, "epoch of a RESUMED that is lost then")
    agent.resume()


def test_every_command_once_through_cuts_at_random(scene):
    """A pipeline of INCR and GET on some streams; each reply is known beforehand."""
    for seed, site in enumerate(every_suite(scene)):
        dice, agent = random.Random(seed), site.agent()
        site.direct.set("value", dice.randbytes(30000))
        value = bulk(site.direct.get("value"))
        streams = [agent.open() for _ in range(4)]
        expected = [b"" for _ in streams]
        for count in range(1, 61):
            for number, stream in enumerate(streams):
                stream.send(encode("INCR", f"n{number}") + encode("GET", "value"))
                expected[number] += b":%d\r\n" % count + value
            cut_somehow(agent, dice)
            number = dice.randrange(len(streams))
            size = dice.randrange(len(expected[number]))
            expect(agent, streams[number], expected[number][:size], f"replies, seed {seed}")
            expected[number] = expected[number][size:]
        for stream, rest in zip(streams, expected):
            expect(agent, stream, rest, f"the last replies, seed {seed}")
        site.server.check_sound()


def test_a_new_connection_replaces_one_that_is_still_up(scene):
    for site in every_suite(scene):
        agent = site.agent()
        stream = agent.open()
        call(agent, stream, "PING", reply=b"+PONG\r\n")
        earlier, agent.transport = agent.transport, None
        agent.session.lost()
        agent.resume()
        call(agent, stream, "PING", reply=b"+PONG\r\n")
        try:
            while True:
                earlier.receive()
        except Lost:
            pass
        finally:
            earlier.close()
        call(agent, stream, "PING", reply=b"+PONG\r\n")


def refused(agent, dial, epoch, handled=None, **claim):
    """A RESUME on a connection of `dial`, which must get RESUMED with epoch 0 and then the end."""
    transport = dial()
    handled = agent.session.handled if handled is None else handled
    try:
        answer, rest = agent.claim(transport, epoch, handled, **claim)
        check_equal((answer, rest), ((0, 0), b""), f"RESUMED for epoch {epoch} with {claim}")
        try:
            transport.receive()
        except Lost:
            return
        raise Failure("the connection of a refused RESUME stays open")
    finally:
        transport.close()


def test_a_wrong_resume_is_refused_and_harms_nothing(scene):
    for site in every_suite(scene, names=("site-a", "site-b")):
        agent = site.agent()
        stream = agent.open()
        call(agent, stream, "MULTI", reply=b"+OK\r\n")
        agent.cut()
        agent.resume()
        other = site.agent("site-b") if site.identities else site.agent()
        own_handshake = agent.dial()
        key_of_another_handshake = own_handshake.channel.resume_key
        own_handshake.close()

        def all_refused():
            refused(agent, agent.dial, 2, proof=bytes(32))
            refused(agent, agent.dial, 2, resume_key=key_of_another_handshake)
            refused(agent, agent.dial, 2, resume_key=other.resume_key)
            refused(agent, agent.dial, 2, session=os.urandom(16))
            refused(agent, agent.dial, 1)  # was accepted once
            refused(agent, agent.dial, 0)
            if site.identities:  # another agent, even if it has stolen the session's key
                refused(agent, other.dial, 2)

        all_refused()  # while the session has its connection
        call(agent, stream, "INCR", "n", reply=b"+QUEUED\r\n")
        agent.cut()
        all_refused()  # while it has none
        agent.resume()
        call(agent, stream, "EXEC", reply=b"*1\r\n:1\r\n")
        check_works(other, "on the other session")
        site.server.check_sound()


def test_a_proof_holds_for_its_own_connection_and_numbers_only(scene):
    site = Site(scene, identities=True)
    agent = site.agent()
    stream = agent.open()
    call(agent, stream, "PING", reply=b"+PONG\r\n")
    agent.cut()
    handled = agent.session.handled

    def proof(hash_of, epoch, count):
        return noise.make_resume_proof(
            agent.resume_key, hash_of.channel.handshake_hash, agent.session.id, epoch, count
        )

    elsewhere = scene.keep(agent.dial())
    refused(agent, agent.dial, 1, proof=proof(elsewhere, 1, handled))
    for epoch, count in ((2, handled), (1, handled + 1)):
        transport = agent.dial()
        refused(agent, lambda: transport, 1, proof=proof(transport, epoch, count))
    agent.resume()
    call(agent, stream, "PING", reply=b"+PONG\r\n")


def test_a_resume_that_lies_about_what_was_handled_ends_the_session(scene):
    site = Site(scene, identities=True)
    agent, other = site.agent(), site.agent()
    stream = agent.open()
    call(agent, stream, "PING", reply=b"+PONG\r\n")
    agent.cut()
    transport = scene.keep(agent.dial())
    try:
        (epoch, _), _ = agent.claim(transport, 1, 1 << 40)
        check_equal(epoch, 0, "RESUMED for more frames than were ever sent")
    except Lost:
        pass
    refused(agent, agent.dial, 2)
    check_works(other, "on another session")
    site.server.check_sound()


def test_a_session_that_nobody_comes_back_for(scene):
    for site in every_suite(scene, linger_ms=300):
        agent = site.agent()
        check_equal(agent.session.linger_ms, 300, "linger_ms of SESSION")
        stream = agent.open()
        call(agent, stream, "CLIENT", "SETNAME", "waiting", reply=b"+OK\r\n")
        agent.cut()
        wait_until(
            lambda: not [one for one in site.direct.client_list() if one["name"] == "waiting"],
            "the session's connection to Redis to end",
        )
        refused(agent, agent.dial, 1)
        check_works(site.agent(), "on a new session")


def test_without_linger_there_is_no_resume(scene):
    site = Site(scene, identities=False, linger_ms=0)
    agent = site.agent()
    check_equal(agent.session.linger_ms, 0, "linger_ms of SESSION")
    refused(agent, agent.dial, 1)
    check_works(agent, "on the session's own connection")
    agent.cut()
    refused(agent, agent.dial, 1)
    check_works(site.agent(), "on a new session")


if __name__ == "__main__":
    run_tests(globals())
