/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Drafting, deciding and showing warnings. See alerts.h.
 */
#include "alerts/alerts_int.h"

#include "ledger/ledger.h"

#include <math.h>

const char *alert_status_name(enum alert_status s)
{
    static const char *const NAMES[] = {"Actual", "Test", "Exercise"};
    ENSURE(s >= ALERT_ACTUAL && s <= ALERT_EXERCISE);
    return NAMES[s];
}

enum alert_status alert_status_of(bool is_as_of_past, bool has_synthetic, bool is_drill)
{
    if (is_as_of_past || is_drill)
        return ALERT_EXERCISE;
    return has_synthetic ? ALERT_TEST : ALERT_ACTUAL;
}

void warning_make_coarse(struct warning *w)
{
    policy_coarse_point(w->lat_deg, w->lon_deg, &w->lat_deg, &w->lon_deg);
    w->radius_km = ceil(w->radius_km) + WARNING_COARSE_KM;
    w->is_coarse = true;
}

static void digest_text(struct sha256_state *s, struct str text)
{
    uint64_t n = text.n;
    sha256_add(s, &n, sizeof n);
    sha256_add(s, text.p ? text.p : "", text.n);
}

struct sha256 warning_digest(const struct warning_row *row)
{
    const struct warning *w = &row->w;
    const struct str texts[] = {w->subject,  str_of(alert_status_name(w->status)),
                                w->headline, w->evidence,
                                w->area,     w->state,
                                w->scope,    w->decided_name,
                                w->reason,   row->cap};
    const double reals[] = {w->lat_deg, w->lon_deg, w->radius_km, w->expected, w->p};
    const int64_t numbers[] = {(int64_t)w->code, w->start_day,  w->end_day,   w->observed,
                               w->created.us,    w->decided.us, w->expires.us};
    struct sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, w->id.b, sizeof w->id.b);
    sha256_add(&s, w->public_id.b, sizeof w->public_id.b);
    sha256_add(&s, w->decided_by.b, sizeof w->decided_by.b);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        digest_text(&s, texts[i]);
    sha256_add(&s, reals, sizeof reals);
    sha256_add(&s, numbers, sizeof numbers);
    return sha256_end(&s);
}

/* ---- drafting ---- */

enum rc warnings_draft(struct store_tx *tx, const struct warning *draft, struct uuid *id, bool *is_new, struct err *err)
{
    struct warning_row row = {.w = *draft};
    bool found;
    if (draft->subject.n == 0 || draft->evidence.n > WARNING_EVIDENCE_MAX)
        return err_set(err, RC_INVALID, "a draft needs a subject, and evidence of at most %d bytes",
                       WARNING_EVIDENCE_MAX);
    TRY(warning_store_by_subject(tx, draft->subject, id, &found, err));
    *is_new = !found;
    if (found)
        return RC_OK;
    struct instant now = clock_now();
    row.w.id = uuid_v7(now);
    row.w.public_id = uuid_random();
    row.w.code = code_random();
    row.w.created = now;
    row.w.state = STR("draft");
    row.w.scope = row.w.reason = row.w.decided_name = STR("");
    row.w.decided = row.w.expires = (struct instant){0};
    row.w.decided_by = (struct uuid){{0}};
    struct ledger_event ev = {.action = "warning.draft",
                              .object_kind = "warning",
                              .object = row.w.id,
                              .at = now,
                              .digest = warning_digest(&row)};
    TRY(warning_store_insert(tx, &row.w, err));
    *id = row.w.id;
    return ledger_append(tx, &ev, err);
}

/* ---- showing ---- */

static struct policy_object object_of(const struct warning *w)
{
    return (struct policy_object){.kind = POLICY_WARNING,
                                  .is_approved = str_is_equal(w->state, STR("approved")),
                                  .is_scope_public = str_is_equal(w->scope, STR("Public"))};
}

static enum view apply_policy(const struct viewer *viewer, struct warning *w)
{
    struct policy_object object = object_of(w);
    enum view view = policy_view(viewer, &object);
    if (view == VIEW_COARSE) {
        warning_make_coarse(w);
        w->evidence = w->subject = w->decided_name = w->reason = STR("");
        w->decided_by = (struct uuid){{0}};
    }
    return view;
}

