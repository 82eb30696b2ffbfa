/* What verifying in one's own process does when the n-th thing that the library, and OpenSSL for it, asks of
 * libc fails, n = 1, 2, …: never is a token good that is not. */
#include <sys/wait.h>

#include "tests/unit/verifier_host.h"

#include "tests/unit/library_faults.h"

/* Some moments later than it is, for the library: what it does at most once in a while it may do again. */
static int64_t ahead_sec;

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r;
        REAL(clock_gettime);

        r = real(clock, ret);
        if (r == 0 && clock == CLOCK_MONOTONIC_COARSE && is_watched(CALLER))
                ret->tv_sec += ahead_sec;
        return r;
}

static void be_alive(void) {
        atomic_store(&file.header->heartbeat, status_clock() + (uint64_t) ahead_sec * 1000000);
}

static void let_time_pass(int64_t seconds) {
        ahead_sec += seconds;
        be_alive();
}

/* ---- what every use does ------------------------------------------------------------------------------*/

static char bad[TOKEN_MAX + 1];   /* altered, */
static char ended[TOKEN_MAX + 1]; /* of a session that has ended, */
static char late[TOKEN_MAX + 1];  /* after its time; */
static char far[TOKEN_MAX + 1];   /* and a good one, of a session that is not in the first page */

#define FAR_INDEX 4000

static struct sessjwt_verifier *v;
static struct sessjwt_checker *checking;

static int open_both(void) {
        int r = sessjwt_verifier_open(file.dir, ISSUER, AUDIENCE, NULL, -1, &v);

        if (r < 0)
                assert_null(v);
        if (r == 0) {
                r = sessjwt_checker_open(v, &checking);
                if (r < 0)
                        assert_null(checking);
        }
        return r;
}

/* A refusal is told for its own reason or not at all. */
static int look_at(const char *text, int expected) {
        static const struct sessjwt_claims untouched;
        const struct sessjwt_claims *claims = &untouched;
        int r = sessjwt_check(checking, text, strlen(text), &claims);

        if (r == 0 && expected == 0) {
                assert_string_equal(claims->subject, "alice");
                assert_string_equal(claims->roles[1], "staff");
                return 0;
        }
        assert_ptr_equal(claims, &untouched);
        assert_int_not_equal(r, 0);
        return r == expected ? 0 : r;
}

static int look_at_all(void) {
        int r = look_at(token, 0);

        if (r == 0)
                r = look_at(bad, SESSJWT_TOKEN_BAD_SIGNATURE);
        if (r == 0)
                r = look_at(ended, SESSJWT_TOKEN_REVOKED);
        if (r == 0)
                r = look_at(late, SESSJWT_TOKEN_EXPIRED);
        return r ? r : look_at(token, 0);
}

static int open_and_look(void) {
        int r = open_both();

        return r ? r : look_at_all();
}

static void begin_without(void) {
        v = NULL;
        checking = NULL;
}

static void begin(void) {
        begin_without();
        assert_int_equal(open_and_look(), 0);
}

/* The next call tries again. */
static void end(void) {
        if (checking)
                assert_int_equal(look_at_all(), 0);
        sessjwt_checker_close(&checking);
        sessjwt_verifier_close(&v);
}

/* ---- what happens meanwhile ---------------------------------------------------------------------------*/

static void raise_generation(void) {
        atomic_fetch_add(&file.header->generation, 1);
}

static void write_no_keys(void) {
        status_file_write(file.keys, "{\"keys\":[]}", 11);
}

/* Another page of that size in the place of the one that is there, with our session in it. */
static void replace_page(size_t size) {
        uint64_t generation = atomic_load(&file.header->generation);

        status_file_replace(&file, size);
        atomic_store(&file.header->generation, generation + 77);
        atomic_store(&file.bytes[INDEX], STATUS_VALID);
        be_alive();
}

/* It has looked for such a key just now, and there was none; then others were published. */
static void begin_with_new_keys(void) {
        write_no_keys();
        begin_without();
        assert_int_equal(open_both(), 0);
        assert_int_equal(look_at(token, SESSJWT_TOKEN_UNKNOWN_KEY), 0);
        write_keys();
}

static void begin_with_raised_generation(void) {
        begin();
        raise_generation();
}

static void begin_with_grown_page(void) {
        replace_page(INDEX + 2);
        begin();
        status_file_grow(&file, 4096);
        be_alive();
        atomic_store(&file.bytes[FAR_INDEX], STATUS_VALID);
}

static int look_far(void) {
        return look_at(far, 0);
}

/* The page it has is of a daemon that is no more; a new one has made another. */
static void begin_with_silent_page(void) {
        begin();
        let_time_pass(2);
        atomic_store(&file.header->heartbeat, status_clock() - UINT64_C(61000000));
        replace_page(4096);
}

/* Of the old page it may say that it is silent, for so it is. */
static int look_at_silent_page(void) {
        int r = look_at(token, 0);

        return r == SESSJWT_TOKEN_STALE && fault.failed ? -fault.said : r;
}

static void end_later(void) {
        let_time_pass(2);
        end();
}

/* It was good, was seen, and is so no more; and all has to be read anew to know. */
static void begin_with_ended_session(void) {
        begin_with_grown_page();
        atomic_store(&file.bytes[INDEX], STATUS_INVALID);
        raise_generation();
}

