#!/bin/bash
# Closes this server right before it is stopped, so that its stop breaks no promise (RELEVO_MODE=lossless). Ends with 0:
# nobody's commit waits any more, stop it now. Ends with 1: some may wait, or nobody can tell; kill it, for a server that
# shuts down tells clients that wait that all is done. The stop must follow at once: the watcher opens a closed primary
# again. Needs RELEVO_CONTROL_PASSWORD, and RELEVO_CONTROL_USER if that is not relevo.
#
#     ExecStop=/bin/bash -c '/etc/relevo/fence.sh || kill -KILL $MAINPID'                                      systemd
#     docker exec -i -e RELEVO_CONTROL_PASSWORD db1 bash -s <compose/mysql/fence.sh && docker stop db1 || docker kill db1
set -u

FENCE_PATIENCE_S=3

# As common/session_pins.c has it for all our sessions: no default of the server's may change what these statements do.
fence="SET SESSION autocommit = 1, sql_select_limit = 18446744073709551615, max_execution_time = 0, sql_mode = '',
    lock_wait_timeout = 31536000, transaction_read_only = 0;
    SET @fence = (SELECT IF(COUNT(*), 'SET GLOBAL super_read_only = ON', 'DO 0')
    FROM performance_schema.global_variables WHERE variable_name = 'rpl_semi_sync_source_enabled' AND variable_value = 'ON');
    PREPARE fence FROM @fence; EXECUTE fence;
    DO IF(@fence = 'DO 0', 0, SLEEP(0.15)); SELECT 'fenced';"

# (The watcher probes every 100 ms, and shall see it closed: else it says that what was acknowledged may be here alone.)
# What follows comes at once, not after the client has ended.
said=''
read -r -t "$FENCE_PATIENCE_S" said < <(MYSQL_PWD=$RELEVO_CONTROL_PASSWORD mysql --protocol=tcp -h127.0.0.1 \
    -P"${MYSQL_TCP_PORT:-3306}" -u"${RELEVO_CONTROL_USER:-relevo}" --batch --skip-column-names --unbuffered <<<"$fence" 2>&1)
case $said in
fenced | *'(111)'*) exit 0 ;; # 111, refused: it does not serve yet, or no more
*) echo "$(date --utc --iso-8601=seconds) [fence] to be killed, not stopped: commits may wait for acknowledgements (${said:-it did not close in $FENCE_PATIENCE_S s})" >&2
    exit 1 ;;
esac
