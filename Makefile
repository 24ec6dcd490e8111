# make build   a self-contained dist/: ferrod, ferro-agent, ferroctl, ferro_filters.wasm, ferro-shop, envoy
# make run     the sample mesh with a live view until Ctrl-C; ONCE=1: a scripted tour that checks every figure
# make test    everything that can be shown by a test
# make corpus  DIR=<folder> SET=<set>: policy documents of the corpus's form
# make bench   GROUP=<name>: measured figures against their bounds
# make fuzz    TARGET=yaml_documents|xds_requests SECS=<n>: anything as input, with a nightly compiler
# make conformance  ADDRESS=<host:port> DRIVER=<program>: the xDS rules, asked of another server

SHELL := /bin/bash
DIST  := dist
MESH  ?= istio-manifests/samples/shop/mesh.yaml
MODE  ?= loopback
# The cargo profile of the programs in dist/; tests use their own dist with the one they are built in anyway.
PROFILE ?= release
OUT   := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
BINS  := ferrod ferro-agent ferroctl ferro-shop
CARGO ?= cargo
# Where rustup puts cargo, for the run that has just installed it.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.PHONY: build run test corpus bench fuzz conformance lint prepare clean FORCE

build: prepare $(DIST)/envoy $(DIST)/ferro_filters.wasm
	$(CARGO) build --profile $(PROFILE) --locked $(addprefix -p ,$(BINS))
	@for bin in $(BINS); do install -C -m 755 $(OUT)/$$bin $(DIST)/$$bin; done
	@ls -l $(DIST)

prepare:
	@.ci/prepare

# These know better than file times whether there is anything to do. Files that stay the same are not touched (install -C):
# `ferroctl local up` starts anew what was built anew.
$(DIST)/envoy: FORCE
	@.ci/envoy $@

$(DIST)/ferro_filters.wasm: FORCE
	@mkdir -p $(DIST)
	$(CARGO) build --locked --profile wasm --target wasm32-unknown-unknown -p ferro-filters
	@install -C -m 644 target/wasm32-unknown-unknown/wasm/ferro_filters.wasm $@

run: build
	$(DIST)/ferroctl local tour -f $(MESH) --mode $(MODE) $(if $(ONCE),--once)

test:
	@$(MAKE) --no-print-directory build PROFILE=dev DIST=target/dist
	ENVOY=$(CURDIR)/target/dist/envoy FERRO_WASM=$(CURDIR)/target/dist/ferro_filters.wasm FERRO_DIST=$(CURDIR)/target/dist \
	  $(CARGO) test --locked

corpus:
	$(CARGO) run --locked -q -p ferro-model --bin ferro-corpus -- --dir $(DIR) --set $(SET)

bench: build
	$(CARGO) run --release --locked -q -p ferro-bench -- $(GROUP)

# The instrumentation that cargo-fuzz would set, which is then not needed itself.
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions
TARGET  ?= xds_requests
SECS ?= 60

fuzz:
	@rustup toolchain list | grep -q nightly || rustup toolchain install nightly --profile minimal
	cd control-plane/$(if $(filter yaml%,$(TARGET)),model,xds)/fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) +nightly build --release \
	  --locked --target-dir $(CURDIR)/target/fuzz --target $$(rustc -vV | sed -n 's/^host: //p') --bin $(TARGET)
	@mkdir -p target/fuzz/corpus/$(TARGET)
	target/fuzz/*/release/$(TARGET) -max_total_time=$(SECS) -max_len=4096 -artifact_prefix=target/fuzz/ target/fuzz/corpus/$(TARGET)

conformance:
	XDS_ADDRESS=$(ADDRESS) XDS_DRIVER=$(DRIVER) $(CARGO) test --locked -p ferro-xds --test conformance -- --test-threads 1

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --target wasm32-unknown-unknown -p ferro-filters -- -D warnings

clean:
	rm -rf $(DIST)
	$(CARGO) clean
