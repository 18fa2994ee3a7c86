"""A private mariadbd, for tests of raw TCP: its own data, socket and port in the scene's folder,
none of the system's files read, no service touched. Debian's packages mariadb-server-core and
mariadb-client-core (install-packages compat) hold the programs and no service.
"""

import os
import shutil
import subprocess

from processes import Failure, Process, free_port, wait_until

DATABASE, USER, PASSWORD = "shop", "app", "open sesame"
MAX_PACKET = 128 << 20
INIT = f"""\
CREATE DATABASE {DATABASE};
CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO '{USER}'@'%';
"""


class MariaDb:
    """Running when it has been made. `tls`: with a certificate of its own, and the user is let in
    with TLS only."""

    def __init__(self, scene, name="mariadb", tls=False):
        self.scene, self.name, self.tls = scene, name, tls
        self.port = free_port()
        self.folder = scene.folder / name
        self.folder.mkdir(mode=0o700)
        self.process = None
        require = f"ALTER USER '{USER}'@'%' REQUIRE SSL;\n" if tls else ""
        self.init = scene.write(f"{name}/init.sql", INIT + require)
        self.certificate = self.folder / "certificate.pem"
        if tls:
            self._make_certificate()
        self._install()
        self._start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def client(self, address=None, *more):
        """The command that runs Debian's client against the server, or against `address`, which
        leads to it. What is to be done comes on its standard input, or with -e."""
        host, _, port = (address or self.address).rpartition(":")
        args = ["mariadb", "--no-defaults", "--protocol=tcp", f"--host={host}", f"--port={port}"]
        args += [f"--user={USER}", f"--password={PASSWORD}", f"--max-allowed-packet={MAX_PACKET}"]
        args += ["--batch", "--skip-column-names", f"--database={DATABASE}"]
        if self.tls:
            args += [f"--ssl-ca={self.certificate}", "--ssl-verify-server-cert"]
        return [*args, *more]

    def run(self, statements, address=None, *more, seconds=600):
        """Runs statements (text, bytes, or an open file) and returns what the client wrote to
        stdout, in bytes. Failure where it doesn't end well."""
        given = {"input": statements.encode() if isinstance(statements, str) else statements}
        if hasattr(statements, "read"):
            given = {"stdin": statements}
        done = subprocess.run(
            self.client(address, *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
            **given,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace")
            raise Failure(f"mariadb ended with {done.returncode}: {said[-1000:]}")
        return done.stdout

    def stop(self):
        self.process.stop()

    def _install(self):
        """The system tables."""
        self._must(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *self._user(),
        )

    def _start(self):
        args = [
            shutil.which("mariadbd") or "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={self.folder}/data",
            f"--socket={self.folder}/server.sock",
            f"--pid-file={self.folder}/server.pid",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            f"--max-allowed-packet={MAX_PACKET}",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            f"--init-file={self.init}",
            *self._user(),
        ]
        if self.tls:
            args += [f"--ssl-cert={self.certificate}", f"--ssl-key={self.folder}/key.pem"]
        self.process = Process(self.name, args, self.scene.folder)
        self.scene.processes.append(self.process)
        wait_until(self._answers, f"{self.name} to answer on port {self.port}")

    def _answers(self):
        if not self.process.running():
            raise Failure(f"{self.name} did not start:\n{self.process.log()[-3000:]}")
        try:
            return self.run("SELECT 1") == b"1\n"
        except Failure:
            return False

    def _make_certificate(self):
        """Self-signed, for the address that its clients dial."""
        self._must(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", self.folder / "key.pem", "-out", self.certificate),
        )

    @staticmethod
    def _user():
        """Root must say that it means to run it as root."""
        return ["--user=root"] if os.geteuid() == 0 else []

    @staticmethod
    def _must(*args):
        done = subprocess.run(
            [str(arg) for arg in args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace")
            raise Failure(f"{args[0]} ended with {done.returncode}:\n{said[-2000:]}")
