/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reports: what is refused, the receipt, the state machine, who may read. On both engines.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "incidents/reports.h"
#include "ledger/ledger.h"
#include "pg_server.h"

static void bad_drafts_are_refused(void **state)
{
    (void)state;
    struct err err;
    static char longest[REPORT_TEXT_MAX + 1];
    memset(longest, 'x', sizeof longest);
    const struct {
        struct report_draft draft;
        enum rc rc;
    } all[] = {
        {{.text = STR("A window was broken.")}, RC_OK},
        {{.text = STR("")}, RC_INVALID},
        {{.text = STR(" \n\t ")}, RC_INVALID},
        {{.text = STR("\xff\xfe")}, RC_INVALID},
        {{.text = STR("nul \0 inside")}, RC_INVALID},
        {{.text = {longest, sizeof longest}}, RC_TOO_LARGE},
        {{.text = {longest, REPORT_TEXT_MAX}}, RC_OK},
        {{.text = STR("x"), .has_place = true, .lat_deg = 91}, RC_INVALID},
        {{.text = STR("x"), .type = STR("PRP-05")}, RC_OK},
        {{.text = STR("x"), .type = STR("NO-SUCH")}, RC_INVALID},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_int_equal(report_check(&all[i].draft, &err), all[i].rc);
}

static const struct viewer REVIEWER = {.account = {{7}}, .role = ROLE_REVIEWER};

struct listed {
    struct vault *v;
    struct viewer viewer;
    struct str state, cursor;
    struct arena mem;
    struct report_page page;
};

static enum rc list_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct listed *l = ctx;
    return reports_list(tx, l->v, &l->viewer, l->state, l->cursor, 2, &l->mem, &l->page, err);
}

/* One life: a store, its vault, and the receipts given, oldest first. */
struct life {
    struct store *st;
    struct vault *v;
    struct arena mem;
    struct str receipts[7];
};

static struct str received(struct life *l, const struct report_draft *d)
{
    struct err err = {0};
    struct str receipt;
    assert_int_equal(report_receive(l->st, l->v, d, &l->mem, &receipt, &err), RC_OK);
    return receipt;
}

/* A second attempt with the same key is answered alike and changes nothing; another text under it is another report. */
static void seven_are_received(struct life *l)
{
    for (int i = 0; i < 5; i++) {
        struct report_draft d = {.text = str_printf(&l->mem, "report %d: a secret name", i),
                                 .has_place = i % 2,
                                 .lat_deg = 10,
                                 .lon_deg = 20,
                                 .type = i ? STR("PRP-06") : STR("")};
        l->receipts[i] = received(l, &d);
    }
    static const uint8_t KEY[REPORT_KEY_BYTES] = {1, 2, 3};
    struct report_draft keyed = {.text = STR("report 5: a secret name"),
                                 .has_place = true,
                                 .lat_deg = 10,
                                 .lon_deg = 20,
                                 .type = STR("PRP-06"),
                                 .key = KEY};
    l->receipts[5] = received(l, &keyed);
    assert_true(str_is_equal(l->receipts[5], received(l, &keyed)));
    keyed.text = STR("report 6: a secret name");
    keyed.has_place = false;
    l->receipts[6] = received(l, &keyed);
    assert_false(str_is_equal(l->receipts[5], l->receipts[6]));
}

static enum rc status_of(struct life *l, struct str receipt, struct report_status *status)
{
    struct err err = {0};
    return report_status(l->st, l->v, receipt, &l->mem, status, &err);
}

static void a_receipt_tells_its_state(struct life *l)
{
    struct report_status status;
    assert_int_equal(status_of(l, l->receipts[5], &status), RC_OK);
    assert_int_equal(status_of(l, l->receipts[3], &status), RC_OK);
    assert_true(str_is_equal(status.state, STR("received")));
    char *wrong = str_z(&l->mem, l->receipts[3]);
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    assert_int_equal(status_of(l, str_of(wrong), &status), RC_NOT_FOUND);
    assert_int_equal(status_of(l, STR(""), &status), RC_NOT_FOUND);
}

