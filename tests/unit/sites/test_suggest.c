/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Suggestions: what is refused, receipts, the queue, decisions; what is accepted stands over later imports and can be taken
 * apart again. On both engines.
 */
#include "sites_fixture.h"

#include "sites/join.h"
#include "sites/suggest.h"
#include "sites/visibility.h"

static const struct viewer REVIEWER = {.account = {{2}}, .role = ROLE_REVIEWER};
static const struct viewer COORDINATOR = {.account = {{3}}, .role = ROLE_COORDINATOR};

struct desk {
    struct registry *r;
    struct vault *v;
    struct vocab *words;
};

static void desk_open(struct registry *r, struct desk *d)
{
    *d = (struct desk){.r = r};
    OK(vault_open(r->st, r->dir, &d->v, &r->err));
    OK(vocab_new(&d->words, &r->err));
    suggest_add_checkers(r->ledger);
    joins_ledger_checkers(r->ledger);
}

/* The store goes first: its hooks call the vault. */
static void desk_close(struct desk *d)
{
    struct registry *r = d->r;
    struct ledger_report report;
    OK(ledger_verify(r->ledger, &report, &r->err));
    store_close(r->st);
    ledger_close(r->ledger);
    vault_close(d->v);
    vocab_free(d->words);
    OK(store_open(r->where, NULL, &r->st, &r->err));
    registry_open(r);
    suggest_add_checkers(r->ledger);
}

#define NAMES(...)                                                                                                     \
    .names = (const struct site_name[]){__VA_ARGS__},                                                                  \
    .names_n = sizeof((const struct site_name[]){__VA_ARGS__}) / sizeof(struct site_name)
#define N(l, t)                                                                                                        \
    {                                                                                                                  \
        STR(l), STR(t)                                                                                                 \
    }

static void test_what_is_refused(void **state)
{
    (void)state;
    static char longest[SUGGEST_TEXT_MAX + 1];
    struct vocab *words;
    struct err err;
    memset(longest, 'x', sizeof longest);
    assert_int_equal(vocab_new(&words, &err), RC_OK);
    const struct str id = STR("00000000-0000-4000-8000-000000000000");
    const struct {
        struct suggestion_draft d;
        enum rc rc;
    } all[] = {
        {{.text = STR("a chapel is missing")}, RC_OK},
        {{.text = STR("")}, RC_INVALID},
        {{.text = STR("nul \0 in it")}, RC_INVALID},
        {{.text = STR("\xff")}, RC_INVALID},
        {{.text = {longest, sizeof longest}}, RC_TOO_LARGE},
        {{.text = {longest, SUGGEST_TEXT_MAX}}, RC_OK},
        {{NAMES(N("", "Chapel"))}, RC_OK},
        {{NAMES(N("en", " "))}, RC_INVALID},
        {{NAMES(N("en us", "x"))}, RC_INVALID},
        {{NAMES(N("-en", "x"))}, RC_INVALID},
        {{NAMES(N("en", "a\tb"))}, RC_INVALID},
        {{NAMES(N("zh-Hant-TW", "\xe5\xba\x99"))}, RC_OK},
        {{.site = id}, RC_INVALID},
        {{.site = id, .is_closed = true}, RC_OK},
        {{.is_closed = true, .text = STR("which one?")}, RC_INVALID},
        {{.wants_hidden = true, .text = STR("which one?")}, RC_INVALID},
        {{.site = STR("nonsense"), .text = STR("x")}, RC_INVALID},
        {{.site = id, .religion = STR("sikh")}, RC_OK},
        {{.site = id, .religion = STR("Sikh")}, RC_INVALID},
        {{.site = id, .kind = STR("MOS")}, RC_OK},
        {{.site = id, .kind = STR("mosque")}, RC_INVALID},
        {{.site = id, .status = STR("ruins")}, RC_OK},
        {{.site = id, .status = STR("gone")}, RC_INVALID},   /* what sources say by leaving it out */
        {{.site = id, .status = STR("merged")}, RC_INVALID}, /* ours */
        {{.site = id, .has_place = true, .lat_deg = 91}, RC_INVALID},
        {{.site = id, .has_place = true, .lat_deg = 9, .lon_deg = 9}, RC_OK},
        {{.religion = STR("sikh")}, RC_INVALID}, /* a missing site needs a name or words */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (suggest_check(&all[i].d, words, &err) != all[i].rc)
            fail_msg("draft %zu: %s", i, err.text);
    vocab_free(words);
}

static struct str sent(struct desk *d, struct suggestion_draft draft, const uint8_t *key)
{
    struct registry *r = d->r;
    struct str receipt;
    OK(suggest_receive(r->st, d->v, &draft, d->words, key, &r->mem, &receipt, &r->err));
    return receipt;
}

struct listing {
    struct desk *d;
    const struct viewer *viewer;
    struct str state, cursor;
    size_t limit;
    struct suggestion_page page;
};

static enum rc list_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return suggest_list(tx, l->d->v, l->viewer, l->state, l->cursor, l->limit, &l->d->r->mem, &l->page, err);
}

