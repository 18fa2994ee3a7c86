"""Topics of redis-py's drive: connections, their options, accounts, and a Redis that restarts."""

import concurrent.futures
import threading

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from redis_py_messages import messages
from redis_py_sessions import attempt
from redis_py_steps import Steps, until


def closing(place, client):
    """Waits until the other end has closed the connection of a client that has a single one, and
    writes down how it learned that.
    """

    def read():
        try:
            return client.connection.read_response()
        finally:
            client.connection.disconnect()

    place.note("the connection was closed", read, wants_error=True)


def clients(place):
    do, other = place.do, place.connect(client_name="other", single=True)
    other.ping()
    do.client_id()
    do.client_getname()
    do.client_setname("drive")
    do.client_getname()
    do.fails.client_setname("with space")
    do.client_info()
    place.note("CLIENT LIST, of one", lambda: place.state("drive"))
    place.note("the other one", lambda: place.state("other"))
    number = int(place.state("other")["id"])
    place.note("CLIENT LIST ID", lambda: len(place.control.client_list(client_id=[str(number)])))
    place.note("CLIENT LIST TYPE", lambda: place.client.client_list("replica"))
    do.fails.client_list("nosuch")
    do.client_getredir()
    do.client_trackinginfo()
    do.client_no_evict("ON")
    do.client_no_evict("OFF")
    do.client_pause(100_000, all=False)
    do.get("reads pass")
    do.client_unpause()
    do.client_pause(20)
    do.set("after", "the pause")
    do.client_unblock(1 << 40)
    do.fails.client_kill("127.0.0.1:1")
    place.note("CLIENT KILL ID", lambda: place.client.client_kill_filter(_id=str(number)))
    closing(place, other)
    other = Steps(place.recorder, other, "killed, and here again: ")
    other.ping()
    other.client_getname()
    do.client_kill_filter(_type="pubsub", skipme=True)
    do.fails.client_kill_filter(_type="nosuch")
    connection = place.client.connection_pool.get_connection("any")
    for mode, after in (("SKIP", 2), ("OFF", 5)):
        connection.send_command("CLIENT", "REPLY", mode)
        for i in range(after):
            connection.send_command("INCR", f"silent {mode}")
        if mode == "OFF":
            connection.send_command("CLIENT", "REPLY", "ON")
        place.note(f"CLIENT REPLY {mode}", connection.read_response)
    place.client.connection_pool.release(connection)
    do.mget("silent SKIP", "silent OFF")
    do.reset()
    leaver = place.connect(single=True)
    place.note("QUIT", leaver.quit)
    closing(place, leaver)


def options(place):
    def through(name, **how):
        return Steps(place.recorder, place.connect(**how), f"{name}: ")

    fifth = through("db=5", db=5)
    fifth.set("where", "in 5")
    fifth.dbsize()
    place.do.get("where")
    through("db=99", db=99).fails.ping()
    through("decode_responses", decode_responses=True, db=5).get("where")
    through("encoding", encoding="latin-1", decode_responses=True).set("e", "\xe9")
    place.do.get("e")
    through("strict", decode_responses=True, encoding_errors="replace").get("e")
    through("client_name", client_name="named").client_getname()
    retry = through(
        "retry",
        retry=Retry(ConstantBackoff(0), 3),
        retry_on_timeout=True,
        retry_on_error=[redis.ConnectionError],
    )
    retry.set("r", 1)
    retry.get("r")
    health = place.connect(health_check_interval=1)
    watched = Steps(place.recorder, health, "health_check_interval: ")
    watched.set("h", 1)
    connection = health.connection_pool.get_connection("any")
    connection.next_health_check = 0  # now: no test waits for a clock
    connection.send_command("GET", "h")
    place.note("behind a health check", connection.read_response)
    health.connection_pool.release(connection)
    unix = through("unix socket", unix=True, db=2)
    unix.set("unix", "x" * 100_000)
    unix.get("unix")
    through("keepalive", socket_keepalive=True, socket_timeout=30).ping()
    pool = redis.BlockingConnectionPool(max_connections=2, timeout=20, **place.address())
    blocking = place.keep(redis.Redis(connection_pool=pool))
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda i: blocking.echo(str(i)), range(100)))
    place.note("8 threads on 2 connections", lambda: done)
    pool.disconnect()
    url = "redis://{host}:{port}/7?client_name=url".format(**place.address())
    by_url = Steps(place.recorder, place.keep(redis.from_url(url)), "URL: ")
    by_url.client_getname()
    by_url.execute_command("CLIENT", "INFO")


