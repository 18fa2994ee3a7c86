"""Goal: an audit of real agents, signed and rotated, is verified as sound; and whatever is done to
copies of its files (a byte changed, a line removed, two swapped, the tail cut off, a file taken
away, all of it written anew) is found by `redwall audit verify`, with its place.
"""

import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, check_in, free_port, wait_until
from wire import encode

COMMANDS = 800


class Audit:
    """The audit of a server agent that was stopped, and what is done to copies of it."""

    def __init__(self, scene, sign=True, rotate=True):
        self.scene = scene
        self.key = None
        self.path = scene.path("server.jsonl")
        audit = {"file": self.path, "checkpoint_ms": 20}
        if sign:
            self.key = scene.run("keygen", "--signing", scene.path("audit.sign")).stdout.strip()
            audit["sign"] = scene.path("audit.sign")
        if rotate:
            audit["rotate"] = {"max_bytes": 65_536}
        self.listen = f"127.0.0.1:{free_port()}"
        self.shared_key = scene.key()
        self.config = scene.write(
            "server.json",
            {
                "listen": [self.listen],
                "keys": [self.shared_key],
                "routes": {"default": {"redis": scene.redis().address}},
                "audit": audit,
            },
        )
        self.server = None
        self.copies = 0

    def serve(self, commands=COMMANDS):
        """An agent's life: start, some commands, stop."""
        self.server = self.scene.agent("server", "--config", self.config)
        address = f"127.0.0.1:{free_port()}"
        client = self.scene.agent("client", "-s", address, "-t", self.listen, "-k", self.shared_key)
        wire = self.scene.wire(address)
        for i in range(commands // 50):
            wire.send(encode("SET", f"key:{i}", "value") * 50)
            wire.replies(50)
        return client

    def stop(self, client):
        for agent in (client, self.server):
            agent.send_signal(signal.SIGTERM)
            agent.expect_exit(0)
        return self

    def life(self, commands=COMMANDS):
        return self.stop(self.serve(commands))

    def files(self, folder=None):
        """All files of lines, the oldest first."""
        path = os.path.join(folder, "server.jsonl") if folder else self.path
        return sorted(glob.glob(path + ".2*"), key=lambda p: int(p.rpartition("-")[2])) + [path]

    def copy(self):
        """A folder with copies of all files, the head too."""
        self.copies += 1
        folder = pathlib.Path(self.scene.path(f"copy-{self.copies}"))
        folder.mkdir()
        for path in [*self.files(), self.path + ".head"]:
            shutil.copy(path, folder)
        return folder

    def verify(self, *args, status, says=(), never=()):
        """Runs `redwall audit verify`; returns what it said."""
        done = self.scene.run("audit", "verify", *args)
        check_equal(done.returncode, status, f"exit status; it said:\n{done.stdout}{done.stderr}")
        for text in [says] if isinstance(says, str) else says:
            check_in(text, done.stdout, "what audit verify says")
        for text in never:
            check(text not in done.stdout, f"{text!r} is in: {done.stdout}")
        return done.stdout

    def verify_folder(self, folder, **expected):
        return self.verify("--key", self.key, *folder.iterdir(), **expected)


def lines_of(path):
    return pathlib.Path(path).read_bytes().splitlines(keepends=True)


def edit(path, change):
    """Calls `change` with the list of lines, which it changes."""
    lines = lines_of(path)
    change(lines)
    pathlib.Path(path).write_bytes(b"".join(lines))


def first_wrong(text):
    """(file's base name, line) of the first finding."""
    found = re.search(r"^WRONG  (\S+?)(?:, line (\d+))?: ", text, re.M)
    check(found, f"nothing wrong in: {text}")
    return os.path.basename(found.group(1)), int(found.group(2) or 0)


def test_a_signed_and_rotated_audit_is_sound(scene):
    audit = Audit(scene).life()
    files = audit.files()
    check(len(files) >= 4, f"too few rotated files: {files}")
    last = json.loads(lines_of(audit.path)[-1])["seq"]
    sound = ["Nothing is wrong", f"numbers 1 to {last}) in {len(files)} files"]
    whole = f"Signed up to number {last}"
    audit.verify(*files, status=0, says=[*sound, whole, audit.key, "proves only"], never=["note"])
    for given in (files, files[::-1], [*files, audit.path + ".head"]):
        audit.verify("--key", audit.key, "--complete", *given, status=0, says=[*sound, whole])
    # A second life of the agent goes on with the chain.
    audit.life(100)
    text = audit.verify("--key", audit.key, *audit.files(), status=0, never=["note", "WRONG"])
    check(int(re.search(r"numbers 1 to (\d+)", text).group(1)) > last, text)


def head_is_up_to_date(path):
    """The head tells of the file's last line."""
    with open(path, "rb") as file, open(path + ".head", "rb") as head:
        return json.loads(file.read().splitlines()[-1])["seq"] == json.loads(head.read())["seq"]


def test_a_running_and_a_killed_agent(scene):
    audit = Audit(scene, rotate=False)
    client = audit.serve(100)
    wait_until(lambda: os.path.exists(audit.path + ".head"), "the head")
    audit.verify("--key", audit.key, audit.path, status=0, says="Nothing is wrong")
    wait_until(lambda: head_is_up_to_date(audit.path), "the head of the last line")
    audit.server.kill()
    client.send_signal(signal.SIGTERM)
    client.wait()
    audit.verify("--key", audit.key, audit.path, status=0, says="was killed")
    with open(audit.path, "ab") as file:  # the kill came in the middle of a line
        file.write(b'{"v":1,"seq":')
    audit.verify("--key", audit.key, audit.path, status=1, says="ends in the middle of this line")
    audit.life(50)
    says = ["this is half a line, left by an agent that was killed", "the agent says: "]
    audit.verify("--key", audit.key, audit.path, status=0, says=[*says, "Nothing is wrong"])


def test_changed_removed_swapped_and_copied_lines_are_named(scene):
    audit = Audit(scene).life()
    name = os.path.basename(audit.files()[1])

    def flip(lines):
        lines[6] = lines[6].replace(b'"decision":"allow"', b'"decision":"deny" ')

    def remove(lines):
        del lines[6]

    def swap(lines):
        lines[6], lines[7] = lines[7], lines[6]

    def twice(lines):
        lines.insert(7, lines[6])

    def number(lines):
        lines[6] = re.sub(rb'"seq":\d+', b'"seq":77777', lines[6])

    def torn(lines):
        lines[6] = lines[6][:50] + b"\n"

    for change, place, says in (
        (flip, 7, "was changed after it was written"),
        (remove, 7, "missing in front of this one"),
        (swap, 7, "doesn't belong here"),
        (twice, 8, "second copy"),
        (number, 7, "this line's number was changed: it is 77777"),
        (torn, 7, "isn't a line of an audit"),
    ):
        folder = audit.copy()
        edit(folder / name, change)
        text = audit.verify_folder(folder, status=1, says=says)
        check_equal(first_wrong(text), (name, place), f"the place of {change.__name__}")

    for keep in (1, 1000, 20_000):  # any byte
        folder = audit.copy()
        content = bytearray((folder / name).read_bytes())
        content[keep] ^= 1
        (folder / name).write_bytes(content)
        found, line = first_wrong(audit.verify_folder(folder, status=1))
        expected = content[:keep].count(b"\n") + 1
        check(found == name and abs(line - expected) <= 1, f"byte {keep}: {found}, line {line}")


def test_missing_files_and_cut_tails_are_named(scene):
    audit = Audit(scene).life()
    files = [os.path.basename(path) for path in audit.files()]

    folder = audit.copy()
    (folder / files[1]).unlink()
    text = audit.verify_folder(folder, status=1, says="A file between them isn't here")
    check_equal(first_wrong(text), (files[2], 1), "the place of a file that is missing")

    folder = audit.copy()
    (folder / files[0]).unlink()
    text = audit.verify_folder(folder, status=0, says="can't be told from these files")
    audit.verify("--complete", *folder.iterdir(), status=1, says="with --complete")

    folder = audit.copy()
    (folder / files[-1]).write_bytes(b"")
    audit.verify_folder(folder, status=1, says="the end is missing")

    size = os.path.getsize(audit.path)
    for cut in (1, 2, 100, size // 2):
        folder = audit.copy()
        os.truncate(folder / files[-1], size - cut)
        text = audit.verify_folder(folder, status=1)
        check_equal(first_wrong(text)[0], files[-1], f"the file with {cut} bytes cut off")

    folder = audit.copy()  # the agent notices that, too, and says so in the chain
    edit(audit.path, lambda lines: lines.pop())
    audit.life(50)
    audit.verify(*audit.files(), status=1, says="The agent found them missing")


def rewrite(path, wanted):
    """The lines for which wanted(record) is true, chained anew, as somebody without the key can."""
    seq, prev, out = 0, "0" * 64, []
    for line in lines_of(path):
        if not wanted(json.loads(line)):
            continue
        seq += 1
        body = re.sub(rb'^\{"v":1,"seq":\d+|,"prev":"[0-9a-f]{64}"\}\n$', b"", line).decode()
        text = f'{{"v":1,"seq":{seq}{body},"prev":"{prev}"}}'
        prev = hashlib.sha256(text.encode()).hexdigest()
        out.append(text + "\n")
    pathlib.Path(path).write_text("".join(out))
    head = f'{{"v":1,"seq":{seq},"hash":"{prev}","closed":true}}'
    pathlib.Path(f"{path}.head").write_text(head.ljust(511) + "\n")


def test_lines_added_while_the_agent_is_away(scene):
    audit = Audit(scene, rotate=False).life(50)
    last = lines_of(audit.path)[-1]
    forged = (
        f'{{"v":1,"seq":{json.loads(last)["seq"] + 1},"ts":"2030-01-01T00:00:00.000000Z",'
        f'"cmd":"get","us":5,"prev":"{hashlib.sha256(last[:-1]).hexdigest()}"}}'
    )
    with open(audit.path, "a", encoding="utf-8") as file:
        file.write(forged + "\n")
    place = ("server.jsonl", len(lines_of(audit.path)))
    text = audit.verify(audit.path, status=1, says="was added after the agent had stopped")
    check_equal(first_wrong(text), place, "the place of the line that was added")
    audit.life(50)  # the agent finds it, too, and says so in the chain
    audit.verify(audit.path, status=1, says="weren't written by the agent. The agent says")


def forge(path, keep, copies):
    """Cuts the file behind `keep` lines and chains copies of a command behind them; returns the
    text of a head for that, which isn't signed."""
    lines = lines_of(path)
    command = next(line for line in lines if b'"cmd":"set"' in line)
    body = re.sub(rb'^\{"v":1,"seq":\d+|,"prev":"[0-9a-f]{64}"\}\n$', b"", command)
    lines = lines[:keep]
    for _ in range(copies):
        prev = hashlib.sha256(lines[-1][:-1]).hexdigest().encode()
        lines.append(b'{"v":1,"seq":%d%s,"prev":"%s"}\n' % (len(lines) + 1, body, prev))
    pathlib.Path(path).write_bytes(b"".join(lines))
    end = hashlib.sha256(lines[-1][:-1]).hexdigest()
    return f'{{"v":1,"seq":{len(lines)},"hash":"{end}","closed":true}}\n'


def test_the_agent_signs_nothing_forged_without_saying_so(scene):
    audit = Audit(scene, rotate=False).life(50)
    checkpoint = next(i for i, line in enumerate(lines_of(audit.path)) if b"checkpoint" in line)
    head = forge(audit.path, checkpoint + 1, 9)  # the head replaced by one without a signature
    pathlib.Path(audit.path + ".head").write_text(head)
    audit.life(50)
    audit.verify("--key", audit.key, audit.path, status=1, says="somebody replaced the head")

    for path in (audit.path, audit.path + ".head"):
        os.unlink(path)
    audit.life(50)  # lines added, and the file put aside as if it had been rotated
    last = len(lines_of(audit.path))
    forge(audit.path, last, 5)
    os.rename(audit.path, f"{audit.path}.20261122T000000Z-{last + 5}")
    audit.life(50)
    says = "lines in front of this one weren't written by the agent"
    audit.verify("--key", audit.key, *audit.files(), status=1, says=says)

    for path in [*audit.files(), audit.path + ".head"]:
        os.unlink(path)
    client = audit.serve(50)  # behind the last signature of an agent that was killed
    wait_until(lambda: b"checkpoint" in lines_of(audit.path)[-1], "a checkpoint at the end")
    audit.server.kill()
    client.send_signal(signal.SIGTERM)
    client.wait()
    last = len(lines_of(audit.path))
    forge(audit.path, last, 5)
    audit.life(50)
    says = [f"lines with numbers {last + 1} to {last + 5}", "but for 5 lines that nobody vouches"]
    audit.verify("--key", audit.key, audit.path, status=0, says=says)


def test_signatures(scene):
    audit = Audit(scene, rotate=False).life(100)
    other = scene.run("keygen", "--signing", scene.path("other.sign")).stdout.strip()
    check_equal(scene.run("pubkey", scene.path("audit.sign")).stdout.strip(), audit.key, "pubkey")
    scene.refused(1, "keygen", "--signing", scene.path("other.sign"), says="exists already")
    scene.refused(2, "keygen", "--signing", "--identity", scene.path("both"), says="excludes")

    text = audit.verify("--key", other, audit.path, status=1, says="none of those given with --key")
    check_equal(first_wrong(text)[0], "server.jsonl", "the file with the first checkpoint")
    audit.verify("--key", other, "--key", audit.key, audit.path, status=0)

    folder = audit.copy()  # the checkpoints are gone, the chain and the head made anew
    rewrite(folder / "server.jsonl", lambda record: record.get("event") != "checkpoint")
    audit.verify(*folder.iterdir(), status=0, says="They are not signed")
    audit.verify_folder(folder, status=1, says="no line is signed")

    folder = audit.copy()  # one line less, and the old signatures
    rewrite(folder / "server.jsonl", lambda record: record.get("n") != 3)
    audit.verify(*folder.iterdir(), status=1, says="its signature is wrong")

    old = pathlib.Path(audit.path + ".head").read_bytes()
    audit.life(50)
    folder = audit.copy()
    (folder / "server.jsonl.head").write_bytes(old)
    audit.verify_folder(folder, status=1, says="this file is older than the lines")


def test_exit_statuses_and_what_is_no_audit(scene):
    audit = Audit(scene, sign=False, rotate=False).life(50)
    audit.verify(audit.path, status=0, says="who can write these files could have made all of them")
    os.rename(audit.path + ".head", scene.path("away"))
    audit.verify(audit.path, status=0, says="lines that were cut off at the end can't be noticed")
    os.mkfifo(audit.path + ".head")
    scene.refused(2, "audit", "verify", audit.path, says="it is no regular file")
    os.unlink(audit.path + ".head")
    aside = scene.write("server.jsonl.20261123T013458Z-foreign", "hello\n")
    audit.verify(audit.path, aside, status=0, says="not looked at: by its name")
    audit.verify(scene.write("empty", ""), status=1, says="no line that could be read")
    audit.verify(scene.write("text", "hello\n"), status=1, says="isn't a line of an audit")
    audit.verify(audit.path, scene.write("b.jsonl", lines_of(audit.path)[0]), status=1)
    scene.refused(2, "audit", "verify", says="FILE")
    scene.refused(2, "audit", "verify", scene.path("none"), says="No such file")
    scene.refused(2, "audit", "verify", scene.folder, says="Is a directory")
    scene.refused(2, "audit", "verify", "--key", "x", audit.path, says="not a public key")
    scene.refused(2, "audit", "verify", scene.path("away.head"), says="away.head")
    scene.refused(2, "audit", says="subcommand")


if __name__ == "__main__":
    run_tests(globals())