enum rc warnings_list(struct store_tx *tx, const struct viewer *viewer, struct str state, struct str cursor,
                      size_t limit, struct arena *mem, struct warning_page *out, struct err *err)
{
    struct warning_page page = {0};
    struct warning *items;
    size_t n;
    bool sees_drafts = policy_view(viewer, &(struct policy_object){.kind = POLICY_WARNING}) == VIEW_FULL;
    if (limit == 0 || limit > WARNINGS_PAGE_MAX)
        limit = WARNINGS_PAGE_MAX;
    struct warning_query q = {.state = state, .is_public = !sees_drafts, .cursor = cursor, .limit = limit + 1};
    TRY(warning_store_list(tx, &q, mem, &items, &n, &page.matched, err));
    if (n > limit) {
        n = limit;
        page.next = warning_store_cursor(&items[n - 1], mem);
    }
    for (size_t i = 0; i < n; i++)
        if (apply_policy(viewer, &items[i]) != VIEW_DENIED)
            items[page.n++] = items[i];
    page.items = items;
    *out = page;
    return RC_OK;
}

static enum rc find_row(struct store_tx *tx, const struct viewer *viewer, struct str id_or_code, struct arena *mem,
                        struct warning_row *out, struct err *err)
{
    TRY(warning_store_find(tx, id_or_code, mem, out, err));
    if (apply_policy(viewer, &out->w) == VIEW_DENIED)
        return err_set(err, RC_NOT_FOUND, "no such warning");
    return RC_OK;
}

enum rc warnings_find(struct store_tx *tx, const struct viewer *viewer, struct str id_or_code, struct arena *mem,
                      struct warning *out, struct err *err)
{
    struct warning_row row;
    TRY(find_row(tx, viewer, id_or_code, mem, &row, err));
    *out = row.w;
    return RC_OK;
}

enum rc warnings_document(struct store_tx *tx, const struct viewer *viewer, struct str id_or_code, struct arena *mem,
                          struct str *xml, struct err *err)
{
    struct warning_row row;
    TRY(find_row(tx, viewer, id_or_code, mem, &row, err));
    if (row.cap.n == 0)
        return err_set(err, RC_NOT_FOUND, "no document: the warning is not approved");
    *xml = row.cap;
    return RC_OK;
}

static void json_time(struct json_out *j, const char *key, struct instant t, struct arena *mem)
{
    if (t.us)
        json_put_str(j, key, instant_format_s(mem, t));
}

bool warning_is_context(const struct warning *w)
{
    return str_starts_with(w->subject, STR("context/"));
}

void warning_json(struct json_out *j, const struct warning *w, enum view view, struct str base_url)
{
    struct arena mem;
    arena_init(&mem);
    struct str id = uuid_format(&mem, w->public_id);
    json_begin_object(j);
    json_put_str(j, "id", id);
    json_put_str(j, "code", code_format(&mem, w->code));
    json_put_str(j, "state", w->state);
    json_put_str(j, "status", str_of(alert_status_name(w->status)));
    json_put_str_opt(j, "scope", w->scope);
    json_put_str(j, "headline", w->headline);
    json_put_bool(j, "context", warning_is_context(w));
    json_put_str(j, "area", w->area);
    json_put_f64(j, "lat", w->lat_deg, 5);
    json_put_f64(j, "lon", w->lon_deg, 5);
    json_put_f64(j, "radius_km", w->radius_km, 2);
    json_put_bool(j, "coarse", w->is_coarse);
    json_put_str(j, "start", date_format(&mem, date_from_days(w->start_day)));
    json_put_str(j, "end", date_format(&mem, date_from_days(w->end_day)));
    json_put_i64(j, "observed", w->observed);
    json_put_f64(j, "expected", w->expected, 3);
    json_put_f64(j, "p", w->p, 6);
    json_time(j, "created", w->created, &mem);
    json_time(j, "decided", w->decided, &mem);
    json_time(j, "expires", w->expires, &mem);
    json_put_str_opt(j, "decided_by", w->decided_name);
    json_put_str_opt(j, "reason", w->reason);
    json_key(j, "cap");
    if (str_is_equal(w->state, STR("approved")))
        json_str(j, str_printf(&mem, STR_FMT "/alerts/" STR_FMT ".xml", STR_ARG(base_url), STR_ARG(id)));
    else
        json_nil(j);
    if (view == VIEW_FULL && w->evidence.n) {
        json_key(j, "evidence");
        json_raw(j, w->evidence);
    }
    json_end_object(j);
    arena_fini(&mem);
}

