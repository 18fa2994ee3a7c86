"""Goal: the words a random conversation is made of: command templates by theme.

A template is a line; `<key>` and the like are filled in by random_words.Words. What differs by
nature from one run to the next is not in here: TIME, INFO, CLIENT ID and LIST, random members,
expiry within a conversation, broadcast tracking (Redis batches its invalidations as its event loop
happens to turn). Neither is what would touch more than the conversation's own connection and data
(CONFIG SET, CLIENT PAUSE, SHUTDOWN), nor SYNC and PSYNC, which never end. Orders that depend on
Redis's hash seed are no problem: both runs are on the same Redis.
"""

THEMES = {
    "strings": """
        SET <key> <value>
        SET <key> <value> NX GET
        SET <key> <number>
        GET <key>
        GETDEL <key>
        GETRANGE <key> 0 <number>
        APPEND <key> <value>
        STRLEN <key>
        INCR <key>
        INCRBYFLOAT <key> 1.5
        MSET <key> <value> <key> <value>
        MGET <key> <key> <key>
        PFADD <key> a b c
        BITCOUNT <key>
        LCS <key> <key> IDX
        DEL <key>
        EXISTS <key> <key>
        TYPE <key>
        RENAME <key> <key>
        COPY <key> <key>
        DUMP <key>
        KEYS *
        DBSIZE""",
    "collections": """
        RPUSH <key> <value> <value> <number>
        LRANGE <key> 0 -1
        LPOP <key> <number>
        LMPOP 2 <key> <key> LEFT
        LPOS <key> <value> COUNT 0
        HSET <key> <word> <value> <word> <number>
        HGETALL <key>
        HMGET <key> <word> <word>
        HINCRBYFLOAT <key> <word> 0.5
        SADD <key> <word> <number> <word>
        SMEMBERS <key>
        SMISMEMBER <key> <word> <word>
        SINTERCARD 2 <key> <key>
        ZADD <key> <number> <word> 1.25 <word>
        ZRANGE <key> 0 -1 WITHSCORES
        ZSCORE <key> <word>
        ZPOPMIN <key>
        ZADD <key> inf <word>
        GEOADD <key> 13.361389 38.115556 <word>
        GEOPOS <key> <word> <word>
        XADD <key> 1-* <word> <value>
        XADD <key> <id> <word> <value>
        XRANGE <key> - +
        XREAD COUNT 2 STREAMS <key> <key> 0 0
        XGROUP CREATE <key> g 0 MKSTREAM
        XREADGROUP GROUP g me STREAMS <key> >
        XPENDING <key> g
        XACK <key> g 1-1
        SORT <key>
        SORT <key> ALPHA DESC LIMIT 0 2
        SORT <key> BY nosort GET # GET k*
        SORT <key> STORE <key>
        SCAN 0
        HSCAN <key> 0
        TYPE <key>""",
    "transactions": """
        MULTI
        MULTI
        EXEC
        EXEC
        DISCARD
        WATCH <key>
        WATCH <key> <key>
        UNWATCH
        SET <key> <value>
        GET <key>
        INCR <key>
        NOSUCHCOMMAND
        LPUSH <key> <value>
        FLUSHDB
        SELECT <database>
        MULTI extra
        EXEC extra
        PING""",
    "pubsub": """
        SUBSCRIBE <channel>
        SUBSCRIBE <channel> <channel> <channel>
        PSUBSCRIBE <pattern>
        PSUBSCRIBE <pattern> <pattern>
        SSUBSCRIBE <channel>
        SSUBSCRIBE <channel> <channel>
        UNSUBSCRIBE
        UNSUBSCRIBE <channel> <channel>
        PUNSUBSCRIBE
        PUNSUBSCRIBE <pattern>
        SUNSUBSCRIBE
        SUNSUBSCRIBE <channel>
        PUBLISH <channel> <value>
        SPUBLISH <channel> <value>
        PUBSUB NUMSUB <channel>
        PUBSUB NUMPAT
        PUBSUB CHANNELS
        PUBSUB SHARDCHANNELS
        PING
        PING <value>
        GET <key>
        RPUSH <key> message <channel> <value>
        LRANGE <key> 0 -1
        RPUSH <key> subscribe <channel> 1
        LRANGE <key> 0 -1""",
    "replies": """
        CLIENT REPLY ON
        CLIENT REPLY OFF
        CLIENT REPLY SKIP
        CLIENT REPLY SKIP
        CLIENT REPLY MAYBE
        CLIENT REPLY
        GET <key>
        SET <key> <value>
        PING
        NOSUCHCOMMAND
        SUBSCRIBE <channel>
        UNSUBSCRIBE
        BLPOP <key> <timeout>
        HELLO <protocol>
        EVAL return(1) 0""",
    "connection": """
        HELLO
        HELLO 2
        HELLO 3
        HELLO 3
        HELLO 4
        HELLO x
        HELLO <protocol> SETNAME <name>
        HELLO <protocol> SETNAME bad\\sname
        HELLO <protocol> AUTH <login>
        HELLO <protocol> AUTH <login> SETNAME <name>
        HELLO <protocol> SETNAME <name> AUTH <login>
        HELLO <protocol> AUTH x
        RESET
        RESET
        SELECT <database>
        SELECT 99
        SELECT x
        SWAPDB 0 1
        MOVE <key> 1
        QUIT
        CLIENT SETNAME <name>
        CLIENT SETNAME bad\\sname
        CLIENT GETNAME
        CLIENT INFO
        CLIENT INFO
        CLIENT NO-EVICT ON
        CLIENT KILL ID 999999999
        CLIENT KILL USER default SKIPME no
        CLIENT UNPAUSE
        CLIENT UNBLOCK 999999999
        PING
        ECHO <value>""",
    "login": """
        AUTH <password>
        AUTH <login>
        AUTH <login>
        AUTH
        AUTH a b c
        HELLO <protocol> AUTH <login>
        ACL WHOAMI
        ACL WHOAMI
        RESET
        GET <key>
        GET secret
        SET <key> <value>
        STRLEN <key>
        SUBSCRIBE <channel>
        SUBSCRIBE private
        PSUBSCRIBE *
        PUBLISH private x
        FLUSHALL
        MONITOR
        KEYS *
        CONFIG GET maxmemory
        MULTI
        EXEC
        QUIT""",
    "tracking": """
        HELLO 3
        CLIENT TRACKING ON
        CLIENT TRACKING ON
        CLIENT TRACKING ON OPTIN
        CLIENT TRACKING ON OPTOUT
        CLIENT TRACKING ON NOLOOP
        CLIENT TRACKING ON REDIRECT 999999999
        CLIENT TRACKING OFF
        CLIENT CACHING YES
        CLIENT CACHING NO
        CLIENT TRACKINGINFO
        CLIENT GETREDIR
        GET <key>
        MGET <key> <key>
        SET <key> <value>
        INCR <key>
        DEL <key> <key>
        FLUSHDB
        EVAL redis.call('get',KEYS[1])return(redis.call('set',KEYS[1],'x')) 1 <key>
        MULTI
        EXEC""",
    "monitor": """
        MONITOR
        MONITOR
        RESET
        QUIT
        GET <key>
        SET <key> <value>
        SELECT <database>
        MULTI
        EXEC
        NOSUCHCOMMAND
        AUTH <login>
        HELLO <protocol>
        SUBSCRIBE <channel>
        PUBLISH <channel> <value>
        EVAL return(redis.call('get',KEYS[1])) 1 <key>
        EVAL return(redis.status_reply('1339518083.107412\\s[0\\s127.0.0.1:1]')) 0
        PING""",
    "blocking": """
        BLPOP <key> <timeout>
        BLPOP <key> <key> <timeout>
        BRPOP <key> <timeout>
        BLMOVE <key> <key> LEFT RIGHT <timeout>
        BLMPOP <timeout> 2 <key> <key> LEFT COUNT 2
        BZPOPMIN <key> <timeout>
        BZMPOP <timeout> 1 <key> MAX
        BLPOP <key> x
        BLPOP <key> -1
        XREAD BLOCK <milliseconds> STREAMS <key> $
        XREAD BLOCK <milliseconds> STREAMS <key> 0
        WAIT 0 <milliseconds>
        WAIT 1 <milliseconds>
        RPUSH <key> <value> <value>
        LPUSH <key> <value>
        ZADD <key> 1 <word>
        XADD <key> 1-* <word> <value>
        MULTI
        EXEC
        GET <key>""",
    "scripts": """
        EVAL return(1) 0
        EVAL return({1,2,{3,'x'}}) 0
        EVAL return(redis.status_reply('QUEUED')) 0
        EVAL return(redis.error_reply('E\\sx')) 0
        EVAL return({err='NOPERM\\sno'}) 0
        EVAL return(redis.call('get',KEYS[1])) 1 <key>
        EVAL return(redis.pcall('lpush',KEYS[1],'x')) 1 <key>
        EVAL return(redis.call('multi')) 0
        EVAL return(redis.call('publish',ARGV[1],'x')) 0 <channel>
        EVAL redis.setresp(3)return(redis.call('hgetall',KEYS[1])) 1 <key>
        EVAL return({double=3.5}) 0
        EVAL return({map={a=1}}) 0
        EVAL return({set={a=true}}) 0
        EVAL return({'subscribe','c1',1}) 0
        EVAL return({'message','c1','x'}) 0
        EVAL return({'unsubscribe','c1',0}) 0
        EVAL return(false) 0
        EVAL return({}) 0
        EVAL x 0
        EVAL return(ARGV) 0 <value> <value>
        EVAL_RO return(redis.call('set','k1','x')) 0
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        SCRIPT LOAD return(1)
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
        FUNCTION LOAD #!lua\\sname=l\\nredis.register_function('f',function()return(7)end)
        FCALL f 0
        FUNCTION LIST
        MULTI
        EXEC""",
    "types": """
        DEBUG PROTOCOL string
        DEBUG PROTOCOL integer
        DEBUG PROTOCOL double
        DEBUG PROTOCOL null
        DEBUG PROTOCOL array
        DEBUG PROTOCOL set
        DEBUG PROTOCOL map
        DEBUG PROTOCOL attrib
        DEBUG PROTOCOL push
        DEBUG PROTOCOL verbatim
        DEBUG PROTOCOL true
        DEBUG PROTOCOL false
        DEBUG PROTOCOL bignum
        DEBUG PROTOCOL nosuch
        DEBUG SLEEP 0
        DEBUG HELP
        HELLO 3
        HELLO 2
        ZADD <key> 1.5 <word>
        ZSCORE <key> <word>
        HSET <key> <word> <value>
        HGETALL <key>
        SADD <key> <number>
        SMEMBERS <key>
        GET nothing
        LRANGE nothing 0 -1
        MULTI
        EXEC""",
    "introspection": """
        OBJECT ENCODING <key>
        OBJECT REFCOUNT <key>
        OBJECT FREQ <key>
        OBJECT HELP
        OBJECT NOSUCH
        OBJECT
        COMMAND COUNT
        COMMAND INFO get nosuch
        COMMAND DOCS get
        COMMAND GETKEYS MSET a b c d
        COMMAND GETKEYS GET
        COMMAND LIST FILTERBY PATTERN xr*
        COMMAND NOSUCH
        CONFIG GET maxmemory
        CONFIG NOSUCH
        CONFIG SET nosuch 1
        MEMORY HELP
        LATENCY HISTORY x
        SLOWLOG LEN
        SLOWLOG GET
        ACL CAT
        ACL WHOAMI
        ACL GETUSER nosuch
        CLUSTER INFO
        ASKING
        READONLY
        READWRITE
        MODULE LIST
        ROLE
        REPLCONF listening-port 1
        REPLCONF nosuch 1
        CLIENT HELP
        CLIENT
        CLIENT NOSUCH
        NOSUCHCOMMAND <value> <value>
        <value> <value>
        GET
        GET a b
        SET <key>
        SUBSCRIBE
        PSUBSCRIBE
        LOLWUT VERSION 999""",
    "large": """
        SET <key> <large>
        GET <key>
        GET <key>
        ECHO <large>
        APPEND <key> <large>
        RPUSH <key> <large> <value> <large>
        LRANGE <key> 0 -1
        NOSUCHCOMMAND <large>
        <large> x
        GET <large>
        MSET <key> <large> <key> <large>
        MGET <key> <key>
        EVAL return({ARGV[1],ARGV[1]}) 0 <large>
        PUBLISH <channel> <large>
        EVAL return(string.rep('x',70000)) 0
        MULTI
        EXEC
        PING <large>""",
}

