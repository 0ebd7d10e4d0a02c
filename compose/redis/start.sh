#!/bin/sh
# Writes Redis' users from the environment and becomes redis-server. Passwords go into the file as SHA-256 hashes and
# appear in no argument. Each service may touch only relevo:appdb and what its part needs, and nobody may run scripts.
set -eu

user() {
    name=$1 password=$2
    shift 2
    [ -n "$password" ] || { echo "redis: no password for user $name" >&2; exit 1; }
    hash=$(printf %s "$password" | sha256sum)
    echo "user $name reset on #${hash%% *} $*"
}

cluster="relevo:${RELEVO_CLUSTER:-appdb}"
# What any service does to talk and to read; then to take part in events and logs.
talk="+auth +hello +ping +echo +quit +reset +select +client|setname +client|setinfo +client|id +client|no-evict"
read="+get +mget +hget +hgetall +hmget +hlen +hkeys +exists +type +pttl +ttl +xrange +xrevrange +xread +xlen +xinfo|stream"
listen="+subscribe +unsubscribe +psubscribe +punsubscribe"
write="+hset +hdel +xadd +xtrim +incr +publish +multi +exec +discard +watch +unwatch"
lease="+set +del +pexpire"

# Into /tmp: a tmpfs elsewhere may lose its mode when the container is started again.
umask 077
{
    # The operator's: docker exec redis redis-cli ... (the container sets REDISCLI_AUTH).
    user default "$REDISCLI_AUTH" '~* &* +@all'
    user watcher "$REDIS_WATCHER_PASSWORD" "~$cluster ~$cluster:* &$cluster:* -@all $talk $read $listen $write $lease"
    # resync writes jobs, events and logs; whose lease it is, or who is primary, it only reads.
    user resync "$REDIS_RESYNC_PASSWORD" "~$cluster ~$cluster:* &$cluster:* -@all $talk $read $listen $write"
    # The dashboard changes nothing but its own log, and publishes nothing but commands.
    user dashboard "$REDIS_DASHBOARD_PASSWORD" "%R~$cluster %R~$cluster:* ~$cluster:log:dashboard" \
        "&$cluster:* -@all $talk $read $listen +xadd +xtrim (+publish &$cluster:commands)"
} >/tmp/users.acl

# A power cut may leave rubbish at the end of the log, and Redis would not start: what is before it stays. A log that is broken
# elsewhere is put aside; the state comes back from MySQL.
log=/data/appendonlydir
manifest=$log/appendonly.aof.manifest
: >/tmp/aof.txt
lists() { grep -q '^file ' "$manifest"; } # what is no list, redis-check-aof takes for a log
sound() { lists && redis-check-aof "$manifest" >>/tmp/aof.txt 2>&1; }
mend() { lists && yes 2>/dev/null | redis-check-aof --fix "$manifest" >>/tmp/aof.txt 2>&1; }
if [ -f "$manifest" ] && ! sound; then
    if mend && sound; then
        echo "redis: the end of its log was damaged and was cut off" >&2
    else
        aside=$log.broken-$(date +%s)
        mv "$log" "$aside"
        echo "redis: its log was damaged and is now $aside; the state comes back from MySQL" >&2
        tail -n 5 /tmp/aof.txt >&2
    fi
fi

unset REDISCLI_AUTH REDIS_WATCHER_PASSWORD REDIS_RESYNC_PASSWORD REDIS_DASHBOARD_PASSWORD
exec redis-server /etc/relevo/redis.conf
