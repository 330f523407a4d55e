/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of who may see a site: changes, their reviews, upkeep of shown places.
 */
#include "sites/visibility_int.h"

#include <stdlib.h>

/* ---- the site as far as this matters ---- */

struct state {
    enum visibility visibility;
    int64_t coarse_m;
    struct sites_place place;
};

static enum rc state_read(struct store_tx *tx, struct uuid site, struct state *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT visibility, coarse_m, lat, lon, status FROM site WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(site)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    bool found = store_next(rows);
    if (found) {
        struct str status = store_text(rows, 4);
        *out = (struct state){.visibility = (enum visibility)store_int(rows, 0),
                              .coarse_m = store_int(rows, 1),
                              .place = {.has_place = !store_is_null(rows, 2) && !store_is_null(rows, 3),
                                        .lat_deg = store_real(rows, 2),
                                        .lon_deg = store_real(rows, 3),
                                        .is_away = sites_is_away(status)}};
    }
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "no such site");
}

static enum rc show(struct store_tx *tx, struct uuid site, const struct state *s, struct instant at, struct err *err)
{
    static const struct store_sql SQL = {"UPDATE site SET visibility = ?2, coarse_m = ?3, shown_cell = ?4, "
                                         "shown_lat = ?5, shown_lon = ?6, updated_us = ?7 WHERE id = ?1"};
    struct sites_shown shown = sites_shown_of(&s->place, s->visibility, s->coarse_m);
    struct store_arg args[] = {
        SA_UUID(site), SA_INT(s->visibility), SA_INT(s->coarse_m), shown.cell, shown.lat, shown.lon, SA_TIME(at)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

/* ---- changes ---- */

static enum rc row_add(struct store_tx *tx, const struct visibility_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        "INSERT INTO site_visibility (id, site, at_us, actor, visibility_before, visibility, reason, coarse_m_before, "
        "coarse_m) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
    struct store_arg args[] = {SA_UUID(r->id),     SA_UUID(r->site),         SA_TIME(r->at),
                               SA_UUID(r->actor),  SA_INT(r->before),        SA_INT(r->after),
                               SA_TEXT(r->reason), SA_INT(r->coarse_before), SA_INT(r->coarse_after)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), NULL, err));
    struct arena mem;
    arena_init(&mem);
    struct str site = uuid_format(&mem, r->site);
    struct ledger_event ev = {.action = r->after == VISIBILITY_HIDDEN ? "site.hide" : "site.show",
                              .object_kind = "site_visibility",
                              .object = r->id,
                              .actor = r->actor,
                              .at = r->at,
                              .digest = visibility_row_digest(r),
                              .detail =
                                  str_printf(&mem, "{\"site\":\"" STR_FMT "\",\"from\":%d,\"to\":%d,\"coarse_m\":%d}",
                                             STR_ARG(site), r->before, r->after, (int)r->coarse_after)};
    enum rc rc = ledger_append(tx, &ev, err);
    arena_fini(&mem);
    return rc;
}

static int64_t said(enum visibility v, int64_t coarse_m)
{
    return v == VISIBILITY_COARSE ? coarse_m : 0;
}

/* The state row, the history, the ledger, the feed: one step (V1). */
static enum rc change(struct store_tx *tx, struct visibility_row *r, const struct state *from, const struct state *to,
                      struct err *err)
{
    r->before = (int)from->visibility;
    r->after = (int)to->visibility;
    r->coarse_before = said(from->visibility, from->coarse_m);
    r->coarse_after = said(to->visibility, to->coarse_m);
    TRY(show(tx, r->site, to, r->at, err));
    TRY(row_add(tx, r, err));
    return sites_changed(tx, r->at, &r->site, 1, err);
}

struct setting {
    const struct visibility_change *what;
    const struct viewer *actor;
    struct visibility_row row;
    struct review_row review;
    struct visibility_done done;
};

