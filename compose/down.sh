#!/bin/bash
# Stops the cluster; with --volumes also removes its data, after asking (YES=1 skips the question).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=compose/lib.sh
. compose/lib.sh

if ! command -v docker >/dev/null; then
    say "Docker is not installed: nothing runs"
    exit 0
fi
ensure_engine
read_env
if [[ ${1:-} == --volumes ]]; then
    if [[ ${YES:-} != 1 ]]; then
        printf 'This removes both databases, the state in Redis, the rescued transactions, the certificates and .env. Sure? [y/N] '
        read -r answer || answer=no
        [[ $answer == [yYsS]* ]] || die "nothing was removed"
    fi
    # The third server's data, too, whether or not its overlay is in use this time.
    [[ -n ${COMPOSE_FILE:-} ]] || export COMPOSE_FILE=docker-compose.yml:compose/three-nodes.yml
    compose down --volumes --remove-orphans
    rm -f .env
    # Of servers that exist already the CA is somebody else's.
    [[ ${COMPOSE_FILE:-} == *existing.yml* ]] || rm -f tls/ca.key tls/*/*.pem
else
    compose down --remove-orphans
fi
