#!/bin/bash
# Runs the image's own entry point, and sees to it that `docker stop` breaks no promise.
#
# A primary whose commits wait for acknowledgements (RELEVO_MODE=lossless) gives the wait up when it shuts down, and tells
# its clients that all is done though nobody else has it ("SEMISYNC: forced shutdown" in its log). So it is fenced first
# (fence.sh), which is over when no commit waits any more. If that takes too long, or nobody can tell, the server is killed: its
# clients are told nothing, and its recovery brings back what is in its binlog.
set -u

# shellcheck disable=SC2329 # by the trap
stop() {
    trap '' TERM INT
    if bash /etc/relevo/fence.sh; then
        kill -TERM "$server"
    else
        kill -KILL -- "-$server"
    fi
}

# With a certificate of this server's own it proves who it is (compose/tls.sh); without, MySQL makes one that proves nothing.
# The key is its owner's alone, and mysqld is somebody else: a copy for that one, whose mode is set while it is still ours.
TLS=/etc/relevo/tls OWN=/run/relevo-tls
identity=()
copy_key() { rm -rf $OWN && (umask 077 && mkdir $OWN && cat $TLS/node/key.pem >$OWN/key.pem) && chown -R mysql:mysql $OWN; }
if [[ -s $TLS/ca/ca.pem && -s $TLS/node/cert.pem && -s $TLS/node/key.pem ]]; then
    if copy_key; then
        identity=("--ssl-ca=$TLS/ca/ca.pem" "--ssl-cert=$TLS/node/cert.pem" "--ssl-key=$OWN/key.pem")
    else
        echo "the key in $TLS/node cannot be copied: this server serves without a certificate of its own" >&2
    fi
fi

# RESTART, and with it CLONE, needs to know who starts mysqld again: we end, and the restart policy does.
export MYSQLD_PARENT_PID=$$
set -m # a process group of its own, to be killed whole
docker-entrypoint.sh "$@" "${identity[@]}" &
server=$!
set +m
trap stop TERM INT
trap 'kill -HUP "$server"' HUP # flush logs
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    result=$?
done
exit "${result:-1}"
