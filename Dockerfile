# check=skip=SecretsUsedInArgOrEnv
# CPython with the series, to be used as python:3.11-slim is. The stages are
#
#   source   the pinned source, verified, with the series applied
#   build    compiled
#   test     test_threading and the reproducer have passed, then installed
#   slim     without what nobody runs, with dates that do not change
#   final    the image: the default, and made only when the tests have passed
#
# Nothing here needs BuildKit, and nothing needs a network but the packages of
# the base image and, unless build/cache/ has it already, the source.

ARG BASE=debian:bookworm-slim
# The series of patches, and the release that it is put on: the newest that it is
# checked on, the checksum of the .tar.xz, and the key that python.org signs it with.
# Made of patches/*/releases.json by `series releases --write`.
ARG SERIES=3.11
ARG PYTHON_VERSION=3.11.16
ARG PYTHON_SHA256=91bcdebfdde239a003ae93738a7fce0f9230fee5c4bc2b86f6e6e8c6f98aabe8
ARG GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D
# End of what is made.

# hadolint ignore=DL3006
FROM ${BASE} AS source
# What fails in a pipe, fails.
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /threadjoin
COPY build.sh ./
COPY scripts scripts/
# build.sh knows what it needs, and installs it. In addition: what a mirror
# with https needs, and Tcl/Tk, which python:3.11-slim has been built with.
# hadolint ignore=DL3008
RUN export DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install -y --no-install-recommends ca-certificates tk-dev; \
    ./build.sh --until=packages; \
    rm -rf /var/lib/apt/lists/*
COPY . .

# As they are above. KIND is stock for the same image without the series.
ARG SERIES
ARG VARIANT=pgo
ARG KIND=patched
ARG PYTHON_VERSION
ARG PYTHON_SHA256
# Instead of the release: a tarball in the context, or the URL of one, whose
# checksum is PYTHON_SHA256; or "debian", as ./build.sh --source has it.
ARG SOURCE
# A further certificate authority to trust, for SOURCE; as text (PEM).
ARG CA_CERT
# The date of all files, and of the interpreter: seconds since 1970.
ARG SOURCE_DATE_EPOCH=1795392000

# What python:3.11-slim configures, too. Of another libpython of this version,
# which the distribution may have, no use is to be made.
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    BUILD="./build.sh ${SERIES} --variant=${VARIANT} --${KIND} --prefix=/usr/local \
    --configure=--enable-shared --configure=--enable-loadable-sqlite-extensions \
    --configure=LDFLAGS_NODIST=-Wl,-rpath,/usr/local/lib \
    ${SOURCE:+--source=}${SOURCE:---release=${PYTHON_VERSION}} \
    --sha256=${PYTHON_SHA256}"

RUN scripts/docker-source.sh

FROM source AS build
RUN $BUILD --until=compile

FROM build AS test
RUN $BUILD

FROM test AS slim
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /usr/local
COPY scripts/docker-entrypoint.sh /usr/local/bin/
# A debug build is for debuggers, and keeps its symbols.
RUN if ! bin/python3 -c 'import sys; sys.gettotalrefcount' 2>/dev/null; then \
        find . -type f \( -name '*.so*' -o -path './bin/python3.*[0-9]' \) \
            -exec strip --strip-unneeded {} +; \
    fi
# Of CPython's tests stay those of joins: test_threading, and the series' own.
RUN tests=$(echo lib/python3.*/test); \
    mkdir /kept; \
    for name in __init__.py __main__.py libregrtest support \
            lock_tests.py test_threading.py \
            test_threading_join.py test_thread_handle.py test_thread_refused.py; do \
        [ ! -e "$tests/$name" ] || mv "$tests/$name" /kept; \
    done; \
    find . -depth \( -type d \( -name test -o -name tests -o -name idle_test \) \
        -o -type f -name 'libpython*.a' \) -exec rm -rf {} +; \
    mv /kept "$tests"; \
    find . -depth -type d -name __pycache__ -exec rm -rf {} +
RUN for name in idle pip pydoc python; do ln -s "${name}3" "bin/$name"; done; \
    ln -s python3-config bin/python-config; \
    find . -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
# The packages with the libraries that all of this is linked with. Tcl/Tk is
# for those who want it to install, as in python:3.11-slim.
RUN find . -type f \( -name '*.so*' -o -path './bin/python3.*[0-9]' \) \
            ! -name '_tkinter*' -exec ldd {} + \
        | awk '$3 ~ "^/(usr/)?lib" { sub("^/(usr/)?", "", $3); print "*/" $3 }' \
        | sort -u | xargs dpkg-query --search | cut -d: -f1 | sort -u >/runtime

# hadolint ignore=DL3006
FROM ${BASE} AS final
# Ahead of a Python of the distribution's.
ENV PATH=/usr/local/bin:$PATH
# Programs have come to rely on it in python:3.11-slim.
ENV LANG=C.UTF-8

COPY --from=slim /runtime /tmp/
# hadolint ignore=DL3008,SC2046
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install -y --no-install-recommends \
        ca-certificates netbase tzdata $(cat /tmp/runtime); \
    apt-get clean; \
    rm -rf /tmp/runtime /var/lib/apt/lists/* /var/cache/apt/*.bin \
        /var/cache/ldconfig /var/log/apt /var/log/*.log

# As python:3.11-slim has them; the checksum is what is relied on here.
ARG PYTHON_VERSION PYTHON_SHA256 GPG_KEY
ENV GPG_KEY=${GPG_KEY} PYTHON_VERSION=${PYTHON_VERSION} \
    PYTHON_SHA256=${PYTHON_SHA256}

COPY --from=slim /usr/local /usr/local
ARG SOURCE_DATE_EPOCH=1795392000
RUN set -eu; \
    ldconfig; \
    rm -rf /var/cache/ldconfig; \
    touch --date="@$SOURCE_DATE_EPOCH" /usr/local; \
    export PYTHONDONTWRITEBYTECODE=1; \
    python3 --version; \
    pip3 --version

ARG BASE SERIES VARIANT=pgo KIND=patched REVISION=unknown
LABEL org.opencontainers.image.title="threadjoin" \
      org.opencontainers.image.description="CPython without the races of Thread.join()" \
      org.opencontainers.image.licenses="PSF-2.0" \
      org.opencontainers.image.version="${PYTHON_VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}" \
      threadjoin.series="${SERIES}" \
      threadjoin.variant="${VARIANT}" \
      threadjoin.kind="${KIND}"

# Runs a command as if it were not there, and python3 for arguments alone.
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["python3"]
