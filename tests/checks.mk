# checks: what is looked for in the sources without running them, and how far the tests reach.
.PHONY: analyze coverage coverage-count

# ---- analysis ----------------------------------------------------------------------------------------------
# What gcc's analyzer is not asked, because gcc 12 loses sight of what _cleanup_ and TAKE own, of what is kept
# in an array that grows, and of outputs that are set whenever 0 is returned. Sanitizers look at these.
ANALYZER_OFF := malloc-leak use-of-uninitialized-value
ANALYSIS     := $(patsubst %.c,$(B)/analysis/%,$(wildcard client/*.c daemon/*.c pam/*.c))
ANALYSIS_CFLAGS := -std=gnu11 -I. -I$(B)/gen -D_GNU_SOURCE -DSESSJWT_SBIN_DIR='"$(prefix)/sbin"' \
                -DSESSJWT_SECURITY_DIR='"$(securitydir)"'

$(ANALYSIS): $(B)/analysis/%: %.c .clang-tidy $(B)/gen/interface.inc
	$(call say,ANALYSE,$<)
	@mkdir -p $(@D)
	$(Q)gcc $(ANALYSIS_CFLAGS) -O1 $(WARNINGS) -Werror -fanalyzer $(ANALYZER_OFF:%=-Wno-analyzer-%) \
		-MMD -MP -MF $@.d -MT $@ -c -o /dev/null $<
	$(Q)clang-tidy --quiet $< -- $(ANALYSIS_CFLAGS) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

analyze: ## gcc -fanalyzer and clang-tidy over the product (Debian: clang-tidy), zero findings
	@command -v clang-tidy >/dev/null || { echo 'analyze: needs clang-tidy' >&2; exit 1; }
	@+$(MAKE) --no-print-directory -k -j$$(nproc) $(ANALYSIS)

# ---- coverage ----------------------------------------------------------------------------------------------
# Programs of every user count: each object's counters are there before, for all to write.
COVERAGE_MIN := 90
coverage: ## how many of the product's lines all tests reach, at least COVERAGE_MIN=90 % of them
	@+$(MAKE) --no-print-directory COVERAGE=1 coverage-count

coverage-count:
	@.ci/deps --ensure
	@+$(MAKE) --no-print-directory -j$$(nproc) test-build
	@find $(B) -name '*.gcda' -delete
	@find $(B) -name '*.gcno' | sed 's/gcno$$/gcda/' | xargs -n 1 install -m 666 /dev/null
	@SESSJWT_BUILD=$(B) tests/run $(TESTS) || echo 'coverage: tests failed, see above'
	@tests/coverage $(B) $(COVERAGE_MIN)
