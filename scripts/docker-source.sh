#!/bin/bash
# What the Dockerfile's stage `source` runs: lays out the source, and checks that
# the build arguments are about the same release. Takes no arguments: they are in
# the environment. Here, for docker repeats the whole text of a RUN that fails.
set -euo pipefail

if [ -n "${CA_CERT:-}" ]; then
    printf '%s\n' "$CA_CERT" >>/etc/ssl/certs/ca-certificates.crt
fi

$BUILD --until=source

header=build/$SERIES/$VARIANT/$KIND/src/Include/patchlevel.h
version=$(awk '$2 == "PY_VERSION" { gsub(/"/, ""); print $3 }' "$header")
if [ "$version" != "$PYTHON_VERSION" ]; then
    echo "error: PYTHON_VERSION is $PYTHON_VERSION, and the source is $version;" \
        "give --build-arg PYTHON_VERSION=$version" >&2
    exit 1
fi