/* The public may not list; a reviewer may, two at a time, newest first. Returns the newest. */
static struct uuid a_reviewer_lists_all(struct life *life)
{
    struct err err = {0};
    struct listed l = {.v = life->v, .viewer = VIEWER_PUBLIC, .state = STR(""), .cursor = STR("")};
    arena_init(&l.mem);
    assert_int_equal(store_read(life->st, list_fn, &l, &err), RC_DENIED);
    l.viewer = REVIEWER;
    int seen = 0;
    struct uuid newest = {{0}};
    do {
        assert_int_equal(store_read(life->st, list_fn, &l, &err), RC_OK);
        assert_int_equal(l.page.matched, 7);
        for (size_t i = 0; i < l.page.n; i++, seen++) {
            struct str want = str_printf(&l.mem, "report %d: a secret name", 6 - seen);
            assert_true(str_is_equal(l.page.items[i].text, want));
            assert_int_equal(l.page.items[i].has_place, (6 - seen) % 2);
            if (!seen)
                newest = l.page.items[i].public_id;
        }
        l.cursor = l.page.next;
    } while (l.cursor.n);
    assert_int_equal(seen, 7);
    arena_fini(&l.mem);
    return newest;
}

/* The state machine, and who may move it. */
static void a_reviewer_moves_its_state(struct life *l, struct uuid id)
{
    const struct viewer nobody = VIEWER_PUBLIC;
    const struct {
        const struct viewer *viewer;
        struct uuid id;
        struct str state, note;
        enum rc rc;
    } steps[] = {
        {&nobody, id, STR("in_review"), STR(""), RC_DENIED},
        {&REVIEWER, id, STR("received"), STR(""), RC_CONFLICT},
        {&REVIEWER, id, STR("in_review"), STR("looks true"), RC_OK},
        {&REVIEWER, id, STR("in_review"), STR(""), RC_CONFLICT},
        {&REVIEWER, id, STR("closed"), STR(""), RC_OK},
        {&REVIEWER, id, STR("in_review"), STR("again"), RC_OK},
        {&REVIEWER, uuid_random(), STR("closed"), STR(""), RC_NOT_FOUND},
    };
    struct err err = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        assert_int_equal(report_review(l->st, l->v, steps[i].viewer, steps[i].id, steps[i].state, steps[i].note, &err),
                         steps[i].rc);
    struct report_status status;
    assert_int_equal(status_of(l, l->receipts[6], &status), RC_OK);
    assert_true(str_is_equal(status.state, STR("in_review")));
}

static void reports_on(struct store_test *t, void *ctx)
{
    struct err err = {0};
    struct ledger *ledger;
    struct ledger_report verified;
    struct life l = {.st = t->st};
    (void)ctx;
    arena_init(&l.mem);
    assert_int_equal(vault_open(l.st, t->dir, &l.v, &err), RC_OK);
    assert_int_equal(ledger_open(l.st, t->dir, "test.example/fane", &ledger, &err), RC_OK);
    reports_add_checkers(ledger);
    seven_are_received(&l);
    a_receipt_tells_its_state(&l);
    a_reviewer_moves_its_state(&l, a_reviewer_lists_all(&l));
    assert_int_equal(ledger_checkpoint(ledger, &err), RC_OK);
    enum rc rc = ledger_verify(ledger, &verified, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    assert_true(verified.objects >= 10); /* seven reports, three notes */
    arena_fini(&l.mem);
    store_close(l.st); /* its writer calls into the ledger and the vault */
    t->st = NULL;
    ledger_close(ledger);
    vault_close(l.v);
}

static void reports_live_their_life(void **state)
{
    (void)state;
    store_test_each_engine(reports_on, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_drafts_are_refused),
        cmocka_unit_test(reports_live_their_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
