#!/bin/sh
# `docker run IMAGE -m test` is `docker run IMAGE python3 -m test`; all else is
# run as it is, in our place, as in an image without an entrypoint.
case ${1-} in
-*) set -- python3 "$@" ;;
esac
exec "$@"
