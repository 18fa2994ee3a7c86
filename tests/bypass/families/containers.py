"""Sub-commands and their containers: those that a policy names, those that it denies by category,
those that don't exist; and the commands of administration as such."""

from case import Case, Family

NAMED = Family(
    "named sub-commands",
    "no-wipes",
    "config|set",
    [
        Case("CONFIG SET of one value", "CONFIG SET maxmemory 1", "CONFIG GET maxmemory"),
        Case("CONFIG SET of several", "CONFIG SET maxmemory 1 hz 11", "CONFIG GET maxmemory hz"),
        Case("CONFIG SET without a value", "CONFIG SET hz", "CONFIG GET hz"),
        Case("CONFIG SET alone", "CONFIG SET", "CONFIG HELP"),
        Case("CONFIG SET requirepass", "CONFIG SET requirepass x", "CONFIG GET requirepass"),
        Case("CONFIG SET dir", "CONFIG SET dir /", "CONFIG GET dir"),
        Case("CONFIG SET of a name with a glob", "CONFIG SET maxm* 1", "CONFIG GET maxm*"),
        Case(
            "CLIENT KILL by address", "CLIENT KILL 127.0.0.1:1", "CLIENT INFO", stop="client|kill"
        ),
        Case("CLIENT KILL by filter", "CLIENT KILL TYPE pubsub", "CLIENT INFO", stop="client|kill"),
        Case("CLIENT KILL by id", "CLIENT KILL ID 1", "CLIENT ID", stop="client|kill"),
        Case(
            "CLIENT KILL of oneself",
            "CLIENT KILL USER default SKIPME yes",
            "CLIENT INFO",
            stop="client|kill",
        ),
        Case(
            "CLIENT PAUSE of writes", "CLIENT PAUSE 1 WRITE", "CLIENT UNPAUSE", stop="client|pause"
        ),
        Case("CLIENT PAUSE alone", "CLIENT PAUSE", "CLIENT HELP", stop="client|pause"),
    ],
)

