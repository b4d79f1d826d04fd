#!/usr/bin/env bash
# Makes a base image from Debian's packages, without an image registry: make_base.sh IMAGE. Needs root, podman, mmdebstrap.
# Name and name server of this machine, which mmdebstrap leaves there, stay out of it, and so do devices: the engine mounts
# its own, and docker's COPY would make files of them that anyone may write.
set -euo pipefail
image=$1
if podman image exists "$image"; then exit 0; fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --variant=minbase --components=main --include=ca-certificates,python3,python3-venv \
    --skip=output/dev --customize-hook='rm "$1/etc/hostname" "$1/etc/resolv.conf"' \
    bookworm "$work/base.tar"
podman import --quiet "$work/base.tar" "$image"
