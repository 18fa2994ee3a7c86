"""Goal: what is wrong at the start is said in one sentence that names the thing and what to do, on
stderr, with exit status 2 for usage and configuration and 1 for what failed. Nothing is on stdout,
nothing keeps running.
"""

import os
import socket

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check_equal, free_port

BAD_ADDRESSES = [
    "6379",
    "127.0.0.1",
    "127.0.0.1:",
    ":6379:",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.0.0.1:redis",
    "[::1:6379",
    "[::1]",
    "::1:6379",
    "unix:",
    "",
    "127.0.0.1:6379x",
]


def server(scene, listen=None, target=None, key=None):
    return [
        "server",
        "-s",
        listen or f"127.0.0.1:{free_port()}",
        "-t",
        target or "127.0.0.1:6379",
        "-k",
        key or scene.key(),
    ]


def client(scene, listen=None, key=None):
    return ["client", *server(scene, listen, key=key)[1:]]


def test_the_port_is_taken(scene):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for command in (server, client):
            scene.refused(1, *command(scene, listen=address), says=[address, "in use"])


def test_the_key_is_missing(scene):
    for command in (server, client):
        scene.refused(2, *command(scene, key=scene.path("no.key")), says=["no.key", "keygen"])


def test_the_key_can_be_read_by_others(scene):
    for mode in (0o644, 0o640, 0o604, 0o660):
        path = scene.write("open.key", os.urandom(32), mode)
        scene.refused(2, *server(scene, key=path), says=["open.key", "chmod 600"])


def test_the_key_is_too_short(scene):
    for size in (0, 1, 31):
        path = scene.write("short.key", os.urandom(size))
        scene.refused(2, *client(scene, key=path), says=["short.key", "32"])


def test_the_key_is_a_folder(scene):
    os.mkdir(scene.path("folder.key"), 0o700)
    scene.refused(2, *server(scene, key=scene.path("folder.key")), says="folder.key")


def test_a_key_of_32_bytes_or_more_is_fine(scene):
    for size in (32, 33, 4096):
        agent = scene.agent(*server(scene, key=scene.write(f"{size}.key", os.urandom(size))))
        agent.stop()


def test_the_address_is_wrong(scene):
    for address in BAD_ADDRESSES:
        for option in ("-s", "-t"):
            arguments = server(scene)
            arguments[arguments.index(option) + 1] = address
            scene.refused(2, *arguments, says=address)


def test_the_host_cannot_be_found(scene):
    """Not for now, perhaps: the agent runs, says so, and tries again."""
    agent = scene.agent(
        *client(scene, listen="127.0.0.1:0")[:4],
        "no-such-host.invalid:6479",
        "-k",
        scene.key(),
        ready=False,
    )
    agent.wait_for_log(r"no-such-host\.invalid")
    agent.check_sound()


def test_a_folder_for_the_socket_that_is_missing(scene):
    scene.refused(
        1, *server(scene, listen=f"unix:{scene.path('nowhere')}/redis.sock"), says="nowhere"
    )


def test_options_that_do_not_exist_or_are_missing(scene):
    scene.refused(2, *server(scene), "--colour", says="--colour")
    scene.refused(2, "serve")
    scene.refused(2)
    complete = server(scene)
    for option in ("-s", "-t", "-k"):
        place = complete.index(option)
        scene.refused(2, *(complete[:place] + complete[place + 2 :]))
    for option in (("-n", "0"), ("-n", "-1"), ("-n", "many"), ("-o", "soon"), ("-o", "0")):
        scene.refused(2, *complete, *option)


def test_the_policy_or_the_audit_cannot_be_opened(scene):
    scene.refused(2, *server(scene), "--policy", scene.path("no.json"), says="no.json")
    said = scene.run(*server(scene), "--audit", scene.path("nowhere/audit.jsonl"))
    check_equal(
        (said.returncode in (1, 2), "nowhere/audit.jsonl" in said.stderr),
        (True, True),
        f"exit status {said.returncode}, {said.stderr!r}",
    )


def test_help_and_version(scene):
    for arguments in (
        ["--help"],
        ["server", "--help"],
        ["client", "--help"],
        ["keygen", "--help"],
        ["policy", "--help"],
        ["policy", "explain", "--help"],
        ["--version"],
    ):
        done = scene.run(*arguments)
        check_equal((done.returncode, done.stderr), (0, ""), f"redwall {' '.join(arguments)}")
        check_equal(
            "redwall" in done.stdout.lower(),
            True,
            f"redwall {' '.join(arguments)}: {done.stdout!r}",
        )


if __name__ == "__main__":
    run_tests(globals())
