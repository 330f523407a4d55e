/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Pairs: their rows, the list of a reviewer, and the decisions of people.
 */
#include "sites/join_int.h"

#include <string.h>

#define PAIR_COLUMNS                                                                                                   \
    "p.id, p.public_id, p.a, p.b, p.state, p.score, p.reasons, p.account, p.at_us, p.reason, p.kept, p.away, "         \
    "p.kept_visibility, p.kept_coarse_m"

static struct join_pair pair_row(struct store_rows *r, struct arena *mem)
{
    struct join_pair p = {.id = store_uuid(r, 0),
                          .public_id = store_uuid(r, 1),
                          .a = store_uuid(r, 2),
                          .b = store_uuid(r, 3),
                          .state = str_copy(mem, store_text(r, 4)),
                          .score = store_real(r, 5),
                          .reasons = str_copy(mem, store_text(r, 6)),
                          .account = store_uuid(r, 7),
                          .at = {store_int(r, 8)},
                          .reason = str_copy(mem, store_text(r, 9)),
                          .kept = store_uuid(r, 10),
                          .away = store_uuid(r, 11),
                          .kept_visibility = (int)store_int(r, 12),
                          .kept_coarse_m = store_int(r, 13)};
    return p;
}

struct sha256 join_pair_digest(const struct join_pair *p)
{
    struct sha256_state s;
    const struct uuid ids[] = {p->id, p->public_id, p->a, p->b, p->account, p->kept, p->away};
    const struct str texts[] = {p->state, p->reasons, p->reason};
    uint64_t score;
    memcpy(&score, &p->score, sizeof score);
    const uint64_t numbers[] = {score, (uint64_t)p->at.us, (uint64_t)p->kept_visibility, (uint64_t)p->kept_coarse_m};
    sha256_begin(&s);
    sha256_add(&s, ids, sizeof ids);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sha256_add(&s, texts[i].p, texts[i].n);
        sha256_add(&s, "", 1);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint8_t b[8];
        for (int k = 0; k < 8; k++)
            b[k] = (uint8_t)(numbers[i] >> (56 - 8 * k));
        sha256_add(&s, b, sizeof b);
    }
    return sha256_end(&s);
}

static struct store_arg uuid_or_null(const struct uuid *u)
{
    return uuid_is_nil(*u) ? SA_NULL_OF(STORE_BLOB) : SA_UUID(*u);
}

static enum rc entry(struct store_tx *tx, const struct join_pair *p, const char *action, struct err *err)
{
    struct buf b;
    struct json_out j;
    struct arena mem;
    bool is_joined = !uuid_is_nil(p->kept);
    buf_init(&b, 0);
    arena_init(&mem);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, is_joined ? "kept" : "a", uuid_format(&mem, is_joined ? p->kept : p->a));
    json_put_str(&j, is_joined ? "away" : "b", uuid_format(&mem, is_joined ? p->away : p->b));
    json_put_str(&j, "state", p->state);
    json_put_str(&j, "score", str_printf(&mem, "%.4f", p->score)); /* the ledger's JSON has no fractions */
    json_end_object(&j);
    struct ledger_event ev = {.action = action,
                              .object_kind = "join_pair",
                              .object = p->id,
                              .actor = p->account,
                              .at = p->at,
                              .digest = join_pair_digest(p),
                              .detail = buf_str(&b)};
    enum rc rc = ledger_append(tx, &ev, err);
    buf_fini(&b);
    arena_fini(&mem);
    return rc;
}

enum rc join_pair_put(struct store_tx *tx, const struct join_pair *p, const char *action, struct err *err)
{
    static const struct store_sql SQL = {
        "INSERT INTO join_pair (id, public_id, a, b, state, score, reasons, account, at_us, reason, kept, away, "
        "kept_visibility, kept_coarse_m) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
        "ON CONFLICT (id) DO UPDATE SET state = excluded.state, score = excluded.score, reasons = excluded.reasons, "
        "account = excluded.account, at_us = excluded.at_us, reason = excluded.reason, kept = excluded.kept, "
        "away = excluded.away, kept_visibility = excluded.kept_visibility, kept_coarse_m = excluded.kept_coarse_m"};
    struct store_arg args[] = {SA_UUID(p->id),
                               SA_UUID(p->public_id),
                               SA_UUID(p->a),
                               SA_UUID(p->b),
                               SA_TEXT(p->state),
                               SA_REAL(p->score),
                               SA_TEXT(p->reasons),
                               uuid_or_null(&p->account),
                               SA_TIME(p->at),
                               SA_TEXT(p->reason),
                               uuid_or_null(&p->kept),
                               uuid_or_null(&p->away),
                               SA_INT(p->kept_visibility),
                               SA_INT(p->kept_coarse_m)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), NULL, err));
    return entry(tx, p, action, err);
}

static enum rc one(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                   struct arena *mem, bool *found, struct join_pair *out, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, sql, args, n, &rows, err));
    *found = store_next(rows);
    if (*found)
        *out = pair_row(rows, mem);
    return store_finish(rows, err);
}

