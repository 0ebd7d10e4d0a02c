# shellcheck shell=bash
# Shared by up.sh, workshop.sh and the tests' runners: a working Docker engine, and images, from the registry where one
# answers and from Debian packages where none does. Sourced by bash; the working directory is the top of the checkout.

# shellcheck disable=SC2034 # up.sh uses it
PREFIX= # before the commands that a person is told
LOGS=build/logs
DOCKERD_LOG=${TMPDIR:-/tmp}/relevo-dockerd.log
# The builder that every engine has; the newer one needs a plugin that distributions ship apart.
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { docker image inspect "$1" >/dev/null 2>&1; }

# Runs a long command with its output in a log; says how it is getting on, and shows the log's end if it fails.
step() {
    local title=$1 log begin=$SECONDS pid told=0
    shift
    mkdir -p "$LOGS"
    log=$LOGS/$(tr -cs 'a-zA-Z0-9\n' - <<<"${title%%:*}").log
    say "$title"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - begin >= told + 15)); then
            told=$((SECONDS - begin))
            printf '    %s: %d s, now: %s\n' "${title%%:*}" "$told" "$(tail -n 1 "$log" | cut -c 1-90)"
        fi
    done
    if ! wait $pid; then
        tail -n 40 "$log" >&2
        die "\"${title%%:*}\" failed; everything it said is in $log"
    fi
    ((SECONDS - begin < 3)) || printf '    %s: done in %d s\n' "${title%%:*}" $((SECONDS - begin))
}

# What these scripts need of .env, unless the shell sets it: compose gives the shell precedence, too. Everything else is
# left to compose, which reads the file itself.
read_env() {
    local line name value
    [[ -e .env ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        [[ ${line%$'\r'} =~ ^(export\ +)?([A-Z_][A-Z0-9_]*)=(.*)$ ]] || continue
        name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        case $name in *_IMAGE | *_PORT | COMPOSE_* | EXTRA_CA | RELEVO_CLUSTER) ;; *) continue ;; esac
        case $value in
        \"*\" | \'*\') value=${value:1:-1} ;;
        *) value=${value%%[[:space:]]#*} value=${value%"${value##*[![:space:]]}"} ;;
        esac
        [[ -n ${!name+set} ]] || export "$name=$value"
    done <.env
}

# ---- the engine ------------------------------------------------------------------------------------------------------

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    command -v apt-get >/dev/null || die "missing: $*. Install it (this is not Debian or Ubuntu, so I cannot)."
    as_root apt-get -o Acquire::Check-Valid-Until=false update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

apt_knows() { [[ -n $(apt-cache search --names-only "^$1\$" 2>/dev/null) ]]; }

compose_installed() { docker compose version >/dev/null 2>&1 || docker-compose version >/dev/null 2>&1; }

# Only what is missing: the distribution's engine would throw out one that came from elsewhere.
install_docker() {
    local wanted=()
    # procps: `docker top` runs the ps of this machine.
    apt_install iptables ca-certificates procps || return
    # Newer releases ship the client, and Ubuntu compose, under names of their own.
    if ! engine_installed; then wanted+=(docker.io); fi
    if ! command -v docker >/dev/null; then
        if apt_knows docker-cli; then wanted+=(docker-cli); else wanted+=(docker.io); fi
    fi
    if ! compose_installed; then
        if apt_knows docker-compose-v2; then wanted+=(docker-compose-v2); else wanted+=(docker-compose); fi
    fi
    apt_install "${wanted[@]}"
}

answering() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# dockerd without an init system: detached from this terminal, its words in a file.
run_dockerd() {
    local pid tries
    # shellcheck disable=SC2016 # the inner shell expands these
    pid=$(as_root sh -c 'setsid nohup dockerd "$@" >"$0" 2>&1 </dev/null & echo $!' "$DOCKERD_LOG" "$@")
    for ((tries = 0; tries < 300; tries++)); do
        if as_root docker version >/dev/null 2>&1; then return 0; fi
        [[ -d /proc/$pid ]] || return 1
        sleep 0.1
    done
    return 1
}

start_engine() {
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl start docker || return
        return
    fi
    run_dockerd && return 0
    # Kernels and containers without netfilter: published ports still work, through the engine's own proxy.
    grep -qi iptables "$DOCKERD_LOG" || return 1
    run_dockerd --iptables=false --ip6tables=false
}

# A user outside the group docker reaches the engine through sudo.
# shellcheck disable=SC2032,SC2033,SC2034,SC2317,SC2329 # sudo shall run the program, not the function
use_sudo() {
    PREFIX='sudo '
    docker() { sudo --preserve-env docker "$@"; }
    docker-compose() { sudo --preserve-env docker-compose "$@"; }
}

