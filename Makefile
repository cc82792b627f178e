# Throughline. A bare `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
export GOFLAGS ?= -buildvcs=false

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO_FILES := $(shell find cmd internal web -name '*.go' -not -path '*/node_modules/*' 2>/dev/null)
UI_FILES := $(shell find web/src web/public web/index.html web/vite.config.ts web/package.json web/tsconfig*.json -type f 2>/dev/null)
EMBEDDED := $(shell find internal -type f \( -name '*.css' -o -name '*.html' -o -name '*.sql' -o -name '*.yaml' -o -name '*.json' -o -name '*.svg' -o -name '*.txt' \) -not -path '*/testdata/*' 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build geo ## build, run the demo shop behind the engine, print how to sign in (Ctrl-C stops)
	@bin/throughline demo $(DEMO_FLAGS)

.PHONY: build
build: bin/throughline ## build bin/throughline with the Hub in it

# What the compiler knows of hot ways, from a run of the data plane under load.
HOT := cmd/throughline/serve.pgo

bin/throughline: $(GO_FILES) $(EMBEDDED) $(HOT) go.mod go.sum web/dist/index.html
	@echo "building bin/throughline"
	@CGO_ENABLED=1 go build -pgo=$(HOT) -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/throughline

.PHONY: profile
profile: web/dist/index.html ## learn anew which ways are hot, for the build after it (needs what bench-wire needs)
	@CGO_ENABLED=1 go build -o bin/throughline-plain ./cmd/throughline
	@go run ./bench/wire -binary bin/throughline-plain -only get,post,events,sync,tls -profile $(HOT)

.PHONY: ui
ui: web/dist/index.html ## build the Hub's web app

web/dist/index.html: $(UI_FILES) web/node_modules/.installed
	@echo "building the Hub's web app"
	@cd web && npm run --silent build

web/node_modules/.installed: web/package.json web/package-lock.json
	@echo "installing the web app's packages from web/package-lock.json"
	@cd web && npm ci --no-audit --no-fund --silent && touch node_modules/.installed

.PHONY: geo
geo: ## fetch data about addresses (countries CC0, networks CC BY 4.0) into .cache/geo
	@script/geo-data .cache/geo || echo "no data about addresses: they stay without a place (see docs/enrichment.md)"

.PHONY: test
test: tools check test-go test-ui test-e2e ## run every test there is
	@echo "all tests passed"

.PHONY: tools
tools: ## install what the tests need (Chromium), saying so
	@script/tools

.PHONY: check
check: web/dist/index.html ## gofmt, go vet, staticcheck, tsc, eslint
	@test -z "$$(gofmt -l cmd internal bench web/*.go)" || { echo "gofmt these:"; gofmt -l cmd internal bench web/*.go; exit 1; }
	go vet ./cmd/... ./internal/... ./web ./bench/...
	go tool staticcheck ./cmd/... ./internal/... ./web ./bench/...
	cd web && npm run --silent typecheck && npm run --silent lint

.PHONY: test-go
test-go: web/dist/index.html geo ## Go tests with the race detector, journey scripts among them
	go test -race -timeout 9m ./internal/... ./web
	go test -run Allocates ./internal/edge # pools work only without the detector

.PHONY: test-ui
test-ui: web/node_modules/.installed ## unit tests of the web app
	cd web && npm run --silent test

.PHONY: test-e2e
test-e2e: build geo ## the binary as its users run it: demo, kill -9, backup, Hub pages in Chromium
	bin/throughline policy test examples
	TL_BINARY=$(CURDIR)/bin/throughline go test -count=1 -timeout 9m ./cmd/throughline

.PHONY: fuzz
fuzz: ## fuzz every decoder for 10 s each
	@script/fuzz 10s

.PHONY: bench-judge
bench-judge: ## cost of one judged Event, as key=value lines
	@script/bench ./internal/judge BenchmarkFold

.PHONY: bench-capture
bench-capture: ## cost of matching, extracting and normalising, as key=value lines
	@script/bench ./internal/capture .
	@script/bench ./internal/element .
	@script/bench ./internal/enrich Enrich
	@script/bench ./internal/engine BenchmarkCaptured

.PHONY: bench-fingerprint
bench-fingerprint: ## cost of a connection's prints, as key=value lines
	@script/bench ./internal/fingerprint .

.PHONY: bench-events
bench-events: ## CPU time of an Event behind the relay, stage by stage, as key=value lines
	@script/bench ./internal/judge BenchmarkFold
	@script/bench ./internal/journal 'Encode|Decode|Followed'
	@script/bench ./internal/warehouse/duckdb BenchmarkSteady

.PHONY: bench-wire
bench-wire: build ## the data plane beside nginx, HAProxy and net/http, as key=value lines (needs nginx, haproxy, wrk, h2load, chrt)
	@go run ./bench/wire

.PHONY: bench-sessions
bench-sessions: ## what a live Session and a remembered key cost in time and memory, as key=value lines
	@script/bench ./internal/session 'Join|Memory'
	@script/bench ./internal/identity .
	@script/bench ./internal/judge BenchmarkLiveSessions

.PHONY: bench-identity
bench-identity: ## how well Sessions and Spec IDs are found in simulated traffic, as key=value lines
	@go run ./bench/identity

.PHONY: bench-idle
bench-idle: ## heap and stack of an idle visitor's connection after a collection, as key=value lines
	@script/bench ./internal/edge BenchmarkIdleConnection

.PHONY: rewrite
rewrite: ## regenerate golden files and journey scripts, to be read in the diff
	go test ./internal/element ./internal/policy ./internal/replay -rewrite
	go run ./internal/hub/openapigen > web/openapi.json
	bin/throughline policy test --rewrite examples

.PHONY: clean
clean: ## remove what was built
	rm -rf bin web/dist/assets web/dist/index.html