static enum rc review_of(struct store_tx *tx, struct setting *s, const struct state *from, const struct state *to,
                         struct err *err)
{
    s->review.site = s->row.site;
    s->review.why = STR("narrowed");
    s->review.decision = s->row.id;
    s->review.asked_by = s->actor->account;
    s->review.asked_reason = s->row.reason;
    s->review.visibility = (int)to->visibility;
    s->review.coarse_m = said(to->visibility, to->coarse_m);
    s->review.back_visibility = (int)from->visibility;
    s->review.back_coarse_m = said(from->visibility, from->coarse_m);
    s->review.opened = s->row.at;
    s->done.review = s->review.public_id;
    return review_add(tx, &s->review, err);
}

static enum rc set(struct store_tx *tx, void *ctx, struct err *err)
{
    struct setting *s = ctx;
    struct state from;
    TRY(state_read(tx, s->row.site, &from, err));
    struct state to = from;
    to.visibility = s->what->to;
    if (s->what->coarse_m)
        to.coarse_m = s->what->coarse_m;
    int before = visibility_rank(from.visibility, from.coarse_m), after = visibility_rank(to.visibility, to.coarse_m);
    s->done = (struct visibility_done){.before = from.visibility, .after = to.visibility, .coarse_m = to.coarse_m};
    if (before == after)
        return RC_OK;
    if (after < before && !policy_may(s->actor, ACT_WIDEN_SITE))
        return err_set(err, RC_DENIED, "showing more of a site needs an administrator, or a review that reverts");
    s->done.is_changed = true;
    TRY(change(tx, &s->row, &from, &to, err));
    return policy_may(s->actor, ACT_WIDEN_SITE) ? RC_OK : review_of(tx, s, &from, &to, err);
}

enum rc visibility_set(struct store *st, const struct visibility_change *c, const struct viewer *actor,
                       struct visibility_done *out, struct err *err)
{
    struct instant now = clock_now();
    struct setting s = {
        .what = c,
        .actor = actor,
        .row = {.id = uuid_v7(now), .site = c->site, .actor = actor->account, .at = now, .reason = c->reason},
        .review = {.id = uuid_v7(now), .public_id = uuid_random(), .state = STR("open")}};
    if (!policy_may(actor, ACT_NARROW_SITE))
        return err_set(err, RC_DENIED, "changing who may see a site needs a coordinator");
    if (c->to != VISIBILITY_PUBLIC && c->to != VISIBILITY_COARSE && c->to != VISIBILITY_HIDDEN)
        return err_set(err, RC_INVALID, "visibility: public, coarse or hidden");
    if (c->coarse_m && !policy_is_precision(c->coarse_m))
        return err_set(err, RC_INVALID, "precision_m: 1000, 5000, 10000 or 50000");
    TRY(visibility_reason(&s.row.reason, err));
    TRY(store_write(st, set, &s, err));
    *out = s.done;
    return RC_OK;
}

enum rc sites_set_visibility(struct store *st, struct uuid site, enum visibility visibility, struct str reason,
                             const struct viewer *actor, struct err *err)
{
    struct visibility_change c = {.site = site, .to = visibility, .reason = reason};
    struct visibility_done done;
    return visibility_set(st, &c, actor, &done, err);
}

enum rc sites_hide(struct store *st, struct uuid site, struct str reason, const struct viewer *actor, struct err *err)
{
    return sites_set_visibility(st, site, VISIBILITY_HIDDEN, reason, actor, err);
}

/* ---- reviews ---- */

#define REVIEW_COLUMNS                                                                                                 \
    "id, public_id, site, why, decision, like_site, visibility, coarse_m, back_visibility, back_coarse_m, asked_by, "  \
    "asked_reason, opened_us, state, decided_by, decided_us, reason"

static struct store_arg uuid_or_null(const struct uuid *id)
{
    return uuid_is_nil(*id) ? SA_NULL_OF(STORE_BLOB) : SA_UUID(*id);
}

