#!/usr/bin/env bash
# Finds a Python to run scripts/build with, which does the work: see --help.
set -euo pipefail

here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)

# What scripts/build needs, which the smallest of Pythons may lack.
probe='import sys
if sys.version_info < (3, 9): sys.exit(1)
import argparse, fcntl, http.client, json, lzma, tarfile, tempfile, urllib.request, zlib'

find_python() {
    local candidate
    for candidate in python3 python3.{9,10,11,12,13,14}; do
        if "$candidate" -I -c "$probe" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install_python() {
    local root=()
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        root=(sudo -n)
    fi
    local install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q
        install -y --no-install-recommends python3)
    mkdir -p "$here/build"
    echo "note: to be installed with apt-get: python3"
    echo "==> install python3"
    # A list of packages that is too old, or none, gets a second try.
    {
        "${install[@]}" || { "${root[@]}" apt-get -q update && "${install[@]}"; }
    } >"$here/build/python3.log" 2>&1 </dev/null
}

may_install=1
for word; do
    [ "$word" != --no-install ] || may_install=
done
if ! python=$(find_python); then
    if [ -z "$may_install" ] || ! install_python || ! python=$(find_python); then
        echo "error: no Python of version 3.9 or later; install it" \
            "(apt-get install python3)" >&2
        exit 1
    fi
fi

# -E and -s: the settings of somebody's Python are not for this one. -B: what
# is generated belongs in build/.
exec "$python" -E -s -B "$here/scripts/build" "$@"
