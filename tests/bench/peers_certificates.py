"""Certificates for TLS between two sites: an authority, and one for each end, signed by it."""

import pathlib
import subprocess

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = 127.0.0.1
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[end]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1, DNS:localhost
"""


class Certificates:
    """Made by openssl (P-256, three days) in the scene's folder. Ends: "server", "client"."""

    def __init__(self, scene):
        self._scene = scene
        self._config = scene.write("openssl.cnf", CONFIG)
        self.authority = self.certificate("authority")
        self._make("authority")
        for end in ("server", "client"):
            self._make(end, "-CA", self.authority, "-CAkey", self.key("authority"))
            both = [self.certificate(end), self.key(end)]
            scene.write(f"{end}.both.pem", b"".join(pathlib.Path(p).read_bytes() for p in both))

    def certificate(self, end):
        return self._scene.path(f"{end}.pem")

    def key(self, end):
        return self._scene.path(f"{end}.key")

    def both(self, end):
        """A file with the certificate and its key."""
        return self._scene.path(f"{end}.both.pem")

    def _make(self, end, *signer):
        extensions = "authority" if end == "authority" else "end"
        command = ["openssl", "req", "-x509", "-config", self._config, "-extensions", extensions]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3"]
        command += ["-subj", f"/CN={end}", "-keyout", self.key(end)]
        command += ["-out", self.certificate(end), *signer]
        subprocess.run(command, check=True, capture_output=True)
