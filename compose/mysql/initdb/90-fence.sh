#!/bin/bash
# Last of the first boot: from now on the node starts read-only, and only the watcher opens it, for as long as it runs.
# PERSIST_ONLY leaves the temporary server writable, so that the image's entry point can end its work.
set -euo pipefail

sql="SET PERSIST_ONLY super_read_only = ON;"
# A node without data of its own joins with an empty GTID set. Only the node that runs DB.sql keeps its history.
if [[ ${RELEVO_SEED_NODE:-no} != yes ]]; then sql="RESET BINARY LOGS AND GTIDS; $sql"; fi
MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql --protocol=socket -uroot <<<"$sql"
