"""Goal: fills in command templates with random words, most of which mean something to Redis."""


class Words:
    """Fills in templates, with `dice` (a random.Random)."""

    def __init__(self, dice):
        self.dice = dice
        self.large_left = 600_000  # bytes; a conversation needn't be endless

    def command(self, template):
        """The arguments of one command, as a list of bytes. \\s and \\n stand for space and LF."""
        arguments = []
        for word in template.split():
            if word.startswith("<") and word.endswith(">"):
                made = getattr(self, word[1:-1])()
                arguments += made if isinstance(made, list) else [made]
            else:
                arguments.append(word.replace("\\s", " ").replace("\\n", "\n").encode())
        return arguments

    def key(self):
        return b"k%d" % self.dice.randrange(1, 5)

    def number(self):
        return b"%d" % self.dice.choice((0, 1, 2, 7, 10, 1234567890123))

    def id(self):
        return b"%d-1" % self.dice.randrange(1, 9)

    def word(self):
        return self.dice.choice((b"a", b"b", b"c", b"d", b"e", b"f", b"g"))

    def value(self):
        choice = self.dice.random()
        if choice < 0.5:
            return self.dice.choice(
                (
                    b"v",
                    b"",
                    b"1",
                    b"x y",
                    b"\r\n",
                    b"+OK\r\n",
                    b"a\x00b",
                    b'"',
                    b"'",
                    b"\\",
                    b"QUEUED",
                )
            )
        if choice < 0.9:
            return self.dice.randbytes(self.dice.randrange(0, 12))
        return self.dice.randbytes(self.dice.randrange(0, 3000))

    def large(self):
        size = int(300_000 ** self.dice.uniform(0.6, 1.0))
        size = min(size, self.large_left)
        self.large_left -= size
        piece = self.dice.randbytes(self.dice.randrange(1, 3000))
        return (piece * (size // len(piece) + 1))[:size]

    def channel(self):
        return b"c%d" % self.dice.randrange(1, 4)

    def pattern(self):
        return self.dice.choice((b"c*", b"c[12]", b"*", b"p?"))

    def protocol(self):
        return self.dice.choice((b"2", b"3"))

    def database(self):
        return self.dice.choice((b"0", b"1", b"2"))

    def name(self):
        return self.dice.choice((b"me", b"you", b""))

    def timeout(self):
        return self.dice.choice((b"0.001", b"0.002", b"0.005"))

    def milliseconds(self):
        return self.dice.choice((b"1", b"2", b"5"))

    def password(self):
        return self.dice.choice((b"open-sesame", b"open-sesame", b"wrong", b""))

    def login(self):
        return list(
            self.dice.choice(
                (
                    (b"default", b"open-sesame"),
                    (b"default", b"open-sesame"),
                    (b"alice", b"wonderland"),
                    (b"alice", b"wonderland"),
                    (b"alice", b"wrong"),
                    (b"nobody", b"anything"),
                    (b"bob", b"is-off"),
                    (b"nosuch", b"user"),
                )
            )
        )