static struct suggestion_page listed(struct desk *d, const char *state, struct str cursor, size_t limit)
{
    struct registry *r = d->r;
    struct listing l = {.d = d, .viewer = &REVIEWER, .state = str_of(state), .cursor = cursor, .limit = limit};
    OK(store_read(r->st, list_fn, &l, &r->err));
    return l.page;
}

static void queue_on(struct registry *r)
{
    struct desk d;
    const struct str id = STR("00000000-0000-4000-8000-000000000000");
    uint8_t key[16] = {7};
    struct suggestion_status status;
    desk_open(r, &d);
    struct str first = sent(&d, (struct suggestion_draft){.text = STR("one")}, NULL);
    sent(&d, (struct suggestion_draft){.site = id, .wants_hidden = true, .text = STR("two")}, NULL);
    struct str keyed = sent(&d, (struct suggestion_draft){.text = STR("three")}, key);
    sent(&d, (struct suggestion_draft){.site = id, .wants_hidden = true, .text = STR("four")}, NULL);
    assert_true(str_is_equal(sent(&d, (struct suggestion_draft){.text = STR("three again")}, key), keyed));
    key[0]++;
    assert_false(str_is_equal(sent(&d, (struct suggestion_draft){.text = STR("five")}, key), keyed));
    OK(suggest_status(r->st, d.v, first, &r->mem, &status, &r->err));
    assert_true(str_is_equal(status.state, STR("received")));
    assert_int_equal(suggest_status(r->st, d.v, STR("nonsense"), &r->mem, &status, &r->err), RC_NOT_FOUND);
    static const char *const ORDER[] = {"two", "four", "one", "three", "five"};
    for (size_t limit = 1; limit <= 6; limit++) { /* every page size gives the same list */
        struct str cursor = STR_NONE;
        size_t seen = 0;
        do {
            struct suggestion_page p = listed(&d, "", cursor, limit);
            assert_int_equal(p.matched, 5);
            for (size_t i = 0; i < p.n; i++)
                assert_true(str_is_equal(p.items[i].draft.text, str_of(ORDER[seen++])));
            cursor = p.next;
        } while (cursor.n);
        assert_int_equal(seen, 5);
    }
    struct listing l = {.d = &d, .viewer = &VIEWER_PUBLIC, .state = STR("")};
    assert_int_equal(store_read(r->st, list_fn, &l, &r->err), RC_DENIED);
    l.viewer = &REVIEWER;
    l.cursor = STR("1.2.3");
    assert_int_equal(store_read(r->st, list_fn, &l, &r->err), RC_INVALID);
    assert_int_equal(number_of(r, "SELECT count(*) FROM outbox WHERE topic = 'suggestion.received'"), 5);
    desk_close(&d);
}

static void test_queue(void **state)
{
    (void)state;
    on_each_engine(queue_on);
}

/* ---- decisions ---- */

static void put(struct registry *r, const char *source, const struct site_draft *drafts, size_t n)
{
    struct sites_import_options o = {.source = str_of(source),
                                     .licence = STR("ODbL-1.0"),
                                     .label = STR("test"),
                                     .format = STR("test"),
                                     .temp_dir = r->dir};
    struct sites_import_report report;
    struct sites_import *im;
    OK(sites_import_begin(r->st, &o, &im, &r->err));
    struct site_sink *sink = sites_import_sink(im);
    for (size_t i = 0; i < n; i++)
        OK(sink->draft(sink->ctx, &drafts[i], &r->err));
    OK(sites_import_finish(im, &report, &r->err));
    assert_int_equal(report.rejected, 0);
    sites_import_free(im);
}

static struct site *site_named(struct registry *r, const char *external_id)
{
    struct site *s;
    OK(sites_find_external(r->st, str_of(external_id), &SITES_ADMIN, &r->mem, &s, &r->err));
    return s;
}

