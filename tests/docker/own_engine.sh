#!/bin/sh
# Run the engine in its own mount namespace, with its own bridge; remove both when it
# ends. own_engine.py runs this as a process of its own, which cleans up even if
# own_engine.py is killed.
# Usage: own_engine.sh BRIDGE DIRECTORY COMMAND...
set -eu
bridge=$1
place=$2
shift 2

# shellcheck disable=SC2329  # the trap calls it
tidy() {
    ip link delete "$bridge"
    # The network namespaces of the containers.
    awk -v place="$place/" 'index($2, place) == 1 { print $2 }' /proc/self/mounts |
        xargs --no-run-if-empty umount --lazy
    rm -rf "$place"
}

# The engine would rather use the machine's containerd, which sees none of its mounts.
if [ -d /run/containerd ]; then
    mount -t tmpfs threadjoin /run/containerd
fi
# The engine gives it addresses that no route here leads to.
ip link add "$bridge" type bridge
trap tidy EXIT

# A background job of a shell ignores these two signals, and so would the containers.
env --default-signal=INT --default-signal=QUIT "$@" &
engine=$!
trap 'kill -TERM "$engine" || true' TERM
status=0
wait "$engine" || status=$?
# A signal ends the wait before the engine has ended.
while kill -0 "$engine" 2>/dev/null; do
    wait "$engine" || status=$?
done
exit "$status"
