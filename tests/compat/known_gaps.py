"""Goal: to leave out of random conversations what is known to differ, each for a reason that is
told here, so that anything else is found. `differential.py --known-gaps` leaves it in.
"""

MORE_ARGUMENTS, LONGER = 10, 16384  # what Redis takes in an array from who isn't logged in


def asks_for_silence(step):
    return step.verb() == b"CLIENT REPLY"


# After these Redis may send what answers nothing, or close.
UNASKED = (b"MONITOR", b"TRACKING", b"KILL")


def says(step, *words):
    text = (step.data + b" ".join(step.arguments)).upper()  # inline, it may be written in hex
    return any(word in text for word in words)


def may_overtake(step, before, _guard):
    """A protocol error is answered by the agent, and may overtake what Redis does unasked: a line
    of MONITOR, an invalidation, a message, the end of a connection that was killed.
    """
    return step.fatal and any(other.neighbour or says(other, *UNASKED) for other in before)


def publishes_to_itself(step, before, _guard):
    """PUBLISH in MULTI by one who is subscribed, or is so in the same MULTI. The message stands in
    EXEC's reply, which so outgrows its array.
    """
    return says(step, b"PUBLISH") and all(
        any(says(other, word) for other in before) for word in (b"MULTI", b"SUBSCRIBE")
    )


def is_pushed_in_exec(step, before, _guard):
    """RESP3: DEBUG PROTOCOL PUSH in MULTI. The push stands in EXEC's reply, as above."""
    pushes = step.verb() == b"DEBUG" and says(step, b"PUSH")
    return pushes and any(says(other, b"MULTI") for other in before)


def monitors_twice(step, before, _guard):
    """Redis doesn't answer a MONITOR of one who monitors already; the agents wait for it."""
    return says(step, b"MONITOR") and any(says(other, b"MONITOR") for other in before)


def is_refused_as_a_whole(step, before, _guard):
    """SSUBSCRIBE with several channels in MULTI: EXEC has one error for it, where the agents wait
    for an answer for each channel.
    """
    return says(step, b"SSUBSCRIBE") and any(says(other, b"MULTI") for other in before)


def skips_a_mistake(step, before, _guard):
    """CLIENT REPLY SKIP, and later CLIENT or CLIENT REPLY with too few or too many arguments."""
    mistaken = step.verb() in (b"CLIENT", b"CLIENT REPLY") and len(step.arguments) != 3
    return mistaken and any(asks_for_silence(other) for other in before)


def has_to_wait_unheard(step, before, _guard):
    """SUBSCRIBE or AUTH behind CLIENT REPLY. SKIP silences only SUBSCRIBE's first answer."""
    unheard = any(asks_for_silence(other) for other in before)
    return says(step, b"SUBSCRIBE", b"AUTH") and unheard


def is_monitored_in_exec(step, before, _guard):
    """MULTI by one who monitors: the lines of its commands stand in EXEC's array, uncounted."""
    return says(step, b"MULTI") and any(says(other, b"MONITOR") for other in before)


def may_be_refused_silence(step, before, guard):
    """CLIENT REPLY OFF or SKIP that Redis refuses (no rights, subscribed) or queues (MULTI)."""
    doubtful = any(says(other, b"MULTI", b"SUBSCRIBE", b"AUTH") for other in before)
    return asks_for_silence(step) and (guard != "open" or doubtful)


def is_long_before_login(step, _before, guard):
    """Who isn't logged in may send arrays of 10 arguments of 16 KiB. Inline commands, which have no
    such limit, are forwarded as arrays. And where Redis closes amid a command that is longer,
    the agents may lose the answers before (seldom).
    """
    inline = not step.data.startswith(b"*")
    many = inline and len(step.data.split()) > MORE_ARGUMENTS
    return guard != "open" and (many or len(step.data) > LONGER)


GAPS = (
    may_overtake,
    publishes_to_itself,
    is_pushed_in_exec,
    monitors_twice,
    is_refused_as_a_whole,
    skips_a_mistake,
    has_to_wait_unheard,
    is_monitored_in_exec,
    may_be_refused_silence,
    is_long_before_login,
)


def without_known_gaps(steps, guard):
    """The steps without those that lead into a known gap."""
    kept = []
    for step in steps:
        if not any(gap(step, kept, guard) for gap in GAPS):
            kept.append(step)
    return kept
