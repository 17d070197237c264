FROM python:3.11-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY . .
RUN pip wheel --quiet --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/branchline \
 && /opt/branchline/bin/pip install --quiet "$(echo /wheels/branchline-*.whl)[server]"


FROM python:3.11-slim

LABEL org.opencontainers.image.title="Branchline" \
      org.opencontainers.image.description="Durable workflows as graphs" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH="/opt/branchline/bin:$PATH" \
    PYTHONUNBUFFERED=1
# A fixed id, so that the owner of a mounted folder can be set from outside.
RUN groupadd --gid 10001 branchline \
 && useradd --uid 10001 --gid branchline --no-create-home --home-dir /data --shell /usr/sbin/nologin branchline \
 && install --directory --owner=branchline --group=branchline /data
COPY --from=build /opt/branchline /opt/branchline

USER branchline
WORKDIR /data
VOLUME /data
EXPOSE 7717
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["branchline", "health", "--address", "localhost:7717"]
ENTRYPOINT ["branchline"]
CMD ["server", "--database", "sqlite:////data/branchline.db", "--listen", "0.0.0.0:7717"]
