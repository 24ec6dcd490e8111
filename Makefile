# make build   a self-contained dist/: ferrod, ferro-agent, ferroctl, ferro_filters.wasm, ferro-shop, envoy
# make run     the sample mesh with a live view until Ctrl-C; ONCE=1: a scripted tour that checks every figure
# make test    everything that can be shown by a test
# make corpus  DIR=<folder> SET=<set>: policy documents of the corpus's form
# make bench   GROUP=<name>: measured figures against their bounds

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

.PHONY: build run test corpus bench lint prepare clean FORCE

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

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --target wasm32-unknown-unknown -p ferro-filters -- -D warnings

clean:
	rm -rf $(DIST)
	$(CARGO) clean
