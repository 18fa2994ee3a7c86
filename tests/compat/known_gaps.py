"""Goal: to leave out of random conversations what is known to differ, each for a reason that is
told here, so that anything else is found. `differential.py --known-gaps` leaves it in.
"""

LONGER = 16384  # bytes; what Redis takes in an argument from who isn't logged in
ALIKE = (b"{'message'", b"{'subscribe'", b"{'unsubscribe'", b"{'pmessage'")


def asks_for_silence(step):
    return step.verb() == b"CLIENT REPLY"


def says(step, *words):
    text = (step.data + b" ".join(step.arguments)).upper()  # inline, it may be written in hex
    return any(word in text for word in words)


def looks_alike(step, before, _guard):
    """A script that returns what a message or a confirmation looks like in RESP2, to one who
    (un)subscribes in MULTI or in silence: nobody could tell them apart.
    """
    alike = any(word in step.data for word in ALIKE)
    return (alike and any(says(other, b"SUBSCRIBE") for other in before)) or (
        says(step, b"SUBSCRIBE")
        and any(word in other.data for other in before for word in ALIKE)
    )


def may_be_queued_or_not(step, before, guard):
    """CLIENT REPLY behind a MULTI that may have been refused: whether it was queued or executed is
    known only later.
    """
    doubtful = guard != "open" or any(says(other, b"SUBSCRIBE") for other in before)
    return asks_for_silence(step) and doubtful and any(says(o, b"MULTI") for o in before)


def may_have_been_refused(step, before, guard):
    """CLIENT REPLY behind one that Redis may have refused, where it asks for a login: what the first
    is taken for decides how the second is.
    """
    return guard != "open" and asks_for_silence(step) and any(map(asks_for_silence, before))


def is_long_before_login(step, _before, guard):
    """Where Redis closes amid an argument that is too long before the login, the agents may lose
    the answers before (seldom).
    """
    return guard != "open" and step.data.startswith(b"*") and len(step.data) > LONGER


def monitors_as_another(step, before, _guard):
    """A second MONITOR has no answer, but an error where another user has logged in meanwhile who
    may not.
    """
    return says(step, b"MONITOR") and all(
        any(says(other, *words) for other in before) for words in ((b"MONITOR",), (b"AUTH",))
    )


GAPS = (
    monitors_as_another,
    looks_alike,
    may_be_queued_or_not,
    may_have_been_refused,
    is_long_before_login,
)


def without_known_gaps(steps, guard):
    """The steps without those that lead into a known gap."""
    kept = []
    for step in steps:
        if not any(gap(step, kept, guard) for gap in GAPS):
            kept.append(step)
    return kept
