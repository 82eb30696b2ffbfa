# fuzz.mk: the fuzzers, built by clang with its sanitizers; what Makefile has is had here.
#
# A fuzzer, tests/fuzz/fuzz_NAME.c, takes of the rooms what it names; it begins with tests/fuzz/corpus/NAME.
# What it finds on its way stays in build/fuzz/corpus/NAME, and what breaks it in build/fuzz.
FUZZ        := $(B)/fuzz
FUZZ_CC     ?= clang
FUZZ_SEC    ?= 5
FUZZERS     := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_RUNS   := $(FUZZERS:$(FUZZ)/%=run-%)
FUZZ_CFLAGS := -std=gnu11 -I. -I$(B)/gen -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer \
               -fsanitize=address,undefined -fno-sanitize-recover=all
fuzz_objects := $(CONTRACT_ROOMS:%=$(FUZZ)/client/%.o) $(FUZZ)/pam/frame.o \
                $(patsubst %,$(FUZZ)/daemon/%.o,$(filter-out main,$(DAEMON_ROOMS)))

$(FUZZ)/%.o: %.c
	$(call say,CC,$< (to be fuzzed))
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(FUZZ)/daemon/api_service.o: $(B)/gen/interface.inc

$(FUZZ)/rooms.a: $(fuzz_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# LMDB as it is, but that fuzz_api gives it its memory.
$(FUZZ)/lmdb.a: $(shell $(CC) -print-file-name=liblmdb.a)
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-sym malloc=lmdb_malloc --redefine-sym free=lmdb_free $< $@
$(FUZZ)/fuzz_api: $(FUZZ)/lmdb.a

$(FUZZERS): $(FUZZ)/%: tests/fuzz/%.c $(FUZZ)/rooms.a
	$(call say,FUZZER,$<)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(filter %.a,$^) \
		-ljansson -lm $(LIBS_daemon)

# What fuzz_api puts together: the words of the interface.
$(FUZZ)/api.dict: tests/fuzz/api_seeds.py client/org.sessjwt.varlink
	@mkdir -p $(@D)
	$(Q)python3 -B $< >$@
$(FUZZ)/fuzz_api: | $(FUZZ)/api.dict
FUZZ_OPTIONS_api := -dict=$(FUZZ)/api.dict -max_len=1024

.PHONY: fuzz-build fuzz-short $(FUZZ_RUNS)
$(FUZZ_RUNS): run-fuzz_%: $(FUZZ)/fuzz_%
	$(call say,RUN,$< for $(FUZZ_SEC) s)
	@mkdir -p $(FUZZ)/corpus/$*
	$(Q)$< -verbosity=0 -print_final_stats=1 -max_total_time=$(FUZZ_SEC) -timeout=60 $(FUZZ_OPTIONS_$*) \
		-artifact_prefix=$(FUZZ)/$*- $(FUZZ)/corpus/$* $(wildcard tests/fuzz/corpus/$*) \
		>$(FUZZ)/$*.log 2>&1 || { cat $(FUZZ)/$*.log; exit 1; }

# Clang has its sanitizers and its fuzzer in a package of their own.
$(FUZZ)/probed:
	@mkdir -p $(@D)
	@if echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o $(FUZZ)/probe - 2>$(FUZZ)/probe.log; \
	then touch $@; \
	else echo 'fuzzers: not there: they need clang and its runtime (Debian: clang libclang-rt-dev)'; fi

fuzz-build: $(FUZZ)/probed
	@+if [ -e $< ]; then $(MAKE) --no-print-directory $(FUZZERS); fi

fuzz-short: $(FUZZ)/probed ## run every fuzzer for FUZZ_SEC=5 seconds, with clang's sanitizers
	@+if [ -e $< ]; then $(MAKE) --no-print-directory -j$$(nproc) $(FUZZ_RUNS); fi

# The corpora in the repository anew, when formats have changed: from first inputs, for FUZZ_SEC each, then
# only what reaches something new; what was a bug once (regression-…) stays.
CORPUS_INPUT_MAX = $(if $(filter message,$*),384,1024)
FUZZ_CORPORA := $(FUZZERS:$(FUZZ)/fuzz_%=corpus-%)
.PHONY: fuzz-corpus $(FUZZ_CORPORA)
$(FUZZ)/record_seeds: tests/fuzz/record_seeds.c $(B)/daemon.a $(B)/contract.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka $(LIBS_daemon)
$(FUZZ)/seeded: tests/fuzz/seeds.py tests/fuzz/api_seeds.py client/org.sessjwt.varlink $(FUZZ)/record_seeds
	$(Q)rm -rf $(FUZZ)/seeds && mkdir -p $(FUZZ)/seeds/record
	$(Q)python3 $< $(FUZZ)/seeds && $(FUZZ)/record_seeds $(FUZZ)/seeds/record && touch $@
$(FUZZ_CORPORA): corpus-%: $(FUZZ)/fuzz_% $(FUZZ)/seeded
	@mkdir -p $(FUZZ)/seeds/$* tests/fuzz/corpus/$*
	$(Q)$< -verbosity=0 -max_total_time=$(FUZZ_SEC) -timeout=60 $(FUZZ_OPTIONS_$*) \
		-max_len=$(CORPUS_INPUT_MAX) -artifact_prefix=$(FUZZ)/$*- \
		$(FUZZ)/seeds/$* tests/fuzz/corpus/$* >$(FUZZ)/$*.log 2>&1 || { cat $(FUZZ)/$*.log; exit 1; }
	$(Q)rm -rf $(FUZZ)/merged/$* && mkdir -p $(FUZZ)/merged/$*
	$(Q)$< -set_cover_merge=1 -max_len=$(CORPUS_INPUT_MAX) $(FUZZ)/merged/$* $(FUZZ)/seeds/$* \
		tests/fuzz/corpus/$* >>$(FUZZ)/$*.log 2>&1
	$(Q)find tests/fuzz/corpus/$* -type f ! -name 'regression-*' -delete
	$(Q)cp $(FUZZ)/merged/$*/* tests/fuzz/corpus/$*

fuzz-corpus: $(FUZZ_CORPORA)