# What a neighbour does over a connection of its own, while this one waits.
NEIGHBOUR = """
        PUBLISH <channel> <value>
        PUBLISH <channel> <value>
        PUBLISH private x
        SPUBLISH <channel> <value>
        SET <key> <value>
        SET <key> <value>
        DEL <key>
        RPUSH <key> <value>
        FLUSHALL
        CLIENT KILL TYPE pubsub
        CLIENT KILL USER default
        CLIENT KILL USER alice
        ACL DELUSER alice
        ACL SETUSER alice -get -subscribe
        NOSUCHCOMMAND"""

# Bytes between commands that Redis skips, or takes as a command written in another way.
ODD = [
    b"\r\n",
    b"\n",
    b" \r\n",
    b"\t \n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*-10\r\n",
    b"PING\r\n",
    b"ping\n",
    b"  PING  \r\n",
    b"PING\r\r\n",
    b'SET k1 "a b\\r\\n\\x00c"\r\n',
    b"SET k2 'it\\'s'\r\n",
    b'GET "k1"\r\n',
    b'ECHO "\\n\\x41\\q\\xzz"\r\n',
    b"ECHO ''\r\n",
    b"\xff\xfe\r\n",
    b"nosuch 1 2\r\n",
    b"+OK\r\n",
    b":1\r\n",
    b"$4\r\nPING\r\n",
    b"EXISTS" + b" k1" * 300 + b"\r\n",
    b"ECHO " + b"x" * 20_000 + b"\r\n",
    b"*1\rx$4\rxPINGxx",
    b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
    b"*2\r\n$4\r\nECHO\r\n$6\r\n\r\n\x00\xff$*\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*1\r\n$5\r\nPI\x00NG\r\n",
    b"subscribe c1 c2\r\n",
    b"multi\n",
    b"exec\n",
    b"hello 3\r\n",
]