ADMIN = Family(
    "administration",
    "no-dangerous",
    [],
    [
        Case("all clients", "CLIENT LIST", "CLIENT ID", stop="client|list"),
        Case(
            "kill by the old form", "CLIENT KILL 127.0.0.1:1", "CLIENT GETNAME", stop="client|kill"
        ),
        Case(
            "kill everybody", "CLIENT KILL TYPE normal SKIPME no", "CLIENT ID", stop="client|kill"
        ),
        Case(
            "kill who listens", "CLIENT KILL TYPE replica", "CLIENT SETNAME a", stop="client|kill"
        ),
        Case("pause everybody", "CLIENT PAUSE 20 ALL", "CLIENT INFO", stop="client|pause"),
        Case("end a pause", "CLIENT UNPAUSE", "CLIENT INFO", stop="client|unpause"),
        Case("unblock another", "CLIENT UNBLOCK 1", "CLIENT ID", stop="client|unblock"),
        Case("never be evicted", "CLIENT NO-EVICT on", "CLIENT GETREDIR", stop="client|no-evict"),
        Case("read a setting", "CONFIG GET *", "COMMAND COUNT", stop="config|get"),
        Case("set a setting", "CONFIG SET maxmemory 1", "COMMAND INFO config", stop="config|set"),
        Case(
            "forget the statistics",
            "CONFIG RESETSTAT",
            "COMMAND COUNT",
            stop="config|resetstat",
            closed="the judge's own; it can't tell them apart",
        ),
        Case(
            "write the configuration", "CONFIG REWRITE", "COMMAND DOCS get", stop="config|rewrite"
        ),
        Case("list users", "ACL LIST", "ACL WHOAMI", stop="acl|list"),
        Case("read a user", "ACL GETUSER default", "ACL WHOAMI", stop="acl|getuser"),
        Case("make a user", "ACL SETUSER eve on nopass +@all ~*", "ACL CAT", stop="acl|setuser"),
        Case("delete a user", "ACL DELUSER eve", "ACL WHOAMI", stop="acl|deluser"),
        Case("read the log of users", "ACL LOG", "ACL CAT read", stop="acl|log"),
        Case("forget the log of users", "ACL LOG RESET", "ACL GENPASS", stop="acl|log"),
        Case("load users", "ACL LOAD", "ACL GENPASS 8", stop="acl|load"),
        Case("save users", "ACL SAVE", "ACL CAT", stop="acl|save"),
        Case("try what a user may", "ACL DRYRUN default GET a", "ACL WHOAMI", stop="acl|dryrun"),
        Case("names of users", "ACL USERS", "ACL HELP", stop="acl|users"),
        Case("watch all others", "MONITOR", "PING", stop="monitor", mute=True),
        Case("become a replica's source, old", "SYNC", "PING", stop="sync", mute=True),
        Case("become a replica's source", "PSYNC ? -1", "PING", stop="psync", mute=True),
        Case("say that one is a replica", "REPLCONF listening-port 1", "PING", stop="replconf"),
        Case("be asked for an acknowledgement", "REPLCONF GETACK *", "PING", stop="replconf"),
        Case("follow another", "REPLICAOF 127.0.0.1 1", "LOLWUT", stop="replicaof"),
        Case("follow another, old", "SLAVEOF 127.0.0.1 1", "LOLWUT", stop="slaveof"),
        Case("follow nobody", "REPLICAOF NO ONE", "LOLWUT VERSION 5", stop="replicaof"),
        Case("hand over", "FAILOVER", "WAIT 0 1", stop="failover"),
        Case("abort handing over", "FAILOVER ABORT", "WAIT 0 1", stop="failover"),
        Case("load a module", "MODULE LOAD /nowhere.so", "PING", stop="module|load"),
        Case(
            "load a module with arguments",
            "MODULE LOADEX /nowhere.so ARGS a",
            "PING",
            stop="module|loadex",
        ),
        Case("list the modules", "MODULE LIST", "COMMAND COUNT", stop="module|list"),
        Case("unload a module", "MODULE UNLOAD x", "PING", stop="module|unload"),
        Case("sleep", "DEBUG SLEEP 0", "PING", stop="debug"),
        Case("look into a key", "DEBUG OBJECT app:1", "OBJECT ENCODING app:1", stop="debug"),
        Case("stop expiry", "DEBUG SET-ACTIVE-EXPIRE 1", "TTL app:1", stop="debug"),
        Case("reload", "DEBUG RELOAD", "EXISTS app:1", stop="debug"),
        Case("fill", "DEBUG POPULATE 3", "SET app:9 1", stop="debug"),
        Case("help of DEBUG", "DEBUG HELP", "OBJECT HELP", stop="debug"),
        Case("end it", "SHUTDOWN NOSAVE", "PING", stop="shutdown"),
        Case("end it now, in small letters", "shutdown nosave now force", "ping", stop="shutdown"),
        Case("abort ending it", "SHUTDOWN ABORT", "PING", stop="shutdown"),
        Case("write to disk", "SAVE", "PING", stop="save"),
        Case("write to disk aside", "BGSAVE", "PING", stop="bgsave"),
        Case("write to disk aside, later", "BGSAVE SCHEDULE", "PING", stop="bgsave"),
        Case("write the log anew", "BGREWRITEAOF", "PING", stop="bgrewriteaof"),
        Case("when it was written", "LASTSAVE", "TIME", stop="lastsave"),
        Case("its role", "ROLE", "TIME", stop="role"),
        Case("all about it", "INFO", "TIME", stop="info"),
        Case("all about everything", "INFO everything", "DBSIZE", stop="info"),
        Case("slow commands of others", "SLOWLOG GET", "TIME", stop="slowlog|get"),
        Case("forget slow commands", "SLOWLOG RESET", "TIME", stop="slowlog|reset"),
        Case("latency of others", "LATENCY LATEST", "TIME", stop="latency|latest"),
        Case("forget latency", "LATENCY RESET", "TIME", stop="latency|reset"),
        Case("latency by command", "LATENCY HISTOGRAM", "TIME", stop="latency|histogram"),
        Case("advice", "LATENCY DOCTOR", "MEMORY DOCTOR", stop="latency|doctor"),
        Case("all keys", "KEYS *", "SCAN 0", stop="keys"),
        Case("wipe all", "FLUSHALL", "DEL app:1", stop="flushall"),
        Case("wipe one", "FLUSHDB", "UNLINK app:1", stop="flushdb"),
        Case("swap databases", "SWAPDB 0 1", "SELECT 0", stop="swapdb"),
        Case("sort", "SORT app:set", "SMEMBERS app:set", stop="sort"),
        Case("sort, the one that reads", "SORT_RO app:set", "SMEMBERS app:set", stop="sort_ro"),
        Case("make from bytes", ("RESTORE", "app:x", 0, b"\x00"), "DUMP app:1", stop="restore"),
        Case(
            "make from bytes, Cluster's own",
            ("RESTORE-ASKING", "app:x", 0, b"\x00"),
            "DUMP app:1",
            stop="restore-asking",
        ),
        Case("send away", "MIGRATE 127.0.0.1 1 app:1 0 1", "TYPE app:1", stop="migrate"),
        Case("a HyperLogLog's inside", "PFDEBUG GETREG app:hll", "PFCOUNT app:hll", stop="pfdebug"),
        Case("meet a node", "CLUSTER MEET 127.0.0.1 1", "CLUSTER KEYSLOT a", stop="cluster|meet"),
        Case("forget a node", "CLUSTER FORGET a", "CLUSTER KEYSLOT a", stop="cluster|forget"),
        Case("reset the cluster", "CLUSTER RESET HARD", "CLUSTER KEYSLOT a", stop="cluster|reset"),
        Case(
            "give away slots",
            "CLUSTER SETSLOT 1 NODE a",
            "CLUSTER KEYSLOT a",
            stop="cluster|setslot",
        ),
        Case(
            "change who is first",
            "CLUSTER FAILOVER TAKEOVER",
            "CLUSTER KEYSLOT a",
            stop="cluster|failover",
        ),
    ],
)

