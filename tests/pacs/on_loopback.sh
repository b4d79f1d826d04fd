#!/bin/sh
# Run a command in a network namespace that has nothing but the loopback device: Orthanc listens at every address.
exec unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh "$@"
