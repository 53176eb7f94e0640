# syntax=docker/dockerfile:1
# The image of Portcullis: built from source in one stage, run in another by a user without rights.
# See docs/install.md for what to mount and set.

FROM rust:1.95-slim-bookworm AS build
# The bundled SQLite, libpq and OpenSSL are compiled from source.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /portcullis
COPY . .
# The time of the commit, so that the same source gives the same binary.
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH \
    RUSTFLAGS="--remap-path-prefix=/usr/local/cargo=/cargo --remap-path-prefix=/usr/local/rustup=/rust -C strip=symbols" \
    CFLAGS="-ffile-prefix-map=/usr/local/cargo=/cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/portcullis/target \
    cargo build --release --locked --bin portcullis \
    && install -D target/release/portcullis /out/usr/bin/portcullis \
    && install -d -m 0700 -o 65532 -g 65532 /out/var/lib/portcullis

FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="A SCIM 2.0 provisioning server joined to a token authority" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# Certificate authorities, for webhooks and mail.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/portcullis/
USER 65532:65532
ENV PORTCULLIS_LISTEN=0.0.0.0:8080 \
    PORTCULLIS_DATA_DIR=/var/lib/portcullis \
    PORTCULLIS_LOG_FORMAT=json
VOLUME /var/lib/portcullis
EXPOSE 8080
STOPSIGNAL SIGTERM
# Whether the process answers, not whether its database does: restarting it would not help a database.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/bin/portcullis"]
CMD ["serve"]
