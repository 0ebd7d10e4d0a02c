#!/bin/bash
# Relevo's accounts, made on every node by its own first boot and never binlogged, so that they exist before replication
# does and a new replica keeps an empty GTID set. All of them must use TLS. Root is used by nothing.
set -euo pipefail

quote() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

control="$(quote "${RELEVO_CONTROL_USER:-relevo}")@'%'"
repl="$(quote "${RELEVO_REPL_USER:-repl}")@'%'"
control_password=$(quote "${RELEVO_CONTROL_PASSWORD:?is not set: the account that Relevo governs with needs it}")
repl_password=$(quote "${RELEVO_REPL_PASSWORD:?is not set: the replication account needs it}")

# The password of root goes by the environment and the statements by standard input: arguments are public.
MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql --protocol=socket -uroot --comments <<SQL
SET SESSION sql_log_bin = 0;

-- repl: replicas fetch binlogs with it, and nothing else.
CREATE USER IF NOT EXISTS $repl IDENTIFIED BY $repl_password REQUIRE SSL;
GRANT REPLICATION SLAVE ON *.* TO $repl;

-- relevo_clone: the account that a node gives when it clones from a donor; same password as repl.
CREATE USER IF NOT EXISTS 'relevo_clone'@'%' IDENTIFIED BY $repl_password REQUIRE SSL;
GRANT BACKUP_ADMIN ON *.* TO 'relevo_clone'@'%';  -- be a donor

-- relevo: observes, fences, promotes, rebuilds.
CREATE USER IF NOT EXISTS $control IDENTIFIED BY $control_password REQUIRE SSL;
GRANT
    -- observe
    REPLICATION CLIENT,      -- SHOW REPLICA STATUS, SHOW BINARY LOG STATUS, SHOW BINARY LOGS
    PROCESS,                 -- who runs what: the sessions that hold up a fence; InnoDB's transactions
    -- rescue
    REPLICATION SLAVE,       -- fetch the binlog events of diverged transactions
    -- fence, promote, repoint
    RELOAD,                  -- RESET BINARY LOGS AND GTIDS, FLUSH PRIVILEGES after a restore, a global read lock
    SHUTDOWN,                -- RESTART after a clone that did not restart by itself
    -- read everything: dump and comparison
    SELECT, SHOW DATABASES, SHOW VIEW, LOCK TABLES, EXECUTE,
    -- write everything: restore, heartbeat, epoch, system_events
    INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE,
    TRIGGER, EVENT, CREATE USER, CREATE ROLE, DROP ROLE, CREATE TEMPORARY TABLES, CREATE TABLESPACE
ON *.* TO $control WITH GRANT OPTION;  -- a restore gives users their rights again
GRANT
    -- fence, promote, repoint
    SYSTEM_VARIABLES_ADMIN,  -- SET GLOBAL super_read_only, offline_mode, event_scheduler, gtid_purged, semi-sync
    CONNECTION_ADMIN,        -- get in when connections are used up or offline_mode is on; KILL what holds up a fence
    SYSTEM_USER,             -- ... even a session of an account that has it (root); restore such accounts
    REPLICATION_SLAVE_ADMIN, -- CHANGE REPLICATION SOURCE, START, STOP and RESET REPLICA
    SESSION_VARIABLES_ADMIN, -- SET SESSION sql_log_bin = 0: what is local to a node stays there
    TRANSACTION_GTID_TAG,    -- gtid_purged with tagged GTIDs
    -- rewind
    BINLOG_ADMIN,            -- BINLOG '...': apply inverted row events
    REPLICATION_APPLIER,     -- ... as the applier would
    -- clone
    CLONE_ADMIN,             -- be a recipient
    PERSIST_RO_VARIABLES_ADMIN, -- ... with new doublewrite files: see resync/README.md
    BACKUP_ADMIN,            -- LOCK INSTANCE FOR BACKUP during a dump
    -- dump and restore
    TABLE_ENCRYPTION_ADMIN,  -- schemas and tables keep their ENCRYPTION whatever the default is
    /*!90200 CREATE_SPATIAL_REFERENCE_SYSTEM, */ -- those that somebody made
    SHOW_ROUTINE,            -- the bodies of other people's routines
    SET_ANY_DEFINER,         -- views, routines, triggers and events keep their DEFINER
    ALLOW_NONEXISTENT_DEFINER, -- ... even one that no longer exists
    ROLE_ADMIN               -- grant roles again
ON *.* TO $control WITH GRANT OPTION;
SQL
