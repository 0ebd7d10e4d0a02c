#!/bin/bash
# `make test`: everything, on a machine that may have nothing. Stops at the first stage that fails.
#
#     tests/run.sh                      all stages
#     tests/run.sh PYTEST-ARGUMENTS     images, then only pytest with these: tests/run.sh tests/e2e -k kill
#     tests/run.sh --long               images, then the tests that take too long for `make test`
#     tests/run.sh --bench FILE         images, then a program of tests/bench
#     tests/run.sh --chaos              images, then tests/chaos/chaos.py (SEED, ROUNDS, MINUTES, ONLY, MODE)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=compose/lib.sh
. compose/lib.sh

workshop() { compose/workshop.sh "$@"; }
variant() { workshop make -s --no-print-directory -f build.mk -j"$(nproc)" -O VARIANT="$1" "${@:2}"; }

stage() { printf '\n==== %s\n' "$*"; }

# The end-to-end tests need the containers' names and ports for a project of their own.
refuse_beside_another() {
    local name project
    for name in mysql-primary mysql-replica redis db-watcher db-resync fastapi-dashboard; do
        project=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project"}}' "$name" 2>/dev/null || true)
        [[ -z $project || $project == relevo-test ]] || die "$name of another project runs: stop it first (make down)"
    done
}

begin=$SECONDS
ensure_engine
read_env
refuse_beside_another
# The same in the workshop, which does not have this machine's: what a test builds shall come from the cache.
[[ -n ${EXTRA_CA+set} ]] || EXTRA_CA=$(extra_ca)
export EXTRA_CA
name_images
stage "Images"
# Mostly waiting for downloads and unpacking: both at once.
workshop true &
workshop_image=$!
compose/up.sh --images
wait $workshop_image

if [[ ${1:-} == --chaos ]]; then
    exec compose/workshop.sh --docker env "SEED=${SEED:-}" "ROUNDS=${ROUNDS:-}" "MINUTES=${MINUTES:-}" \
        "ONLY=${ONLY:-}" "MODE=${MODE:-}" python3 tests/chaos/chaos.py
fi

if [[ ${1:-} == --long ]]; then set -- -m long tests/e2e tests/integration; fi

if [[ ${1:-} == --bench ]]; then
    shift
    knobs=()
    for name in KILLS STOPS PAUSES SCRIPTED MODE MEGABYTES RUNS CLONES POOL_MB COPY_MB COPY_RUNS ONLY; do
        if [[ -n ${!name:-} ]]; then knobs+=("$name=${!name}"); fi
    done
    exec compose/workshop.sh --docker env "${knobs[@]}" python3 "$@"
fi

if [[ $# == 0 ]]; then
    stage "Build, unit tests, linters"
    workshop make -s --no-print-directory -j"$(nproc)" -O -f lint.mk check
    stage "Unit tests under the address and undefined-behaviour sanitizers"
    variant asan unit
    stage "Unit tests under the thread sanitizer"
    variant tsan unit
fi

run_pytest() { compose/workshop.sh --docker python3 -m pytest -c tests/pytest.ini "$@"; }

stage "Integration, end to end, browser"
programs=(tests/integration/*.c)
programs=("${programs[@]/#/build/asan/}")
variant asan services "${programs[@]%.c}"
result=0
if [[ $# == 0 ]]; then
    # What has servers of its own, or needs none, runs beside the rest, which shares one cluster.
    beside_log=$LOGS/integration.log
    mkdir -p "$LOGS"
    # The contract on real servers takes six minutes of boots and pauses: `make contract`.
    run_pytest -m "not long" tests/integration tests/e2e/test_settings.py --ignore=tests/integration/test_contract.py >"$beside_log" 2>&1 </dev/null &
    beside=$!
    run_pytest -m "not long" tests/browser tests/chaos tests/e2e --ignore=tests/e2e/test_settings.py || result=$?
    wait "$beside" || result=$?
    cat "$beside_log"
else
    run_pytest "$@" || result=$?
fi
# The workshop worked as root; the checkout's owner shall be able to remove what it wrote.
if [[ $(id -u) != 0 ]]; then compose/workshop.sh --docker chown -R "$(id -u):$(id -g)" build; fi
printf '\n==== %s after %d min %d s\n' "$([[ $result == 0 ]] && echo "All passed" || echo "FAILED")" \
    $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60))
exit "$result"
