"""Goal: several listeners of one client agent lead to several Redis servers through one tunnel; a
route that the server agent doesn't have closes its clients, says so to the operator, and disturbs
no other.
"""

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import check, check_equal, free_port
from wire import Wire


def two_routes(scene):
    """(relay, the fronts' addresses by route, both agents)"""
    stores = {"default": scene.redis("store-a"), "orders": scene.redis("store-b")}
    key, port = scene.key(), free_port()
    server = scene.agent(
        "server",
        "--config",
        scene.write(
            "server.json",
            {
                "listen": [f"127.0.0.1:{port}"],
                "keys": [key],
                "routes": {name: {"redis": redis.address} for name, redis in stores.items()},
            },
        ),
    )
    relay = scene.relay(f"127.0.0.1:{port}")
    fronts = {name: f"127.0.0.1:{free_port()}" for name in ("default", "orders", "nowhere")}
    client = scene.agent(
        "client",
        "--config",
        scene.write(
            "client.json",
            {
                "servers": [relay.address],
                "keys": [key],
                "listeners": [
                    {"listen": address, "route": name} for name, address in fronts.items()
                ],
            },
        ),
    )
    return stores, relay, fronts, server, client


def test_each_listener_leads_to_its_route(scene):
    stores, relay, fronts, server, client = two_routes(scene)
    clients = {name: scene.client(fronts[name]) for name in stores}
    for _ in range(20):
        for name, front in clients.items():
            front.set("name", name)
            front.incr("count")
    for name, redis in stores.items():
        direct = scene.client(redis.address)
        check_equal(
            (direct.get("name"), direct.get("count")), (name.encode(), b"20"), f"data of {name}"
        )
        check_equal(clients[name].info("server")["tcp_port"], redis.port, f"Redis of {name}")
    check_equal(len(relay.connections), 1, "TCP connections between the agents")
    server.check_sound()
    client.check_sound()


def test_a_route_that_the_server_does_not_have(scene):
    stores, relay, fronts, server, client = two_routes(scene)
    with Wire(fronts["nowhere"]) as wire:
        check_equal(
            wire.send(b"PING\r\n").rest(),
            b"-ERR redwall: route 'nowhere': the server agent has no route of this name\r\n",
            "what a client of an unknown route gets",
        )
    server.wait_for_log(r"nowhere")
    check_equal(scene.client(fronts["orders"]).ping(), True, "ping() of the other route")
    check_equal(len(relay.connections), 1, "TCP connections between the agents")
    server.check_sound()
    client.check_sound()


def test_one_redis_down_does_not_touch_the_other(scene):
    stores, relay, fronts, server, client = two_routes(scene)
    stores["orders"].stop()
    with Wire(fronts["orders"]) as wire:
        check_equal(
            wire.send(b"PING\r\n").rest(),
            b"-LOADING redwall: route 'orders': Redis can't be reached from the server agent\r\n",
            "what a client of the Redis that is down gets",
        )
    check_equal(scene.client(fronts["default"]).ping(), True, "ping() of the other route")
    check(not relay.connections[0].dead, "the tunnel went down with one Redis")
    server.check_sound()


if __name__ == "__main__":
    run_tests(globals())