UNKNOWN_SUBCOMMANDS = Family(
    "sub-commands that do not exist",
    "no-dangerous",
    "?",
    [
        Case(f"{name} {sub}", f"{name} {sub} a", twin)
        for name, sub, twin in (
            ("CONFIG", "FOO", "CLIENT ID"),
            ("CONFIG", "SETX", "COMMAND COUNT"),
            ("CONFIG", "SE", "COMMAND COUNT"),
            ("CLIENT", "KILLALL", "CLIENT ID"),
            ("CLIENT", "|KILL", "CLIENT ID"),
            ("ACL", "SETUSERS", "ACL WHOAMI"),
            ("OBJECT", "WIPE", "OBJECT ENCODING app:1"),
            ("FUNCTION", "WIPE", "FUNCTION STATS"),
            ("SCRIPT", "WIPE", "SCRIPT EXISTS a"),
            ("XGROUP", "WIPE", "XGROUP HELP"),
            ("XINFO", "WIPE", "XINFO STREAM app:stream"),
            ("MEMORY", "WIPE", "MEMORY USAGE app:1"),
            ("PUBSUB", "WIPE", "PUBSUB NUMPAT"),
            ("COMMAND", "WIPE", "COMMAND COUNT"),
            ("LATENCY", "WIPE", "TIME"),
            ("SLOWLOG", "WIPE", "TIME"),
            ("CLUSTER", "WIPE", "CLUSTER KEYSLOT a"),
            ("MODULE", "WIPE", "TIME"),
            ("NOSUCHCOMMAND", "GET", "GET app:1"),
            ("JSON.SET", "app:1", "SET app:1 a"),
        )
    ],
)

