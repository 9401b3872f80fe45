# Table of contents: every target delegates to extension/ (PGXS), sidecar/ (CMake), test/ or .dev/.
# PGXS is not included here: its variables would leak into the daemon's build.

PG_CONFIG  ?= pg_config
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
JOBS       ?= $(shell nproc)
export JOBS

# Expanded inside recipes only: pg_config may not be there before the packages are installed.
pg_major      = $(shell $(PG_CONFIG) --version | sed 's/^[^0-9]*//; s/[^0-9].*//')
extension_dir = build/extension-$(pg_major)
cmake_options = -G Ninja -D MEETLINK_WERROR=$(if $(filter true,$(CI)),ON,OFF)

all: extension daemon ## build the extension and the daemon, build/meetlinkd

demo: install-build extension stage private-postgres ## show the main job on a private server (KEEP=1 leaves it running)
	@.dev/as-user test/demo/run

check: install-check extension tests sanitized private-postgres ## install what is missing, build, run every test
	@.dev/as-user test/run

check-all: install-check extension tests sanitized private-postgres ## check, and the long tests too
	@.dev/as-user env MEETLINK_LONG_TESTS=1 test/run

chaos: install-check extension tests private-postgres ## kills, cuts and faults for SECONDS, repeatable by SEED
	@.dev/as-user env MEETLINK_CHAOS_SEED=$(SEED) MEETLINK_CHAOS_SECONDS=$(SECONDS) test/run e2e 200_chaos

bench: install-check extension stage private-postgres ## measure beside peers, into test/bench/RESULTS.md (half an hour)
	@.dev/as-user test/bench/run
	@cp build/check/bench/RESULTS.md test/bench/RESULTS.md

install: all ## install the extension into PG_CONFIG's server, the daemon below PREFIX, its configuration into /etc
	$(MAKE) -C $(extension_dir) -f $(CURDIR)/extension/Makefile PG_CONFIG=$(PG_CONFIG) install
	PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) sidecar/install build/meetlinkd

lint: install-lint tests ## clang-format, clang-tidy and shellcheck, changing nothing
	@.dev/lint

format: ## lay out the C++ sources
	@.dev/format

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F '|' '{ printf "make %-10s %s\n", $$1, $$2 }'
	@echo "PG_CONFIG=/path/to/pg_config selects another server version, PREFIX the place to install to"

# --- steps of the above ---------------------------------------------------------------------------

install-build install-check install-lint: install-%:
	@.dev/install-packages build $(filter-out build,$*)

extension:
	@mkdir -p $(extension_dir)
	@.dev/step "Building the extension for PostgreSQL $(pg_major)" build/log/extension-$(pg_major).log \
		$(MAKE) -C $(extension_dir) -f $(CURDIR)/extension/Makefile PG_CONFIG=$(PG_CONFIG) -j $(JOBS) all

daemon:
	@.dev/build-daemon build/daemon build meetlinkd -- $(cmake_options)

tests:
	@.dev/build-daemon build/daemon build all -- $(cmake_options) -D MEETLINK_TESTS=ON

stage:
	@.dev/build-daemon build/daemon build meetlinkd standin -- $(cmake_options) -D MEETLINK_TESTS=ON

sanitized:
	@.dev/build-daemon build/asan/cmake build/asan meetlinkd -- $(cmake_options) \
		-D "MEETLINK_SANITIZE=address;undefined"

private-postgres: extension
	@.dev/private-postgres $(PG_CONFIG) >/dev/null

.NOTPARALLEL:
.DEFAULT_GOAL := all
.PHONY: all demo check check-all chaos install lint format clean help install-build install-check install-lint \
	extension daemon tests stage sanitized private-postgres
