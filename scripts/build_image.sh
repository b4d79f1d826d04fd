#!/usr/bin/env bash
# Builds the container image with podman, buildah or docker, without a network: `make map` has fetched the packages.
#   BASE=IMAGE BUILD=cpu|gpu IMAGE=NAME [ENGINE=podman|buildah|docker] scripts/build_image.sh [OPTIONS OF THE ENGINE]
set -euo pipefail
cd "$(dirname "$0")/.."

engine=${ENGINE:-}
for candidate in podman buildah docker; do
    if [ -z "$engine" ] && command -v "$candidate" >/dev/null; then engine=$candidate; fi
done
[ -n "$engine" ] || {
    echo "No container engine found: install podman (apt-get install podman runc), buildah or docker." >&2
    exit 1
}

revision=unknown # in an unpacked archive
if [ -e .git ]; then
    revision=$(git rev-parse HEAD)
    [ -z "$(git status --porcelain)" ] || revision=$revision-dirty
fi
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
arguments=(--network none --build-arg "BASE=$BASE" --build-arg "BUILD=$BUILD" --build-arg PIP_NO_INDEX=1
    --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$revision"
    --tag "$IMAGE" "$@" .)

# podman and buildah leave the times of files out, so that the same files make the same layers.
case $engine in
docker) DOCKER_BUILDKIT=1 docker build "${arguments[@]}" ;;
*) "$engine" build --format docker --layers --timestamp 0 "${arguments[@]}" ;;
esac