READERS = Family(
    "containers for readers",
    "readers",
    [],
    [
        Case(
            "destroy a group",
            "XGROUP DESTROY app:stream STREAMS",
            "XINFO GROUPS app:stream",
            stop="xgroup|destroy",
        ),
        Case(
            "make a group",
            "XGROUP CREATE app:stream g 0",
            "XINFO STREAM app:stream",
            stop="xgroup|create",
        ),
        Case(
            "move a group",
            "XGROUP SETID app:stream STREAMS 0",
            "XRANGE app:stream - +",
            stop="xgroup|setid",
        ),
        Case(
            "make a consumer",
            "XGROUP CREATECONSUMER app:stream STREAMS c",
            "XINFO CONSUMERS app:stream STREAMS",
            stop="xgroup|createconsumer",
        ),
        Case(
            "delete a consumer",
            "XGROUP DELCONSUMER app:stream STREAMS c",
            "XLEN app:stream",
            stop="xgroup|delconsumer",
        ),
        Case(
            "memory back to the system", "MEMORY PURGE", "MEMORY USAGE app:1", stop="memory|purge"
        ),
        Case("memory in figures", "MEMORY STATS", "MEMORY USAGE app:1", stop="memory|stats"),
        Case("load functions", "FUNCTION LOAD x", "OBJECT ENCODING app:1", stop="function|load"),
        Case("wipe functions", "FUNCTION FLUSH", "OBJECT REFCOUNT app:1", stop="function|flush"),
        Case(
            "restore functions",
            "FUNCTION RESTORE x",
            "OBJECT IDLETIME app:1",
            stop="function|restore",
        ),
        Case("dump functions", "FUNCTION DUMP", "DUMP app:1", stop="function|dump"),
        Case("wipe scripts", "SCRIPT FLUSH", "EXISTS app:1", stop="script|flush"),
        Case("stop a script", "SCRIPT KILL", "EXISTS app:1", stop="script|kill"),
        Case(
            "set the name of another user's client",
            "CLIENT NO-EVICT on",
            "CLIENT SETNAME a",
            stop="client|no-evict",
        ),
        Case("set and get", "SET app:1 x GET", "GET app:1", stop="set"),
        Case("get and set", "GETSET app:1 x", "GET app:1", stop="getset"),
        Case("get and expire", "GETEX app:1 EX 100", "TTL app:1", stop="getex"),
        Case("get and delete", "GETDEL app:1", "GETRANGE app:1 0 1", stop="getdel"),
        Case(
            "a bitfield that writes",
            "BITFIELD app:1 SET u8 0 1",
            "BITFIELD_RO app:1 GET u8 0",
            stop="bitfield",
        ),
        Case(
            "a bitfield that only reads, by the writing name",
            "BITFIELD app:1 GET u8 0",
            "BITCOUNT app:1",
            stop="bitfield",
        ),
        Case(
            "geo that stores",
            "GEORADIUS app:geo 13 38 100 km STORE app:x",
            "GEORADIUS_RO app:geo 13 38 100 km",
            stop="georadius",
        ),
        Case(
            "geo that stores, the newer",
            "GEOSEARCHSTORE app:x app:geo FROMLONLAT 13 38 BYRADIUS 100 km",
            "GEOSEARCH app:geo FROMLONLAT 13 38 BYRADIUS 100 km",
            stop="geosearchstore",
        ),
        Case(
            "a union that stores", "SUNIONSTORE app:x app:set", "SUNION app:set", stop="sunionstore"
        ),
        Case(
            "a range that stores",
            "ZRANGESTORE app:x app:zset 0 1",
            "ZRANGE app:zset 0 1",
            stop="zrangestore",
        ),
        Case(
            "a stream's group read",
            "XREADGROUP GROUP STREAMS c STREAMS app:stream >",
            "XREAD STREAMS app:stream 0",
            stop="xreadgroup",
        ),
        Case(
            "claim",
            "XAUTOCLAIM app:stream STREAMS c 0 0",
            "XPENDING app:stream STREAMS",
            stop="xautoclaim",
        ),
        Case("a union of HyperLogLogs", "PFMERGE app:x app:hll", "ZCARD app:zset", stop="pfmerge"),
        Case("a script", "EVAL return(1) 0", "LRANGE app:list 0 1", stop="eval"),
        Case("a script that only reads", "EVAL_RO return(1) 0", "LLEN app:list", stop="eval_ro"),
        Case("publish", "PUBLISH app.a x", "SCARD app:set", stop="publish"),
        Case("pop", "LPOP app:list", "LINDEX app:list 0", stop="lpop"),
        Case("copy", "COPY app:1 app:x", "STRLEN app:1", stop="copy"),
        Case("touch", "EXPIRE app:1 100", "TOUCH app:1", stop="expire"),
    ],
)

FAMILIES = [NAMED, ADMIN, UNKNOWN_SUBCOMMANDS, READERS]
