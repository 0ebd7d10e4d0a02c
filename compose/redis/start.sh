#!/bin/sh
# Writes Redis' users from the environment and becomes redis-server. Passwords go into the file as SHA-256 hashes and
# appear in no argument. Each service may do what its code does and nothing more; nobody may run scripts. The names are
# those of common/keys.c. What a user may write is said key by key, in selectors (Redis 7 or newer): a command counts only
# together with the keys and channels in the same parentheses.
set -eu

user() {
    name=$1 password=$2
    shift 2
    [ -n "$password" ] || { echo "redis: no password for user $name" >&2; exit 1; }
    hash=$(printf %s "$password" | sha256sum)
    echo "user $name reset on #${hash%% *} $*"
}

cluster="relevo:${RELEVO_CLUSTER:-appdb}"
# Nothing at all, but to log in, to be asked whether it lives, and to read and do several things at once.
bare="-@all resetkeys resetchannels +auth +ping"
# What belongs to the cluster, and never ends up among those that maxmemory-clients cuts off.
inner="+client|no-evict +multi +exec"
tell="(+incr ~$cluster:seq) (+publish &$cluster:events &$cluster:state)"
state="+hgetall %R~$cluster %R~$cluster:jobs"

# Into /tmp: a tmpfs elsewhere may lose its mode when the container is started again.
umask 077
{
    # The operator's: docker exec redis redis-cli ... (the container sets REDISCLI_AUTH).
    user default "$REDISCLI_AUTH" '~* &* +@all'
    # The state is the watcher's alone. From it, and from the jobs, it moves what an older Relevo left in the wrong one.
    user watcher "$REDIS_WATCHER_PASSWORD" "$bare $inner +unwatch $state $tell" \
        "(+hset +hmget +hdel +watch ~$cluster ~$cluster:jobs)" \
        "(+xadd ~$cluster:history ~$cluster:log:watcher)" \
        "(+watch +get +mget +set +pexpire +incr +del ~$cluster:lease ~$cluster:lease:renewals ~$cluster:rival)" \
        "(+subscribe &$cluster:commands) (+publish &$cluster:jobs)"
    # Who is primary, whose lease it is, what the watcher said: resync reads the first and touches nothing of it.
    user resync "$REDIS_RESYNC_PASSWORD" "$bare $inner $state $tell" \
        "(+hset ~$cluster:jobs) (+xadd ~$cluster:history ~$cluster:log:resync)" \
        "(+subscribe &$cluster:commands &$cluster:jobs &$cluster:state)"
    # The dashboard writes nothing. What it publishes, the watcher judges.
    user dashboard "$REDIS_DASHBOARD_PASSWORD" "$bare $state" \
        "(+xread +xrevrange %R~$cluster:history %R~$cluster:log:watcher %R~$cluster:log:resync)" \
        "(+subscribe &$cluster:events &$cluster:state) (+publish &$cluster:commands)"
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