static enum rc review_entry(struct store_tx *tx, const struct review_row *r, const char *action, struct uuid actor,
                            struct instant at, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct str site = uuid_format(&mem, r->site);
    struct ledger_event ev = {.action = action,
                              .object_kind = "visibility_review",
                              .object = r->id,
                              .actor = actor,
                              .at = at,
                              .digest = review_row_digest(r),
                              .detail = str_printf(&mem, "{\"site\":\"" STR_FMT "\"}", STR_ARG(site))};
    enum rc rc = ledger_append(tx, &ev, err);
    arena_fini(&mem);
    return rc;
}

enum rc review_add(struct store_tx *tx, const struct review_row *r, struct err *err)
{
    static const struct store_sql SQL = {"INSERT INTO visibility_review (" REVIEW_COLUMNS
                                         ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
                                         "?13, ?14, NULL, NULL, '')"};
    struct store_arg args[] = {SA_UUID(r->id),           SA_UUID(r->public_id),      SA_UUID(r->site),
                               SA_TEXT(r->why),          uuid_or_null(&r->decision), uuid_or_null(&r->like_site),
                               SA_INT(r->visibility),    SA_INT(r->coarse_m),        SA_INT(r->back_visibility),
                               SA_INT(r->back_coarse_m), uuid_or_null(&r->asked_by), SA_TEXT(r->asked_reason),
                               SA_TIME(r->opened),       SA_TEXT(r->state)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), NULL, err));
    return review_entry(tx, r, "visibility.review", r->asked_by, r->opened, err);
}

static struct review_row review_row(struct store_rows *rows, struct arena *mem)
{
    return (struct review_row){.id = store_uuid(rows, 0),
                               .public_id = store_uuid(rows, 1),
                               .site = store_uuid(rows, 2),
                               .why = str_copy(mem, store_text(rows, 3)),
                               .decision = store_uuid(rows, 4),
                               .like_site = store_uuid(rows, 5),
                               .visibility = (int)store_int(rows, 6),
                               .coarse_m = store_int(rows, 7),
                               .back_visibility = (int)store_int(rows, 8),
                               .back_coarse_m = store_int(rows, 9),
                               .asked_by = store_uuid(rows, 10),
                               .asked_reason = str_copy(mem, store_text(rows, 11)),
                               .opened = {store_int(rows, 12)},
                               .state = str_copy(mem, store_text(rows, 13)),
                               .decided_by = store_uuid(rows, 14),
                               .decided = {store_int(rows, 15)},
                               .reason = str_copy(mem, store_text(rows, 16))};
}

static struct visibility_review shown_review(const struct review_row *r)
{
    return (struct visibility_review){.id = r->public_id,
                                      .site = r->site,
                                      .why = r->why,
                                      .visibility = (enum visibility)r->visibility,
                                      .back = (enum visibility)r->back_visibility,
                                      .coarse_m = r->coarse_m,
                                      .back_coarse_m = r->back_coarse_m,
                                      .asked_by = r->asked_by,
                                      .like_site = r->like_site,
                                      .decided_by = r->decided_by,
                                      .asked_reason = r->asked_reason,
                                      .state = r->state,
                                      .reason = r->reason,
                                      .opened = r->opened,
                                      .decided = r->decided};
}

struct listing {
    struct str state;
    struct instant after;
    struct uuid after_id;
    size_t limit;
    struct arena *mem;
    struct visibility_page page;
};