def accounts(place):
    do = place.do
    do.acl_setuser(
        "ann",
        enabled=True,
        passwords=["+secret"],
        keys=["ann:*"],
        commands=["+get", "+set", "+acl|whoami", "+client|setname", "+hello", "+select"],
        channels=["news"],
    )
    ann = Steps(place.recorder, place.connect(username="ann", password="secret"), "ann: ")
    ann.acl_whoami()
    ann.set("ann:1", "mine")
    ann.fails.set("bob:1", "not mine")
    ann.fails.delete("ann:1")
    ann.fails.publish("sport", 1)
    wrong = place.connect(username="ann", password="wrong")
    Steps(place.recorder, wrong, "a wrong password: ").fails.ping()
    unknown = place.connect(username="eve", password="x")
    Steps(place.recorder, unknown, "an unknown user: ").fails.ping()
    do.fails.auth("wrong", "ann")
    do.acl_users()
    # The order of an ACL's words is that of a hash table with a random seed.
    place.note(
        "ACL LIST", lambda: [sorted(line.split()) for line in sorted(place.control.acl_list())]
    )
    do.acl_whoami()
    do.acl_cat()
    do.sorted.acl_cat("dangerous")
    do.acl_genpass()
    do.acl_dryrun("ann", "get", "bob:1")
    ann_is = place.control.acl_getuser("ann")
    ann_is["commands"].sort()
    place.note("ACL GETUSER", lambda: ann_is)
    place.note("ACL LOG", lambda: [entry["username"] for entry in place.control.acl_log()])
    do.acl_log_reset()
    do.acl_deluser("ann")
    do.fails.acl_setuser("x", categories=["+@nosuch"])
    do.config_set("requirepass", "sesame")
    Steps(place.recorder, place.connect(), "without a password: ").fails.get("a")
    Steps(place.recorder, place.connect(password="no"), "a wrong one: ").fails.get("a")
    opened = Steps(place.recorder, place.connect(password="sesame"), "the password: ")
    opened.set("a", 1)
    opened.config_set("requirepass", "")
    do.get("a")


def many(place):
    """A hundred connections at once, each with its own state."""

    def work(i):
        client = place.connect(db=i % 10, client_name=f"many-{i}")
        with client.pipeline() as pipe:
            pipe.set(f"own-{i}", i).get(f"own-{i}").incr("shared")
            mine = pipe.execute()[:2]
        return [mine, client.client_getname(), client.get(f"own-{i}")]

    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        for i, result in enumerate(threads.map(work, range(100))):
            place.recorder.result(f"connection {i}", result)
    place.note("how many there are", lambda: len(place.names("many-")))
    place.do.get("shared")


def restart(place):
    """The last topic: its Redis is restarted."""
    waiter = place.connect(client_name="waiter")
    listener = place.keep(place.connect().pubsub())
    listener.subscribe("news")
    messages(listener, 1)
    idle = place.connect(db=6, client_name="idle", single=True)
    busy = place.connect(single=True)
    idle.set("before", 1)
    busy.set("before", 1)
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(attempt(lambda: waiter.blpop("l", 0))))
    thread.start()
    until(lambda: "b" in place.state("waiter").get("flags", ""), "BLPOP to block")
    place.drop(place.control)
    place.recorder.ask("restart")
    thread.join()
    place.note("what a blocked client got", lambda: outcome[0])
    closing(place, busy)
    closing(place, idle)
    busy = Steps(place.recorder, busy, "here again: ")
    busy.get("before")
    busy.set("after", 2)
    back = Steps(place.recorder, idle, "idle, and here again: ")
    back.client_getname()
    back.dbsize()
    back.set("in 6", 1)
    place.note("the subscriber notices", lambda: messages(listener, 1), wants_error=True)
    place.note("and subscribes again", lambda: messages(listener, 1))
    busy.publish("news", "again")
    place.note("a message", lambda: messages(listener, 1))


TOPICS = (clients, options, accounts, many, restart)
