# The tasks of a developer; `make` alone lists them.
#
# No task asks a question. .ci/install first installs the tools that the machine
# lacks, and prints what it installs.

SHELL = /bin/sh
ENGINE ?= docker
IMAGE ?= ocds-ingest
# The duration of fault injection, in seconds.
SECONDS ?= 3600

# The oldest Kubernetes with all required features, and the newest known one. There is
# no schema for a kustomization, so that file is not validated.
KUBERNETES = 1.31.0 1.37.0
MANIFESTS = $(filter-out %/kustomization.yaml,$(wildcard config/kubernetes/*.yaml*))

# The number of tests that run at once. Most tests wait for something, so two cores can
# run six.
TEST_THREADS ?= 6

# The duration of fuzzing for each target, in seconds.
FUZZ_SECONDS ?= 30
FUZZ = tests/fuzz
FUZZ_TARGETS ?= cut extract merge pagination retry_after

# The directory where rustup installs cargo. A shell that was opened before does not
# have it in PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help run install test soak fuzz check audit bench image

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s  %s\n", $$1, $$2 }' Makefile

run: ## ingest invented releases into a local PostgreSQL and show them
	@.ci/install rust compiler postgresql
	cargo run --locked --profile trial -- demo

install: ## build the program with optimisation, and install it into PREFIX/bin or cargo's directory
	@.ci/install rust compiler
	cargo install --locked --path . $(if $(PREFIX),--root '$(PREFIX)')

test: ## run the tests
	@.ci/install rust compiler postgresql faketime pgbouncer nginx apache
	cargo test --locked -- --test-threads=$(TEST_THREADS)

soak: ## inject random faults for SECONDS, from SEED if it is set
	@.ci/install rust compiler postgresql
	SOAK_SECONDS=$(SECONDS) $(if $(SEED),SEED=$(SEED)) cargo test --locked --test it -- --nocapture faults::soak

check: ## check format, lints, documentation, licences and Kubernetes files
	@.ci/install rust compiler lints deny python kubernetes
	cargo fmt --check
	cargo fmt --manifest-path $(FUZZ)/Cargo.toml --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --lib --no-default-features -- -D warnings
	cargo clippy --locked --no-default-features --features cli -- -D warnings
	cargo clippy --locked --lib -- -D warnings --cfg fuzzing
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps
	cargo deny --locked check bans licenses sources
	for version in $(KUBERNETES); do \
		target/kubernetes/bin/kubernetes-validate --strict --quiet \
			--kubernetes-version $$version $(MANIFESTS) || exit 1; \
	done

audit: ## check the dependencies for security advisories
	@.ci/install rust compiler deny
	cargo deny --locked check advisories

bench: ## run the benchmarks
	@.ci/install rust compiler postgresql python ocdsmerge
	cargo bench --locked --bench extract --bench merge --bench compile --bench bulk --bench sink --bench pipeline

# No sanitizer is used: the program forbids unsafe code, so a sanitizer could find
# nothing in it, and fuzzing without one works with the same Rust as the build. The
# limits are per input: no target needs more bytes, and none may use a gigabyte or
# ten seconds.
fuzz: ## search for input that breaks the parsers of publishers' data
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
