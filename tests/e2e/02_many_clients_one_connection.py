"""Goal: 200 redis-py connections at once share one TCP connection between the sites, each gets its
own answers, and each has its own connection to Redis.
"""

import threading

import scenario  # noqa: F401, finds tests/support
from harness import disconnect, run_tests
from processes import check_equal, wait_until

CLIENTS = 200
ESTABLISHED = "01"


def established_at(port):
    """How many established TCP connections have this local port on 127.0.0.1 (/proc/net/tcp)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    # By both addresses: while it is read the table changes, and a row can come twice.
    return len(
        {
            (row[1], row[2])
            for row in rows
            if int(row[1].split(":")[1], 16) == port and row[3] == ESTABLISHED
        }
    )


def work(client, number, everybody_is_here, errors):
    """One client: connects, waits for all the others, then does a little of everything."""
    try:
        client.ping()
        everybody_is_here.wait(120)
        for turn in range(20):
            name, value = f"key:{number}", f"value {number} {turn}"
            check_equal(client.set(name, value), True, "SET")
            check_equal(client.get(name), value.encode(), "GET")
            check_equal(client.rpush(f"list:{number}", turn), turn + 1, "RPUSH")
            check_equal(client.incr(f"own:{number}"), turn + 1, "INCR")
            client.incr("shared")
        everybody_is_here.wait(120)
    except Exception as error:  # pylint: disable=broad-except
        errors.append(f"client {number}: {error!r}")
        everybody_is_here.abort()


def test_two_hundred_clients_over_one_tcp_connection(scene):
    redis = scene.redis(options=["--maxclients", "1000"])
    pair = scene.pair(redis)
    everybody_is_here = threading.Barrier(CLIENTS + 1)
    errors = []
    clients = [pair.redis(single_connection_client=False) for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=work, args=(client, number, everybody_is_here, errors))
        for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    everybody_is_here.wait(120)
    server_port = int(pair.server_address.rpartition(":")[2])
    check_equal(established_at(server_port), 1, "TCP connections between the agents")
    check_equal(
        established_at(int(pair.address.rpartition(":")[2])), CLIENTS, "clients at the client agent"
    )
    check_equal(established_at(redis.port), CLIENTS, "connections at Redis")
    everybody_is_here.wait(120)
    for thread in threads:
        thread.join()
    check_equal(errors, [], "errors of the clients")
    check_equal(
        scene.client(redis.address).get("shared"), str(CLIENTS * 20).encode(), "shared counter"
    )
    check_equal(established_at(server_port), 1, "TCP connections between the agents, afterwards")
    for client in clients:
        disconnect(client)
    wait_until(lambda: established_at(redis.port) <= 1, "Redis connections to be given back")
    pair.check_sound()


if __name__ == "__main__":
    run_tests(globals())
