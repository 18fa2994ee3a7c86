"""What the drives of redis-py (cluster_drive.py, sentinel_drive.py) have in common: workers in
threads, phases that are told on standard input, lines of JSON on standard output. Who starts them
is tests/support/drives.py.
"""

import collections
import json
import sys
import threading
import time


class Place:
    """What all workers share. A worker works while `enough` says that it is not, and calls `count`
    for each operation.

    options: count (operations a worker), until_told (it goes on after them until the input ends).
    A line on the input, `NAME` or `NAME SECONDS`, begins a phase; the first one is "start".
    """

    def __init__(self, options, progress):
        """progress: it says after so many operations how many were done."""
        self.options, self.progress = options, progress
        self.phase, self.moments = "start", {}
        self.done = 0
        self._told = threading.Event()
        self._lock = threading.Lock()

    def enough(self, operations):
        if operations < self.options.get("count", 1000):
            return False
        return not self.options.get("until_told") or self._told.is_set()

    def count(self):
        with self._lock:
            self.done += 1
            if self.done % self.progress == 0:
                self._say(done=self.done)

    def work(self, workers):
        """Lets all of them run to their ends; the beginning of the result."""
        threading.Thread(target=self._listen, daemon=True).start()
        start = time.monotonic()
        threads = [threading.Thread(target=worker.run) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"operations": self.done, "seconds": round(time.monotonic() - start, 1)}

    def tell(self, result):
        with self._lock:
            self._say(result=result)

    def _listen(self):
        for line in sys.stdin:
            self.phase, *moment = line.split()
            if moment:
                self.moments[self.phase] = float(moment[0])
            with self._lock:
                self._say(phase=line.strip())
        self._told.set()

    @staticmethod
    def _say(**what):
        print(json.dumps(what), flush=True)


def kind_of(error):
    """Its class and, of what a server said, the first word. Numbers are left out."""
    text = str(error).rpartition("caused error: ")[2]  # in a pipeline
    text = " ".join(text.split()[:6])
    text = "".join("#" if c.isdigit() else c for c in text)
    while "##" in text:
        text = text.replace("##", "#")
    return f"{type(error).__name__}: {text}"


def by_phase(errors):
    """{phase: {kind: count}} of {(phase, kind): count}."""
    phases = collections.defaultdict(dict)
    for (phase, kind), count in errors.items():
        phases[phase][kind] = count
    return phases