static struct site *site_again(struct registry *r, const struct site *s, const struct viewer *viewer)
{
    struct site *out = NULL;
    enum rc rc = sites_find(r->st, uuid_format(&r->mem, s->public_id), viewer, &r->mem, &out, &r->err);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return rc == RC_OK ? out : NULL;
}

static enum rc decide(struct desk *d, const struct suggestion *s, const struct viewer *who, bool accept,
                      const char *reason, struct uuid *site)
{
    struct suggestion_decision said = {accept, str_of(reason)};
    struct uuid ignored;
    return suggest_decide(d->r->st, d->v, who, s->public_id, &said, site ? site : &ignored, &d->r->err);
}

static void accepted(struct desk *d, struct suggestion_draft draft, const struct viewer *who)
{
    struct registry *r = d->r;
    sent(d, draft, NULL);
    struct suggestion_page p = listed(d, "", STR_NONE, 10);
    assert_int_equal(p.n, 1);
    OK(decide(d, &p.items[0], who, true, "", NULL));
}

static bool has_name(const struct site *s, const char *lang, const char *text)
{
    for (size_t i = 0; i < s->names_n; i++)
        if (str_is_equal(s->names[i].lang, str_of(lang)) && str_is_equal(s->names[i].text, str_of(text)))
            return true;
    return false;
}

#define EDITION(name, relig)                                                                                           \
    {                                                                                                                  \
        .external_id = STR("n1"), .class_code = STR("place_of_worship"), .kind = STR("CHU"), .religion = STR(relig),   \
        .has_place = true, .lat_deg = 50, .lon_deg = 10, NAMES(N("", name), N("de", "Alte Kirche")),                   \
        .note = STR("as read")                                                                                         \
    }

/* A correction stands over later editions; what it does not speak of follows them; taken apart the source's row is back. */
static void corrections_on(struct registry *r)
{
    struct desk d;
    const struct site_draft one[] = {EDITION("Old church", "christian")}, two[] = {EDITION("New church", "christian")};
    desk_open(r, &d);
    put(r, "osm", one, 1);
    struct site *before = site_named(r, "n1"), *s;
    struct str id = uuid_format(&r->mem, before->public_id);
    accepted(
        &d, (struct suggestion_draft){.site = id, .is_closed = true, NAMES(N("de", "Sankt Anna"), N("eo", "Preghejo"))},
        &REVIEWER);
    s = site_again(r, before, &VIEWER_PUBLIC);
    assert_non_null(s);
    assert_true(str_is_equal(s->name, STR("Old church")) && str_is_equal(s->status, STR("disused")));
    assert_true(has_name(s, "de", "Sankt Anna") && has_name(s, "eo", "Preghejo") && has_name(s, "", "Old church"));
    assert_true(str_is_equal(s->class_code, before->class_code) && str_is_equal(s->kind, before->kind));
    put(r, "osm", two, 1); /* the next edition */
    s = site_again(r, before, &VIEWER_PUBLIC);
    assert_true(str_is_equal(s->name, STR("New church")) && str_is_equal(s->status, STR("disused")));
    assert_true(has_name(s, "de", "Sankt Anna"));
    accepted(&d,
             (struct suggestion_draft){.site = id,
                                       .kind = STR("CEM"),
                                       .religion = STR("jewish"),
                                       .has_place = true,
                                       .lat_deg = 50.001,
                                       .lon_deg = 10.001},
             &REVIEWER);
    s = site_again(r, before, &VIEWER_PUBLIC);
    assert_true(str_is_equal(s->kind, STR("CEM")) && str_is_equal(s->class_code, STR("cemetery")));
    assert_true(str_is_equal(s->religion, STR("jewish")) && s->lat_deg == 50.001 &&
                str_is_equal(s->note, STR("as read")));
    assert_true(str_is_equal(s->status, STR("disused")) && has_name(s, "de", "Sankt Anna")); /* the first still holds */
    assert_int_equal(rows_of(r, "site_source"), 2); /* one record of each source */
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE merged_into IS NULL"), 1);
    struct joins_page joined;
    OK(joins_list(r->st, &REVIEWER, STR("joined"), STR_NONE, 10, &r->mem, &joined, &r->err));
    assert_int_equal(joined.n, 1);
    OK(joins_undo(r->st, &REVIEWER, joined.items[0].public_id, STR("it was right before"), &r->err));
    s = site_again(r, before, &VIEWER_PUBLIC);
    assert_true(str_is_equal(s->religion, STR("christian")) && s->lat_deg == 50 &&
                str_is_equal(s->status, STR("present")));
    assert_true(has_name(s, "de", "Alte Kirche") && !has_name(s, "eo", "Preghejo"));
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE shown_cell IS NOT NULL"),
                     1); /* no site of its own */
    accepted(&d, (struct suggestion_draft){.site = id, .note = STR("once more")},
             &REVIEWER); /* a person may change their mind */
    s = site_again(r, before, &VIEWER_PUBLIC);
    assert_true(str_is_equal(s->note, STR("once more")) && str_is_equal(s->status, STR("present")) &&
                has_name(s, "eo", "Preghejo"));
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE shown_cell IS NOT NULL"), 1);
    desk_close(&d);
}

