# Two commands: `make play` and `make test`. The others are what they are made of.
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin

.DEFAULT_GOAL := help
.PHONY: help setup play build test sdk-test lint fmt book deny install

help:              ## what can be made
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup:             ## install what is missing (libpcap headers, tcpdump, Rust)
	@scripts/setup.sh play

build: setup       ## build the wirelab binary
	$(CARGO) build --locked -p wirelab-cli

play: build        ## build, open the first lab, start a shell in it (LAB=name SEED=n to choose)
	@scripts/play.sh $(TARGET)/debug/wirelab

test:              ## everything CI runs: format, all tests, the book's console blocks
	@scripts/setup.sh test
	$(CARGO) fmt --all -- --check
	$(CARGO) test --locked --workspace --no-fail-fast

sdk-test: build    ## the AWS SDK for Rust against a sandbox (builds aws-sdk-ec2: minutes, 8 GB of memory)
	nice $(abspath $(TARGET))/debug/wirelab sandbox --temporary --strict -- \
	    $(CARGO) test --locked --manifest-path sdk/Cargo.toml

lint:              ## clippy and rustdoc without a warning
	@scripts/setup.sh test
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

fmt:               ## format the code
	$(CARGO) fmt --all

book: build        ## build the book into target/book (needs mdbook)
	$(TARGET)/debug/wirelab book --build

deny:              ## licences and advisories of the dependencies (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install cargo-deny --locked" >&2; exit 3; }
	$(CARGO) deny check licenses bans sources

install: setup     ## install the wirelab binary, optimised, into ~/.cargo/bin
	$(CARGO) install --locked --path crates/cli
