"""What a bypass attempt is, as data: how it tries to get round which policy, what must not reach
Redis, and its harmless twin, nearly the same thing, which the policy must let pass.

A conversation is a list of steps, or a single one:

    "GET app:1"            a command, cut at spaces
    ("SET", "a", b"\\x00")   a command with any arguments
    b"get app:1\\r\\n"       raw bytes
    WRITE                  what stands before it goes in a write of its own
    Reply(2)               wait for two replies
    Other([...])           steps on a second connection, which stays open

What stands between two WRITEs or Replies is sent in one write.

What must not reach Redis (`stop`), or must (`passes`), is a list of:

    "flushall", "config|set", "config"   that command (or any sub-command), in any spelling
    "get secret:1"                       that command with these first arguments
    "~secret"                            any command with this text in an argument
    "@1"                                 any command in database 1
    "?"                                  a command that Redis doesn't know
"""

from wire import encode


class Write:
    def __repr__(self):
        return "WRITE"


WRITE = Write()


class Reply:
    """Wait for `count` replies."""

    def __init__(self, count=1):
        self.count = count

    def __repr__(self):
        return f"Reply({self.count})"


class Other:
    """`steps` on a second connection, which stays open until the case is over."""

    def __init__(self, steps):
        self.steps = steps

    def __repr__(self):
        return f"Other({self.steps})"


def one_by_one(data):
    """The bytes, each in a write of its own."""
    return [step for i in range(len(data)) for step in (data[i : i + 1], WRITE)]


def cut(data, *places):
    """The bytes, in writes that end at `places`."""
    ends = [0, *places, len(data)]
    return [step for a, b in zip(ends, ends[1:]) for step in (data[a:b], WRITE)]


def steps_of(conversation):
    """The steps of a conversation as a list of bytes, WRITE, Reply and Other."""
    if not isinstance(conversation, list):
        conversation = [conversation]
    return [
        encode(*step.split())
        if isinstance(step, str)
        else encode(*step)
        if isinstance(step, tuple)
        else step
        for step in conversation
    ]


def last_command(conversation):
    """The name of the last command that is written as text or tuple, in lower case."""
    steps = conversation if isinstance(conversation, list) else [conversation]
    for step in reversed(steps):
        if isinstance(step, Other):
            return last_command(step.steps)
        if isinstance(step, (str, tuple)):
            name = (step.split() if isinstance(step, str) else step)[0]
            return (name if isinstance(name, str) else name.decode()).lower()
    return None


class Case:
    """One attempt and its twin.

    stop, passes, policy: as the family's, if left out; `passes` is then the twin's last command
    allowed:   commands of the attempt that may reach Redis and change its state
    prepare:   commands that are sent to Redis directly, before
    closed:    why the attempt doesn't reach Redis's commands without any policy either
    mute:      no answer is to be expected: the end of the sending side ends the conversation
    source:    the address that the attempt comes from; twin_source: the twin's
    """

    def __init__(self, how, attempt, twin, **options):
        self.how, self.attempt, self.twin = how, attempt, twin
        self.policy = options.pop("policy", None)
        self.stop = options.pop("stop", None)
        self.passes = options.pop("passes", None)
        self.allowed = options.pop("allowed", [])
        self.prepare = options.pop("prepare", [])
        self.closed = options.pop("closed", None)
        self.mute = options.pop("mute", False)
        self.source = options.pop("source", None)
        self.twin_source = options.pop("twin_source", None)
        self.family = None
        if options:
            raise TypeError(f"{how}: a case has no {', '.join(options)}")

    def __str__(self):
        return f"{self.family.name}: {self.how} [policy {self.policy}]"


class Family:
    """Cases of one kind, with what most of them have in common."""

    def __init__(self, name, policy, stop, cases, passes=None, mute=False):
        self.name, self.cases = name, cases
        for case in cases:
            case.family = self
            case.policy = case.policy or policy
            case.stop = as_list(case.stop if case.stop is not None else stop)
            case.passes = as_list(case.passes or passes or last_command(case.twin))
            case.mute = case.mute or mute
            if None in case.passes:
                raise TypeError(f"{case}: say what of the twin passes")


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]