enum rc join_pair_of(struct store_tx *tx, struct uuid x, struct uuid y, struct arena *mem, bool *found,
                     struct join_pair *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " PAIR_COLUMNS " FROM join_pair p WHERE p.a = ?1 AND p.b = ?2"};
    bool is_turned = memcmp(x.b, y.b, sizeof x.b) > 0;
    struct store_arg args[] = {is_turned ? SA_UUID(y) : SA_UUID(x), is_turned ? SA_UUID(x) : SA_UUID(y)};
    return one(tx, &SQL, args, SA_N(args), mem, found, out, err);
}

enum rc join_known_read(struct store_tx *tx, struct arena *mem, struct join_known **out, size_t *n, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT a, b, CASE WHEN state = 'separate' THEN 1 ELSE 0 END, score FROM join_pair WHERE state IN ('open', "
        "'separate')"};
    struct store_rows *rows;
    struct join_known *list = NULL;
    size_t size = 0;
    *n = 0;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (store_next(rows)) {
        if (*n == size) {
            list = arena_grow(mem, list, size * sizeof *list, (2 * size + 64) * sizeof *list);
            size = 2 * size + 64;
        }
        struct join_known *k = &list[(*n)++];
        k->a = store_uuid(rows, 0);
        k->b = store_uuid(rows, 1);
        k->is_apart = store_int(rows, 2) != 0;
        k->score = store_real(rows, 3);
    }
    *out = list;
    return store_finish(rows, err);
}

/* ---- the list of a reviewer ---- */

static enum rc may(const struct viewer *viewer, struct err *err)
{
    return policy_view(viewer, &(struct policy_object){.kind = POLICY_REPORT}) == VIEW_FULL
               ? RC_OK
               : err_set(err, RC_DENIED, "records are compared by reviewers");
}

struct list {
    struct str state, cursor;
    size_t limit;
    struct arena *mem;
    struct joins_page page;
};

/* "score.id" of the last one. */
static enum rc cursor_read(struct str cursor, double *score, struct uuid *id, struct err *err)
{
    struct str head, rest;
    *score = 2; /* above every score */
    memset(id->b, 0xff, sizeof id->b);
    if (cursor.n == 0)
        return RC_OK;
    if (!str_cut(cursor, '_', &head, &rest) || !str_parse_f64(head, score) || !uuid_parse(rest, id))
        return err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
    return RC_OK;
}

static enum rc list_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT " PAIR_COLUMNS
        " FROM join_pair p JOIN site x ON x.id = p.a JOIN site y ON y.id = p.b WHERE p.state = ?1 "
        "AND (?1 <> 'open' OR COALESCE(x.merged_into, x.id) <> COALESCE(y.merged_into, y.id)) "
        "AND (p.score, p.public_id) < (?2, ?3) ORDER BY p.score DESC, p.public_id DESC LIMIT ?4"};
    struct list *l = ctx;
    struct uuid after;
    double score;
    struct store_rows *rows;
    l->page = (struct joins_page){.items = ARENA_NEW_N(l->mem, struct join_pair, l->limit + 1)};
    TRY(cursor_read(l->cursor, &score, &after, err));
    struct store_arg args[] = {SA_TEXT(l->state), SA_REAL(score), SA_UUID(after), SA_INT(l->limit + 1)};
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (l->page.n <= l->limit && store_next(rows))
        l->page.items[l->page.n++] = pair_row(rows, l->mem);
    TRY(store_finish(rows, err));
    if (l->page.n > l->limit) {
        const struct join_pair *last = &l->page.items[--l->page.n - 1];
        struct str id = uuid_format(l->mem, last->public_id);
        l->page.next = str_printf(l->mem, "%.17g_" STR_FMT, last->score, STR_ARG(id));
    }
    return RC_OK;
}

enum rc joins_list(struct store *st, const struct viewer *viewer, struct str state, struct str cursor, size_t limit,
                   struct arena *mem, struct joins_page *out, struct err *err)
{
    TRY(may(viewer, err));
    if (!str_is_equal(state, STR("open")) && !str_is_equal(state, STR("joined")) &&
        !str_is_equal(state, STR("separate")))
        return err_set(err, RC_INVALID, "state: one of open, joined, separate");
    struct list l = {.state = state, .cursor = cursor, .limit = limit, .mem = mem};
    if (limit == 0 || limit > JOINS_PAGE_MAX)
        return err_set(err, RC_INVALID, "the limit must be 1 to %d", JOINS_PAGE_MAX);
    TRY(store_read(st, list_read, &l, err));
    *out = l.page;
    return RC_OK;
}

/* ---- one ---- */

struct finding {
    struct uuid public_id;
    struct arena *mem;
    struct join_pair pair;
};

static enum rc find_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " PAIR_COLUMNS " FROM join_pair p WHERE p.public_id = ?1"};
    struct finding *f = ctx;
    struct store_arg args[] = {SA_UUID(f->public_id)};
    bool found;
    TRY(one(tx, &SQL, args, SA_N(args), f->mem, &found, &f->pair, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "no such pair");
}

