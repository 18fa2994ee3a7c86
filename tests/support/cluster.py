"""A private Redis Cluster on 127.0.0.1, for tests.

    cluster = Cluster(scene)                    # three masters, a replica each
    first, second = cluster.masters()[:2]
    cluster.move_slots(1000, first, second)     # with their keys, as a reshard does
    cluster.kill(first); cluster.wait_replaced(first); cluster.restart(first)

Every function that changes something returns when all nodes agree on it. The test's own talk with
the nodes (Node.call) goes to them directly. With a `password` nobody else gets anything out of a
node: who does, came through an agent that knows it.
"""

import collections
import functools
import itertools
import os

import redis as redis_py
from redis.crc import key_slot

import peers
from processes import Failure, check, free_port, wait_until
from redis_nodes import Node

SLOTS = 16384
# Milliseconds without an answer until a node is taken for dead. Shorter, and a busy machine kills.
NODE_TIMEOUT = 2000
SLOTS_AT_ONCE = 16  # are under way together while slots are moved; redis-cli takes one
KEYS_AT_ONCE = 10  # one MIGRATE

# What a node says of another: `slots` is a set of numbers, `master` the id of a replica's.
Seen = collections.namedtuple("Seen", "id port flags master link slots")


class ClusterNode(Node):
    """A node; `id` is what the cluster calls it."""

    def __init__(self, scene, name, options, password):
        self.bus_port = free_port()
        super().__init__(scene, name, ["--cluster-port", self.bus_port, *options], password)
        self.id = None

    def start(self):
        super().start()
        self.id = self.call("CLUSTER", "MYID")
        return self

    def view(self):
        """What this node knows: a Seen for each node, itself included."""
        return parse_nodes(self.call("CLUSTER", "NODES"))

    def is_master(self):
        return self.call("ROLE")[0] == "master"

    def keys_in(self, slot):
        return self.call("CLUSTER", "COUNTKEYSINSLOT", slot)


def parse_nodes(text):
    """The answer of CLUSTER NODES: a Seen for each of its lines."""
    return [_parse(line) for line in text.splitlines()]


def _parse(line):
    name, address, flags, master, _, _, _, link, *owned = line.split()
    port = int(address.partition("@")[0].rpartition(":")[2])
    slots = set()
    for part in owned:
        if not part.startswith("["):  # a slot that is being moved
            first, _, last = part.partition("-")
            slots.update(range(int(first), int(last or first) + 1))
    return Seen(name, port, set(flags.split(",")), master, link, slots)


