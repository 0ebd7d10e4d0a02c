#!/bin/bash
# Relevo's MySQL accounts. Each node's first boot runs this; run again by hand it brings the accounts of an existing server
# up to date ("Upgrading the accounts" in README.md). Nothing of it enters the binlog: the accounts exist before
# replication does, and a new replica keeps an empty GTID set.
#
#     docker exec mysql-primary bash /docker-entrypoint-initdb.d/10-accounts.sh      # then every other node
#
# The rule behind the split: an account that can do more than the owner of a schema never executes or resolves what that
# owner can turn into code (views, functions, triggers, names that change between look and use). So:
#
#   relevo          watcher: who is open, who follows whom, Relevo's own schema. Has no right in any other schema.
#   relevo_events   watcher, resync: may insert into system_events, the one table of Relevo's in users' hands. Nothing else.
#   relevo_resync   resync, on every node: looks at servers, holds locks. Sees no table of a user.
#   relevo_reader   resync, on every node: reads users' tables and definitions. No EXECUTE, no mysql.*, changes nothing.
#   relevo_rebuild  resync, only on the closed node that is brought back: replaces all that is there.
#   repl            replicas fetch binlogs with it. relevo_clone: a server fetches a clone with it; same password as repl.
#
# All must use TLS, none expires. Root is used by nothing.
set -euo pipefail

quote() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

control="$(quote "${RELEVO_CONTROL_USER:-relevo}")@'%'"
repl_name=${RELEVO_REPL_USER:-repl}
repl="$(quote "$repl_name")@'%'"
events="'relevo_events'@'%'" resync="'relevo_resync'@'%'" reader="'relevo_reader'@'%'" rebuild="'relevo_rebuild'@'%'"
clone="'relevo_clone'@'%'"
control_password=$(quote "${RELEVO_CONTROL_PASSWORD:?is not set: the account that the watcher governs with needs it}")
repl_password=$(quote "${RELEVO_REPL_PASSWORD:?is not set: the replication account needs it}")
resync_password=$(quote "${RELEVO_RESYNC_PASSWORD:?is not set: the accounts of db-resync need it}")
events_password=$(quote "${RELEVO_EVENTS_PASSWORD:?is not set: the account that fills system_events needs it}")
schema=${RELEVO_CLUSTER:-appdb}

# The password of root goes by the environment and the statements by standard input: arguments are public.
root() { MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql --protocol=socket -uroot --comments --batch --skip-column-names; }

# Ours: whatever was there under that name gets this password and loses its rights before it is given the right ones.
own() {
    local terms="REQUIRE SSL PASSWORD EXPIRE NEVER PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY ACCOUNT UNLOCK"
    cat <<SQL
CREATE USER IF NOT EXISTS $1 IDENTIFIED BY $2 $terms;
ALTER USER $1 IDENTIFIED BY $2 $terms;
SET DEFAULT ROLE NONE TO $1;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM $1;
SQL
}

# All schemas but mysql and sys. A grant on a pattern covers every schema, and of the grants that fit a name the server
# takes the most special one alone: one that gives nothing of use hides the pattern. Where partial_revokes is on, patterns
# are names, and a right on everything can be taken back for a schema.
everywhere_but_mysql() {
    if [[ $partial_revokes == 0 ]]; then
        echo "GRANT $1 ON \`%\`.* TO $2;"
        echo "GRANT REFERENCES ON mysql.* TO $2; GRANT REFERENCES ON sys.* TO $2;"
    else
        echo "GRANT $1 ON *.* TO $2;"
        echo "REVOKE $1 ON mysql.* FROM $2; REVOKE $1 ON sys.* FROM $2;"
    fi
}

partial_revokes=$(root <<<"SELECT @@GLOBAL.partial_revokes + 0")
mark='relevo\_rebuild' # in a pattern _ stands for any letter
[[ $partial_revokes == 0 ]] || mark=relevo_rebuild