/* ---- deciding ---- */

struct decide {
    const struct viewer *viewer;
    struct str id_or_code;
    const struct warning_decision *d;
    bool is_approval;
    struct arena mem;
};

static enum rc decide_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct decide *x = ctx;
    struct warning_row row;
    struct instant now = clock_now();
    arena_reset(&x->mem);
    TRY(find_row(tx, x->viewer, x->id_or_code, &x->mem, &row, err));
    if (!str_is_equal(row.w.state, STR("draft")))
        return err_set(err, RC_CONFLICT, "this warning is already " STR_FMT, STR_ARG(row.w.state));
    row.w.state = x->is_approval ? STR("approved") : STR("rejected");
    row.w.scope = x->is_approval ? x->d->scope : STR("");
    row.w.reason = x->d->reason.p ? x->d->reason : STR("");
    row.w.decided_by = x->viewer->account;
    row.w.decided_name = x->d->account;
    row.w.decided = now;
    if (x->is_approval) {
        row.w.expires = (struct instant){now.us + WARNING_VALID_DAYS * DAY_US};
        TRY(warning_document_make(&row.w, x->d, &x->mem, &row.cap, err));
    }
    struct ledger_event ev = {.action = x->is_approval ? "warning.approve" : "warning.reject",
                              .object_kind = "warning",
                              .object = row.w.id,
                              .actor = x->viewer->account,
                              .at = now,
                              .digest = warning_digest(&row),
                              .detail = x->is_approval
                                            ? str_printf(&x->mem, "{\"scope\":\"" STR_FMT "\",\"status\":\"%s\"}",
                                                         STR_ARG(row.w.scope), alert_status_name(row.w.status))
                                            : STR("")};
    TRY(warning_store_decide(tx, &row, err));
    return ledger_append(tx, &ev, err);
}

static enum rc decide(struct store *st, const struct viewer *viewer, struct str id_or_code, bool is_approval,
                      const struct warning_decision *d, struct err *err)
{
    struct decide x = {.viewer = viewer, .id_or_code = id_or_code, .d = d, .is_approval = is_approval};
    if (!policy_may(viewer, ACT_DECIDE_WARNING) || uuid_is_nil(viewer->account) || d->account.n == 0)
        return err_set(err, RC_DENIED, "deciding on a warning needs a coordinator's account");
    if (d->reason.n > WARNING_REASON_MAX || !str_is_utf8(d->reason))
        return err_set(err, RC_INVALID, "/reason: must be UTF-8 of at most %d bytes", WARNING_REASON_MAX);
    arena_init(&x.mem);
    enum rc rc = store_write(st, decide_fn, &x, err);
    arena_fini(&x.mem);
    return rc;
}

enum rc warnings_approve(struct store *st, const struct viewer *viewer, struct str id_or_code,
                         const struct warning_decision *d, struct err *err)
{
    bool is_private = str_is_equal(d->scope, STR("Private"));
    if (!str_is_equal(d->scope, STR("Public")) && !str_is_equal(d->scope, STR("Restricted")) && !is_private)
        return err_set(err, RC_INVALID, "/scope: must be Public, Restricted or Private");
    if (is_private && (str_trim(d->addresses).n == 0 || d->addresses.n > WARNING_ADDRESSES_MAX))
        return err_set(err, RC_INVALID, "/addresses: scope Private needs whom it is for, in at most %d bytes",
                       WARNING_ADDRESSES_MAX);
    return decide(st, viewer, id_or_code, true, d, err);
}

enum rc warnings_reject(struct store *st, const struct viewer *viewer, struct str id_or_code,
                        const struct warning_decision *d, struct err *err)
{
    if (str_trim(d->reason).n == 0)
        return err_set(err, RC_INVALID, "/reason: say why it is rejected");
    return decide(st, viewer, id_or_code, false, d, err);
}

/* ---- verify ---- */

struct checking {
    ledger_digest_fn put;
    void *sink;
};

static enum rc check_row(void *ctx, const struct warning_row *row, struct err *err)
{
    const struct checking *c = ctx;
    return c->put(c->sink, row->w.id, warning_digest(row), err);
}

static enum rc check_all(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    struct checking c = {put, sink};
    (void)ctx;
    return warning_store_each(tx, check_row, &c, err);
}

void warnings_add_checker(struct ledger *l)
{
    ledger_add_checker(l, "warning", check_all, NULL);
}
