"""Goal: the user that `redwall policy acl` makes of a policy refuses, in a real Redis, whatever the
policy refuses: for every command that the server has, with keys and channels within and outside
the policy's, by ACL DRYRUN and from inside EVAL. Where it refuses more there is a reason, and a
note has told it.

ACL DRYRUN judges commands, keys and channels. It can't judge what Redis checks only while a command
runs (SORT's BY and GET): that is tried for real.
"""

import collections
import json
import random
import re
import subprocess

import scenario  # noqa: F401, finds tests/support
from acl_policies import AWKWARD
from command_samples import commands_of, samples
from harness import run_tests
from processes import REPO, SHARE, check, check_equal, check_in

FOLDER = REPO / "examples/policies"
IDENTITY, USER = "site-a", "redwall-site-a"
KEYS = [
    "app:1", "app:secret:1", "app:", "app", "secret:1", "secret", "s", "conf:1", "b:1", "other",
    "user:1:secret", "user:1:name", "a)", "q\"'1", "shop:1", "cache:1", "\u00fcber:1", "a b", "a!b",
]  # fmt: skip
CHANNELS = ["app.1", "secret.1", "secret", "shop.news", "other", "__keyspace@0__:app:1"]
PATTERNS = ["app.*", "app.n*", "*", "[^s]*", "s?", "shop.*", "secret.*", "o*"]
# Redis never asks its ACLs for these.
ALWAYS = {"auth", "hello", "quit", "reset"}
SCRIPTS = {"eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"}
REFUSED_IN_SCRIPT = "The user executing the script can't"
# Who asks and when, where a policy asks for that.
CONTEXTS = {
    '"from"': [{"from": "127.0.0.1"}, {"from": "10.9.9.9"}],
    '"hours"': [{"at": "2026-11-23T12:00:00Z"}, {"at": "2026-11-22T03:00:00Z"}],
}


def policies():
    """(name, text, arguments of `policy acl`, why the user may refuse what the policy allows)"""
    yield from list(every_policy())[::SHARE]


def every_policy():
    for path in sorted(FOLDER.glob("*.json")):
        if not path.name.endswith(".cases.json"):
            reasons = EXAMPLE_REASONS.get(path.stem, {})
            yield path.stem, path.read_text("utf-8"), [], reasons
    for name, (policy, arguments, reasons) in AWKWARD.items():
        yield name, json.dumps(policy), arguments, reasons


EXAMPLE_REASONS = {
    "tenant": {"psubscribe": "a pattern narrower than the listed one"},
    "cache-only": {"set setex psetex getset mset append": "max_bytes"},
}


def all_samples(scene):
    client = scene.client(scene.redis("model").address)
    rng = random.Random(45)
    out = []
    for command in commands_of(client):
        out.extend(
            (command, words) for words in samples(command, KEYS, CHANNELS, PATTERNS, rng, most=6)
        )
    return out


def make_user(scene, client, name, text, arguments):
    """Sets up the user as the documentation says; returns the notes."""
    path = scene.write(f"{name}.json", text)
    done = scene.run("policy", "acl", path, "--as", IDENTITY, *arguments)
    check_equal(done.returncode, 0, f"policy acl {name} ({done.stderr})")
    lines = done.stdout.splitlines()
    check_equal(len(lines), 1, f"lines of policy acl {name}")
    said = through_redis_cli(scene, client, lines[0])
    check_equal(said.strip(), "OK", f"what Redis says to the user of {name}: {lines[0][:300]}")
    return done.stderr


def through_redis_cli(scene, client, line):
    """What redis-cli makes of the line on its standard input."""
    port = client.connection_pool.connection_kwargs["port"]
    done = subprocess.run(
        ["redis-cli", "-p", str(port)],
        input=line + "\n",
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=60,
        cwd=scene.folder,
    )
    return done.stdout


