"""What a relay does to one direction of a connection: bytes in, actions out. No socket, no clock.

A Fault says what is to happen and where. `at` counts bytes of the direction from 0. With `unit` in
its place the fault takes a whole unit of the tunnel's framing: unit 0 is the direction's handshake
message (the preamble included), units 1, 2, 3... are its records. A fault without either strikes
what comes next.

    flip        the byte at the place is XORed with `mask` (of a unit: the byte `offset` in it,
                from its end where negative)
    drop        `length` bytes (or the unit) are left out
    repeat      `length` bytes (or the unit) are sent twice
    reorder     `length` bytes (or the unit) change places with those behind them
    insert      `data` is put in before
    stall       nothing for `seconds`
    close, reset, half_close
                of both sockets (half_close: this direction only), before the place
"""

import dataclasses

KINDS = ("flip", "drop", "repeat", "reorder", "insert", "stall", "close", "reset", "half_close")
IN_BETWEEN = ("insert", "stall", "close", "reset", "half_close")  # these touch no byte
ENDS = ("close", "reset", "half_close")


@dataclasses.dataclass
class Fault:
    kind: str
    at: int | None = None
    unit: int | None = None
    length: int = 1
    mask: int = 0x01
    offset: int = -1
    seconds: float = 1.0
    data: bytes = b""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind} (there are {', '.join(KINDS)})")
        if self.at is not None and self.unit is not None:
            raise ValueError("a fault has a byte offset or a unit, not both")
        if self.length < 1:
            raise ValueError("a fault has a length of 1 or more")


class UnitSplitter:
    """Cuts one direction of a tunnel into its handshake message and its records."""

    PREAMBLE = 8
    MAC1 = 16
    SUITE_WITH_MAC1 = 0x11

    def __init__(self, upward):
        self.upward = upward
        self.first = True
        self.buffer = b""

    def feed(self, data):
        """The units that are complete now."""
        self.buffer += data
        units = []
        while (size := self._size()) is not None and len(self.buffer) >= size:
            units.append(self.buffer[:size])
            self.buffer = self.buffer[size:]
            self.first = False
        return units

    def _size(self):
        extra = self.PREAMBLE if self.first and self.upward else 0
        if len(self.buffer) < extra + 2:
            return None
        length = int.from_bytes(self.buffer[extra : extra + 2], "big")
        if extra and self.buffer[3] == self.SUITE_WITH_MAC1:
            length += self.MAC1
        return extra + 2 + length


class Mangler:
    """Actions are ("data", bytes), ("stall", seconds), ("close",), ("reset",), ("half_close",).
    After one of the last three there are no more. `struck` are the faults that have happened.
    """

    def __init__(self, upward=True, faults=()):
        self.faults = []
        self.struck = []
        self.offset = 0  # bytes of this direction that were taken in
        self.units = 0  # units that were handed on
        self._splitter = UnitSplitter(upward)
        self._by_units = False
        self._passed = (
            0  # bytes of the incomplete unit that went out before unit faults were asked for
        )
        self._held = b""  # taken in, not handed on: a fault needs more of what follows
        self._swap = None  # the unit that waits for the one behind it
        self._ended = False
        for fault in faults:
            self.add(fault)

    def add(self, fault, next_unit=False):
        """Adds a fault. Without a place it strikes the next byte; with `next_unit` the next whole
        unit.
        """
        here = self.offset - len(self._held)
        next_whole = self.units + (1 if self._splitter.buffer else 0)
        if fault.at is None and fault.unit is None:
            place = {"unit": next_whole} if next_unit else {"at": here}
            fault = dataclasses.replace(fault, **place)
        if any((other.unit is None) != (fault.unit is None) for other in self.faults):
            raise ValueError("faults by byte and faults by unit at the same time")
        if (fault.at if fault.unit is None else fault.unit) < (
            here if fault.unit is None else next_whole
        ):
            raise ValueError("that place is gone already")
        if fault.unit is not None and not self._by_units:
            self._by_units, self._passed = True, len(self._splitter.buffer)
        self.faults.append(fault)
        self.faults.sort(key=lambda f: (f.at or 0, f.unit or 0))
        return fault

    def feed(self, data):
        """What to do now that `data` has come."""
        self.offset += len(data)
        actions = []
        units = self._splitter.feed(data)
        if self._by_units:
            for unit in units:
                self._unit(unit, actions)
        else:
            self.units += len(units)
            self._bytes(data, actions)
        return actions

    def finish(self):
        """The direction has ended: what is still held back goes out as it is."""
        rest = (self._swap or b"") + self._held
        if self._by_units:
            rest += self._splitter.buffer[self._passed :]
        self._held, self._swap = b"", None
        return [("data", rest)] if rest and not self._ended else []

    def _strike(self, fault, actions):
        self.faults.remove(fault)
        self.struck.append(fault)
        if fault.kind == "insert":
            actions.append(("data", fault.data))
        elif fault.kind == "stall":
            actions.append(("stall", fault.seconds))
        elif fault.kind in ENDS:
            actions.append((fault.kind,))
            self._ended = True

    def _bytes(self, data, actions):
        self._held += data
        while self._held and not self._ended:
            here = self.offset - len(self._held)
            fault = self.faults[0] if self.faults else None
            before = len(self._held) if fault is None else min(fault.at - here, len(self._held))
            if before:
                actions.append(("data", self._held[:before]))
                self._held = self._held[before:]
                continue
            if fault.kind in IN_BETWEEN:
                self._strike(fault, actions)
                continue
            need = {"reorder": 2 * fault.length, "flip": 1}.get(fault.kind, fault.length)
            if len(self._held) < need:
                return
            piece, self._held = self._held[:need], self._held[need:]
            self._strike(fault, actions)
            self._change(fault, piece, actions)

    @staticmethod
    def _change(fault, piece, actions):
        changed = {
            "flip": lambda: bytes([piece[0] ^ fault.mask]),
            "drop": lambda: b"",
            "repeat": lambda: piece + piece,
            "reorder": lambda: piece[fault.length :] + piece[: fault.length],
        }[fault.kind]()
        if changed:
            actions.append(("data", changed))

    def _unit(self, unit, actions):
        number = self.units
        self.units += 1
        unit, self._passed = unit[self._passed :], 0
        if self._ended:
            return
        for fault in [f for f in self.faults if f.unit == number and f.kind in IN_BETWEEN]:
            self._strike(fault, actions)
        if self._ended:
            return
        fault = next((f for f in self.faults if f.unit == number), None)
        waiting, self._swap = self._swap, None
        if fault is None:
            actions.append(("data", unit))
        else:
            self._strike(fault, actions)
            if fault.kind == "reorder":
                self._swap = unit
            elif fault.kind == "repeat":
                actions.append(("data", unit + unit))
            elif fault.kind == "flip":
                place = fault.offset % len(unit)
                changed = bytes([unit[place] ^ fault.mask])
                actions.append(("data", unit[:place] + changed + unit[place + 1 :]))
        if waiting is not None:
            actions.append(("data", waiting))
