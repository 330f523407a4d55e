/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Warnings: drafted once, decided by a person, coarse for the public, never Actual when they must not be. Both engines.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/alerts.h"
#include "alerts/cap.h"
#include "ledger/ledger.h"
#include "pg_server.h"

static const struct viewer EVERYONE = {.role = ROLE_PUBLIC};
static const struct viewer REVIEWER = {.account = {{1}}, .role = ROLE_REVIEWER};
static const struct viewer COORDINATOR = {.account = {{2}}, .role = ROLE_COORDINATOR};

struct drafting {
    struct warning w;
    struct uuid id;
    bool is_new;
};

static enum rc draft_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct drafting *d = ctx;
    return warnings_draft(tx, &d->w, &d->id, &d->is_new, err);
}

static struct drafting draft(struct store *st, const char *subject, enum alert_status status)
{
    struct err err = {0};
    struct drafting d = {.w = {.subject = str_of(subject),
                               .status = status,
                               .headline = STR("5 where 0.4 expected"),
                               .evidence = STR("{\"observed\":5}"),
                               .area = STR("Aleppo, SY"),
                               .lat_deg = 36.2021,
                               .lon_deg = 37.1343,
                               .radius_km = 3.5,
                               .start_day = 17000,
                               .end_day = 17005,
                               .observed = 5,
                               .expected = 0.4,
                               .p = 0.001}};
    enum rc rc = store_write(st, draft_fn, &d, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    return d;
}

struct asked {
    const struct viewer *viewer;
    struct str state, id;
    struct arena mem;
    struct warning_page page;
    struct str xml;
};

static enum rc list_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct asked *a = ctx;
    return warnings_list(tx, a->viewer, a->state, STR(""), 0, &a->mem, &a->page, err);
}

static enum rc document_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct asked *a = ctx;
    return warnings_document(tx, a->viewer, a->id, &a->mem, &a->xml, err);
}

static enum rc feed_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct asked *a = ctx;
    return warnings_feed(tx, STR("https://fane.example"), STR("fane@fane.example"), &a->mem, &a->xml, err);
}

static struct warning_page list_as(struct store *st, struct asked *a, const struct viewer *viewer)
{
    struct err err;
    a->viewer = viewer;
    assert_int_equal(store_read(st, list_fn, a, &err), RC_OK);
    return a->page;
}

static struct str id_of(struct asked *a, const struct warning_page *p, const char *subject)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_is_equal(p->items[i].subject, str_of(subject)))
            return uuid_format(&a->mem, p->items[i].public_id);
    fail();
    return STR("");
}

/* The three drafts of one life: what it is, and its id. */
struct drafts {
    struct store *st;
    struct asked a;
    struct str exercise, actual, test;
};

static void drafted_once(struct drafts *d)
{
    assert_true(draft(d->st, "run1/0", ALERT_EXERCISE).is_new);
    assert_false(draft(d->st, "run1/0", ALERT_ACTUAL).is_new); /* the same subject once, and its status stays */
    assert_true(draft(d->st, "run1/1", ALERT_ACTUAL).is_new);
    assert_true(draft(d->st, "run1/2", ALERT_TEST).is_new);
    assert_int_equal(list_as(d->st, &d->a, &EVERYONE).n, 0);
    struct warning_page p = list_as(d->st, &d->a, &REVIEWER);
    assert_int_equal(p.n, 3);
    d->exercise = id_of(&d->a, &p, "run1/0");
    d->actual = id_of(&d->a, &p, "run1/1");
    d->test = id_of(&d->a, &p, "run1/2");
}

