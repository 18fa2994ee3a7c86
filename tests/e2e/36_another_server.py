"""Goal: the same for the other side: a server agent in Python, which shares no code with redwall,
works with a real client agent, and holds it to docs/protocol.md: what it says in RESUME, that it
sends again exactly what was lost, and what it does when its session is unknown.
"""

import os
import struct
import threading

import scenario  # noqa: F401, finds tests/support
import noise
from agent import ServerAgent
from harness import run_tests
from processes import check, check_equal, free_port
from tunnel_session import PAD, PING, RESUMED, frame
from wire import Wire, encode


def resumed(epoch, handled):
    return frame(RESUMED, struct.pack(">IQ", epoch, handled))


def site(scene, identities):
    """(Python server agent, real client agent, its address), with a session between them."""
    address = f"127.0.0.1:{free_port()}"
    config = {"listeners": [{"listen": address, "route": "default"}]}
    if identities:
        server, client = noise.Identity(), noise.Identity()
        client.write(scene.path("client.id"))
        agent = scene.keep(ServerAgent(identity=server))
        config.update(identity=scene.path("client.id"), server_key=server.public_text)
    else:
        key = scene.key(f"{address}.key")
        agent = scene.keep(ServerAgent(keys=[noise.SharedKey.from_file(key)]))
        config["keys"] = [key]
    config["servers"] = [agent.address]
    path = scene.write(f"{address}.json", config)
    process = scene.agent("client", "--config", path, ready=False)
    agent.begin()
    process.wait_ready()
    return agent, process, address


def accept(agent):
    """The next stream that is opened."""
    count = len(agent.session.opened)
    agent.until(lambda: len(agent.session.opened) > count, "an OPEN")
    return agent.session.opened[-1]


def expect(agent, stream, data, what):
    check_equal(agent.take(stream, len(data)), data, what)


def reply(agent, stream, data):
    stream.send(data)
    agent.flush()


def every_suite(scene):
    for identities in (False, True):
        yield site(scene, identities)


def test_commands_and_large_values(scene):
    """The session counts every byte against the credit it gave, and fails at one too many."""
    for agent, process, address in every_suite(scene):
        wire, value = scene.keep(Wire(address)), os.urandom(1 << 20)
        stream, command = accept(agent), encode("SET", "big", value)
        check_equal(stream.route, "default", "the route")
        sender = threading.Thread(target=wire.send, args=(command,))
        sender.start()
        check(agent.take(stream, len(command)) == command, "the command isn't whole")
        sender.join()
        reply(agent, stream, b"+OK\r\n")
        check_equal(wire.reply(), b"+OK\r\n", "the reply")
        wire.send(encode("GET", "big"))
        expect(agent, stream, encode("GET", "big"), "GET")
        taken = []
        reader = threading.Thread(target=lambda: taken.append(wire.reply()))
        reader.start()
        stream.send(b"$%d\r\n%s\r\n" % (len(value), value))
        agent.until(lambda: not reader.is_alive(), "the client to have its value")
        check(taken[0][-2 - len(value) : -2] == value, "the client got another value")
        process.check_sound()


def test_both_directions_after_cuts(scene):
    for agent, process, address in every_suite(scene):
        wire = scene.keep(Wire(address))
        stream = accept(agent)
        wire.send(encode("INCR", "n"))
        expect(agent, stream, encode("INCR", "n"), "the first command")
        reply(agent, stream, b":1\r\n")
        check_equal(wire.reply(), b":1\r\n", "the first reply")

        wire.send(encode("INCR", "n"))
        check(agent.transport.receive(), "a record")  # and forgotten: it was lost on its way
        agent.cut()
        epoch, _ = agent.resume()
        check_equal(epoch, 1, "the epoch of the first resume")
        expect(agent, stream, encode("INCR", "n"), "the command that was lost")

        stream.send(b":2\r\n")
        agent.flush(into_the_void=True)
        agent.cut()
        epoch, handled = agent.resume()
        check_equal(epoch, 2, "the epoch of the second resume")
        check(handled < agent.session.sent, "the client agent counts a frame that never came")
        check_equal(wire.reply(), b":2\r\n", "the reply that was lost")

        wire.send(encode("INCR", "n"))
        expect(agent, stream, encode("INCR", "n"), "the third command")
        reply(agent, stream, b":3\r\n")
        check_equal(wire.reply(), b":3\r\n", "a reply that arrives")
        agent.cut()
        _, handled = agent.resume()
        check_equal(handled, agent.session.sent, "frames that the client agent has handled: all")
        wire.send(encode("PING"))
        expect(agent, stream, encode("PING"), "the next command, and nothing before it")
        process.check_sound()


def test_a_resume_that_is_itself_cut(scene):
    agent, process, address = site(scene, identities=True)
    wire = scene.keep(Wire(address))
    stream = accept(agent)
    wire.send(encode("PING"))
    check(agent.transport.receive(), "a record")  # lost
    agent.cut()
    for attempt in (1, 2, 3):
        transport, epoch, _ = agent.accept_claim()
        check_equal(epoch, attempt, "the epoch, one more each time")
        transport.close()
    transport, epoch, handled = agent.accept_claim()
    agent.session.accept_resume(epoch, handled)  # RESUMED is lost
    transport.close()
    agent.session.lost()
    agent.resume()
    expect(agent, stream, encode("PING"), "the command, once")
    reply(agent, stream, b"+PONG\r\n")
    check_equal(wire.reply(), b"+PONG\r\n", "PING")
    check_equal(agent.session.epoch, 5, "attempts")
    process.check_sound()


def test_answers_that_end_the_session(scene):
    """Unknown; another attempt's; more frames than were ever sent; not RESUMED at all."""
    wrong = {
        "unknown": lambda epoch: resumed(0, 0),
        "another attempt": lambda epoch: resumed(epoch + 1, 0),
        "never sent": lambda epoch: resumed(epoch, 1 << 40),
        "not RESUMED": lambda epoch: frame(PAD) + frame(PING, bytes(8)),
    }
    agent, process, address = site(scene, identities=False)
    for name, answer in wrong.items():
        wire = scene.keep(Wire(address))
        stream = accept(agent)
        wire.send(encode("INCR", "n"))
        expect(agent, stream, encode("INCR", "n"), "the command")
        agent.cut()
        transport, epoch, _ = agent.accept_claim()
        transport.send(answer(epoch))
        check_equal(wire.rest(), b"", f"what the client hears after {name}")
        transport.close()
        agent.begin()  # a new session, in which nothing of the old one is said again
        agent.until(lambda: agent.session.hello, f"HELLO after {name}")
        check_equal(agent.session.opened, [], f"streams of the new session after {name}")
        process.check_sound()


if __name__ == "__main__":
    run_tests(globals())
