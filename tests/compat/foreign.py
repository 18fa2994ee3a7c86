"""Test suites that others wrote: where they come from, and the two servers that they are run
against. A helper of redis_suite.py and hiredis_suite.py.

A suite comes out of Debian's source package of what is installed, so suite and program always fit.
apt gets a list of sources and a state of its own in build/compat: the system's are neither read nor
changed, and no root is needed.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests/support"))

import harness  # noqa: E402, pylint: disable=wrong-import-position
from processes import check  # noqa: E402, pylint: disable=wrong-import-position

COMPAT = REPO / "build/compat"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCES = f"""\
deb-src [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main
deb-src [signed-by={KEYRING}] http://deb.debian.org/debian bookworm-updates main
deb-src [signed-by={KEYRING}] http://deb.debian.org/debian-security bookworm-security main
"""

# Whatever a suite sends passes, and goes through the parser, the rules and the audit at both ends.
# A replication stream passes only where a rule names it, and Redis's suite attaches to some.
ALLOW_ALL = {
    "version": 1,
    "default": "allow",
    "unknown": "allow",
    "rules": [{"id": "replicas", "action": "allow", "commands": ["sync", "psync"]}],
    "audit": {"events": "all", "arguments": "keys"},
}


def install(*groups):
    """Installs the groups of packages of tests/support/install-packages."""
    done = subprocess.run([REPO / "tests/support/install-packages", *groups], check=False)
    if done.returncode:
        raise SystemExit(f"{pathlib.Path(sys.argv[0]).name}: packages are missing, see above")


def run_or_exit(what, args, **options):
    """Runs a command to its end and returns what it said; ends this program where it fails."""
    done = subprocess.run(
        [str(arg) for arg in args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **options,
    )
    if done.returncode:
        raise SystemExit(
            f"{what} failed with {done.returncode}: {' '.join(map(str, args))}\n"
            + done.stdout[-3000:]
        )
    return done.stdout


def source(package, installed):
    """The folder of Debian's source package `package`, unpacked and patched, in the version of
    `installed`, a binary package of it: build/compat/NAME-VERSION. Fetched if it isn't there yet.
    """
    version = run_or_exit(
        "asking for the installed version",
        ["dpkg-query", "-W", "-f", "${source:Version}", installed],
    )
    folder = COMPAT / f"{package}-{version.rpartition(':')[2]}"
    COMPAT.mkdir(parents=True, exist_ok=True)
    with open(COMPAT / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two suites may be started at the same time
        if not folder.exists():
            with tempfile.TemporaryDirectory(prefix="fetch-", dir=COMPAT) as workspace:
                _fetch(package, version, pathlib.Path(workspace)).rename(folder)
    return folder


def _fetch(package, version, workspace):
    """Downloads and unpacks into `workspace`; returns the unpacked folder in it."""
    print(f"fetching Debian's source package of {package} {version}", flush=True)
    (workspace / "sources.list").write_text(SOURCES, "utf-8")
    for name in ("lists/partial", "cache/archives/partial"):
        (workspace / name).mkdir(parents=True)
    options = [
        f"Dir::Etc::SourceList={workspace}/sources.list",
        "Dir::Etc::SourceParts=/dev/null",
        f"Dir::State={workspace}",
        f"Dir::State::Lists={workspace}/lists",
        "Dir::State::Status=/var/lib/dpkg/status",
        f"Dir::Cache={workspace}/cache",
        "Acquire::Languages=none",
        "Acquire::Retries=3",
    ]
    if os.geteuid() == 0:
        options.append("APT::Sandbox::User=root")  # its usual user can't write to our folder
    apt = ["apt-get", "-q", *[part for option in options for part in ("-o", option)]]
    run_or_exit("apt-get update", [*apt, "update"], cwd=workspace)
    get = [*apt, "source", "--download-only", f"{package}={version}"]
    run_or_exit(f"fetching the source of {package} {version}", get, cwd=workspace)
    description = next(workspace.glob("*.dsc"))
    unpacked = workspace / "unpacked"
    run_or_exit("unpacking", ["dpkg-source", "--extract", description, unpacked], cwd=workspace)
    return unpacked


def pair(scene, redis, *more_listeners, upstream="dedicated"):
    """Both agents in front of `redis`, with a policy that allows all and an audit at both. The
    client agent listens on TCP (the address of the pair) and where else it is told to. `upstream`:
    as the route has it.
    """
    agents = harness.Pair(scene, redis, policy=ALLOW_ALL, audit=True)
    server = {
        "listen": [agents.server_address],
        "keys": [agents.key],
        "routes": {"default": {"redis": redis.address, "upstream": upstream}},
        "policy": agents.policy_path,
        "audit": {"file": agents.server_audit},
    }
    agents.server_args = ["server", "--config", scene.write("server.json", server)]
    agents.start_server()
    listeners = [agents.address, *more_listeners]
    config = {
        "servers": [agents.server_address],
        "keys": [agents.key],
        "listeners": [{"listen": address} for address in listeners],
        "policy": agents.policy_path,
        "audit": {"file": agents.client_audit},
    }
    agents.client = scene.agent("client", "--config", scene.write("client.json", config))
    agents.client.addresses(len(listeners))
    return agents


def check_audited(agents):
    """Fails unless both audits have commands: a suite that ran past the agents shows nothing."""
    for path in (agents.client_audit, agents.server_audit):
        with open(path, "rb") as audit:
            check(b'"cmd":' in audit.read(1 << 20), f"there is no command in {path}")


def results_folder(suite):
    """build/compat/SUITE-results, empty: what the suite said stays there for people to look at."""
    folder = COMPAT / f"{suite}-results"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@contextlib.contextmanager
def group(args, **options):
    """Runs a program in a process group of its own; whatever is left of that group is killed at the
    end, since suites leave helpers behind when they are cut short. Yields the Popen.
    """
    args = [str(arg) for arg in args]
    with subprocess.Popen(
        args, stdin=subprocess.DEVNULL, start_new_session=True, **options
    ) as popen:
        try:
            yield popen
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)


def end_cleanly():
    """SIGTERM ends this program as an exception does: what it has started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