/* Who may decide, and how. */
static void decided(struct drafts *w)
{
    struct err err = {0};
    struct warning_decision d = {.scope = STR("Public"),
                                 .account = STR("miriam"),
                                 .sender = STR("fane@fane.example"),
                                 .base_url = STR("https://fane.example")};
    assert_int_equal(warnings_approve(w->st, &EVERYONE, w->exercise, &d, &err), RC_DENIED);
    assert_int_equal(warnings_approve(w->st, &REVIEWER, w->exercise, &d, &err), RC_DENIED);
    d.scope = STR("Everybody");
    assert_int_equal(warnings_approve(w->st, &COORDINATOR, w->exercise, &d, &err), RC_INVALID);
    d.scope = STR("Private");
    assert_int_equal(warnings_approve(w->st, &COORDINATOR, w->exercise, &d, &err), RC_INVALID);
    assert_int_equal(warnings_reject(w->st, &COORDINATOR, w->test, &d, &err), RC_INVALID);
    d.reason = STR("one event counted twice");
    assert_int_equal(warnings_reject(w->st, &COORDINATOR, w->test, &d, &err), RC_OK);
    assert_int_equal(warnings_reject(w->st, &COORDINATOR, w->test, &d, &err), RC_CONFLICT);
    d.reason = STR("");
    d.scope = STR("Public");
    enum rc rc = warnings_approve(w->st, &COORDINATOR, w->exercise, &d, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    assert_int_equal(warnings_approve(w->st, &COORDINATOR, w->exercise, &d, &err), RC_CONFLICT);
    d.scope = STR("Restricted");
    assert_int_equal(warnings_approve(w->st, &COORDINATOR, w->actual, &d, &err), RC_OK);
    assert_int_equal(warnings_approve(w->st, &COORDINATOR, STR("nonsense"), &d, &err), RC_NOT_FOUND);
}

/* The public: the Public one only, coarse, without evidence or names. */
static void the_public_list_is_coarse(struct drafts *d)
{
    struct warning_page p = list_as(d->st, &d->a, &EVERYONE);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.matched, 1);
    assert_true(p.items[0].is_coarse && p.items[0].evidence.n == 0 && p.items[0].decided_name.n == 0);
    double lat, lon;
    policy_coarse_point(36.2021, 37.1343, &lat, &lon);
    assert_true(p.items[0].lat_deg == lat && p.items[0].lon_deg == lon && p.items[0].radius_km >= 3.5 + 14);
}

static enum rc document_as(struct drafts *d, const struct viewer *viewer, struct str id)
{
    struct err err = {0};
    d->a.viewer = viewer;
    d->a.id = id;
    return store_read(d->st, document_fn, &d->a, &err);
}

/* The documents: status as drafted; coarse in the Public one; the Restricted one not for everybody. */
static void documents_say_what_was_drafted(struct drafts *d)
{
    struct err err = {0};
    assert_int_equal(document_as(d, &EVERYONE, d->exercise), RC_OK);
    assert_int_equal(cap_check(d->a.xml, &err), RC_OK);
    assert_true(str_contains(d->a.xml, STR("<status>Exercise</status>")));
    assert_false(str_contains(d->a.xml, STR("36.20")));
    assert_true(str_contains(d->a.xml, STR("<language>ru</language>")));
    assert_false(str_contains(d->a.xml, STR("{")));
    assert_int_equal(document_as(d, &EVERYONE, d->actual), RC_NOT_FOUND);
    assert_int_equal(document_as(d, &REVIEWER, d->actual), RC_OK);
    assert_true(str_contains(d->a.xml, STR("<status>Actual</status>")) && str_contains(d->a.xml, STR("36.2021")));
    assert_int_equal(document_as(d, &REVIEWER, d->test), RC_NOT_FOUND);
}

/* The feed: only what is Public, until it expires. */
static void the_feed_is_public_and_current(struct drafts *d)
{
    struct err err = {0};
    assert_int_equal(store_read(d->st, feed_fn, &d->a, &err), RC_OK);
    assert_true(str_contains(d->a.xml, d->exercise) && !str_contains(d->a.xml, d->actual) &&
                !str_contains(d->a.xml, d->test));
    assert_true(str_contains(d->a.xml, STR("[Exercise]")));
    clock_set((struct instant){clock_now().us + (WARNING_VALID_DAYS + 1) * DAY_US});
    assert_int_equal(store_read(d->st, feed_fn, &d->a, &err), RC_OK);
    clock_unset();
    assert_false(str_contains(d->a.xml, d->exercise));
}

static void life_on(struct store_test *t, void *ctx)
{
    struct err err = {0};
    struct ledger *ledger;
    struct ledger_report verified;
    struct drafts d = {.st = t->st, .a = {.state = STR("")}};
    (void)ctx;
    arena_init(&d.a.mem);
    assert_int_equal(ledger_open(t->st, t->dir, "test.example/fane", &ledger, &err), RC_OK);
    warnings_add_checker(ledger);
    drafted_once(&d);
    decided(&d);
    the_public_list_is_coarse(&d);
    documents_say_what_was_drafted(&d);
    the_feed_is_public_and_current(&d);
    assert_int_equal(ledger_checkpoint(ledger, &err), RC_OK);
    enum rc rc = ledger_verify(ledger, &verified, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    assert_int_equal(verified.objects, 3);
    arena_fini(&d.a.mem);
    store_close(t->st);
    t->st = NULL;
    ledger_close(ledger);
}

static void warnings_live_their_life(void **state)
{
    (void)state;
    store_test_each_engine(life_on, NULL);
}

static void status_is_never_actual_by_chance(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        assert_true((alert_status_of(i & 1, i & 2, i & 4) == ALERT_ACTUAL) == (i == 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warnings_live_their_life),
        cmocka_unit_test(status_is_never_actual_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
