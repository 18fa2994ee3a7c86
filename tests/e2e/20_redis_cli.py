"""Goal: redis-cli behaves as on a direct connection: interactive on a terminal, --pipe, --bigkeys,
--latency, subscribe, monitor, --rdb, --scan, with RESP3. What it prints is compared with a direct
run.
"""

import os
import re
import subprocess

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, wait_until
from terminal import Terminal
from wire import encode

SESSION = [
    "PING",
    'SET greeting "hello world"',
    "GET greeting",
    "GET nothing",
    "LPUSH list a b c",
    "LRANGE list 0 -1",
    "HSET hash f1 v1 f2 v2",
    "HGETALL hash",
    "MULTI",
    "INCR counter",
    "GET counter",
    "EXEC",
    "nosuchcommand x",
    "GET",
    "SELECT 3",
    "DBSIZE",
    "SELECT 0",
    'ECHO "\\x00\\xff"',
    "EVAL \"return {1,2,{3,'four'}}\" 0",
    "OBJECT ENCODING list",
    "HELLO 3",
    "HGETALL hash",
    "CONFIG GET maxmemory-policy",
    "RESET",
    "PING again",
]


def cli(address, *arguments, given="", status=0, seconds=120):
    """redis-cli's standard output."""
    host, _, port = address.rpartition(":")
    done = subprocess.run(
        ["redis-cli", "-h", host, "-p", port, *arguments],
        input=given,
        text=True,
        errors="backslashreplace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
    )
    check_equal(
        done.returncode, status, f"exit status of redis-cli {arguments}: {done.stdout[-300:]!r}"
    )
    return done.stdout


def neutral(text, address):
    """The output without what must differ between two runs. The agent has asked Redis for its
    commands, so the connections' ids are others.
    """
    text = text.replace(address, "ADDRESS").replace(address.rpartition(":")[2], "PORT")
    return re.sub(r'((?:"id"|^id)\s+(?:=> )?(?:\(integer\) )?)\d+', r"\1ID", text, flags=re.M)


def two_ways(scene, **options):
    """A Redis behind both agents and one that is asked directly: [(address, its redis-py
    client)].
    """
    behind, direct = scene.redis("behind"), scene.redis("direct")
    pair = scene.pair(behind, **options)
    return pair, [
        (pair.address, scene.client(behind.address)),
        (direct.address, scene.client(direct.address)),
    ]


def compare(scene, run, what):
    pair, ways = two_ways(scene)
    through, direct = (run(address, client) for address, client in ways)
    check_equal(through, direct, what)
    check(through, f"{what}: nothing was printed")
    pair.check_sound()


def test_interactive_on_a_terminal(scene):
    def run(address, _):
        host, _, port = address.rpartition(":")
        with Terminal(["redis-cli", "-h", host, "-p", port]) as terminal:
            said = [terminal.until(r"> $")]
            for line in SESSION:
                terminal.type(line + "\n")
                said.append(terminal.until(r"> $"))
            terminal.type("quit\n")
            said.append(terminal.rest())
            check_equal(terminal.status, 0, "exit status of redis-cli")
        return [neutral(part, address) for part in said]

    compare(scene, run, "an interactive session")


def test_commands_from_a_pipe_and_raw(scene):
    def run(address, _):
        return (
            neutral(cli(address, given="\n".join(SESSION) + "\n"), address),
            neutral(cli(address, "--raw", given="\n".join(SESSION) + "\n"), address),
            cli(address, "-3", "--csv", "HGETALL", "hash"),
            cli(address, "-r", "5", "INCR", "counter"),
            cli(address, "-x", "SET", "piped", given="value\n"),
            cli(address, "-e", "GET", status=1),
        )

    compare(scene, run, "redis-cli fed by a pipe")


def test_pipe(scene):
    commands = "".join(encode("SET", f"key:{i}", "x" * (i % 50)).decode() for i in range(20_000))
    commands += "".join(
        encode("INCR", "key:5").decode() for _ in range(3)
    )  # errors are counted, too

    def run(address, client):
        said = cli(address, "--pipe", given=commands, status=1)
        check(said.endswith("errors: 3, replies: 20003\n"), f"--pipe says {said[-200:]!r}")
        return client.dbsize(), re.sub(r"(?m)^ERR.*\n", "", said)

    compare(scene, run, "redis-cli --pipe")