static enum rc reviews_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT " REVIEW_COLUMNS " FROM visibility_review WHERE (?1 = '' OR state = ?1) "
        "AND (opened_us, public_id) > (?2, ?3) ORDER BY opened_us, public_id LIMIT ?4"};
    struct listing *l = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_TEXT(l->state), SA_TIME(l->after), SA_UUID(l->after_id), SA_INT(l->limit + 1)};
    l->page = (struct visibility_page){.items = ARENA_NEW_N(l->mem, struct visibility_review, l->limit)};
    bool more = false;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (!more && store_next(rows)) {
        struct review_row r = review_row(rows, l->mem);
        more = l->page.n == l->limit;
        if (!more)
            l->page.items[l->page.n++] = shown_review(&r);
    }
    TRY(store_finish(rows, err));
    if (more) {
        const struct visibility_review *last = &l->page.items[l->page.n - 1];
        struct str id = uuid_format(l->mem, last->id);
        l->page.next = str_printf(l->mem, "%lld." STR_FMT, (long long)last->opened.us, STR_ARG(id));
    }
    return RC_OK;
}

enum rc visibility_reviews(struct store *st, const struct viewer *viewer, struct str state, struct str cursor,
                           size_t limit, struct arena *mem, struct visibility_page *out, struct err *err)
{
    struct listing l = {
        .state = str_is_empty(state) ? STR("") : state, .after = {INT64_MIN}, .limit = limit, .mem = mem};
    struct str head, rest;
    if (policy_view(viewer, &(struct policy_object){.kind = POLICY_LEDGER}) != VIEW_FULL)
        return err_set(err, RC_DENIED, "reviews of visibility are for reviewers");
    if (limit == 0 || limit > VISIBILITY_PAGE_MAX)
        return err_set(err, RC_INVALID, "the limit must be 1 to %d", VISIBILITY_PAGE_MAX);
    if (cursor.n &&
        (!str_cut(cursor, '.', &head, &rest) || !str_parse_i64(head, &l.after.us) || !uuid_parse(rest, &l.after_id)))
        return err_set(err, RC_INVALID, "the cursor is not one given out here; begin again without it");
    TRY(store_read(st, reviews_read, &l, err));
    *out = l.page;
    return RC_OK;
}

struct deciding {
    const struct visibility_verdict *verdict;
    const struct viewer *actor;
    struct arena *mem;
    struct str reason;
    struct uuid row_id;
    struct instant at;
    struct uuid site;
};

static enum rc review_find(struct store_tx *tx, struct uuid public_id, struct arena *mem, struct review_row *out,
                           struct err *err)
{
    static const struct store_sql SQL = {"SELECT " REVIEW_COLUMNS " FROM visibility_review WHERE public_id = ?1"};
    struct store_arg args[] = {SA_UUID(public_id)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    bool found = store_next(rows);
    if (found)
        *out = review_row(rows, mem);
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
}

static enum rc revert(struct store_tx *tx, const struct deciding *d, const struct review_row *r, struct err *err)
{
    struct state from, to;
    TRY(state_read(tx, r->site, &from, err));
    if ((int)from.visibility != r->visibility || said(from.visibility, from.coarse_m) != r->coarse_m)
        return err_set(err, RC_CONFLICT, "the site was changed again since; keep this, and decide on what came later");
    to = from;
    to.visibility = (enum visibility)r->back_visibility;
    if (r->back_coarse_m)
        to.coarse_m = r->back_coarse_m;
    struct visibility_row row = {
        .id = d->row_id, .site = r->site, .actor = d->actor->account, .at = d->at, .reason = d->reason};
    return change(tx, &row, &from, &to, err);
}

static enum rc decide(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"UPDATE visibility_review SET state = ?2, decided_by = ?3, decided_us = ?4, "
                                         "reason = ?5 WHERE id = ?1 AND state = 'open'"};
    struct deciding *d = ctx;
    struct review_row r;
    arena_reset(d->mem);
    TRY(review_find(tx, d->verdict->review, d->mem, &r, err));
    if (!str_is_equal(r.state, STR("open")))
        return err_set(err, RC_CONFLICT, "this was decided before: " STR_FMT, STR_ARG(r.state));
    if (uuid_is_equal(r.asked_by, d->actor->account) && !policy_may(d->actor, ACT_WIDEN_SITE))
        return err_set(err, RC_DENIED, "another account than the one that asked decides on it");
    if (!d->verdict->keep)
        TRY(revert(tx, d, &r, err));
    r.state = d->verdict->keep ? STR("kept") : STR("reverted");
    r.decided_by = d->actor->account;
    r.decided = d->at;
    r.reason = d->reason;
    d->site = r.site;
    struct store_arg args[] = {SA_UUID(r.id), SA_TEXT(r.state), SA_UUID(r.decided_by), SA_TIME(r.decided),
                               SA_TEXT(r.reason)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), NULL, err));
    return review_entry(tx, &r, d->verdict->keep ? "visibility.keep" : "visibility.revert", r.decided_by, d->at, err);
}