def policy_refuses(scene, name, commands, databases, text):
    """The positions of those that the policy refuses, whoever asks and when."""
    contexts = [{"db": database} for database in databases]
    for asked, further in CONTEXTS.items():
        if asked in text:
            contexts = [{**one, **more} for one in contexts for more in further]
    refused = set()
    for context in contexts:
        cases = [
            {"name": f"n{i}", "as": IDENTITY, "user": USER, "command": words, "expect": "allow"}
            | context
            for i, words in enumerate(commands)
        ]
        path = scene.write("asked.json", {"cases": cases})
        done = scene.run("policy", "test", scene.path(f"{name}.json"), path)
        check_in("passed, ", done.stdout.strip().splitlines()[-1], done.stderr)
        refused |= {int(i) for i in re.findall(r'(?m)^failed "n(\d+)"', done.stdout)}
        check_equal(
            done.stdout.strip().splitlines()[-1].split()[2],
            str(len(re.findall(r'(?m)^failed "n(\d+)"', done.stdout))),
            "failed cases that were read",
        )
    return refused


def acl_refuses(client, commands):
    """The positions of those that ACL DRYRUN refuses."""
    refused = set()
    for start in range(0, len(commands), 500):
        pipe = client.pipeline(transaction=False)
        for words in commands[start : start + 500]:
            pipe.execute_command("ACL", "DRYRUN", USER, *words)
        for i, got in enumerate(pipe.execute(raise_on_error=False), start):
            check(not isinstance(got, Exception), f"DRYRUN of {commands[i]}: {got}")
            if got != b"OK":
                refused.add(i)
    return refused


def reason_of(reasons, name):
    """Why the user may refuse this command though the policy doesn't."""
    for names, reason in reasons.items():
        if name in names.split() or names == "*":
            return reason
    return None


def open_to(client):
    """The databases in which a connection of this user can be."""
    asked = [["SELECT", str(number)] for number in range(4)]
    return sorted({0} | (set(range(4)) - acl_refuses(client, asked)))


def compare(scene, client, name, text, every, strict, reasons):
    """Fails where the user passes what the policy refuses; counts the other direction."""
    commands = [words for _, words in every]
    by_policy = policy_refuses(scene, name, commands, open_to(client), text)
    by_acl = acl_refuses(client, commands)
    keyless, wrong = 0, []
    for i in sorted(by_policy - by_acl):
        command, words = every[i]
        if command.name in ALWAYS:
            continue
        if command.name in SCRIPTS and words[2] == "0" and not strict:
            keyless += 1
            continue
        wrong.append(words)
    check(not wrong, f"{name}: {len(wrong)} that the policy refuses pass: {wrong[:12]}")
    kinds, unexplained = collections.Counter(), []
    for i in sorted(by_acl - by_policy):
        command, words = every[i]
        reason = reason_of(reasons, command.name)
        if command.name in SCRIPTS and strict:
            reason = reason or "an ACL can't ask a script for keys (--strict)"
        if any(" " in word for word in words) and "white space" in reasons:
            reason = reason or reasons["white space"]
        if reason is None:
            unexplained.append(words)
        kinds[reason] += 1
    check(not unexplained, f"{name}: refused without a reason: {unexplained[:12]}")
    print(
        f"          {name}{' (strict)' if strict else ''}: {len(commands)} asked, "
        f"{len(by_policy)} refused by the policy, {len(by_acl)} by the user, keyless scripts "
        f"{keyless}" + "".join(f"; {count} more: {kind}" for kind, count in kinds.items()),
        flush=True,
    )
    return by_acl


def test_every_command_of_the_server(scene):
    """With a server whose new users may use all channels, which the line has to take back."""
    every = all_samples(scene)
    redis = scene.redis(options=["--acl-pubsub-default", "allchannels"])
    client = scene.client(redis.address)
    for name, text, arguments, reasons in policies():
        for strict in (False, True):
            options = [*arguments, *(["--strict"] if strict else [])]
            make_user(scene, client, name, text, options)
            compare(scene, client, name, text, every, strict, reasons)


