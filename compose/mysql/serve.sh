#!/bin/bash
# Runs the image's own entry point, and sees to it that `docker stop` breaks no promise.
#
# A primary whose commits wait for acknowledgements (RELEVO_MODE=lossless) gives the wait up when it shuts down, and tells
# its clients that all is done though nobody else has it ("SEMISYNC: forced shutdown" in its log). So it is fenced first,
# which is over when no commit waits any more. If that takes too long, or nobody can tell, the server is killed: its
# clients are told nothing, and its recovery brings back what is in its binlog.
set -u

FENCE_PATIENCE_S=3

# As common/session_pins.c has it for all our sessions: no default of the server's may change what these statements do.
fence="SET SESSION autocommit = 1, sql_select_limit = 18446744073709551615, max_execution_time = 0, sql_mode = '',
    lock_wait_timeout = 31536000, transaction_read_only = 0;
    SET @fence = (SELECT IF(COUNT(*), 'SET GLOBAL super_read_only = ON', 'DO 0')
    FROM performance_schema.global_variables WHERE variable_name = 'rpl_semi_sync_source_enabled' AND variable_value = 'ON');
    PREPARE fence FROM @fence; EXECUTE fence; SELECT 'fenced';"

# The stop follows at once, not after the client has ended: the watcher opens a fenced primary again when it sees one.
# shellcheck disable=SC2329 # by the trap
stop() {
    trap '' TERM INT
    local said=''
    read -r -t "$FENCE_PATIENCE_S" said < <(MYSQL_PWD=$RELEVO_CONTROL_PASSWORD mysql --protocol=tcp -h127.0.0.1 \
        -u"$RELEVO_CONTROL_USER" --batch --skip-column-names --unbuffered <<<"$fence" 2>&1)
    case $said in
    fenced | *'(111)'*) kill -TERM "$server" ;; # 111, refused: it does not serve yet, or no more
    *) echo "$(date --utc --iso-8601=seconds) [serve] killed, not stopped: commits may wait for acknowledgements (${said:-the fence did not close in $FENCE_PATIENCE_S s})"
        kill -KILL -- "-$server" ;;
    esac
}

# RESTART, and with it CLONE, needs to know who starts mysqld again: we end, and the restart policy does.
export MYSQLD_PARENT_PID=$$
set -m # a process group of its own, to be killed whole
docker-entrypoint.sh "$@" &
server=$!
set +m
trap stop TERM INT
trap 'kill -HUP "$server"' HUP # flush logs
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    result=$?
done
exit "${result:-1}"
