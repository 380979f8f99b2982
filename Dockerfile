# One validator or replica: its home is the volume, its settings are GTX_* variables and
# HOME/config.toml. Two stages, so that the compiler stays behind.

FROM python:3.11-slim-bookworm AS build

# fastecdsa, which libp2p asks for, has no wheel: a compiler and libgmp's headers are needed.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libgmp-dev \
    && rm -rf /var/lib/apt/lists/*

RUN python -m venv /opt/gtxnode
ENV PATH=/opt/gtxnode/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /src
COPY . .
RUN pip install .


FROM python:3.11-slim-bookworm AS node

# tini reaps and passes signals on; libgmp is what fastecdsa was linked against.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini libgmp10 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 gtxnode \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/gtxnode --create-home \
        --shell /usr/sbin/nologin gtxnode

COPY --from=build /opt/gtxnode /opt/gtxnode

ENV PATH=/opt/gtxnode/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GTX_HOME=/var/lib/gtxnode

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /var/lib/gtxnode
WORKDIR /var/lib/gtxnode

# SIGTERM drains: no new work is taken, what is in hand is journalled, the databases are closed.
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["gtxnode", "status"]

ENTRYPOINT ["tini", "--", "gtxnode"]
CMD ["start"]