static void test_corrections(void **state)
{
    (void)state;
    on_each_engine(corrections_on);
}

/* What its sources have no more is gone, whatever was once corrected; it comes back with the correction. */
static void gone_on(struct registry *r)
{
    struct desk d;
    const struct site_draft one[] = {EDITION("Old church", "christian")};
    desk_open(r, &d);
    put(r, "osm", one, 1);
    struct site *before = site_named(r, "n1");
    accepted(&d, (struct suggestion_draft){.site = uuid_format(&r->mem, before->public_id), NAMES(N("", "Right name"))},
             &REVIEWER);
    assert_true(str_is_equal(site_again(r, before, &VIEWER_PUBLIC)->name, STR("Right name")));
    put(r, "osm", NULL, 0);
    struct site *s = site_again(r, before, &SITES_ADMIN);
    assert_true(s && str_is_equal(s->status, STR("gone")) && str_is_equal(s->class_code, STR("place_of_worship")));
    put(r, "osm", one, 1);
    s = site_again(r, before, &VIEWER_PUBLIC);
    assert_true(s && str_is_equal(s->status, STR("present")) && str_is_equal(s->name, STR("Right name")));
    desk_close(&d);
}

static void test_gone(void **state)
{
    (void)state;
    on_each_engine(gone_on);
}

/* A correction shows no more of a site than was shown, joined or taken apart. */
static void guarded_on(struct registry *r)
{
    struct desk d;
    const struct site_draft one[] = {EDITION("Old church", "christian")};
    struct visibility_done done;
    struct joins_page joined;
    desk_open(r, &d);
    put(r, "osm", one, 1);
    struct site *before = site_named(r, "n1");
    struct visibility_change coarse = {.site = before->id, .to = VISIBILITY_COARSE, .reason = STR("test")};
    OK(visibility_set(r->st, &coarse, &SITES_ADMIN, &done, &r->err));
    accepted(&d,
             (struct suggestion_draft){.site = uuid_format(&r->mem, before->public_id),
                                       .has_place = true,
                                       .lat_deg = 50.0004,
                                       .lon_deg = 10.0004,
                                       NAMES(N("", "Right name"))},
             &REVIEWER);
    struct site *s = site_again(r, before, &VIEWER_PUBLIC);
    assert_true(s && s->is_coarse && str_is_equal(s->name, STR("Right name")));
    OK(joins_list(r->st, &REVIEWER, STR("joined"), STR_NONE, 10, &r->mem, &joined, &r->err));
    assert_int_equal(joined.n, 1);
    OK(joins_undo(r->st, &REVIEWER, joined.items[0].public_id, STR("test"), &r->err));
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE visibility = 0"), 0);
    desk_close(&d);
}

static void test_guarded(void **state)
{
    (void)state;
    on_each_engine(guarded_on);
}

