/* feed: everybody reads at his own pace from one ring, which has its bounds. */
#include "tests/unit/store_fixture.h"

#include "daemon/feed.h"

static struct event event_by(const char *user, uint32_t uid, const char *kind) {
        struct event event = { .uid = uid, .realm = "default" };

        strcpy(event.user, user);
        strcpy(event.kind, kind);
        return event;
}

static void add(struct feed *feed, unsigned n, const char *user, uint32_t uid, const char *kind) {
        const struct event event = event_by(user, uid, kind);
        char text[16];

        snprintf(text, sizeof(text), "%u", n);
        feed_add(feed, &event, text, strlen(text) + 1);
}

static void assert_next(
        const struct feed *feed, const struct feed_filter *filter, uint64_t *position, const char *expected) {
        const char *text;
        size_t size;

        assert_int_equal(feed_next(feed, filter, position, &text, &size), 0);
        assert_string_equal(text, expected);
        assert_int_equal(size, strlen(expected) + 1);
}

static int next(const struct feed *feed, uint64_t *position) {
        static const struct feed_filter any;
        const char *text;
        size_t size;

        return feed_next(feed, &any, position, &text, &size);
}

static void test_each_reads_from_his_place_on_in_order(void **state) {
        _cleanup_(feed_free) struct feed *feed = NULL;
        const struct feed_filter any = { 0 };
        uint64_t early, late;

        assert_int_equal(feed_new(8, 1U << 20, &feed), 0);
        early = feed_end(feed);
        add(feed, 1, "alice", 1000, "login");
        late = feed_end(feed);
        add(feed, 2, "alice", 1000, "logout");
        assert_next(feed, &any, &early, "1");
        assert_next(feed, &any, &early, "2");
        assert_next(feed, &any, &late, "2");
        assert_int_equal(next(feed, &early), FEED_END);
        assert_int_equal(next(feed, &late), FEED_END);
        add(feed, 3, "alice", 1000, "login");
        assert_next(feed, &any, &early, "3");
}

static void test_a_filter_lets_through_what_is_asked_for(void **state) {
        _cleanup_(feed_free) struct feed *feed = NULL;
        const struct feed_filter of_uid = { .is_of_uid = true, .uid = 1001 },
                                 no_root = { .hides_root = true }, of_user = { .user = "bob" },
                                 of_realm = { .realm = "shop" };
        struct feed_filter of_kind = { 0 };
        uint64_t at[5] = { 0 };

        assert_int_equal(feed_new(8, 1U << 20, &feed), 0);
        assert_true(feed_filter_add_kind(&of_kind, "denied") && feed_filter_add_kind(&of_kind, "logout"));
        assert_false(feed_filter_add_kind(&of_kind, "nosuch"));
        add(feed, 1, "root", 0, "login");
        add(feed, 2, "alice", 1000, "logout");
        add(feed, 3, "bob", 1001, "login");
        assert_next(feed, &of_uid, &at[0], "3");
        assert_next(feed, &no_root, &at[1], "2");
        assert_next(feed, &of_user, &at[2], "3");
        assert_next(feed, &of_kind, &at[3], "2");
        assert_true(at[4] == 0 && next(feed, &at[0]) == FEED_END);
        for (size_t i = 0; i < 2; i++) {
                const char *text;
                size_t size;

                assert_int_equal(feed_next(feed, &of_realm, &at[4], &text, &size), FEED_END);
        }
}

static void test_who_falls_behind_the_ring_has_lost_and_the_others_have_not(void **state) {
        _cleanup_(feed_free) struct feed *feed = NULL;
        uint64_t slow, fast;

        assert_int_equal(feed_new(4, 1U << 20, &feed), 0);
        slow = fast = feed_end(feed);
        for (unsigned i = 0; i < 4; i++) {
                add(feed, i, "alice", 1000, "login");
                assert_int_equal(next(feed, &fast), 0);
        }
        assert_int_equal(next(feed, &slow), 0); /* it holds four */
        slow = 0;
        add(feed, 4, "alice", 1000, "login");
        assert_int_equal(next(feed, &fast), 0);
        assert_int_equal(next(feed, &slow), FEED_LOST);
        assert_int_equal(next(feed, &slow), FEED_LOST);
}

static void test_bytes_are_bounded_too(void **state) {
        _cleanup_(feed_free) struct feed *feed = NULL;
        const struct event event = event_by("alice", 1000, "login");
        static char text[8192];
        uint64_t at = 0;
        size_t n = 0;

        assert_int_equal(feed_new(1000, 65536, &feed), 0);
        for (int i = 0; i < 100; i++)
                feed_add(feed, &event, text, sizeof(text));
        assert_int_equal(next(feed, &at), FEED_LOST);
        for (at = 100; at > 0; at--) {
                uint64_t from = at - 1;

                n += next(feed, &from) == 0;
        }
        assert_true(n >= 5 && n <= 8);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_reads_from_his_place_on_in_order),
                cmocka_unit_test(test_a_filter_lets_through_what_is_asked_for),
                cmocka_unit_test(test_who_falls_behind_the_ring_has_lost_and_the_others_have_not),
                cmocka_unit_test(test_bytes_are_bounded_too),
        };

        return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
