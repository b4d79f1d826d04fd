#!/usr/bin/env bash
# Writes configs/image/requirements-*.txt: every package of the container image with its version and hashes.
# Versions are those of constraints.txt. The CPU build of torch is taken from wherever uv is told to look:
#   UV_FIND_LINKS=FOLDER or UV_EXTRA_INDEX_URL=ADDRESS scripts/lock_image.sh
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

lock() {
    local output=$1
    shift
    uv pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
        --python-platform x86_64-manylinux_2_35 --output-file "$output" "$@"
}

lock_application() {
    local output=$1 torch=$2 constraints=$3
    echo "torch==$torch" >"$work/torch.in"
    lock "$output" pyproject.toml --extra app --extra pacs --constraint "$constraints" --constraint "$work/torch.in" \
        --override configs/image/overrides.txt
}

# The CUDA build of torch brings the CUDA packages that it was built with.
grep --invert-match --extended-regexp '^(cuda|nvidia)-' constraints.txt >"$work/constraints.txt"

lock_application configs/image/requirements-cpu.txt 2.13.0+cpu constraints.txt
(
    unset UV_FIND_LINKS UV_EXTRA_INDEX_URL # "2.13.0" would be satisfied by "2.13.0+cpu", too
    lock_application configs/image/requirements-gpu.txt 2.13.0 "$work/constraints.txt"
)
lock configs/image/requirements-build.txt configs/image/build.in --constraint constraints.txt