static int look_at_ended_session(void) {
        int r = look_at(token, SESSJWT_TOKEN_REVOKED);

        return r ? r : look_at(token, SESSJWT_TOKEN_REVOKED);
}

static void end_with_revived_session(void) {
        assert_int_equal(look_at_ended_session(), 0);
        atomic_store(&file.bytes[INDEX], STATUS_VALID);
        end();
}

static void begin_with_compromised_key(void) {
        begin();
        write_no_keys();
        raise_generation();
}

static int look_at_compromised_key(void) {
        int r = look_at(token, SESSJWT_TOKEN_UNKNOWN_KEY);

        return r ? r : look_at(token, SESSJWT_TOKEN_UNKNOWN_KEY);
}

static void end_with_restored_key(void) {
        assert_int_equal(look_at_compromised_key(), 0);
        write_keys();
        raise_generation();
        end();
}

/* ---- the uses -----------------------------------------------------------------------------------------*/

#define KEYS "malloc calloc asprintf open fstat read"

static const struct use uses[] = {
        { "first sight", begin_without, open_and_look, end, KEYS " strdup mmap getrandom" },
        { "again", begin, look_at_all, end, "" },
        { "new keys", begin_with_new_keys, look_at_all, end, KEYS " lstat" },
        { "a raised generation", begin_with_raised_generation, look_at_all, end, KEYS " mmap" },
        { "a page that grew", begin_with_grown_page, look_far, end, "open fstat mmap" },
        { "another page", begin_with_silent_page, look_at_silent_page, end_later, KEYS " mmap" },
        { "an ended session", begin_with_ended_session, look_at_ended_session, end_with_revived_session,
                KEYS " mmap" },
        { "a compromised key", begin_with_compromised_key, look_at_compromised_key, end_with_restored_key,
                KEYS " mmap" },
};

#define N_USES (sizeof(uses) / sizeof(uses[0]))

static void test_no_fault_makes_a_token_good_or_forged(void **state) {
        for (size_t i = 0; i < N_USES; i++)
                assert_every_fault_is_told(&uses[i]);
        print_message("in all: %u faults\n", n_faults);
}

static void test_what_is_interrupted_is_done_again(void **state) {
        for (size_t i = 0; i < N_USES; i++)
                if (strstr(uses[i].calls, "open"))
                        assert_interruptions_are_not_seen(&uses[i]);
}

/* ---- the first use in a process, for which OpenSSL loads itself ---------------------------------------- */

enum { TOLD, NOT_SO_MANY, WRONG };

/* In a process of its own: DIRECTORY TOKEN N LASTS. OpenSSL may be of no use afterwards. */
static int use_first(char **arguments) {
        int r;

        snprintf(file.dir, sizeof(file.dir), "%s", arguments[1]);
        memcpy(token, arguments[2], strlen(arguments[2]) + 1);
        fault.lasts = atoi(arguments[4]);
        fail_nth((unsigned) atoi(arguments[3]));
        r = open_both();
        if (r == 0)
                r = sessjwt_check(checking, token, strlen(token), NULL);
        fault.plan = NOTHING;
        sessjwt_checker_close(&checking);
        sessjwt_verifier_close(&v);
        if (!fault.failed)
                return r == 0 ? NOT_SO_MANY : WRONG;
        return r == 0 || r == -ENOMEM || is_told(r) ? TOLD : WRONG;
}

static int use_first_elsewhere(unsigned n, bool lasts) {
        char number[16];
        int status = -1;
        pid_t pid;

        be_alive();
        snprintf(number, sizeof(number), "%u", n);
        pid = fork();
        if (pid == 0) {
                execl("/proc/self/exe", "first", file.dir, token, number, lasts ? "1" : "0", NULL);
                _exit(WRONG);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) == WRONG)
                fail_msg("the first use, call %u%s: status %d", n, lasts ? " and all others" : "", status);
        return WEXITSTATUS(status);
}

/* There are thousands of calls, and a process for each; where OpenSSL would crash are forty in a row. */
#define STEP 23

static void test_no_fault_of_the_first_use_ends_the_process(void **state) {
        for (int lasts = 0; lasts < 2; lasts++)
                for (unsigned n = 1; use_first_elsewhere(n, lasts) == TOLD; n += STEP)
                        n_faults++;
        assert_true(n_faults > 2);
        print_message("in all: %u faults\n", n_faults);
}

static int open_host(void **state) {
        size_t size;

        ahead_sec = 0;
        n_faults = 0;
        fault.plan = NOTHING;
        set_up(state);
        memcpy(bad, token, sizeof(bad));
        size = sign(INDEX, now(), ",\"more\":1", bad);
        memcpy(bad + size - 86, token + token_size - 86, 86);
        sign(INDEX + 1, now(), "", ended);
        sign(INDEX, now() - 1000, "", late);
        sign(FAR_INDEX, now(), "", far);
        return 0;
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_host, tear_down)
                T(test_no_fault_makes_a_token_good_or_forged),
                T(test_no_fault_of_the_first_use_ends_the_process),
                T(test_what_is_interrupted_is_done_again),
        };

        if (argc == 5)
                _exit(use_first(argv)); /* what OpenSSL leaves behind is not ours */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
