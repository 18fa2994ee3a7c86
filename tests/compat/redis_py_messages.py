"""Topics of redis-py's drive: what Redis sends without being asked: messages, invalidations, and
the lines of MONITOR.
"""

from redis_py_steps import Steps, until


def messages(pubsub, count):
    """The next ones, however long they take."""
    got = []
    while len(got) < count:
        message = until(lambda: pubsub.get_message(timeout=1), f"message {len(got)} of {count}")
        got.append(message)
    return got


def pubsub(place):
    do, listener = place.do, place.keep(place.client.pubsub())
    other = Steps(place.recorder, place.connect())
    listener.subscribe("news", "sport", b"\xffbinary")
    listener.psubscribe("s*", "n?ws")
    place.note("subscribed", lambda: messages(listener, 5))
    do.sorted.pubsub_channels()
    do.pubsub_channels("n*")
    do.pubsub_numsub("news", "sport", "none")
    do.pubsub_numpat()
    other.publish("news", "hello")
    other.publish("sport", b"\x00\xff")
    other.publish(b"\xffbinary", "x" * 100_000)
    other.publish("nobody", "hears")
    place.note("messages", lambda: messages(listener, 5))
    if place.protocol == 2:
        listener.ping("are you there")
        place.note("PING in a subscription", lambda: messages(listener, 1))
    listener.unsubscribe("sport")
    listener.punsubscribe()
    place.note("unsubscribed", lambda: messages(listener, 3))
    for i in range(1000):
        place.control.publish("news", i)
    place.note("1,000 messages", lambda: messages(listener, 1000))
    listener.unsubscribe("news")
    listener.unsubscribe()
    place.note("unsubscribed from all", lambda: messages(listener, 2))

    heard = []
    worker = place.client.pubsub()
    worker.subscribe(news=heard.append)
    worker.psubscribe(**{"spo*": heard.append})
    thread = worker.run_in_thread(sleep_time=0.05)
    until(lambda: place.control.pubsub_numpat() == 1, "the thread's subscription")
    for i in range(20):
        place.control.publish("news" if i % 2 else "sport", i)
    until(lambda: len(heard) == 20, "20 messages in the thread")
    thread.stop()
    thread.join()
    place.note("heard in a thread", lambda: heard)

    shard = place.keep(place.client.pubsub())
    shard.execute_command("SSUBSCRIBE", "shard")
    place.note("SSUBSCRIBE", shard.parse_response)
    do.execute_command("SPUBLISH", "shard", "hello")
    place.note("a shard's message", shard.parse_response)
    do.execute_command("PUBSUB", "SHARDCHANNELS")
    do.execute_command("PUBSUB", "SHARDNUMSUB", "shard")
    shard.execute_command("SUNSUBSCRIBE")
    place.note("SUNSUBSCRIBE", shard.parse_response)


def pushes(client):
    """The invalidations that the client's one connection has got so far (RESP3)."""
    return client.connection._parser.pushes  # pylint: disable=protected-access


def invalidations(place, client):
    """What comes on the connection that tracks, or (RESP2) on the one it redirects to: a function
    that returns the next one, and the options for CLIENT TRACKING.
    """
    if place.protocol == 3:

        def pushed():
            return until(lambda: client.echo("?") and pushes(client), "an invalidation").pop(0)

        return pushed, {}
    listener = place.keep(place.client.pubsub())
    listener.execute_command("CLIENT", "ID")
    number = listener.parse_response()
    listener.subscribe("__redis__:invalidate")
    messages(listener, 1)
    return lambda: messages(listener, 1)[0], {"clientid": number}


def tracking(place):
    client = place.connect(single=True)  # a pool takes a connection with a push in it for broken
    do, other = Steps(place.recorder, client), place.connect()
    invalidated, options = invalidations(place, client)

    def on(name, **more):
        place.note(name, lambda: client.client_tracking_on(**options, **more))

    on("CLIENT TRACKING ON")
    do.client_getredir()
    do.get("a")
    do.mget("b", "c")
    other.set("a", 1)
    place.note("a is invalid", invalidated)
    other.mset({"b": 1, "untracked": 1})
    place.note("b is invalid", invalidated)
    do.get("a")
    other.flushall()
    place.note("all is invalid", invalidated)
    do.client_tracking_off()
    on("with prefixes", bcast=True, prefix=["user:", "group:"])
    other.mset({"other": 1, "user:1": 1})
    place.note("user:1 is invalid", invalidated)
    do.fails.client_tracking_on(bcast=True, prefix=["user:1", "user:12"])
    do.client_tracking_off()
    on("only what is asked for", optin=True)
    do.get("a")
    do.execute_command("CLIENT", "CACHING", "YES")
    do.get("b")
    other.mset({"a": 1, "b": 1})
    place.note("only b is invalid", invalidated)
    do.client_trackinginfo()
    do.client_tracking_off()
    on("not its own", noloop=True, optout=True)
    do.get("mine")
    do.set("mine", 1)
    do.get("theirs")
    other.set("theirs", 1)
    place.note("only theirs is invalid", invalidated)
    do.client_tracking_off()
    do.client_trackinginfo()


def monitor(place):
    do = Steps(place.recorder, place.connect(db=3))
    with place.client.monitor() as seen:
        do.set("a", b'\x00 " quoted')
        do.get("a")
        do.eval("return redis.call('get', KEYS[1])", 1, "a")
        for _ in range(5):  # SELECT, and these with what the script calls
            place.note("a line of MONITOR", seen.next_command)


TOPICS = (pubsub, tracking, monitor)