statements() {
    # A configured NO_BACKSLASH_ESCAPES would misread the passwords.
    echo "SET SESSION sql_log_bin = 0, sql_mode = '';"

    # ---- repl, relevo_clone
    # Somebody may have made repl for replication of their own: its password is theirs, and checked below.
    cat <<SQL
CREATE USER IF NOT EXISTS $repl IDENTIFIED BY $repl_password REQUIRE SSL PASSWORD EXPIRE NEVER;
ALTER USER $repl PASSWORD EXPIRE NEVER;
GRANT REPLICATION SLAVE ON *.* TO $repl;    -- fetch binlogs
SQL
    own "$clone" "$repl_password"
    echo "GRANT BACKUP_ADMIN ON *.* TO $clone;  -- be a donor"

    # ---- relevo: the watcher
    own "$control" "$control_password"
    cat <<SQL
GRANT
    REPLICATION CLIENT,      -- SHOW REPLICA STATUS
    PROCESS,                 -- who runs what: the sessions that hold up a fence
    EVENT,                   -- sees which scheduled events stand still; reads no definition and makes none
    RELOAD                   -- RESET REPLICA ALL
ON *.* TO $control;
GRANT
    SYSTEM_VARIABLES_ADMIN,  -- SET GLOBAL super_read_only, read_only, offline_mode, event_scheduler, semi-sync
    CONNECTION_ADMIN,        -- get in when connections are used up or offline_mode is on; KILL what holds up a fence
    SYSTEM_USER,             -- ... even a session of an account that has it (root)
    REPLICATION_SLAVE_ADMIN  -- CHANGE REPLICATION SOURCE, START, STOP and RESET REPLICA
ON *.* TO $control;
GRANT SELECT ON performance_schema.* TO $control;                           -- replication, sessions, locks
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON relevo.* TO $control;       -- epoch and heartbeat, made where missing
GRANT SELECT ON \`$mark\`.* TO $control;                           -- the mark of half a copy
SQL

    # ---- relevo_events
    # On a table that is not there yet only CREATE can be granted along, so it is, and taken back.
    own "$events" "$events_password"
    cat <<SQL
ALTER USER $events WITH MAX_USER_CONNECTIONS 8;  -- sessions that a trigger holds do not use up the server's
GRANT INSERT, CREATE ON \`$schema\`.system_events TO $events;
REVOKE CREATE ON \`$schema\`.system_events FROM $events;
SQL

    # ---- relevo_resync: looks and locks
    own "$resync" "$resync_password"
    cat <<SQL
GRANT
    REPLICATION CLIENT,      -- SHOW REPLICA STATUS, SHOW BINARY LOG STATUS: the position of a dump
    PROCESS                  -- sessions that would hold up the read lock; InnoDB's log
ON *.* TO $resync;
GRANT
    FLUSH_TABLES,            -- FLUSH TABLES WITH READ LOCK: the moment in which a dump or a comparison begins
    BACKUP_ADMIN,            -- LOCK INSTANCE FOR BACKUP: no DDL while a dump reads
    XA_RECOVER_ADMIN,        -- prepared XA transactions, which a dump cannot carry
    CONNECTION_ADMIN         -- get in when connections are used up; KILL sessions that an earlier job left
ON *.* TO $resync;
GRANT SELECT ON performance_schema.* TO $resync;
GRANT SELECT ON relevo.* TO $resync;             -- which reigns a node knows of
SQL
    local table
    # Accounts of the donor, for a dump. Read by no session that reads a user's table.
    for table in user db tables_priv columns_priv procs_priv proxies_priv global_grants default_roles role_edges \
        password_history servers; do
        echo "GRANT SELECT ON mysql.$table TO $resync;"
    done
    # What a dump does not carry over, and names.
    for table in func component plugin server_cost engine_cost; do
        echo "GRANT SELECT ON mysql.$table TO $resync;"
    done
    # Named time zones: compared, and copied by a dump if they differ. They hold nothing of anybody's.
    local zones=(time_zone time_zone_leap_second time_zone_name time_zone_transition time_zone_transition_type)
    for table in "${zones[@]}"; do
        echo "GRANT SELECT ON mysql.$table TO $resync;"
    done

    # ---- relevo_reader
    own "$reader" "$resync_password"
    # SHOW VIEW, TRIGGER and EVENT: SHOW CREATE of such objects.
    everywhere_but_mysql "SELECT, SHOW VIEW, TRIGGER, EVENT" "$reader"
    # Names of the tables that components and people made there: a right that reads nothing lets them be seen.
    echo "GRANT REFERENCES ON mysql.* TO $reader; GRANT REFERENCES ON sys.* TO $reader;"
    cat <<SQL
GRANT
    SHOW_ROUTINE,            -- the bodies of other people's routines
    CONNECTION_ADMIN         -- read a node that is offline until it has caught up
ON *.* TO $reader;
SQL

    # ---- relevo_rebuild
    own "$rebuild" "$resync_password"
    for table in "${zones[@]}"; do
        echo "GRANT SELECT ON mysql.$table TO $rebuild;" # whether they differ from the donor's
    done
    everywhere_but_mysql "SELECT, SHOW VIEW" "$rebuild" # for CREATE VIEW, and the keys of rows that a rewind undoes
    cat <<SQL
GRANT
    REPLICATION CLIENT, PROCESS,
    REPLICATION SLAVE,       -- rescue: fetch the binlog events of diverged transactions
    RELOAD,                  -- RESET BINARY LOGS AND GTIDS, RESET REPLICA ALL, FLUSH PRIVILEGES after a restore
    SHUTDOWN,                -- a clone restarts the server
    INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, TRIGGER,
    EVENT, CREATE TABLESPACE, -- restore; rows of the grant tables
    EXECUTE                  -- CREATE VIEW asks for it where the view calls a function; nothing is called
ON *.* TO $rebuild;
GRANT
    SYSTEM_VARIABLES_ADMIN,  -- super_read_only, offline_mode, gtid_purged, local_infile, clone_valid_donor_list
    CONNECTION_ADMIN,        -- work on a node that is offline and read only
    REPLICATION_SLAVE_ADMIN, -- CHANGE REPLICATION SOURCE, START, STOP and RESET REPLICA
    SESSION_VARIABLES_ADMIN, -- sql_log_bin = 0: what is local to a node stays there
    TRANSACTION_GTID_TAG,    -- gtid_purged with tagged GTIDs
    XA_RECOVER_ADMIN,        -- prepared XA transactions, whose locks would hold up the rebuild
    BINLOG_ADMIN,            -- rewind: BINLOG '...', inverted row events
    REPLICATION_APPLIER,     -- ... as the applier would
    CLONE_ADMIN,             -- clone: be a recipient
    PERSIST_RO_VARIABLES_ADMIN, -- ... with new doublewrite files: see resync/README.md
    SET_ANY_DEFINER,         -- restore: views, routines, triggers and events keep their DEFINER
    ALLOW_NONEXISTENT_DEFINER, -- ... even one that no longer exists
    SYSTEM_USER,             -- ... or one that has it
    /*!90200 CREATE_SPATIAL_REFERENCE_SYSTEM, */ -- those that somebody made
    TABLE_ENCRYPTION_ADMIN   -- ... and tables their encryption, whatever the server's default
ON *.* TO $rebuild;
SQL
}

# A server that runs already may be closed: root, which passes read_only, gets in for as long as this takes.
closed=$(root <<<"SELECT @@GLOBAL.super_read_only + 0")
close_again() { [[ $closed == 0 ]] || root <<<"SET GLOBAL super_read_only = ON"; }
trap close_again EXIT
[[ $closed == 0 ]] || root <<<"SET GLOBAL super_read_only = OFF"
statements | root

# An account repl that was there before keeps its password: better told now than by the first node that returns.
if ! said=$(MYSQL_PWD=$RELEVO_REPL_PASSWORD mysql --protocol=socket --ssl-mode=REQUIRED "-u$repl_name" -e 'DO 0' 2>&1) &&
    [[ $said == *1045* ]]; then
    echo "10-accounts.sh: account $repl_name exists with another password than RELEVO_REPL_PASSWORD:" \
        "ALTER USER $repl IDENTIFIED BY that one, or set RELEVO_REPL_USER to a name of its own" >&2
    exit 1
fi
