"""Both agents with routes and listeners of the caller's choice, from configuration files."""

from processes import free_port, free_port_range

NODE_PORTS = 64  # of a listener that cluster-aware clients use


class RoutePair:
    """Running when it has been made.

    routes: the server agent's, as in its configuration. listeners: the client agent's, without
    their "listen": each gets a free address, in the same order in `fronts`. Further members of the
    files: server_config, client_config. In it: server, client, fronts, server_address, and with
    relay={...} the relay between the two; with audit=True server_audit and client_audit, paths.
    """

    def __init__(
        self,
        scene,
        routes,
        listeners,
        relay=None,
        audit=False,
        policy=None,
        server_config=(),
        client_config=(),
    ):
        self.scene, self.relay = scene, None
        self.server_address = f"127.0.0.1:{free_port()}"
        self.fronts = [f"127.0.0.1:{free_port()}" for _ in listeners]
        key = scene.key()
        server = {"listen": [self.server_address], "keys": [key], "routes": routes}
        server.update(server_config)
        target = self.server_address
        if relay is not None:
            self.relay = scene.relay(self.server_address, **relay)
            target = self.relay.address
        listening = [{"listen": at, **more} for at, more in zip(self.fronts, listeners)]
        client = {"servers": [target], "keys": [key], "listeners": listening}
        client.update(client_config)
        if policy is not None:
            server["policy"] = scene.write("policy.json", policy)
        if audit:
            self.server_audit, self.client_audit = map(scene.path, ("server.jsonl", "client.jsonl"))
            server["audit"] = {"file": self.server_audit}
            client["audit"] = {"file": self.client_audit}
        self._files = scene.write("server.json", server), scene.write("client.json", client)
        self.server = self.client = None
        self.start_server()
        self.start_client()

    def start_server(self):
        self.server = self.scene.agent("server", "--config", self._files[0])

    def start_client(self):
        self.client = self.scene.agent("client", "--config", self._files[1])
        self.client.addresses(len(self.fronts))

    def check_sound(self):
        self.server.check_sound()
        self.client.check_sound()

    def pids(self):
        return {self.server.pid, self.client.pid}


def cluster_pair(scene, cluster, ports=NODE_PORTS, **options):
    """Both agents in front of a Cluster, for clients that know clusters: fronts[0] is what they are
    told, and node_ports (a range) where they find the nodes."""
    listener = {"route": "orders", "node_ports": node_ports(ports)}
    pair = RoutePair(scene, cluster_route(scene, cluster), [listener], **options)
    first, last = map(int, listener["node_ports"].split("-"))
    pair.node_ports = range(first, last + 1)
    return pair


def single_pair(scene, cluster, **options):
    """Both agents in front of a Cluster, for clients that don't: fronts[0] is all of it."""
    listener = {"route": "orders", "cluster_mode": "single"}
    return RoutePair(scene, cluster_route(scene, cluster), [listener], **options)


def node_ports(count=NODE_PORTS):
    """A range of ports as the configuration has it."""
    first = free_port_range(count)
    return f"{first}-{first + count - 1}"


def ports_without_a_clash(addresses, least=NODE_PORTS):
    """How many ports there have to be so that no two of these nodes want the same one: a node's is
    told by the FNV-1a hash of its address (gateway/agent/node_ports.cc).
    """

    def wanted(address):
        value = 2166136261
        for byte in address.encode():
            value = (value ^ byte) * 16777619 & 0xFFFFFFFF
        return value

    hashes = [wanted(address) for address in addresses]
    count = least
    while len({value % count for value in hashes}) < len(hashes):
        count += 1
    return count


def cluster_route(scene, cluster):
    """The route "orders"; the server agent holds the password where there is one."""
    route = {"cluster": cluster.addresses}
    if cluster.password:
        route["password_file"] = scene.write("redis-password", cluster.password)
    return {"orders": route}
