"""Who holds TCP connections to a port of this machine: from /proc/net/tcp and the processes' open
sockets. What shows that nobody goes past the agents, and how many connections there are between
the sites. Other users' processes are seen by root alone.
"""

import collections
import os
import re

ESTABLISHED = "01"
SOCKET = re.compile(r"socket:\[(\d+)\]")

# One end of a connection: both ports, and the inode of this end's socket.
End = collections.namedtuple("End", "local remote inode")


def established():
    """One End for each end of each established TCP connection (IPv4)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    # A set: the table changes while it is read, and a row can come twice.
    return {End(_port(row[1]), _port(row[2]), row[9]) for row in rows if row[3] == ESTABLISHED}


def _port(address):
    return int(address.rpartition(":")[2], 16)


def established_at(port):
    """How many established connections the listener of `port` has."""
    return len({(end.local, end.remote) for end in established() if end.local == port})


def dialled(port):
    """{pid: (program, number of its established connections to `port`)}; who connected, not who
    listens. A connection whose process is not to be seen counts as pid 0's.
    """
    inodes = {end.inode for end in established() if end.remote == port}
    owners = _owners(inodes) if inodes else {}
    counts = collections.Counter(owners.get(inode, 0) for inode in inodes)
    return {pid: (program(pid), count) for pid, count in counts.items()}


def _owners(inodes):
    """{inode: pid}"""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        for inode in _sockets(name):
            if inode in inodes:
                found[inode] = int(name)
    return found


def _sockets(pid):
    """The inodes of a process's sockets; none where it has ended or may not be looked at."""
    folder = f"/proc/{pid}/fd"
    try:
        files = os.listdir(folder)
    except OSError:
        return
    for name in files:
        try:
            match = SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
        except OSError:  # closed meanwhile
            continue
        if match:
            yield match.group(1)


def program(pid):
    """The name of its program, "?" where it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "?"
