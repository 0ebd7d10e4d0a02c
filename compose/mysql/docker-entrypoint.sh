#!/bin/bash
# Entry point of the stand-in MySQL image: makes the database on first start, then becomes mysqld. From the outside it
# behaves like the official image's: same variables, same folders, same command.
set -Eeuo pipefail
shopt -s nullglob

DATADIR=/var/lib/mysql
SOCKET=/var/run/mysqld/mysqld.sock

note() { echo "$(date --utc --iso-8601=seconds) [entrypoint] $*"; }
die() { note "ERROR: $*" >&2; exit 1; }

# NAME or the contents of the file that NAME_FILE names; not both.
from_file() {
    local name=$1 file_name="$1_FILE" value=${2:-}
    [[ -n ${!name:-} && -n ${!file_name:-} ]] && die "both $name and $file_name are set; set one of them"
    if [[ -n ${!name:-} ]]; then
        value=${!name}
    elif [[ -n ${!file_name:-} ]]; then
        value=$(<"${!file_name}") || die "cannot read ${!file_name}, which $file_name names"
    fi
    export "$name=$value"
    unset "$file_name"
}

quote_sql() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

# SQL from standard input, as root over the socket. The password goes by the environment: arguments are public.
as_root() { MYSQL_PWD=$root_now mysql --protocol=socket --socket="$SOCKET" -uroot -hlocalhost --comments "$@"; }

start_temporary() {
    "$@" --daemonize --skip-networking --mysqlx=OFF --socket="$SOCKET" --default-time-zone=SYSTEM \
        || die "the temporary server did not start; its messages are above"
}

create_accounts() {
    local host_root=''
    # Not binlogged: every server makes its own, and none must conflict with another's.
    if [[ $MYSQL_ROOT_HOST != localhost && -n $MYSQL_ROOT_HOST ]]; then
        host_root="CREATE USER 'root'@$(quote_sql "$MYSQL_ROOT_HOST") IDENTIFIED BY $(quote_sql "$MYSQL_ROOT_PASSWORD");
            GRANT ALL ON *.* TO 'root'@$(quote_sql "$MYSQL_ROOT_HOST") WITH GRANT OPTION;"
    fi
    as_root --database=mysql <<SQL
SET @@SESSION.sql_log_bin = 0;
ALTER USER 'root'@'localhost' IDENTIFIED BY $(quote_sql "$MYSQL_ROOT_PASSWORD");
GRANT ALL ON *.* TO 'root'@'localhost' WITH GRANT OPTION;
$host_root
FLUSH PRIVILEGES;
DROP DATABASE IF EXISTS test;
SQL
    root_now=$MYSQL_ROOT_PASSWORD

    if [[ -n $MYSQL_DATABASE ]]; then
        note "creating database $MYSQL_DATABASE"
        as_root <<<"CREATE DATABASE IF NOT EXISTS \`${MYSQL_DATABASE//\`/\`\`}\`;"
    fi
    if [[ -n $MYSQL_USER && -n $MYSQL_PASSWORD ]]; then
        note "creating user $MYSQL_USER"
        as_root <<<"CREATE USER $(quote_sql "$MYSQL_USER")@'%' IDENTIFIED BY $(quote_sql "$MYSQL_PASSWORD");"
        if [[ -n $MYSQL_DATABASE ]]; then # _ and % in a database name are wild cards in GRANT
            local pattern=${MYSQL_DATABASE//_/\\_}
            as_root <<<"GRANT ALL ON \`${pattern//%/\\%}\`.* TO $(quote_sql "$MYSQL_USER")@'%';"
        fi
    fi
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) note "running $file"
            # shellcheck source=/dev/null
            if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
        *.sql) note "running $file"; as_root ${MYSQL_DATABASE:+"--database=$MYSQL_DATABASE"} <"$file" ;;
        *.sql.gz) note "running $file"; gunzip -c "$file" | as_root ${MYSQL_DATABASE:+"--database=$MYSQL_DATABASE"} ;;
        *) note "ignoring $file" ;;
        esac
    done
}

initialize() {
    local name
    from_file MYSQL_ROOT_HOST %
    for name in MYSQL_ROOT_PASSWORD MYSQL_DATABASE MYSQL_USER MYSQL_PASSWORD; do from_file "$name"; done
    if [[ -z $MYSQL_ROOT_PASSWORD && -z ${MYSQL_ALLOW_EMPTY_PASSWORD:-} ]]; then
        die "the database is not initialized and no root password is given: set MYSQL_ROOT_PASSWORD or MYSQL_ROOT_PASSWORD_FILE"
    fi
    [[ $MYSQL_USER == root ]] && die "MYSQL_USER=root is not needed: use MYSQL_ROOT_PASSWORD"

    note "making the database files"
    "$@" --initialize-insecure --default-time-zone=SYSTEM || die "the database files could not be made; see above"
    root_now=''
    note "starting the temporary server"
    start_temporary "$@"
    create_accounts
    run_init_files
    note "stopping the temporary server"
    MYSQL_PWD=$root_now mysqladmin --socket="$SOCKET" -uroot shutdown || die "the temporary server did not stop"
    note "initialized; starting the server"
}

[[ ${1:0:1} == - ]] && set -- mysqld "$@"
if [[ $1 == mysqld ]]; then
    if [[ $(id -u) == 0 ]]; then
        find "$DATADIR" /var/run/mysqld ! -user mysql -exec chown mysql:mysql {} +
        exec setpriv --reuid=mysql --regid=mysql --clear-groups -- "$0" "$@"
    fi
    if [[ ! -d $DATADIR/mysql ]]; then initialize "$@"; fi
    # What made the accounts is of no use to the server.
    unset MYSQL_ROOT_PASSWORD MYSQL_PASSWORD
fi
exec "$@"