enum rc visibility_decide(struct store *st, const struct visibility_verdict *v, const struct viewer *actor,
                          struct uuid *site, struct err *err)
{
    struct arena mem;
    struct instant now = clock_now();
    struct deciding d = {
        .verdict = v, .actor = actor, .mem = &mem, .reason = v->reason, .row_id = uuid_v7(now), .at = now};
    if (!policy_may(actor, ACT_REVIEW_SITE))
        return err_set(err, RC_DENIED, "deciding on visibility needs a coordinator's named account");
    TRY(visibility_reason(&d.reason, err));
    arena_init(&mem);
    enum rc rc = store_write(st, decide, &d, err);
    arena_fini(&mem);
    if (rc == RC_OK)
        *site = d.site;
    return rc;
}

/* ---- upkeep ---- */

struct reshown {
    struct uuid id;
    struct state state;
};
enum { RESHOW_PAGE = 1000 };

static size_t reshown_read(struct store_rows *rows, struct reshown out[RESHOW_PAGE])
{
    size_t n = 0;
    while (n < RESHOW_PAGE && store_next(rows)) {
        struct str status = store_text(rows, 5);
        out[n++] = (struct reshown){.id = store_uuid(rows, 0),
                                    .state = {.visibility = (enum visibility)store_int(rows, 1),
                                              .coarse_m = store_int(rows, 2),
                                              .place = {.has_place = !store_is_null(rows, 3),
                                                        .lat_deg = store_real(rows, 3),
                                                        .lon_deg = store_real(rows, 4),
                                                        .is_away = sites_is_away(status)}}};
    }
    return n;
}

enum rc visibility_reshow(struct store_tx *tx, struct instant at, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT id, visibility, coarse_m, lat, lon, status FROM site WHERE visibility = 1 AND coarse_m <> 10000 AND "
        "updated_us = ?1 AND id > ?2 ORDER BY id LIMIT ?3"};
    struct reshown *page = mem_array(RESHOW_PAGE, sizeof *page);
    struct uuid last = {{0}};
    size_t n = RESHOW_PAGE;
    enum rc rc = RC_OK;
    while (rc == RC_OK && n == RESHOW_PAGE) {
        struct store_rows *rows;
        struct store_arg args[] = {SA_TIME(at), SA_UUID(last), SA_INT(RESHOW_PAGE)};
        n = 0;
        rc = store_query(tx, &SQL, args, SA_N(args), &rows, err);
        if (rc == RC_OK) {
            n = reshown_read(rows, page);
            rc = store_finish(rows, err);
        }
        for (size_t i = 0; i < n && rc == RC_OK; i++)
            rc = show(tx, page[i].id, &page[i].state, at, err);
        last = n ? page[n - 1].id : last;
    }
    free(page);
    return rc;
}

struct settling {
    struct reshown *page;
    size_t n;
    struct instant at;
};

static enum rc settle_look(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT count(*) FROM (SELECT site FROM site_regrid LIMIT 1) q"};
    return store_get_int(tx, &SQL, NULL, 0, ctx, err);
}