def test_from_inside_eval(scene):
    """A script of this user's can call what ACL DRYRUN lets pass, and nothing else. +eval is added
    where the policy has none, so that there is a script at all.
    """
    every = [
        (command, words)
        for command, words in all_samples(scene)
        if "noscript" not in command.flags and command.name not in ("migrate", "lolwut")
    ]
    rng = random.Random(7)
    redis = scene.redis()
    client = scene.client(redis.address)
    for name, text, arguments, _ in policies():
        make_user(scene, client, name, text, arguments)
        client.execute_command("ACL", "SETUSER", USER, "+eval", ">pw")
        chosen = rng.sample(every, 700)
        commands = [words for _, words in chosen]
        refused = acl_refuses(client, commands)
        user = scene.client(redis.address, username=USER, password="pw")
        pipe = user.pipeline(transaction=False)
        for words in commands:
            pipe.execute_command("EVAL", "return redis.call(unpack(ARGV))", 0, *words)
        for i, got in enumerate(pipe.execute(raise_on_error=False)):
            failed = isinstance(got, Exception) and REFUSED_IN_SCRIPT in str(got)
            check_equal(failed, i in refused, f"{name}: {commands[i]} in a script (it said {got})")
        check(0 < len(refused), f"{name}: nothing was refused")


def test_what_only_running_shows(scene):
    """SORT reaches keys by BY and GET that no argument names."""
    redis = scene.redis()
    client = scene.client(redis.address)
    client.rpush("app:l", 1, 2)
    rule = {"id": "a", "action": "allow", "commands": ["sort", "sort_ro", "eval"]}
    for more, passes in (
        ({"keys": ["app:*"]}, False),
        ({"keys": ["*"]}, False),
        ({"access": "read"}, False),
        ({}, True),
    ):
        policy = {"version": 1, "default": "deny", "rules": [{**rule, **more}]}
        make_user(scene, client, "sort", json.dumps(policy), [])
        client.execute_command("ACL", "SETUSER", USER, ">pw", "+eval")
        user = scene.client(redis.address, username=USER, password="pw")
        for words in (
            ["SORT_RO", "app:l", "BY", "x_*"],
            ["SORT_RO", "app:l", "GET", "x_*"],
            ["SORT", "app:l", "BY", "x_*"],
        ):
            asked = policy_refuses(scene, "sort", [words], [0], "")
            check_equal(asked == set(), passes, f"the policy on {words} with {more}")
            for whole in (words, ["EVAL", "return redis.call(unpack(ARGV))", 0, *words]):
                try:
                    user.execute_command(*whole)
                    done = True
                except Exception as error:  # pylint: disable=broad-except
                    done = False
                    check_in("denied due to insufficient ACL", str(error), f"{whole} with {more}")
                check_equal(done, passes, f"{whole} with {more}")


def test_the_aclfile_and_the_line_are_one(scene):
    """ACL LIST says the same in another order each time, so it is what they do that is compared."""
    client = scene.client(scene.redis().address)
    commands = random.Random(1).sample([words for _, words in all_samples(scene)], 1500)
    for name, text, arguments, _ in policies():
        make_user(scene, client, name, text, arguments)
        done = scene.run(
            "policy", "acl", scene.path(f"{name}.json"), "--as", IDENTITY, "--aclfile", *arguments
        )
        path = scene.write(f"{name}.acl", "user default on nopass ~* &* +@all\n" + done.stdout)
        server = scene.redis(f"of-{name}", options=["--aclfile", path])
        got = acl_refuses(scene.client(server.address), commands)
        check_equal(got, acl_refuses(client, commands), f"{name}: by the aclfile")
        server.stop()


def test_notes_and_usage(scene):
    policy = AWKWARD["conditions"][0]
    path = scene.write("p.json", policy)
    done = scene.run("policy", "acl", path, "--as", IDENTITY)
    for text in (
        "rule 'office' allows by what Redis's ACLs can't ask for (hours): it allows nothing here",
        "rule 'not-from-there' denies by what Redis's ACLs can't ask for (from): it always denies",
        "rule 'pace' denies by what Redis's ACLs can't ask for (rate): it is left to the gateway",
        "ACL SETUSER redwall-site-a >PASSWORD",
    ):
        check_in(text, done.stderr, "notes")
    done = scene.run("policy", "acl", path, "--as", IDENTITY, "--user", "app", "--without", "from")
    check_in("(from): it is left to the gateway", done.stderr, "notes")
    check(done.stdout.startswith("ACL SETUSER app reset on "), done.stdout[:80])
    scene.refused(2, "policy", "acl", path, "--as", "site a", says="white space")
    scene.refused(2, "policy", "acl", path, "--as", "a", "--without", "moon", says="max_bytes")
    scene.refused(2, "policy", "acl", scene.path("none.json"), "--as", "a", says="none.json")


if __name__ == "__main__":
    run_tests(globals())
