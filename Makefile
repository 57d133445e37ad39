# The two commands that matter:
#   make bake   set everything up and bake a real image in the sandbox
#   make test   set everything up and run the whole test suite
# Nothing else needs to be installed by hand on Debian or Ubuntu; system packages are installed with apt-get.

SHELL   := /bin/bash
PYTHON  ?= python3
SUDO    := $(if $(filter 0,$(shell id -u)),,sudo)
VENV    := .venv
BIN     := $(VENV)/bin
BUILD   := .build
PACKER  := $(BUILD)/packer
PIP     := $(BIN)/python -m pip --quiet --disable-pip-version-check
TEMPLATE ?= python-ml

# program:package; a program that is there already asks for nothing
SYSTEM := packer:packer podman:podman runc:runc debootstrap:debootstrap ssh:openssh-client ssh-keygen:openssh-client \
          iptables:iptables setpriv:util-linux tar:tar
# The tests of the store run with a server as well; nobody else needs one.
SERVER := $(if $(filter test unit system,$(MAKECMDGOALS)),postgresql)

.DEFAULT_GOAL := help
.PHONY: help setup bake test lint types unit bench constraints system clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

bake: setup ## set everything up, then bake TEMPLATE (python-ml) in the sandbox
	$(SUDO) $(BIN)/cws-build --sandbox bake $(TEMPLATE)

setup: system $(VENV)/.installed ## install what a bake in the sandbox needs

test: lint types unit ## set everything up, then run every check and test

lint: $(VENV)/.developed ## style of Python and Ansible
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ansible-lint --offline --profile production playbooks/roles

types: $(VENV)/.developed ## strict types
	$(BIN)/mypy

unit: system $(VENV)/.developed current-packer ## the tests, with the real Packer, Ansible and machines
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

bench: system $(VENV)/.developed ## the benchmarks, as ratios within one run
	$(BIN)/python -m benchmarks

system: ## install missing system packages
	@missing=$$(for pair in $(SYSTEM); do PATH=$$PATH:/usr/sbin:/sbin command -v $${pair%%:*} >/dev/null || echo $${pair##*:}; done | sort -u); \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	test -z "$(SERVER)" || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing $(SERVER)"; \
	{ test -x /usr/lib/podman/netavark || test -d /usr/lib/cni; } || missing="$$missing netavark aardvark-dns"; \
	if [ -n "$$missing" ]; then \
	    command -v apt-get >/dev/null || { echo "please install: $$missing" >&2; exit 1; }; \
	    echo installing $$missing; \
	    $(SUDO) apt-get -qq update && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	        apt-get -qq install -y --no-install-recommends $$missing </dev/null >/dev/null; \
	fi

$(VENV)/bin/python: | system
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --upgrade pip

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --constraint constraints.txt --editable '.[ansible,sandbox]'
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	$(PIP) install --constraint constraints.txt --editable '.[ansible,postgresql,sandbox]' --group test --group lint
	@touch $@

# A current Packer beside Debian's 1.6.6, where there is a Go to build it.
.PHONY: current-packer
current-packer:
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory $(PACKER)/plugins; \
	else echo "no Go here: the tests with a current Packer are skipped"; fi

$(PACKER)/plugins: tools/packer/go.mod tools/packer/go.sum tools/packer/install-plugins
	@echo "building a current Packer and its plugins (some minutes, once)"
	@mkdir -p $(PACKER)
	cd tools/packer && for name in packer packer-plugin-amazon packer-plugin-ansible; do \
	    go build -trimpath -ldflags '-s -w' -o ../../$(PACKER)/$$name github.com/hashicorp/$$name || exit 1; done
	tools/packer/install-plugins $(PACKER) >/dev/null
	@touch $@

constraints: $(VENV)/.developed ## choose the newest versions of everything, anew
	$(PIP) install uv
	{ echo '# Every version that the project is tested with. Made by: make constraints'; \
	  $(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --upgrade --python-version 3.11 \
	      --all-extras --group test --group lint pyproject.toml; echo "pip==$$($(BIN)/python -c 'import pip; print(pip.__version__)')"; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove what was built; the sandbox has its own: cws-build sandbox reset
	rm -rf $(VENV) $(BUILD) dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
