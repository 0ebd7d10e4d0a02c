#!/bin/bash
# Runs a command in the workshop image (dev.Dockerfile), with this checkout mounted at its own path; builds the image if
# it is missing or its Dockerfile has changed.
#
#     compose/workshop.sh make -f build.mk unit       as the present user, without a network
#     compose/workshop.sh --docker pytest tests       as root, with the engine's socket and the host's network
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=compose/lib.sh
. compose/lib.sh

IMAGE=${RELEVO_DEV_IMAGE:-relevo-dev}
options=(--rm --init --name "relevo-workshop-$$" -v "$PWD:$PWD" -w "$PWD" -e HOME=/tmp)
if [[ ${1:-} == --docker ]]; then
    shift
    # Chromium needs more shared memory than a container gets.
    socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
    options+=(--network host -v "${socket#unix://}:/var/run/docker.sock" --shm-size 1g
        -e MYSQL_IMAGE -e REDIS_IMAGE -e BASE_IMAGE -e EXTRA_CA -e "RELEVO_DEV_IMAGE=$IMAGE" -e DOCKER_BUILDKIT)
else
    options+=(--network none -u "$(id -u):$(id -g)")
fi
if [[ -t 0 && -t 1 ]]; then options+=(-it); fi

ensure_engine
read_env
name_image BASE_IMAGE debian:sid-slim relevo-base:local
sum=$(sha256sum <compose/dev.Dockerfile | cut -c 1-16)
if [[ $(docker image inspect -f '{{index .Config.Labels "relevo.dockerfile"}}' "$IMAGE" 2>/dev/null) != "$sum" ]]; then
    get_image "$BASE_IMAGE"
    # From standard input: the image needs nothing of the checkout.
    build_workshop() { build_image "$IMAGE" --label "relevo.dockerfile=$sum" - <compose/dev.Dockerfile; }
    step "Workshop image: compilers, linters, test tools; a few minutes" build_workshop
fi
docker run "${options[@]}" "$IMAGE" "$@"
