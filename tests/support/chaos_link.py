"""One way of a long line, as arithmetic: when do bytes that enter it now come out at its far end?

The goal is a line that a sender can't tell from a real one of that delay and rate: bytes wait in
the queue of a router until the rate has let them through, and are then under way for the delay. The
queue is bounded; when it is full, nobody may put anything in. Knows no socket and no clock: `now`
is given, in seconds.
"""

MTU = 1500  # bytes: what passes at once, however slow the line
BURST_SECONDS = 0.002  # what an idle line has saved up: the bucket's depth
QUEUE_SECONDS = 0.02  # what a queue holds where nobody says how many bytes
SMALLEST_QUEUE = 65536
PIECE = 65536  # the most that enters at once, where the rate is limited


class Link:
    """delay: seconds; rate: bytes a second, 0 for any; queue: bytes, None for 20 ms of the rate."""

    def __init__(self, delay=0.0, rate=0, queue=None):
        self._free_at = float(
            "-inf"
        )  # when the last byte that has entered will have left the queue
        self._last_due = 0.0
        self.change(delay, rate, queue)

    def change(self, delay, rate, queue=None):
        """From now on. What has entered keeps its time, and nothing overtakes it."""
        if delay < 0 or rate < 0 or (queue is not None and queue < 1):
            raise ValueError("delay and rate can't be negative, and a queue has at least one byte")
        self.delay, self.rate = delay, rate
        self.queue = queue or max(SMALLEST_QUEUE, int(rate * QUEUE_SECONDS))

    @property
    def piece(self):
        """The most bytes to put in at once, so that the queue's bound is a bound."""
        return min(PIECE, max(MTU, self.queue // 4)) if self.rate else 0

    @property
    def window(self):
        """Bytes that fill the line and its queue: more is never under way on one connection."""
        if self.rate:
            return self.queue + self.piece + int(self.rate * self.delay)
        return 16 << 20 if self.delay else 1 << 20

    def backlog(self, now):
        """Bytes in the queue."""
        return max(0.0, self._free_at - now) * self.rate

    def full(self, now):
        return bool(self.rate) and self.backlog(now) >= self.queue

    def room_at(self, now):
        """When a quarter of a full queue will have emptied; not one wake-up for each byte."""
        return (
            now + max(0.0, self.backlog(now) - self.queue * 0.75) / self.rate if self.rate else now
        )

    def enter(self, now, size):
        """Puts `size` bytes in; returns when the last of them comes out."""
        if self.rate:
            saved = max(MTU, self.rate * BURST_SECONDS) / self.rate
            self._free_at = max(self._free_at, now - saved) + size / self.rate
        out = max(now, self._free_at if self.rate else now) + self.delay
        self._last_due = max(self._last_due, out)
        return self._last_due
