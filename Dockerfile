# The image: the one binary and the certificates that it needs to trust
# publishers. There is no PostgreSQL in it, so it is told of one:
#
#   docker run --rm -e DATABASE_URL=postgresql://… ocds-ingest run find-a-tender

# Both images are named by digest, so that the same commit is built on the same bytes at
# any time; the tag says what they are. `docker buildx imagetools inspect TAG` has today's.

# The oldest Rust that Cargo.toml promises, so that each image tests the promise.
FROM rust:1.88-slim-bookworm@sha256:38bc5a86d998772d4aec2348656ed21438d20fcdce2795b56ca434cf21430d89 AS build
WORKDIR /build

# The dependencies by themselves: a layer that only the two files change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --release

# Touched, since cargo would take the files that are copied to be older than
# what it has just built.
COPY config config
COPY sql sql
COPY src src
RUN touch src/lib.rs src/main.rs && cargo build --locked --release

FROM debian:bookworm-slim@sha256:7c7b2c966bc9ee8cedfeef67e0e279108992c77681fa595db4a9d65c06ccc587
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/target/release/ocds-ingest /usr/local/bin/ocds-ingest

# A number, since Kubernetes cannot tell that a name is not root's.
USER 10001:10001
# Stops fetching, commits what was fetched, and exits.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ocds-ingest"]