# Redis sees no line's end behind a NUL, and waits: only for where the client ends its half.
ENDLESS = [b"GET k1\x00junk\r\n", b"\x00\r\n"]

# Bytes that end the connection, with or without a word, whatever follows.
FATAL = [
    b'SET a "unbalanced\r\n',
    b"SET a 'unbalanced\r\n",
    b'SET a "b"c\r\n',
    b"*\r\n",
    b"*x\r\n",
    b"*1x\r\n",
    b"*01\r\n",
    b"*+1\r\n",
    b"* 1\r\n",
    b"*2147483648\r\n",
    b"*99999999999999999999\r\n",
    b"*1\r\n\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\nPING\r\n",
    b"*2\r\n$4\r\nPING\r\n*1\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$04\r\n",
    b"*1\r\n$536870913\r\n",
    b"*2\r\n$4\r\nECHO\r\n$99999999999999999999\r\n",
]

# A web browser's: Redis drops the connection at once, along with replies that it hasn't sent yet.
# So they come first in a conversation.
FOREIGN = [b"POST / HTTP/1.1\r\n", b"host: x\r\n", b"*1\r\n$4\r\nPOST\r\n"]


def templates(text):
    return [line.strip() for line in text.strip().splitlines()]


THEMES = {name: templates(text) for name, text in THEMES.items()}
NEIGHBOUR = templates(NEIGHBOUR)