static enum rc settle_page(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT s.id, s.visibility, s.coarse_m, s.lat, s.lon, s.status FROM site_regrid q "
        "JOIN site s ON s.id = q.site ORDER BY q.site LIMIT ?1"};
    static const struct store_sql DONE_SQL = {"DELETE FROM site_regrid WHERE site <= ?1"};
    struct settling *s = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_INT(RESHOW_PAGE)};
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    s->n = reshown_read(rows, s->page);
    TRY(store_finish(rows, err));
    for (size_t i = 0; i < s->n; i++)
        TRY(show(tx, s->page[i].id, &s->page[i].state, s->at, err));
    if (s->n == 0)
        return RC_OK;
    struct store_arg done[] = {SA_UUID(s->page[s->n - 1].id)};
    TRY(store_exec(tx, &DONE_SQL, done, SA_N(done), NULL, err));
    struct ledger_event ev = {
        .action = "visibility.regrid", .object_kind = "site_regrid", .object = s->page[s->n - 1].id, .at = s->at};
    TRY(ledger_append(tx, &ev, err));
    return sites_changed(tx, s->at, NULL, 0, err);
}

enum rc visibility_settle(struct store *st, struct err *err)
{
    int64_t waiting;
    TRY(store_read(st, settle_look, &waiting, err));
    if (waiting == 0)
        return RC_OK;
    struct settling s = {.page = mem_array(RESHOW_PAGE, sizeof *s.page), .n = RESHOW_PAGE, .at = clock_now()};
    enum rc rc = RC_OK;
    while (rc == RC_OK && s.n > 0)
        rc = store_write(st, settle_page, &s, err);
    free(s.page);
    return rc;
}

/* ---- what `fane verify` compares ---- */

enum { CHECK_PAGE = 500 };

static enum rc rows_page(struct store_tx *tx, struct uuid *last, size_t *n, ledger_digest_fn put, void *sink,
                         struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT id, site, at_us, actor, visibility_before, visibility, reason, "
        "coarse_m_before, coarse_m FROM site_visibility WHERE id > ?1 ORDER BY id LIMIT ?2"};
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(*last), SA_INT(CHECK_PAGE)};
    enum rc rc = RC_OK;
    struct uuid at = *last;
    *n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        struct visibility_row r = {.id = store_uuid(rows, 0),
                                   .site = store_uuid(rows, 1),
                                   .at = {store_int(rows, 2)},
                                   .actor = store_uuid(rows, 3),
                                   .before = (int)store_int(rows, 4),
                                   .after = (int)store_int(rows, 5),
                                   .coarse_before = store_int(rows, 7),
                                   .coarse_after = store_int(rows, 8),
                                   .reason = store_text(rows, 6)};
        at = r.id;
        rc = put(sink, r.id, visibility_row_digest(&r), err);
        (*n)++;
    }
    *last = at;
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

enum rc visibility_rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    (void)ctx;
    struct uuid last = {{0}};
    size_t n;
    do
        TRY(rows_page(tx, &last, &n, put, sink, err));
    while (n == CHECK_PAGE);
    return RC_OK;
}

static enum rc reviews_page(struct store_tx *tx, struct arena *mem, struct uuid *last, size_t *n, ledger_digest_fn put,
                            void *sink, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " REVIEW_COLUMNS
                                         " FROM visibility_review WHERE id > ?1 ORDER BY id LIMIT ?2"};
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(*last), SA_INT(CHECK_PAGE)};
    enum rc rc = RC_OK;
    struct uuid at = *last;
    *n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        struct review_row r = review_row(rows, mem);
        at = r.id;
        rc = put(sink, r.id, review_row_digest(&r), err);
        (*n)++;
    }
    *last = at;
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

enum rc review_rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    (void)ctx;
    struct uuid last = {{0}};
    size_t n = CHECK_PAGE;
    enum rc rc = RC_OK;
    while (rc == RC_OK && n == CHECK_PAGE) {
        struct arena mem;
        arena_init(&mem);
        rc = reviews_page(tx, &mem, &last, &n, put, sink, err);
        arena_fini(&mem);
    }
    return rc;
}