enum rc joins_find(struct store *st, const struct viewer *viewer, struct uuid public_id, struct arena *mem,
                   struct join_pair *out, struct err *err)
{
    TRY(may(viewer, err));
    struct finding f = {.public_id = public_id, .mem = mem};
    TRY(store_read(st, find_read, &f, err));
    *out = f.pair;
    return RC_OK;
}

/* ---- decisions of people ---- */

enum verdict { SAME, DIFFERENT, UNDO };

struct decision {
    struct finding find;
    enum verdict verdict;
    const struct viewer *actor;
    struct instant now;
    struct str reason;
    struct join_rules *rules;
};

/* open -> joined (SAME), open -> separate (DIFFERENT), joined -> separate (UNDO) */
static enum rc decide_write(struct store_tx *tx, void *ctx, struct err *err)
{
    static const char *const ACTIONS[] = {"site.join", "site.differ", "site.part"};
    struct decision *d = ctx;
    struct arena mem;
    struct join_touched touched = {.n = 0};
    arena_init(&mem);
    d->find.mem = &mem;
    enum rc rc = find_read(tx, &d->find, err);
    struct join_pair *p = &d->find.pair;
    struct str from = d->verdict == UNDO ? STR("joined") : STR("open");
    if (rc == RC_OK && !str_is_equal(p->state, from))
        rc = err_set(err, RC_CONFLICT, "this pair is " STR_FMT ", not " STR_FMT ": somebody has decided meanwhile",
                     STR_ARG(p->state), STR_ARG(from));
    if (rc == RC_OK && d->verdict == UNDO)
        rc = join_part(tx, d->rules, p, &touched, err);
    p->account = d->actor->account;
    p->at = d->now;
    p->reason = d->reason;
    if (rc == RC_OK && d->verdict == SAME)
        rc = join_merge(tx, d->rules, p, &touched, err);
    if (rc == RC_OK) {
        p->state = d->verdict == SAME ? STR("joined") : STR("separate");
        rc = join_pair_put(tx, p, ACTIONS[d->verdict], err);
    }
    if (rc == RC_OK && touched.n > 0)
        rc = sites_changed(tx, d->now, touched.ids, touched.n, err);
    arena_fini(&mem);
    return rc;
}

static enum rc decide(struct store *st, const struct viewer *actor, struct uuid public_id, enum verdict verdict,
                      struct str reason, struct err *err)
{
    if (!policy_may(actor, ACT_REVIEW_REPORT)) /* reviewers, by name */
        return err_set(err, RC_DENIED, "deciding on a pair needs a named account, reviewer or above");
    reason = str_trim(reason);
    if (reason.n > JOIN_REASON_MAX || !str_is_utf8(reason) || (verdict != SAME && reason.n == 0))
        return err_set(err, RC_INVALID, "give a reason of 1 to %d bytes", JOIN_REASON_MAX);
    struct decision d = {
        .find = {.public_id = public_id}, .verdict = verdict, .actor = actor, .now = clock_now(), .reason = reason};
    TRY(join_rules_new(&d.rules, err));
    enum rc rc = store_write(st, decide_write, &d, err);
    join_rules_free(d.rules);
    return rc;
}

enum rc joins_decide(struct store *st, const struct viewer *actor, struct uuid public_id, bool same, struct str reason,
                     struct err *err)
{
    return decide(st, actor, public_id, same ? SAME : DIFFERENT, reason, err);
}

enum rc joins_undo(struct store *st, const struct viewer *actor, struct uuid public_id, struct str reason,
                   struct err *err)
{
    return decide(st, actor, public_id, UNDO, reason, err);
}

/* ---- what `fane verify` compares ---- */

enum { CHECK_PAGE = 500 };

static enum rc check_page(struct store_tx *tx, struct uuid *last, size_t *n, ledger_digest_fn put, void *sink,
                          struct err *err)
{
    static const struct store_sql SQL = {"SELECT " PAIR_COLUMNS
                                         " FROM join_pair p WHERE p.id > ?1 ORDER BY p.id LIMIT ?2"};
    struct store_arg args[] = {SA_UUID(*last), SA_INT(CHECK_PAGE)};
    struct store_rows *rows;
    struct arena mem;
    struct uuid at = *last;
    enum rc rc = RC_OK;
    *n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    arena_init(&mem);
    while (rc == RC_OK && store_next(rows)) {
        struct join_pair p = pair_row(rows, &mem);
        at = p.id;
        rc = put(sink, p.id, join_pair_digest(&p), err);
        (*n)++;
    }
    *last = at;
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    arena_fini(&mem);
    return rc == RC_OK ? end : rc;
}

enum rc join_pairs_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    (void)ctx;
    struct uuid last = {{0}};
    size_t n;
    do
        TRY(check_page(tx, &last, &n, put, sink, err));
    while (n == CHECK_PAGE);
    return RC_OK;
}

void joins_ledger_checkers(struct ledger *l)
{
    ledger_add_checker(l, "join_pair", join_pairs_check, NULL);
}