def fill(client):
    pipeline = client.pipeline(transaction=False)
    for i in range(300):
        pipeline.set(f"string:{i:03}", "x" * i)
        pipeline.rpush(f"list:{i:03}", *range(i + 1))
    pipeline.hset("the hash", mapping={str(i): i for i in range(500)})
    pipeline.sadd("the set", *range(400))
    pipeline.zadd("the sorted set", {str(i): i for i in range(450)})
    pipeline.execute()


def test_bigkeys_and_scan(scene):
    """One Redis asked both ways: the order of SCAN is every server's own."""
    redis = scene.redis()
    pair = scene.pair(redis)
    fill(scene.client(redis.address))

    def run(address):
        return (
            cli(address, "--bigkeys", "-i", "0"),
            cli(address, "--memkeys", "-i", "0"),
            cli(address, "--scan", "--pattern", "string:*"),
        )

    wait_until(lambda: run(redis.address) == run(redis.address), "Redis to be done with rehashing")
    through = run(pair.address)
    check_equal(through, run(redis.address), "redis-cli --bigkeys, --memkeys and --scan")
    check(
        "Biggest   hash found" in through[0] and len(through[2].split()) == 300,
        f"it says {through}",
    )
    pair.check_sound()


def test_latency(scene):
    pair, ways = two_ways(scene)
    for address, _ in ways:
        fields = cli(address, "--raw", "--latency", "-i", "1").split()
        check_equal(len(fields), 4, f"fields of --latency for {address}: {fields}")
        check(int(fields[3]) > 10, f"only {fields[3]} samples")
    pair.check_sound()


class Background:
    """redis-cli at work, its output in a file."""

    def __init__(self, scene, address, *arguments):
        self.path = scene.path(f"cli-{address.rpartition(':')[2]}-{arguments[0]}")
        host, _, port = address.rpartition(":")
        with open(self.path, "wb") as out:
            self.popen = subprocess.Popen(
                ["redis-cli", "-h", host, "-p", port, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        scene.keep(self)

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def wait_for(self, pattern):
        wait_until(lambda: re.search(pattern, self.text()), f"redis-cli to print {pattern}")
        return self.text()

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


def test_subscribe(scene):
    def run(address, client):
        texts = []
        for command, channels in (("subscribe", ["news", "other"]), ("psubscribe", ["n*"])):
            background = Background(scene, address, command, *channels)
            background.wait_for(rf"{len(channels)}\)?\n$")
            for i in range(3):
                client.publish("news", f"message {i}")
            texts.append(background.wait_for('message 2"?\n'))
            background.close()
        return texts

    compare(scene, run, "redis-cli subscribe")


def test_monitor(scene):
    def run(address, client):
        background = Background(scene, address, "monitor")
        background.wait_for("OK")
        client.set("a", "b c\x00")
        client.lpush("list", 1, 2)
        client.eval("return redis.call('get', KEYS[1])", 1, "a")
        text = background.wait_for(r'lua\] "get"')
        background.close()
        return re.sub(
            r"\d+\.\d+ \[0 [^\]]*:\d+\]",
            "TIME [0 CLIENT]",
            re.sub(r"\d+\.\d+ \[0 lua", "TIME [0 lua", text),
        )

    compare(scene, run, "redis-cli monitor")


def test_rdb(scene):
    pair, ways = two_ways(scene)
    for number, (address, client) in enumerate(ways):
        fill(client)
        dump = scene.path(f"dump-{number}.rdb")
        cli(address, "--rdb", dump)
        loaded = scene.redis(
            f"loaded-{number}",
            options=["--dbfilename", os.path.basename(dump), "--dir", str(scene.folder)],
        )
        check_equal(
            scene.client(loaded.address).execute_command("DEBUG", "DIGEST"),
            client.execute_command("DEBUG", "DIGEST"),
            f"data of the dump made through {address}",
        )
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
