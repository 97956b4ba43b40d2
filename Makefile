# What there is to do here; `make` alone lists it.
#
# Nothing here asks a question. What the machine lacks is installed first, by
# .ci/install, which says so.

SHELL = /bin/sh
ENGINE ?= docker
IMAGE ?= ocds-ingest
# How long faults are injected, in seconds.
SECONDS ?= 3600

# The oldest Kubernetes that has all that is asked of it, and the newest known. There
# is no schema of a kustomization.
KUBERNETES = 1.31.0 1.37.0
MANIFESTS = $(filter-out %/kustomization.yaml,$(wildcard config/kubernetes/*.yaml*))

# How many tests run at once. Most wait for something, so two cores have work for six.
TEST_THREADS ?= 6

# How long each target is fuzzed, in seconds.
FUZZ_SECONDS ?= 30
FUZZ = tests/fuzz
FUZZ_TARGETS ?= cut extract pagination retry_after

# Where rustup puts cargo, for a shell that was open before.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help run install test soak fuzz check audit bench image

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s  %s\n", $$1, $$2 }' Makefile

run: ## ingest invented releases into a local PostgreSQL and show them
	@.ci/install rust compiler postgresql
	cargo run --locked --profile trial -- demo

install: ## build the program for speed, and put it into PREFIX/bin or cargo's
	@.ci/install rust compiler
	cargo install --locked --path . $(if $(PREFIX),--root '$(PREFIX)')

test: ## run the tests
	@.ci/install rust compiler postgresql faketime pgbouncer
	cargo test --locked -- --test-threads=$(TEST_THREADS)

soak: ## inject faults at random for SECONDS, by SEED if it is told
	@.ci/install rust compiler postgresql
	SOAK_SECONDS=$(SECONDS) $(if $(SEED),SEED=$(SEED)) cargo test --locked --test it -- --nocapture faults::soak

check: ## check format, lints, documentation, licences and Kubernetes files
	@.ci/install rust compiler lints deny python kubernetes
	cargo fmt --check
	cargo fmt --manifest-path $(FUZZ)/Cargo.toml --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --lib -- -D warnings --cfg fuzzing
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps
	cargo deny --locked check bans licenses sources
	for version in $(KUBERNETES); do \
		target/kubernetes/bin/kubernetes-validate --strict --quiet \
			--kubernetes-version $$version $(MANIFESTS) || exit 1; \
	done

audit: ## look for security advisories against the dependencies
	@.ci/install rust compiler deny
	cargo deny --locked check advisories

bench: ## run the benchmarks
	@.ci/install rust compiler postgresql
	cargo bench --locked --bench extract --bench bulk --bench sink --bench pipeline

# No sanitizer: the program forbids unsafe code, so there is nothing of its own that
# one could find, and without it the Rust that builds the program will do. Limits are
# per input: of more bytes no target needs, and none may take a gigabyte or ten seconds.
fuzz: ## look for input that breaks what reads a publisher's bytes
	@.ci/install rust compiler cxx fuzz
	@set -e; for target in $(FUZZ_TARGETS); do \
		echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p $(FUZZ)/corpus/$$target; \
		cargo fuzz run --fuzz-dir $(FUZZ) --sanitizer none $$target \
			$(FUZZ)/corpus/$$target $(FUZZ)/seeds/$$target -- \
			-dict=$(FUZZ)/json.dict -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
			-max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1; \
	done

image: ## build the container image
	$(ENGINE) build --tag $(IMAGE) .
