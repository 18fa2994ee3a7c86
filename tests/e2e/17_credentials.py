"""Goal: where the server agent holds the credentials for Redis, clients need none: with
requirepass, with an ACL user, after RESET and HELLO. A wrong password is said to the operator, and
the password to nobody.
"""

import scenario  # noqa: F401, finds tests/support
from harness import Pair, run_tests
from processes import check, check_equal, free_port
from wire import Closed, Wire

PASSWORD = "wonderful-password-of-redis"


class CredentialPair(Pair):
    """Both agents, with the route's credentials in the server agent's configuration."""

    def __init__(self, scene, redis, **route):
        super().__init__(scene, redis)
        name = f"server-{free_port()}"
        password_file = scene.write(f"{name}.password", route.pop("password") + "\n")
        config = {
            "listen": [self.server_address],
            "keys": [self.key],
            "routes": {
                "default": {"redis": redis.address, "password_file": password_file, **route}
            },
        }
        self.server_args = ["server", "--config", scene.write(f"{name}.json", config)]


def whoami(wire):
    return wire.call("ACL", "WHOAMI")


def check_works(pair, user):
    expected = b"$%d\r\n%s\r\n" % (len(user), user)
    wire = pair.wire()
    check_equal(wire.call("SET", "a", "b"), b"+OK\r\n", "SET without a password")
    check_equal(whoami(wire), expected, "user")
    check_equal(wire.call("RESET"), b"+RESET\r\n", "RESET")
    check_equal(wire.call("GET", "a"), b"$1\r\nb\r\n", "GET after RESET")
    check_equal(whoami(wire), expected, "user after RESET")
    check(wire.call("HELLO", "3").startswith(b"%"), "HELLO 3")
    check_equal(wire.call("GET", "nothing"), b"_\r\n", "GET after HELLO 3")
    check_equal(wire.call("RESET"), b"+RESET\r\n", "RESET out of RESP3")
    check_equal(wire.call("GET", "nothing"), b"$-1\r\n", "GET in RESP2 again")
    check_equal(pair.redis().get("a"), b"b", "redis-py's GET")


def test_requirepass(scene):
    redis = scene.redis(options=["--requirepass", PASSWORD])
    pair = CredentialPair(scene, redis, password=PASSWORD).start()
    check_works(pair, b"default")
    check(PASSWORD not in pair.server.log(), "the password is in the log")
    with Wire(redis.address) as direct:
        check(direct.call("GET", "a").startswith(b"-NOAUTH"), "this Redis needs no password at all")
    pair.check_sound()


def test_an_acl_user(scene):
    redis = scene.redis(
        options=[
            "--user",
            "default",
            "off",
            "--user",
            "app",
            "on",
            f">{PASSWORD}",
            "~*",
            "&*",
            "+@all",
            "-flushall",
        ]
    )
    pair = CredentialPair(scene, redis, user="app", password=PASSWORD).start()
    check_works(pair, b"app")
    with pair.wire() as wire:
        check(
            wire.call("FLUSHALL").startswith(b"-NOPERM this user has no permissions"),
            "Redis's own limits of the user do not reach the client",
        )
    pair.check_sound()


def test_pipelines_are_not_disturbed_by_reset(scene):
    redis = scene.redis(options=["--requirepass", PASSWORD])
    pair = CredentialPair(scene, redis, password=PASSWORD).start()
    wire = pair.wire()
    wire.send(b"SET a 1\r\nRESET\r\nINCR a\r\nRESET\r\nINCR a\r\nGET a\r\n")
    check_equal(
        b"".join(wire.replies(6)),
        b"+OK\r\n+RESET\r\n:2\r\n+RESET\r\n:3\r\n$1\r\n3\r\n",
        "a pipeline with RESETs in it",
    )


def test_a_wrong_password_is_said_to_the_operator(scene):
    redis = scene.redis(options=["--requirepass", PASSWORD])
    pair = CredentialPair(scene, redis, password="wrong" + PASSWORD).start()
    with Wire(pair.address) as wire:
        try:
            wire.send(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
            got = wire.rest()
        except (Closed, OSError):
            got = b""
    check(got == b"" or got.startswith(b"-"), f"a client got {got!r}")
    said = pair.server.wait_for_log(
        r"[^\n]*(?i:password|WRONGPASS|authenticat|credential)[^\n]*"
    ).group()
    check(
        str(redis.port) in said or "default" in said, f"the log doesn't say which Redis: {said!r}"
    )
    check(PASSWORD not in pair.server.log() + pair.client.log(), "the password is in a log")
    pair.check_sound()


def test_a_password_file_that_is_missing(scene):
    redis, key = scene.redis(), scene.key()
    config = {
        "listen": ["127.0.0.1:0"],
        "keys": [key],
        "routes": {"default": {"redis": redis.address, "password_file": scene.path("no.password")}},
    }
    scene.refused(2, "server", "--config", scene.write("server.json", config), says="no.password")


if __name__ == "__main__":
    run_tests(globals())
