"""Samples of every command that a Redis server has, made from what its COMMAND tells: with keys,
channels and patterns where they belong, and the other arguments so that Redis can find them.
"""

import itertools

# What can't be told from key specifications. K is a key, C a channel, P a pattern.
BY_HAND = {
    "bitfield": ["K GET u8 0", "K SET u8 0 1", "K INCRBY u8 0 1"],
    "bitop": ["AND K K", "NOT K K", "OR K K K"],
    "copy": ["K K", "K K DB 0", "K K REPLACE", "K K DB 3"],
    "eval": ["return(1) 1 K", "return(1) 2 K K", "return(1) 0"],
    "eval_ro": ["return(1) 1 K", "return(1) 0"],
    "evalsha": ["e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 K", "sha 0"],
    "evalsha_ro": ["e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 K", "sha 0"],
    "fcall": ["f 1 K", "f 0"],
    "fcall_ro": ["f 1 K", "f 0"],
    "flushall": ["", "ASYNC"],
    "georadius": ["K 0 0 1 m", "K 0 0 1 m STORE K", "K 0 0 1 m STOREDIST K"],
    "georadiusbymember": ["K a 1 m", "K a 1 m STORE K"],
    "lmpop": ["1 K LEFT", "2 K K LEFT"],
    "memory|usage": ["K", "K SAMPLES 0"],
    "migrate": ["127.0.0.1 1 K 0 10", "127.0.0.1 1 {} 0 10 KEYS K K"],
    "move": ["K 0", "K 3"],
    "ping": ["", "a"],
    "psubscribe": ["P", "P P"],
    "publish": ["C x"],
    "select": ["0", "1", "3"],
    "set": ["K v", "K v EX 10", "K v GET", "K v NX GET"],
    "sort": ["K", "K ALPHA", "K STORE K"],
    "sort_ro": ["K", "K ALPHA"],
    "spublish": ["C x"],
    "ssubscribe": ["C", "C C"],
    "subscribe": ["C", "C C"],
    "swapdb": ["0 1", "2 3"],
    "watch": ["K", "K K"],
    "xgroup|create": ["K g 0", "K g $ MKSTREAM"],
    "xread": ["STREAMS K 0", "COUNT 1 STREAMS K K 0 0"],
    "xreadgroup": ["GROUP g c STREAMS K >", "GROUP g c COUNT 1 STREAMS K K > >"],
}


class Command:
    """One command, or one sub-command of a container."""

    def __init__(self, entry):
        self.name = text(entry[0]).lower()
        self.arity = entry[1]
        self.flags = {text(flag).lower() for flag in entry[2]}
        self.specs = [as_dict(spec) for spec in entry[8]]

    @property
    def words(self):
        return self.name.split("|")

    def templates(self):
        """Its arguments as lists of words, in which K, C and P stand for something."""
        if self.name in BY_HAND:
            return [line.split() for line in BY_HAND[self.name]]
        return [self.from_specs(1), self.from_specs(2)]

    def from_specs(self, keys):
        """As many keys as `keys` where the command takes several."""
        head = len(self.words)
        arguments = {}
        for spec in self.specs:
            begin, find = as_dict(spec["begin_search"]), as_dict(spec["find_keys"])
            if text(begin["type"]) != "index" or "not_key" in map(text, spec["flags"]):
                continue
            at, how = as_dict(begin["spec"])["index"], as_dict(find["spec"])
            if text(find["type"]) == "keynum":
                arguments[at + how["keynumidx"]] = str(keys)
                for i in range(keys):
                    arguments[at + how["firstkey"] + i] = "K"
            elif text(find["type"]) == "range":
                last = how["lastkey"]
                count = last + 1 if last >= 0 else keys
                for i in range(count):
                    arguments[at + i * how["keystep"]] = "K"
                if last < -1:
                    arguments[at + count * how["keystep"] - how["keystep"] - last - 1] = "1"
                elif last == -1 and how["keystep"] == 2:
                    arguments[at + count * 2 - 1] = "1"
        size = max([abs(self.arity) - 1, *arguments])
        return [arguments.get(i, "1") for i in range(head, size + 1)]


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def as_dict(flat):
    return {text(key): value for key, value in zip(flat[::2], flat[1::2])}


def commands_of(client):
    """All that the server has; containers only where they can be called by themselves."""
    out = []
    for entry in raw_commands(client):
        subs = entry[9]
        if not subs or entry[1] == -1:
            out.append(Command(entry))
        out.extend(Command(sub) for sub in subs)
    return sorted(out, key=lambda command: command.name)


def raw_commands(client):
    """COMMAND's reply as it comes; redis-py makes something else of it."""
    connection = client.connection_pool.get_connection("COMMAND")
    try:
        connection.send_command("COMMAND")
        return connection.read_response()
    finally:
        client.connection_pool.release(connection)


def samples(command, keys, channels, patterns, rng, most=10):
    """Different argument lists of `command`, at most so many for each of its templates."""
    for template in command.templates():
        seen = set()
        pools = {"K": keys, "C": channels, "P": patterns}
        places = [pools[word] for word in template if word in pools]
        every = list(itertools.product(*places)) if len(places) < 2 else []
        for _ in range(most if len(places) > 1 else 0):
            every.append(tuple(rng.choice(pool) for pool in places))
            every.append((rng.choice(places[0]),) * len(places))
        rng.shuffle(every)
        for chosen in every[: max(most, len(keys) if len(places) == 1 else most)]:
            if chosen in seen:
                continue
            seen.add(chosen)
            fill = iter(chosen)
            words = [
                next(fill) if word in pools else "" if word == "{}" else word for word in template
            ]
            yield [*command.words, *words]