class Cluster:
    """`masters` masters that share the slots evenly, each with `replicas` replicas.

    `options`: further options of each redis-server. What is in it: nodes (all that were ever
    started and not removed, also those that were killed), addresses (of those that run).
    """

    def __init__(
        self, scene, masters=3, replicas=1, options=(), password=None, node_timeout=NODE_TIMEOUT
    ):
        self.scene, self.password = scene, password
        self.options = [
            *("--cluster-enabled", "yes"),
            *("--cluster-node-timeout", node_timeout),
            *("--cluster-replica-validity-factor", "0"),  # any replica may take over, however old
            *("--cluster-allow-replica-migration", "no"),  # who is whose replica, the test says
            *options,
        ]
        self.nodes = []
        self._orphans = {}  # the slots of nodes that were killed, by the node's id
        self._numbers = itertools.count(1)
        heads = [self._new_node() for _ in range(masters)]
        for number, head in enumerate(heads):
            first, last = (SLOTS * part // masters for part in (number, number + 1))
            head.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            head.call("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        followers = [(self._new_node(), head) for head in heads for _ in range(replicas)]
        self._meet(self.nodes[0], *self.nodes[1:])
        for follower, head in followers:
            follower.call("CLUSTER", "REPLICATE", head.id)
        self.wait_agreed()

    # --- what there is

    @property
    def addresses(self):
        return [node.address for node in self.running()]

    def running(self):
        return [node for node in self.nodes if node.running()]

    def masters(self):
        """The nodes that serve slots, in the order of their slots."""
        owners = sorted((s for s in self._view() if s.slots), key=lambda seen: min(seen.slots))
        return [node for node in (self.node(seen.id) for seen in owners) if node.running()]

    def replicas_of(self, master):
        """Those of its replicas that run."""
        found = [self.node(seen.id) for seen in self._view() if seen.master == master.id]
        return [node for node in found if node.running()]

    def node(self, wanted):
        """The node with this id, port or address."""
        for node in self.nodes:
            if wanted in (node.id, node.port, node.address):
                return node
        raise KeyError(f"the cluster has no node {wanted}")

    def slots_of(self, node):
        """The slots that it serves, sorted."""
        return sorted(next((s.slots for s in self._view() if s.id == node.id), ()))

    def owner(self, key):
        """The master that serves a key, as the nodes see it."""
        slot = slot_of(key)
        return self.node(next(seen.id for seen in self._view() if slot in seen.slots))

    def key_of(self, node, prefix="key"):
        """A key that this node serves."""
        slots = set(self.slots_of(node))
        check(slots, f"{node.name} serves no slot")
        names = (f"{prefix}:{number}" for number in itertools.count())
        return next(name for name in names if slot_of(name) in slots)

    def peers_of(self, node):
        """{pid: program} of all that are connected to the node's port and are neither a node nor
        this test itself."""
        ours = {os.getpid(), *(other.process.pid for other in self.running())}
        return {pid: name for pid, (name, _) in peers.dialled(node.port).items() if pid not in ours}

    def all_peers(self):
        """The same for all nodes together."""
        found = {}
        for node in self.running():
            found.update(self.peers_of(node))
        return found

    def _view(self):
        return self.running()[0].view()

    # --- what happens to it

    def kill(self, node):
        """kill -9; its slots have nobody until wait_replaced()."""
        self._orphans[node.id] = self.slots_of(node)
        node.kill()

    def wait_replaced(self, node):
        """Until a replica serves the slots of a node that was killed, and all agree. Returns the
        new master."""

        orphans = set(self._orphans[node.id])

        def heir():
            return next((s for s in self._view() if s.id != node.id and s.slots & orphans), None)

        found = wait_until(heir, f"a replica to take over from {node.name}")
        self.wait_agreed()
        return self.node(found.id)

    def restart(self, node):
        """Starts a node that was killed; it finds its place in the cluster by itself."""
        node.start()
        self.wait_agreed()

    def failover(self, node):
        """A replica takes its master's place (CLUSTER FAILOVER, nothing is lost). `node`: the
        replica, or a master, for which its first replica is taken. Returns the new master."""
        if node.is_master():
            node = self.replicas_of(node)[0]
        wait_until(node.in_sync, f"{node.name} to be in sync")

        wait_until(lambda: self._take_over(node), f"{node.name} to become a master")
        self.wait_agreed()
        return node

    @staticmethod
    def _take_over(node):
        """Redis gives an attempt up after five seconds, and doesn't say so."""
        node.call("CLUSTER", "FAILOVER")
        try:
            return wait_until(node.is_master, "a fail-over", seconds=6)
        except Failure:
            return False

    def move_slots(self, slots, source, target, on_step=None, at_once=SLOTS_AT_ONCE):
        """Moves slots (a list, or how many of them) with their keys between two masters, `at_once`
        of them at the same time.

        `on_step(stage, slots)` is called while they are under way: "open" when both nodes know that
        the slots move and no key has yet; "keys" after each MIGRATE. Up to the end each key of
        theirs that has moved, and each that doesn't exist, is answered -ASK by the source.
        """
        if isinstance(slots, int):
            slots = self.slots_of(source)[:slots]
        on_step = on_step or (lambda stage, slots: None)
        others = [node for node in self.masters() if node not in (source, target)]
        for start in range(0, len(slots), at_once):
            some = slots[start : start + at_once]
            _set_slots(target, some, "IMPORTING", source)
            _set_slots(source, some, "MIGRATING", target)
            on_step("open", some)
            for slot in some:
                self._move_keys(slot, source, target, functools.partial(on_step, "keys", some))
            # The target first: from then on it answers for them, whatever becomes of the source.
            for node in (target, source, *others):
                _set_slots(node, some, "NODE", target)
        self.wait_agreed()

    def _move_keys(self, slot, source, target, moved):
        secret = ["AUTH", self.password] if self.password else []
        while keys := source.call("CLUSTER", "GETKEYSINSLOT", slot, KEYS_AT_ONCE):
            where = ("127.0.0.1", target.port, "", 0, 60000)
            source.call("MIGRATE", *where, "REPLACE", *secret, "KEYS", *keys)
            moved()

    def add_node(self, replica_of=None):
        """A new node: a master without slots, or a replica. Returns it."""
        node = self._new_node()
        self._meet(self.running()[0], node)
        if replica_of is not None:
            node.call("CLUSTER", "REPLICATE", replica_of.id)
        self.wait_agreed()
        return node

    def remove_node(self, node):
        """It is forgotten by all, and ends. A master's slots go to another one before, its replicas
        after them."""
        if slots := self.slots_of(node):
            heir = next(other for other in self.masters() if other is not node)
            for replica in self.replicas_of(node):
                replica.call("CLUSTER", "REPLICATE", heir.id)
            self.move_slots(slots, node, heir)
        node.stop()
        self.nodes.remove(node)
        for other in self.running():
            other.call("CLUSTER", "FORGET", node.id)
        self.wait_agreed()

    # --- how it gets there

    def _new_node(self):
        name = f"node-{next(self._numbers)}"
        node = ClusterNode(self.scene, name, self.options, self.password)
        self.nodes.append(node)
        return node.start()

    def _meet(self, first, *others):
        """Makes nodes known to the first, and so to everybody."""
        for other in others:
            first.call("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        everybody = {node.id for node in self.running()}

        def acquainted():
            return all(
                everybody <= {seen.id for seen in node.view() if "handshake" not in seen.flags}
                for node in self.running()
            )

        wait_until(acquainted, "the nodes to know each other")

    def wait_agreed(self):
        """Until all that run see the same cluster, a whole one, and each replica is in sync."""
        wait_until(self._agreed, "the nodes to agree on a cluster that is whole")

    def _agreed(self):
        try:
            owners = set()
            for node in self.running():
                info = dict(line.split(":") for line in node.call("CLUSTER", "INFO").split())
                if info["cluster_state"] != "ok" or info["cluster_slots_ok"] != str(SLOTS):
                    return False
                view = node.view()
                if not self._is_sound(node, view):
                    return False
                owners.add(
                    frozenset((seen.id, frozenset(seen.slots), seen.master) for seen in view)
                )
            return len(owners) == 1
        except redis_py.ConnectionError:  # a node that has just been started, or has ended
            return False

    def _is_sound(self, node, view):
        """One node's view: nobody missing, nobody doubted, its own replication in order."""
        known = {seen.id: seen for seen in view}
        for other in self.running():
            seen = known.get(other.id)
            if seen is None or seen.flags & {"fail", "fail?", "handshake", "noaddr"}:
                return False
        me = known[node.id]
        return ("slave" in me.flags) == (not node.is_master()) and node.in_sync()


def slot_of(key):
    return key_slot(key.encode() if isinstance(key, str) else key)


def _set_slots(node, slots, state, other):
    # All at once: the node writes its configuration to the disk after each answer otherwise.
    node.call_all([("CLUSTER", "SETSLOT", slot, state, other.id) for slot in slots])
