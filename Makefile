# The two commands: `make demo` shows everything on a fresh Debian 12; `make test` runs all checks.
# `make help` lists the rest.

VENV   := .venv
PYTHON := $(VENV)/bin/python
PREFIX ?= /opt/baleen
# The real docker client, where the host has none: tools/setup unpacks it there.
export PATH := $(PATH):$(CURDIR)/$(VENV)/docker

.PHONY: help
help:
	@echo "make demo        start the engine and show what it does (root)"
	@echo "make demo-clean  stop the demo's engine and remove all that it made"
	@echo "make demo-rootless  the engine as an ordinary user; leaves nothing behind (needs no root)"
	@echo "make test        set up, then run every check and test (root)"
	@echo "make test-vm     the tests of cgroups and old kernels, on cgroup v2 in a virtual machine"
	@echo "make check       format, lint, types, layers and unit tests (no root)"
	@echo "make bench       measure, beside dockerd and runc where they are installed (root)"
	@echo "make bench-churn live ten thousand containers, and count what they leave (root)"
	@echo "make install     put baleend, baleen and a systemd unit on this host (root)"
	@echo "make uninstall   remove them (images and volumes under /var/lib/baleen stay)"

.PHONY: setup
setup:
	@tools/setup run

.PHONY: setup-dev
setup-dev:
	@tools/setup dev

.PHONY: demo
demo: setup
	@tools/demo

.PHONY: demo-clean
demo-clean:
	@tools/demo --clean

.PHONY: demo-rootless
demo-rootless: setup
	@tools/demo-rootless

.PHONY: check
check: setup-dev
	$(VENV)/bin/ruff format --check src tests bench tools
	$(VENV)/bin/ruff check src tests bench tools
	$(VENV)/bin/mypy --strict
	$(VENV)/bin/lint-imports
	$(PYTHON) -m pytest tests/unit

.PHONY: test
test: setup-dev
	@[ "$$(id -u)" = 0 ] || { echo "make test makes real containers: run it as root (make check needs none)"; exit 1; }
	$(VENV)/bin/ruff format --check src tests bench tools
	$(VENV)/bin/ruff check src tests bench tools
	$(VENV)/bin/mypy --strict
	$(VENV)/bin/lint-imports
	$(PYTHON) -m pytest tests

.PHONY: test-vm
test-vm: setup-dev
	@tools/test-vm $(TESTS)

.PHONY: bench
bench: setup-dev
	$(PYTHON) -m bench
	$(PYTHON) -m bench.runtime
	-$(PYTHON) -m bench.images
	$(PYTHON) -m bench.registry

.PHONY: bench-churn
bench-churn: setup-dev
	$(PYTHON) -m bench.churn

.PHONY: install
install:
	@tools/setup install "$(PREFIX)"

.PHONY: uninstall
uninstall:
	@tools/setup uninstall "$(PREFIX)"
