# The image contains the binary, and the CA certificates that verify publishers. It
# contains no PostgreSQL, so DATABASE_URL must name one:
#
#   docker run --rm -e DATABASE_URL=postgresql://… ocds-ingest run find-a-tender

# Both base images are pinned by digest, so that a commit is always built on the same
# bytes. The tag is for the reader. `docker buildx imagetools inspect TAG` prints the
# current digest.

# The `rust-version` of Cargo.toml, so that each build of the image tests it.
FROM rust:1.88-slim-bookworm@sha256:38bc5a86d998772d4aec2348656ed21438d20fcdce2795b56ca434cf21430d89 AS build
WORKDIR /build

# The dependencies are a layer of their own, which changes only with these two files.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --release

# The sources are touched, because cargo would otherwise consider the copied files older
# than the build above.
COPY config config
COPY sql sql
COPY src src
RUN touch src/lib.rs src/main.rs && cargo build --locked --release

FROM debian:bookworm-slim@sha256:7c7b2c966bc9ee8cedfeef67e0e279108992c77681fa595db4a9d65c06ccc587
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/target/release/ocds-ingest /usr/local/bin/ocds-ingest

# A number, because Kubernetes (runAsNonRoot) cannot check a user name.
USER 10001:10001
# On SIGTERM the program stops fetching, commits the fetched pages, and exits.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ocds-ingest"]
