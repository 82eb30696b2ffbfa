# sessjwt: one Makefile. `make help` lists what it can do.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

SAN     ?=
COVERAGE ?=
comma   := ,
# Each kind of build has a folder of its own: build, build-address (SAN=address,undefined), build-thread, …
B       := build$(if $(SAN),-$(firstword $(subst $(comma), ,$(SAN))))$(if $(COVERAGE),-coverage)
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
say      = $(if $(Q),@printf '  %-7s %s\n' '$(1)' '$(2)')

VERSION := $(shell sed -n 's/^.define SESSJWT_VERSION *"\(.*\)"/\1/p' client/protocol.h)
URL     := $(shell sed -n 's/^.define SESSJWT_URL *"\(.*\)"/\1/p' client/protocol.h)

# ---- places to install to ----------------------------------------------------------------------------------
prefix     ?= /usr
sysconfdir ?= /etc
DESTDIR    ?=
multiarch   = $(shell $(CC) -print-multiarch 2>/dev/null)
libdir     ?= $(prefix)/lib/$(multiarch)
securitydir ?= $(libdir)/security
catalogdir ?= $(prefix)/lib/systemd/catalog
unitdir    ?= $(prefix)/lib/systemd/system
docdir     ?= $(prefix)/share/doc/sessjwt
presetdir  ?= $(prefix)/lib/systemd/system-preset
mandir     ?= $(prefix)/share/man
bashcompletiondir ?= $(prefix)/share/bash-completion/completions
zshcompletiondir  ?= $(prefix)/share/zsh/vendor-completions

# ---- flags -------------------------------------------------------------------------------------------------
WARNINGS  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
             -Wno-unused-parameter -Wformat=2 -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough
HARDENING := $(if $(SAN)$(COVERAGE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fstack-clash-protection \
             $(if $(filter x86_64%,$(multiarch)),-fcf-protection)
OPTIMISE  ?= $(if $(SAN)$(COVERAGE),-O1,-O2) -g
CFLAGS    ?= $(OPTIMISE)
# What looks on while the program runs: sanitizers; counters of lines, which a hook that kills writes, too.
SANITIZE  := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# gcc's shared libubsan writes to standard error alone when libasan is there (tests/flow/test_sanitizers.py).
UBSAN     := $(if $(findstring undefined,$(SAN)),$(if $(findstring clang,$(CC)),,-static-libubsan))
COUNTERS  := $(if $(COVERAGE),--coverage -fprofile-abs-path -fprofile-update=atomic -DSESSJWT_COVERAGE)
ALL_CFLAGS = -std=gnu11 -I. -I$(B)/gen -D_GNU_SOURCE -fPIC -fvisibility=default $(WARNINGS) $(HARDENING) \
             $(SANITIZE) $(COUNTERS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed $(SANITIZE) $(if $(SANITIZE),$(UBSAN)) \
              $(COUNTERS) $(LDFLAGS)

pc = $(shell pkg-config $(1) 2>/dev/null)
LIBS_openssl    = $(call pc,--libs libcrypto)
LIBS_daemon     = -llmdb -ljwt -lz $(call pc,--libs libsystemd libcrypto) -lpthread
LIBS_command    = $(call pc,--libs smartcols libsystemd)

# ---- rooms -------------------------------------------------------------------------------------------------
# Up to `verify` the rooms of client/ are everybody's; the daemon links them and never libsessjwt.
CONTRACT_ROOMS  := json json_number json_writer message config_files base64url digest reason claims jws \
                   keyset status_map token_cache verify
# The command is linked to the library as any application would be; of the contract it takes the pure rooms
# that it reads replies, finds configuration files and looks at the status page with. pam_stack is
# its own; the options of PAM lines it reads as the module does.
COMMAND_ROOMS   := json json_number json_writer config_files status_map pam_stack
COMMAND_SOURCES := $(sort client/sessjwt.c $(wildcard client/command*.c))
MODULE_ROOMS    := $(patsubst pam/%.c,%,$(wildcard pam/*.c))
DAEMON_ROOMS    := $(patsubst daemon/%.c,%,$(wildcard daemon/*.c))

contract_objects := $(CONTRACT_ROOMS:%=$(B)/client/%.o)
library_objects  := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard client/libsessjwt*.c)))
command_objects  := $(COMMAND_SOURCES:%.c=$(B)/%.o) $(COMMAND_ROOMS:%=$(B)/client/%.o) $(B)/pam/options.o
# sshd, su and the like have no sanitizer's runtime, so the module that they load is one without it;
# sanitized/pam_sessjwt.so is for programs of our own.
module_objects   := $(MODULE_ROOMS:%=$(B)/$(if $(SAN),plain/)pam/%.o)
sanitized_module_objects := $(MODULE_ROOMS:%=$(B)/pam/%.o)
watched_objects  := $(MODULE_ROOMS:%=$(B)/watched/pam/%.o)
daemon_objects   := $(DAEMON_ROOMS:%=$(B)/daemon/%.o) $(B)/pam/frame.o
hooked_objects   := $(DAEMON_ROOMS:%=$(B)/hooked/daemon/%.o) $(B)/pam/frame.o

LIBRARY := $(B)/libsessjwt.so.0
PRODUCT := $(B)/sessjwtd $(B)/pam_sessjwt.so $(LIBRARY) $(B)/sessjwt

UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
REPLAYS    := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
INTEROP    := $(patsubst tests/interop/%.c,$(B)/tests/interop/%,$(wildcard tests/interop/*.c))
HARNESS    := $(patsubst %.c,$(B)/%,$(filter-out %/fail_calls.c,$(wildcard tests/harness/*.c)))
HARNESS    += $(addprefix $(B)/tests/,soak/store_look soak/verify_lines soak/record.so harness/fail_calls.so)

.PHONY: all help clean deps check check-unit test-build bench soak demo install deb format
all: $(PRODUCT) ## build everything into build/

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile $(wildcard tests/*.mk tests/fuzz/*.mk) | \
		sed -E 's/^([a-z-]+):[^#]*## /  \1 \t/' | expand -t 14

# Where a doctor looks for what is installed.
$(B)/client/command_doctor%.o: ALL_CFLAGS += -DSESSJWT_SBIN_DIR='"$(prefix)/sbin"' \
	-DSESSJWT_SECURITY_DIR='"$(securitydir)"'

# ---- compile -----------------------------------------------------------------------------------------------
$(B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The interface's text, which the daemon answers with, as a C string.
$(B)/gen/interface.inc: client/org.sessjwt.varlink
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< >$@
$(B)/daemon/api_service.o $(B)/hooked/daemon/api_service.o: $(B)/gen/interface.inc

$(B)/hooked/%.o: %.c
	$(call say,CC,$< (with hooks))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DSESSJWT_TEST_HOOKS -MMD -MP -c -o $@ $<

$(B)/contract.a: $(contract_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/daemon.a: $(filter-out $(B)/daemon/main.o,$(daemon_objects))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/sessjwtd: $(daemon_objects) $(B)/contract.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(LIBS_daemon)

# The same daemon with named hooks and a clock that tests can move; never installed.
$(B)/hooked/sessjwtd: $(hooked_objects) $(B)/contract.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(LIBS_daemon)

$(B)/plain/%: SANITIZE :=
$(B)/plain/%.o: %.c
	$(call say,CC,$< (without sanitizers))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

LINK_MODULE = $(CC) $(ALL_LDFLAGS) -shared -Wl,--version-script=pam/pam_sessjwt.map -o $@ \
              $(filter %.o,$^) -lpam
$(B)/pam_sessjwt.so: SANITIZE :=
$(B)/pam_sessjwt.so: $(module_objects) pam/pam_sessjwt.map
	$(call say,LD,$@)
	$(Q)$(LINK_MODULE) -Wl,-z,defs

# With sanitizers, for a real sshd that is given their runtime (tests/host/test_sanitized_module.py).
$(B)/watched/%: SANITIZE := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
$(B)/watched/%: UBSAN := -static-libubsan
$(B)/watched/%.o: %.c
	$(call say,CC,$< (to be watched))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -U_FORTIFY_SOURCE -MMD -MP -c -o $@ $<

$(B)/watched/pam_sessjwt.so: $(watched_objects) pam/pam_sessjwt.map
	$(call say,LD,$@)
	$(Q)$(LINK_MODULE)

# Its runtime comes with the program.
$(B)/sanitized/pam_sessjwt.so: $(sanitized_module_objects) pam/pam_sessjwt.map
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK_MODULE)

$(LIBRARY): $(library_objects) $(B)/contract.a client/libsessjwt.map
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libsessjwt.so.0 -Wl,-z,defs \
		-Wl,--version-script=client/libsessjwt.map \
		-o $@ $(library_objects) $(B)/contract.a $(LIBS_openssl)
	$(Q)ln -sf libsessjwt.so.0 $(B)/libsessjwt.so

$(B)/sessjwt: $(command_objects) $(LIBRARY)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(command_objects) -L$(B) -lsessjwt $(LIBS_command) \
		-Wl,-rpath,$(if $(BUILD_RPATH),$(BUILD_RPATH),'$$ORIGIN')

# ---- tests -------------------------------------------------------------------------------------------------
$(B)/tests/unit/%: tests/unit/%.c $(B)/client/pam_stack.o $(B)/daemon.a $(B)/contract.a $(LIBRARY)
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(B)/client/pam_stack.o \
		$(B)/daemon.a $(B)/contract.a -L$(B) -Wl,-rpath,$(abspath $(B)) \
		-Wl,--no-as-needed -lcmocka -Wl,--as-needed -lsessjwt -ljansson $(LIBS_daemon)

# It stands in for what the module calls of libc.
$(B)/tests/unit/test_pam_faults: private ALL_LDFLAGS += -rdynamic

# What the fuzzers have found before, by any compiler.
$(REPLAYS): $(B)/tests/fuzz/%: tests/fuzz/%.c $(B)/tests/fuzz/replay.o $(B)/daemon.a $(B)/contract.a
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(ALL_LDFLAGS) -o $@ $< $(B)/tests/fuzz/replay.o \
		$(B)/daemon.a $(B)/contract.a -ljansson -lm $(LIBS_daemon)

$(B)/tests/harness/%: tests/harness/%.c
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< -lpam

$(B)/tests/harness/verify_loop: tests/harness/verify_loop.c $(LIBRARY)
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< -L$(B) -lsessjwt -Wl,-rpath,$(abspath $(B))

$(B)/tests/harness/verify_file: tests/harness/verify_file.c $(B)/contract.a
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(B)/contract.a $(LIBS_openssl)

$(B)/tests/soak/store_look: tests/soak/store_look.c $(B)/daemon.a $(B)/contract.a
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(B)/daemon.a $(B)/contract.a $(LIBS_daemon)

# Preloaded into a process under test, whatever that was built with.
$(B)/tests/%.so: tests/%.c
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -fPIC $(WARNINGS) -O1 -g -MMD -MP -MF $@.d -shared -o $@ $< -ldl

$(B)/tests/soak/verify_lines: tests/soak/verify_lines.c $(LIBRARY)
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< -L$(B) -lsessjwt -Wl,-rpath,$(abspath $(B))

# Our rooms as another implementation's client and server meet them.
$(B)/tests/interop/certification: tests/interop/certification.c $(B)/client/libsessjwt_wire.o \
		$(B)/daemon.a $(B)/contract.a
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(B)/client/libsessjwt_wire.o $(B)/daemon.a \
		$(B)/contract.a $(LIBS_daemon)

# Libraries that judge our tokens (tests/interop). Where they cannot be had, their tests are skipped.
$(B)/interop/installed: tests/interop/package.json
	$(call say,NPM,$<)
	@mkdir -p $(@D) && rm -f $@ && cp $< $(@D)
	$(Q)cd $(@D) && if timeout 30 npm install --no-package-lock --ignore-scripts --no-audit --no-fund \
		--loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 >npm.log 2>&1; \
		then touch $(@F); else echo '  $@: not there, tests that need it are skipped'; fi

# An application on what varlink-go makes of our interface; without Go its tests are skipped.
$(B)/interop/sessions: tests/interop/sessions.go client/org.sessjwt.varlink
	$(call say,GO,$<)
	@mkdir -p $(@D)/go/src/orgsessjwt && cp client/org.sessjwt.varlink $(@D)/go/src/orgsessjwt
	$(Q)if command -v go >/dev/null && command -v varlink-go-interface-generator >/dev/null; then \
		cd $(@D)/go && varlink-go-interface-generator src/orgsessjwt/org.sessjwt.varlink && \
		GO111MODULE=off GOPATH="$$PWD:/usr/share/gocode" GOCACHE="$$PWD/cache" \
		go build -trimpath -o ../$(@F) $(abspath $<); \
		else echo '  $@: not there, its tests are skipped'; fi

test-build: $(PRODUCT) $(if $(SAN),$(B)/sanitized/pam_sessjwt.so) \
		$(if $(SAN)$(COVERAGE)$(findstring clang,$(CC)),,$(B)/watched/pam_sessjwt.so) \
		$(B)/hooked/sessjwtd $(UNIT_TESTS) $(REPLAYS) $(HARNESS) $(INTEROP) \
		$(B)/interop/installed $(B)/interop/sessions $(B)/installed/sessjwt

check: ## run every test (installs what is missing when root); SAN=address,undefined or thread: watched
	@.ci/deps --ensure
	@+$(MAKE) --no-print-directory -j$$(nproc) test-build \
		$(if $(SAN)$(COVERAGE),,fuzz-build $(DEB)/built)
	@SESSJWT_BUILD=$(B) tests/run $(TESTS)

check-unit: $(UNIT_TESTS) ## the unit tests alone, as any user
	@SESSJWT_BUILD=$(B) tests/run build/tests/unit/

# ---- measuring ---------------------------------------------------------------------------------------------
BENCHES := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(filter-out %/slow_sync.c, \
             $(wildcard tests/bench/*.c)))
SLOW    := $(B)/tests/bench/slow_sync.so

$(B)/tests/bench/%: tests/bench/%.c $(B)/daemon.a $(B)/contract.a $(LIBRARY)
	$(call say,BENCH,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< -L$(B) -Wl,-rpath,$(abspath $(B)) -lsessjwt \
		$(B)/daemon.a $(B)/contract.a $(LIBS_daemon) -lhiredis

$(B)/tests/bench/load_pam: LIBS_daemon += -lpam

# Preloaded: a slow disk.
$(SLOW): tests/bench/slow_sync.c
	$(call say,BENCH,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -shared -o $@ $< -ldl

.PHONY: bench-build
bench-build: $(PRODUCT) $(B)/hooked/sessjwtd $(BENCHES) $(SLOW) $(HARNESS)

bench: ## measure everything beside what people would use instead; ROWS=pattern: some of it
	@.ci/deps --ensure packages bench-packages
	@+$(MAKE) --no-print-directory -j$$(nproc) bench-build
	@SESSJWT_BUILD=$(B) tests/bench/run.py $(ROWS)

soak: test-build ## a crowd on a daemon that is killed 500 times, and loses power 5000 times; KILLS=, SEED=
	$(Q)rm -f $(B)/tests/soak/figures
	$(Q)FIGURES=$(abspath $(B))/tests/soak/figures KILLS=$(KILLS) SEED=$(SEED) \
		python3 tests/harness/run_file.py tests/soak/soak.py; \
		status=$$?; cat $(B)/tests/soak/figures; exit $$status

-include tests/checks.mk # analysis and coverage; not there where packages are built

deps: ## install the Debian packages listed in .ci/packages
	@.ci/deps --install

demo: ## a private sshd, two keys, one device allowed: watch logins become sessions; SHELL_AFTER=1: and stay
	@.ci/deps --ensure
	@+$(MAKE) --no-print-directory -j$$(nproc) all
	@tests/harness/demo $(if $(SHELL_AFTER),--shell)

# ---- fuzzing (packages are built without tests) ------------------------------------------------------------
-include tests/fuzz/fuzz.mk

# The installed command finds the library where the system keeps libraries.
$(B)/installed/sessjwt: $(command_objects) $(LIBRARY)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(command_objects) -L$(B) -lsessjwt $(LIBS_command)

$(B)/installed/%: %.in
	@mkdir -p $(@D)
	$(Q)sed -e 's|@prefix@|$(prefix)|g' -e 's|@sbindir@|$(prefix)/sbin|g' -e 's|@libdir@|$(libdir)|g' \
		-e 's|@includedir@|$(prefix)/include|g' -e 's|@version@|$(VERSION)|g' -e 's|@url@|$(URL)|g' \
		$< >$@

MANUAL    := client/sessjwt.1 client/libsessjwt.3 daemon/sessjwtd.8 daemon/sessjwtd.conf.5 pam/pam_sessjwt.8
INSTALLED := sessjwt client/libsessjwt.pc systemd/sessjwtd.service

install: all $(INSTALLED:%=$(B)/installed/%) ## install (DESTDIR=, prefix=/usr)
	$(Q)install -Dm755 $(B)/sessjwtd $(DESTDIR)$(prefix)/sbin/sessjwtd
	$(Q)install -Dm755 $(B)/installed/sessjwt $(DESTDIR)$(prefix)/bin/sessjwt
	$(Q)install -Dm644 $(B)/pam_sessjwt.so $(DESTDIR)$(securitydir)/pam_sessjwt.so
	$(Q)install -Dm644 $(LIBRARY) $(DESTDIR)$(libdir)/libsessjwt.so.0
	$(Q)ln -sf libsessjwt.so.0 $(DESTDIR)$(libdir)/libsessjwt.so
	$(Q)install -Dm644 client/sessjwt.h $(DESTDIR)$(prefix)/include/sessjwt.h
	$(Q)install -Dm644 $(B)/installed/client/libsessjwt.pc $(DESTDIR)$(libdir)/pkgconfig/libsessjwt.pc
	$(Q)$(foreach page,$(MANUAL),install -Dm644 $(page) \
		$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) :
	$(Q)install -Dm644 client/sessjwt.bash $(DESTDIR)$(bashcompletiondir)/sessjwt
	$(Q)install -Dm644 client/sessjwt.zsh $(DESTDIR)$(zshcompletiondir)/_sessjwt
	$(Q)install -Dm644 client/org.sessjwt.varlink $(DESTDIR)$(prefix)/share/varlink/org.sessjwt.varlink
	$(Q)install -Dm644 doc/examples/policies.conf $(DESTDIR)$(docdir)/examples/policies.conf
	$(Q)install -Dm644 daemon/sessjwtd.conf $(DESTDIR)$(docdir)/examples/sessjwtd.conf
	$(Q)install -Dm644 SECURITY.md $(DESTDIR)$(docdir)/SECURITY.md
	$(Q)install -Dm644 systemd/sessjwtd.socket $(DESTDIR)$(unitdir)/sessjwtd.socket
	$(Q)install -Dm644 $(B)/installed/systemd/sessjwtd.service $(DESTDIR)$(unitdir)/sessjwtd.service
	$(Q)install -Dm644 systemd/sessjwt.sysusers $(DESTDIR)$(prefix)/lib/sysusers.d/sessjwt.conf
	$(Q)install -Dm644 systemd/sessjwt.rules $(DESTDIR)$(prefix)/share/polkit-1/rules.d/50-sessjwt.rules
	$(Q)install -Dm644 systemd/sessjwt.pam-config $(DESTDIR)$(prefix)/share/pam-configs/sessjwt
	$(Q)install -Dm644 systemd/sessjwt.tmpfiles $(DESTDIR)$(prefix)/lib/tmpfiles.d/sessjwt.conf
	$(Q)install -Dm644 systemd/sessjwt.catalog $(DESTDIR)$(catalogdir)/sessjwt.catalog
	$(Q)install -Dm644 systemd/sessjwtd.preset $(DESTDIR)$(presetdir)/50-sessjwtd.preset
	$(Q)$(if $(DESTDIR),:,ldconfig)
	$(Q)$(if $(DESTDIR),:,journalctl --update-catalog 2>/dev/null || true)

# ---- Debian packages ---------------------------------------------------------------------------------------
# Built from a copy, so that nothing is left beside the sources; anew when one of those has changed. The tests
# are those of `make check`, so they do not run once more.
DEB         := $(B)/deb
DEB_SOURCES := $(filter-out tests/%,$(wildcard $(shell git ls-files 2>/dev/null || \
                 find * -type f -not -path 'build*'))) tests/interop/example.mjs

deb: ## Debian packages, in build/deb
	@.ci/deps --ensure
	@+$(MAKE) --no-print-directory $(DEB)/built

$(DEB)/built: $(DEB_SOURCES)
	$(call say,DEB,$(DEB))
	@rm -rf $(DEB) && mkdir -p $(DEB)/source
	@tar -c $(DEB_SOURCES) | tar -x -C $(DEB)/source
	$(Q)cd $(DEB)/source && env -u SAN -u COVERAGE \
		-u MAKEFLAGS -u MAKELEVEL -u CFLAGS -u CPPFLAGS -u LDFLAGS -u DESTDIR \
		DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$$(nproc)" \
		dpkg-buildpackage -us -uc -b >../build.log 2>&1 || { tail -n 40 ../build.log; exit 1; }
	@rm -rf $(DEB)/source
	@touch $@

format: ## clang-format every source in place
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

clean: ## remove build/ and build-*/
	$(Q)rm -rf build build-*

-include $(shell find $(B) -path $(DEB) -prune -o -type f -name '*.d' -print 2>/dev/null)
