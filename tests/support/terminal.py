"""A program on a terminal of its own (a pty), driven by what it prints."""

import os
import pty
import re
import select
import signal
import time

from processes import PATIENCE, Failure


class Terminal:
    """`with Terminal(["redis-cli"]) as terminal: terminal.until("> $");
    terminal.type("PING\\n")`
    """

    def __init__(self, args):
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", HOME="/nonexistent", LC_ALL="C.UTF-8")
            try:
                os.execvp(args[0], args)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def type(self, text):
        os.write(self.fd, text.encode())

    def _read(self, deadline):
        """Some bytes, or None at the end."""
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise Failure("the terminal stays silent")
        try:
            return os.read(self.fd, 65536) or None
        except OSError:  # EIO: the program is gone
            return None

    def until(self, pattern):
        """What it prints up to the first time when all of it matches the expression."""
        text, deadline = "", time.monotonic() + PATIENCE
        while not re.search(pattern, text):
            try:
                data = self._read(deadline)
            except Failure:
                raise Failure(f"the terminal never showed /{pattern}/; so far {text!r}") from None
            if data is None:
                raise Failure(f"the program ended; it had printed {text!r}")
            text += data.decode("utf-8", "replace")
        return text

    def rest(self):
        """What it prints until it ends; `status` is then its exit status."""
        text, deadline = "", time.monotonic() + PATIENCE
        while (data := self._read(deadline)) is not None:
            text += data.decode("utf-8", "replace")
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        return text