static void decisions_on(struct registry *r)
{
    struct desk d;
    const struct site_draft one[] = {EDITION("Old church", "christian")};
    struct uuid made = {{0}};
    desk_open(r, &d);
    put(r, "osm", one, 1);
    struct site *site = site_named(r, "n1");
    struct str id = uuid_format(&r->mem, site->public_id), receipt;
    struct suggestion_status status;
    /* rejected, finally */
    receipt = sent(&d, (struct suggestion_draft){.text = STR("nonsense")}, NULL);
    struct suggestion_page p = listed(&d, "", STR_NONE, 10);
    assert_int_equal(decide(&d, &p.items[0], &VIEWER_PUBLIC, false, "x", NULL), RC_DENIED);
    assert_int_equal(decide(&d, &p.items[0], &REVIEWER, false, " ", NULL), RC_INVALID);
    OK(decide(&d, &p.items[0], &REVIEWER, false, "nothing in it", &made));
    assert_true(uuid_is_nil(made));
    assert_int_equal(decide(&d, &p.items[0], &REVIEWER, true, "", NULL), RC_CONFLICT);
    OK(suggest_status(r->st, d.v, receipt, &r->mem, &status, &r->err));
    assert_true(str_is_equal(status.state, STR("rejected")));
    /* of a site that is not there */
    sent(&d, (struct suggestion_draft){.site = STR("00000000-0000-4000-8000-000000000000"), .is_closed = true}, NULL);
    p = listed(&d, "", STR_NONE, 10);
    assert_int_equal(decide(&d, &p.items[0], &REVIEWER, true, "", NULL), RC_CONFLICT);
    OK(decide(&d, &p.items[0], &REVIEWER, false, "no such site", NULL));
    /* hidden by whom may hide, and no import brings it back */
    sent(&d, (struct suggestion_draft){.site = id, .wants_hidden = true}, NULL);
    p = listed(&d, "", STR_NONE, 10);
    assert_int_equal(decide(&d, &p.items[0], &REVIEWER, true, "", NULL), RC_DENIED);
    assert_non_null(site_again(r, site, &VIEWER_PUBLIC));
    OK(decide(&d, &p.items[0], &COORDINATOR, true, "threatened", &made));
    assert_true(uuid_is_equal(made, site->public_id));
    assert_null(site_again(r, site, &VIEWER_PUBLIC));
    put(r, "osm", one, 1);
    assert_null(site_again(r, site, &VIEWER_PUBLIC));
    /* what was erased can be rejected only */
    sent(&d, (struct suggestion_draft){.text = STR("to be erased")}, NULL);
    OK(vault_destroy(d.v, number_of(r, "SELECT key_slot FROM suggestion WHERE state = 'received'"), &r->err));
    p = listed(&d, "", STR_NONE, 10);
    assert_true(p.n == 1 && p.items[0].is_erased && p.items[0].draft.text.n == 0);
    assert_int_equal(decide(&d, &p.items[0], &REVIEWER, true, "", NULL), RC_CONFLICT);
    OK(decide(&d, &p.items[0], &REVIEWER, false, "erased", NULL));
    assert_int_equal(listed(&d, "rejected", STR_NONE, 10).matched, 3);
    desk_close(&d);
}

static void test_decisions(void **state)
{
    (void)state;
    on_each_engine(decisions_on);
}

static enum rc tamper(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"UPDATE suggestion SET cipher = ?1"};
    struct store_arg args[] = {SA_BLOB("x", 1)};
    (void)ctx;
    return store_exec(tx, &SQL, args, 1, NULL, err);
}
static enum rc mend(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"UPDATE suggestion SET cipher = ?1"};
    struct str *cipher = ctx;
    struct store_arg args[] = {SA_BLOB(cipher->p, cipher->n)};
    return store_exec(tx, &SQL, args, 1, NULL, err);
}
static enum rc cipher_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT cipher FROM suggestion"};
    static char room[4096];
    struct str *out = ctx;
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    if (store_next(rows)) {
        struct str c = store_blob(rows, 0);
        memcpy(room, c.p, c.n);
        *out = (struct str){room, c.n};
    }
    return store_finish(rows, err);
}

static void verify_on(struct registry *r)
{
    struct desk d;
    struct ledger_report report;
    struct str cipher = STR_NONE;
    desk_open(r, &d);
    sent(&d, (struct suggestion_draft){.text = STR("one")}, NULL);
    OK(store_read(r->st, cipher_read, &cipher, &r->err));
    assert_false(str_contains(cipher, STR("one")));
    OK(store_write(r->st, tamper, NULL, &r->err));
    assert_int_equal(ledger_verify(r->ledger, &report, &r->err), RC_DAMAGED);
    assert_true(str_contains(str_of(r->err.text), STR("suggestion")));
    OK(store_write(r->st, mend, &cipher, &r->err));
    desk_close(&d);
}

static void test_verify_sees_a_changed_row(void **state)
{
    (void)state;
    on_each_engine(verify_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_corrections),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_guarded),
        cmocka_unit_test(test_verify_sees_a_changed_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