# A client alone is no engine; dockerd lives where an ordinary user's PATH does not look.
engine_installed() {
    answering || PATH=$PATH:/usr/sbin:/sbin command -v dockerd >/dev/null || as_root docker version >/dev/null 2>&1
}

ensure_engine() {
    if ! command -v docker >/dev/null || ! compose_installed || ! engine_installed; then
        step "Install Docker: engine and compose, from the distribution" install_docker
        hash -r
    fi
    if answering; then return; fi
    if ! as_root docker version >/dev/null 2>&1; then
        say "Starting the Docker engine"
        start_engine || die "the Docker engine does not start; $DOCKERD_LOG or \`journalctl -u docker\` says why"
    fi
    if answering; then return; fi
    use_sudo
    answering || die "the Docker engine does not answer; \`docker version\` says why"
}

# Whichever client is there: v2 as a plugin, or docker-compose (1.29 and v2 alike).
compose() {
    if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

# ---- images ----------------------------------------------------------------------------------------------------------

# True if a registry answers. Asked once, with the smallest image there is.
registry() {
    if [[ -z ${REGISTRY_ANSWERS:-} ]]; then
        REGISTRY_ANSWERS=no
        # shellcheck disable=SC2086 # sudo and its blank, or nothing: timeout runs programs, not functions
        if have hello-world || timeout --foreground 20 ${PREFIX}docker pull -q hello-world >/dev/null 2>&1; then REGISTRY_ANSWERS=yes; fi
        [[ $REGISTRY_ANSWERS == yes ]] || say "No image registry answers: images are built here from Debian packages"
    fi
    [[ $REGISTRY_ANSWERS == yes ]]
}

# The Debian mirror that this machine uses itself; nothing where it is no Debian, and debootstrap then knows its own.
debian_mirror() {
    # shellcheck disable=SC2016 # apt-get expands these
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null |
        awk '$1 == "Debian" && $2 == "Debian" {print $3; exit}'
}

import_debian() (
    set -eo pipefail
    folder=$(mktemp -d /var/tmp/relevo-base.XXXXXX)
    trap 'as_root rm -rf "$folder"' EXIT
    mirror=${DEBIAN_MIRROR:-$(debian_mirror)}
    as_root debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg sid "$folder" \
        ${mirror:+"$mirror"}
    # shellcheck disable=SC2016 # the inner shell expands these
    as_root sh -c 'cd "$1" && rm -rf var/lib/apt/lists/* var/cache/apt/* usr/share/doc/* usr/share/man/* \
        usr/share/locale/* var/log/*.log var/log/apt/*' - "$folder"
    as_root tar -C "$folder" -c --numeric-owner . | docker import -c 'CMD ["bash"]' - relevo-base:local
)

build_base() {
    if ! command -v debootstrap >/dev/null || [[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
        step "Install debootstrap: it makes the base image" apt_install debootstrap debian-archive-keyring
    fi
    step "Base image: a minimal Debian sid, about half a minute" import_debian
}

# name_image VARIABLE OFFICIAL LOCAL: keeps what VARIABLE says (shell or .env); else OFFICIAL, if it is here or a registry
# answers; else LOCAL, which get_image builds.
name_image() {
    local variable=$1 official=$2 fallback=$3
    if [[ -z ${!variable:-} ]]; then
        if have "$official" || registry; then export "$variable=$official"; else export "$variable=$fallback"; fi
    fi
}

get_image() {
    if have "$1"; then return; fi
    case $1 in
    relevo-base:local) build_base ;;
    relevo-mysql:local) step "MySQL image: from Debian packages" build_image "$1" compose/mysql ;;
    relevo-redis:local) step "Redis image: from Debian packages" build_image "$1" compose/redis ;;
    relevo-haproxy:local) step "HAProxy image: from Debian packages" build_image "$1" compose/haproxy ;;
    *) step "Pull $1" docker pull "$1" ;;
    esac
}

# Exports BASE_IMAGE, MYSQL_IMAGE and REDIS_IMAGE, and gets the base, which everything else is built from.
name_images() {
    name_image BASE_IMAGE debian:sid-slim relevo-base:local
    name_image MYSQL_IMAGE mysql:9.7 relevo-mysql:local
    name_image REDIS_IMAGE redis:8 relevo-redis:local
    export BASE_IMAGE MYSQL_IMAGE REDIS_IMAGE
    get_image "$BASE_IMAGE"
}

build_image() {
    local name=$1
    shift
    docker build --network host --build-arg "BASE_IMAGE=$BASE_IMAGE" -t "$name" "$@"
}

# The certificates that this machine trusts besides the distribution's: a build behind the same gateway needs them.
extra_ca() {
    local files=(/usr/local/share/ca-certificates/*.crt)
    if [[ -e ${files[0]} ]]; then cat "${files[@]}" | base64 --wrap=0; fi
}
