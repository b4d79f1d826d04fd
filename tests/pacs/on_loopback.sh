#!/bin/sh
# Run a command in a network namespace that has nothing but the loopback device: Orthanc listens at every address.
# Where the machine allows no namespace it runs without one, and the tests that need Orthanc skip themselves.
if unshare --net -- true 2>/dev/null; then
    exec unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh "$@"
fi
exec "$@"
