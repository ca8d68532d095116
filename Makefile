# What people do here. `make` or `make help` lists it. CI runs the same targets (.ci/run).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Naming the target even though it is the host's puts everything into one folder, so that cargo-lambda, which always
# names it, and cargo share one compilation of the AWS clients (docs/decisions/0002).
export CARGO_BUILD_TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
TIDEGATE := build/tidegate
FUNCTIONS := $(notdir $(wildcard functions/*))
PACKAGES := $(addprefix -p ,$(FUNCTIONS))
LIBRARIES := $(patsubst toolkit/%/Cargo.toml,-p tidegate-%,$(wildcard toolkit/*/Cargo.toml))
CARGO_LAMBDA := .tools/build/bin/cargo-lambda lambda
NODE := NODE_PATH=$(CURDIR)/.tools/interop/node_modules .tools/interop/bin/node
ARCHITECTURE ?= arm64

.PHONY: help
help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- The two commands -------------------------------------------------------------------------------------------------

.PHONY: demo
demo: build ## Watch a GitHub push become a Slack message, and orders take each of their ways
	@$(TIDEGATE) demo

.PHONY: test
test: check lint interop faults build ## Everything that must hold, end to end on the emulator included
	@tools/setup deploy
	@echo "== End to end, on the emulator with IAM enforced"
	@# The whole workspace, though only this test runs: the same features, and so the same compiled crates, as in check.
	@cargo test --locked -q --workspace --all-features --test e2e

# --- While working ----------------------------------------------------------------------------------------------------

.PHONY: setup
setup: ## Install the pinned tools into .tools (emulator, Stripe server, SAM, cargo-lambda, zig, linters, SDKs)
	@tools/setup

.PHONY: build
build: ## Build the functions and the tidegate command for the local stack
	@tools/setup emulator stripe build
	@echo "== Building the functions and the tidegate command (minutes the first time, seconds afterwards)"
	@# One call for all, so that cargo settles on one set of features and compiles each dependency once.
	@$(CARGO_LAMBDA) build --locked --compiler cargo --lambda-dir build/lambda $(PACKAGES) -p tidegate-cli
	@mv build/lambda/tidegate/bootstrap $(TIDEGATE) && rmdir build/lambda/tidegate

.PHONY: check
check: ## The fast part of the tests: format, lints, unit, property and port tests
	@tools/setup --check >/dev/null
	@echo "== Format"
	@cargo fmt --all --check
	@echo "== Lints"
	@cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	@echo "== Unit, property and port tests"
	@# Built apart and aloud first: a cold build takes minutes, and quiet tests would look stuck.
	@cargo build --locked --workspace --all-features --tests
	@cargo test --locked -q --workspace --all-features --exclude tidegate-e2e --exclude tidegate-interop
	@tools/setup interop
	@echo "== State machines"
	@$(NODE) tests/saga/validate.cjs

.PHONY: interop
interop: ## Exchange events with the CloudEvents SDKs of Python and JavaScript
	@tools/setup interop
	@echo "== Interoperability of CloudEvents"
	@cargo test --locked -q --workspace --all-features --test interop

.PHONY: faults
faults: ## Break an order at every step, once and twice, and print how each ends
	@tools/setup interop
	@echo "== Faults in the sagas"
	@# The whole workspace: the same features, and so the same compiled crates, as in check.
	@cargo build --locked -q --workspace --all-features --bin tidegate-saga
	@$${CARGO_TARGET_DIR:-target}/$(CARGO_BUILD_TARGET)/debug/tidegate-saga

.PHONY: chaos
chaos: build ## Place 200 orders at once while messages are copied and workers killed, and print how fast they end
	@cargo test --locked -q --workspace --all-features --test e2e -- order_chaos

.PHONY: lint
lint: ## Check the templates, the API's description and the public documentation
	@tools/setup lint
	@echo "== Templates"
	@.tools/lint/bin/cfn-lint
	@.tools/lint/bin/checkov
	@if .tools/lint/bin/checkov -d tests/architecture/broken >/dev/null 2>&1; \
		then echo "checkov passes tests/architecture/broken: it scans nothing" >&2; exit 1; fi
	@echo "== The description of the API"
	@.tools/lint/bin/openapi-spec-validator docs/openapi/*.yaml
	@echo "== Documentation"
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --all-features

.PHONY: api
api: ## Write down anew what the libraries offer (toolkit/*/public-api.snap), after a change that is meant
	@INSTA_UPDATE=always cargo test --locked -q --workspace --all-features --test public_api

.PHONY: diagrams
diagrams: ## Draw the sagas anew (docs/order-saga.md), after a change of their machines or tables
	@cargo run --locked -q --package tidegate-architecture --bin diagrams

.PHONY: package
package: ## Package the libraries as for a release, and compile each from its package alone
	@cargo publish --locked --dry-run $(LIBRARIES)

.PHONY: bench
bench: ## Measure what a function costs to start, to call and to keep
	@tools/setup build powertools
	@echo "== Building as for Lambda, with link-time optimisation (ten minutes the first time)"
	@$(CARGO_LAMBDA) build --locked --profile lambda --compiler cargo --lambda-dir build/bench $(PACKAGES) \
		-p empty-function -p batch-function -p tidegate-bench
	@cp -R tests/bench/powertools build/bench/
	@build/bench/tidegate-bench/bootstrap
	@$(MAKE) bench-orders

.PHONY: bench-orders
bench-orders: build ## Count what an order asks of AWS and what that costs, and time its decisions (the last part of bench)
	@echo "== Decisions"
	@cargo bench --locked -q -p tidegate-orders --bench decisions
	@echo "== Orders, on the emulator (three minutes)"
	@# The whole workspace: the same features, and so the same compiled crates, as in check.
	@cargo build --locked -q --workspace --all-features --bin tidegate-order-bench
	@$${CARGO_TARGET_DIR:-target}/$(CARGO_BUILD_TARGET)/debug/tidegate-order-bench

# --- The local stack --------------------------------------------------------------------------------------------------

.PHONY: up
up: build ## Bring the local stack up, or up to date
	@$(TIDEGATE) up

.PHONY: down
down: ## Take the local stack down
	@if [ -x $(TIDEGATE) ]; then $(TIDEGATE) down; else echo "Nothing is up: the tidegate command was never built."; fi

.PHONY: status
status: ## Say what runs where
	@if [ -x $(TIDEGATE) ]; then $(TIDEGATE) status; else echo "Nothing is up: the tidegate command was never built."; fi

# --- AWS --------------------------------------------------------------------------------------------------------------

.PHONY: deploy
deploy: build ## Deploy to the AWS account of your credentials (ARCHITECTURE=arm64 or x86_64, STACKS="webhooks")
	@tools/setup deploy
	@# zig links against the older C library of Amazon Linux 2023, whatever this machine has.
	@env -u CARGO_BUILD_TARGET PATH="$(CURDIR)/.tools/build/bin:$$PATH" $(CARGO_LAMBDA) build --locked --profile lambda \
		--compiler cargo-zigbuild --lambda-dir build/lambda $(PACKAGES) --$(subst _,-,$(ARCHITECTURE))
	@$(TIDEGATE) deploy --architecture $(ARCHITECTURE) $(STACKS)

.PHONY: clean
clean: down ## Remove what was built and installed here
	@rm -rf build .tools .tidegate
	@cargo clean -q
