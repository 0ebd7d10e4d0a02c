#!/bin/bash
# Brings Relevo up on a machine that may have nothing: installs Docker where it is missing, gets or builds the images,
# writes .env if there is none, starts the cluster and waits until it replicates. Asked again, it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=compose/lib.sh
. compose/lib.sh

random() { head -c 64 /dev/urandom | base64 --wrap=0 | tr -d '+/=' | cut -c 1-28; }

SECRETS=(MYSQL_ROOT_PASSWORD MYSQL_PASSWORD RELEVO_CONTROL_PASSWORD RELEVO_REPL_PASSWORD RELEVO_RESYNC_PASSWORD
    RELEVO_EVENTS_PASSWORD REDIS_PASSWORD
    REDIS_WATCHER_PASSWORD REDIS_RESYNC_PASSWORD REDIS_DASHBOARD_PASSWORD RELEVO_API_TOKEN)

line() {
    [[ $2 != *[\'$'\n']* ]] || die "$1 may not contain a quote or a line break"
    if [[ $2 =~ ^[A-Za-z0-9_.,:/@%+=-]*$ ]]; then echo "$1=$2"; else echo "$1='$2'"; fi
}

write_env() {
    local name comment="random; the MySQL ones are fixed at the first start"
    [[ ! -e .env ]] || return 0
    if docker volume inspect relevo-mysql-primary >/dev/null 2>&1; then
        say "There is data of an earlier start but no .env: keeping the secrets that docker-compose.yml falls back to"
        comment="the token; the data were made with the others as docker-compose.yml has them, or the shell"
        RELEVO_API_TOKEN=${RELEVO_API_TOKEN-$(random)} # no data depend on it
    else
        for name in "${SECRETS[@]}"; do [[ -n ${!name+set} ]] || export "$name=$(random)"; done
    fi
    umask 077
    {
        echo "# Written by \`make up\`, which later only adds what a newer version needs. The shell's variables win over these. See .env.example."
        for name in MYSQL_IMAGE REDIS_IMAGE BASE_IMAGE; do line "$name" "${!name}"; done
        if [[ -n ${EXTRA_CA:-} ]]; then line EXTRA_CA "$EXTRA_CA"; fi
        echo "# Secrets: $comment."
        for name in "${SECRETS[@]}"; do if [[ -n ${!name+set} ]]; then line "$name" "${!name}"; fi; done
    } >.env.new
    mv .env.new .env
    say "Wrote .env: image names and secrets"
}

# Passwords of accounts that a newer version brought: the file of an older one lacks them, and the accounts are yet to be
# made. What the file says already stays as it is.
NEW_SECRETS=(RELEVO_RESYNC_PASSWORD RELEVO_EVENTS_PASSWORD)
add_new_secrets() {
    local name missing_end=
    for name in "${NEW_SECRETS[@]}"; do
        # A file without the older passwords keeps to the documented defaults.
        if grep -q '^RELEVO_CONTROL_PASSWORD=' .env && ! grep -q "^$name=" .env && [[ -z ${!name+set} ]]; then
            missing_end=
            [[ -z $(tail -c 1 .env) ]] || missing_end=$'\n'
            printf %s "$missing_end" >>.env
            line "$name" "$(random)" >>.env
            say "Added to .env: $name"
        fi
    done
}

# The servers prove who they are, and Relevo asks them to: only together, and not where .env or the shell says something
# else (an empty value: without).
TLS_CA=/etc/relevo/tls/ca/ca.pem
trust_own_servers() {
    local end=
    # Somebody's own servers have certificates of their own.
    if [[ ${COMPOSE_FILE:-} == *existing.yml* || -n ${RELEVO_TLS_CA+set} ]]; then return 0; fi
    if grep '^RELEVO_TLS_CA=' .env | grep -qvF "$TLS_CA"; then return 0; fi
    if ! compose/tls.sh; then
        say "No certificates: nobody checks who answers under a MySQL server's name"
        return 0
    fi
    ! grep -q '^RELEVO_TLS_CA=' .env || return 0
    [[ -z $(tail -c 1 .env) ]] || end=$'\n'
    printf '%s# MySQL servers are trusted by the CA in tls/.\nRELEVO_TLS_CA=%s\n' "$end" "$TLS_CA" >>.env
    say "Added to .env: RELEVO_TLS_CA"
}

# Servers that an older version made lack the newer accounts: the script of the first boot makes them. A replica is open to
# root for that moment, and the watcher, which would close it again, stands still meanwhile.
upgrade_accounts() {
    local node tries found stopped=
    for node in mysql-replica mysql-primary; do
        docker inspect "$node" >/dev/null 2>&1 || continue
        # shellcheck disable=SC2016 # the container's shell expands these
        for ((tries = 0; tries < 240; tries++)); do
            found=$(docker exec "$node" sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysql --protocol=socket -uroot -NBe \
                "SELECT IF(@@skip_networking, 0, COUNT(*)) FROM mysql.user WHERE user IN (\"relevo\", \"relevo_resync\")"' 2>/dev/null) || found=
            [[ -z $found || $found == 0 ]] || break # 0: the first boot is under way
            sleep 0.5
        done
        if [[ $found == 1 ]]; then
            if [[ -z $stopped ]]; then
                docker stop db-watcher >/dev/null && stopped=yes
            fi
            docker exec "$node" bash /docker-entrypoint-initdb.d/10-accounts.sh || die "the accounts of $node could not be upgraded"
            say "Upgraded Relevo's accounts on $node"
        fi
    done
    [[ -z $stopped ]] || docker start db-watcher >/dev/null
}

build_services() {
    local service
    for service in watcher resync dashboard; do
        docker build --network host --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "EXTRA_CA=${EXTRA_CA:-}" \
            -f compose/Dockerfile --target "$service" -t "relevo-$service:local" .
    done
}

images() {
    name_images
    [[ -n ${EXTRA_CA+set} ]] || EXTRA_CA=$(extra_ca)
    export EXTRA_CA
    # One after the other would leave a core idle: unpacking packages and compiling go well together.
    {
        get_image "$MYSQL_IMAGE" && get_image "$REDIS_IMAGE" &&
            if [[ ${COMPOSE_FILE:-} == *haproxy.yml* ]]; then get_image "${HAPROXY_IMAGE:-relevo-haproxy:local}"; fi
    } &
    local others=$!
    step "Services: compiling and packing watcher, resync and dashboard" build_services
    wait $others || exit 1
}

state() { docker exec redis redis-cli --raw HGET "relevo:${RELEVO_CLUSTER:-appdb}" "$1" 2>/dev/null || true; }

SERVICES=(db-watcher db-resync fastapi-dashboard)

# The engine has called the services healthy and is not about to say something else of a server. (One that is unhealthy
# is for the phase to tell: a node may be away.)
all_healthy() {
    local network
    network=$(docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' db-watcher 2>/dev/null)
    [[ $(docker inspect -f '{{.State.Health.Status}}' "${SERVICES[@]}" 2>/dev/null | sort -u) == healthy &&
        -z $(docker ps -q --filter network="$network" --filter health=starting) ]]
}

# A service that ends at once, again and again, has said why.
die_if_crashing() {
    local name
    for name in "${SERVICES[@]}" redis; do
        [[ $(docker inspect -f '{{.State.Status}}' "$name" 2>/dev/null) == restarting ]] || continue
        docker logs --tail 3 "$name" >&2
        die "$name does not stay up; its last lines are above"
    done
}

give_up() {
    docker ps -a --filter network=relevo --format '    {{.Names}}: {{.Status}}' >&2
    docker logs --tail 15 db-watcher >&2 || true
    die "$1; \`docker logs db-watcher\` and \`docker logs db-resync\` say why"
}

# Until the watcher calls it NORMAL (one primary, and a replica that streams) or FROZEN, in which case a person stopped
# it. What Redis remembers of an earlier run does not count: $1 is when this one began, in ms.
wait_until_replicating() {
    local begin=$SECONDS patience=${RELEVO_UP_TIMEOUT_S:-180} phase why told='' orphaned=''
    while ((SECONDS - begin < patience)); do
        phase='' why=''
        if [[ $(state updated_ms) -gt $1 ]]; then phase=$(state phase) why=$(state why); fi
        if [[ $phase == NORMAL || $phase == FROZEN ]] && all_healthy; then return 0; fi
        if [[ -n $phase && "$phase $why" != "$told" ]]; then
            told="$phase $why"
            printf '    %s%s\n' "$phase" "${why:+: $why}"
        fi
        if ((SECONDS - begin > 15)); then die_if_crashing; fi
        if [[ $phase != NO_PRIMARY ]]; then orphaned=''; else orphaned=${orphaned:-$SECONDS}; fi
        if [[ -n $orphaned ]] && ((SECONDS - orphaned > 30)); then die "nobody is primary: $why"; fi
        sleep 0.5
    done
    give_up "the replica does not stream after $patience s"
}

tell() {
    local page=http://localhost:${DASHBOARD_PORT:-8000} cluster=relevo:${RELEVO_CLUSTER:-appdb}
    if [[ $(state phase) == FROZEN ]]; then
        printf '\nRelevo is up (%s s), and does nothing by itself: %s\n' "$1" "$(state why)"
    else
        printf '\nRelevo is up (%s s): %s is primary, and its replica streams.\n' "$1" "$(state primary)"
    fi
    cat <<END

    page     $page/static/dashboard.html
    API      $page/docs   $page/status
    MySQL    mysql-primary 127.0.0.1:${MYSQL_PRIMARY_PORT:-3307}, mysql-replica 127.0.0.1:${MYSQL_REPLICA_PORT:-3308}, user app (TLS)
    secrets  in .env; the page's buttons want RELEVO_API_TOKEN

Now try:

    ${PREFIX}docker stop mysql-primary && ${PREFIX}docker logs -f db-watcher     # the replica takes over
    ${PREFIX}docker start mysql-primary && ${PREFIX}docker logs -f db-resync     # it comes back
    ${PREFIX}docker exec redis redis-cli PUBLISH $cluster:commands "switchover mysql-replica"
    make down                                                  # stop; the data stay
END
}

main() {
    if [[ ${1:-} == --images ]]; then
        ensure_engine
        read_env
        images
        return
    fi
    local begin=$SECONDS since_ms
    # A checkout made under a strict umask would be unreadable inside the containers.
    chmod -R a+rX compose/mysql compose/redis compose/haproxy static DB.sql
    chmod a+rx tls tls/*/
    ensure_engine
    read_env
    images
    write_env
    add_new_secrets
    trust_own_servers
    say "Starting the cluster"
    since_ms=$(date +%s%3N)
    compose up -d --no-build
    upgrade_accounts
    say "Waiting until the replica streams"
    wait_until_replicating "$since_ms"
    tell $((SECONDS - begin))
}

main "$@"
