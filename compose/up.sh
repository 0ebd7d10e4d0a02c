#!/bin/bash
# Brings Relevo up on a machine that may have nothing: installs Docker where it is missing, gets or builds the images,
# writes .env if there is none, starts the cluster and waits until it replicates. Asked again, it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=compose/lib.sh
. compose/lib.sh

random() { head -c 64 /dev/urandom | base64 --wrap=0 | tr -d '+/=' | cut -c 1-28; }

SECRETS=(MYSQL_ROOT_PASSWORD MYSQL_PASSWORD RELEVO_CONTROL_PASSWORD RELEVO_REPL_PASSWORD REDIS_PASSWORD
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
        echo "# Written by \`make up\`, never changed by it. The shell's variables win over these. See .env.example."
        for name in MYSQL_IMAGE REDIS_IMAGE BASE_IMAGE; do line "$name" "${!name}"; done
        if [[ -n ${EXTRA_CA:-} ]]; then line EXTRA_CA "$EXTRA_CA"; fi
        echo "# Secrets: $comment."
        for name in "${SECRETS[@]}"; do if [[ -n ${!name+set} ]]; then line "$name" "${!name}"; fi; done
    } >.env.new
    mv .env.new .env
    say "Wrote .env: image names and secrets"
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
    { get_image "$MYSQL_IMAGE" && get_image "$REDIS_IMAGE"; } &
    local others=$!
    step "Services: compiling and packing watcher, resync and dashboard" build_services
    wait $others || exit 1
}

state() { docker exec redis redis-cli --raw HGET relevo:appdb "$1" 2>/dev/null || true; }

# True when the watcher calls it NORMAL: one primary, and a replica that streams.
wait_until_replicating() {
    local begin=$SECONDS phase why told=''
    while ((SECONDS - begin < ${RELEVO_UP_TIMEOUT_S:-180})); do
        phase=$(state phase)
        if [[ $phase == NORMAL ]]; then return 0; fi
        why=$(state why)
        if [[ -n $phase && "$phase $why" != "$told" ]]; then
            told="$phase $why"
            printf '    %s%s\n' "$phase" "${why:+: $why}"
        fi
        sleep 0.5
    done
    docker ps -a --filter network=relevo --format '    {{.Names}}: {{.Status}}' >&2
    docker logs --tail 15 db-watcher >&2 || true
    die "the replica does not stream after ${RELEVO_UP_TIMEOUT_S:-180} s; \`docker logs db-watcher\` and \`docker logs db-resync\` say why"
}

main() {
    if [[ ${1:-} == --images ]]; then
        ensure_engine
        read_env
        images
        return
    fi
    local begin=$SECONDS
    # A checkout made under a strict umask would be unreadable inside the containers.
    chmod -R a+rX compose/mysql compose/redis DB.sql
    ensure_engine
    read_env
    images
    write_env
    say "Starting the cluster"
    compose up -d --no-build --remove-orphans
    say "Waiting until the replica streams"
    wait_until_replicating
    cat <<END

Relevo is up ($((SECONDS - begin)) s): $(state primary) is primary, and its replica streams.

    page     http://localhost:8000/static/dashboard.html
    API      http://localhost:8000/docs   http://localhost:8000/status
    MySQL    mysql-primary 127.0.0.1:3307, mysql-replica 127.0.0.1:3308, user app (TLS)
    secrets  in .env; the page's buttons want RELEVO_API_TOKEN

Now try:

    ${PREFIX}docker stop mysql-primary && ${PREFIX}docker logs -f db-watcher     # the replica takes over
    ${PREFIX}docker start mysql-primary && ${PREFIX}docker logs -f db-resync     # it comes back
    ${PREFIX}docker exec redis redis-cli PUBLISH relevo:appdb:commands "switchover mysql-replica"
    make down                                                  # stop; the data stay
END
}

main "$@"
