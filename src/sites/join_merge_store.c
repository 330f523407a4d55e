/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Joining groups and taking them apart. See join_int.h for the tree, join.h for what must hold.
 */
#include "sites/join_int.h"
#include "sites/visibility_int.h"

#define OWN_COLUMNS                                                                                                    \
    "class, kind, religion, denomination, name, names, search, lat, lon, cell, precision_m, country, admin1, "         \
    "is_disputed, heritage, whs_year, wikidata, unesco, status, is_unverified, is_synthetic, note, updated_us, "       \
    "start_date"
#define OF(t)                                                                                                          \
    t ".class, " t ".kind, " t ".religion, " t ".denomination, " t ".name, " t ".names, " t ".search, " t ".lat, " t   \
      ".lon, " t ".cell, " t ".precision_m, " t ".country, " t ".admin1, " t ".is_disputed, " t ".heritage, " t        \
      ".whs_year, " t ".wikidata, " t ".unesco, " t ".status, " t ".is_unverified, " t ".is_synthetic, " t ".note, " t \
      ".updated_us, " t ".start_date"
#define MEMBERS "(SELECT k.id FROM site k WHERE k.id = ?1 UNION ALL SELECT m.id FROM site m WHERE m.merged_into = ?1)"

/* The pairs that hold the group of ?1 together: from its sites to the pair of each, never by the index of states (hence no
 * bare comparison of the state): nearly all pairs are joined ones. */
#define EDGES                                                                                                          \
    " FROM site m CROSS JOIN join_pair p WHERE m.merged_into = ?1 AND p.away = m.id AND COALESCE(p.state, '') = "      \
    "'joined'"

/* ---- a site of a group ---- */

struct member {
    struct uuid id, root; /* root nil: shows itself */
    struct instant created;
    enum visibility visibility;
    int64_t coarse_m;
    int64_t below; /* sites that show under it */
};

#define MEMBER_ROW                                                                                                     \
    "s.id, s.merged_into, s.created_us, s.visibility, s.coarse_m, (SELECT count(*) FROM site m WHERE m.merged_into = " \
    "s.id)"

static enum rc member_query(struct store_tx *tx, const struct store_sql *sql, struct uuid site, struct member *out,
                            struct err *err)
{
    struct store_arg args[] = {SA_UUID(site)};
    struct store_rows *rows;
    TRY(store_query(tx, sql, args, SA_N(args), &rows, err));
    bool found = store_next(rows);
    if (found)
        *out = (struct member){store_uuid(rows, 0),  store_uuid(rows, 1),
                               {store_int(rows, 2)}, (enum visibility)store_int(rows, 3),
                               store_int(rows, 4),   store_int(rows, 5)};
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "no such site");
}

static enum rc member_read(struct store_tx *tx, struct uuid site, struct member *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " MEMBER_ROW " FROM site s WHERE s.id = ?1"};
    return member_query(tx, &SQL, site, out, err);
}

/* The site it shows under. */
static enum rc root_read(struct store_tx *tx, struct uuid site, struct member *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " MEMBER_ROW
                                         " FROM site s WHERE s.id = (SELECT COALESCE(k.merged_into, "
                                         "k.id) FROM site k WHERE k.id = ?1)"};
    return member_query(tx, &SQL, site, out, err);
}

enum rc join_root(struct store_tx *tx, struct uuid site, struct uuid *out, struct err *err)
{
    struct member m;
    TRY(root_read(tx, site, &m, err));
    *out = m.id;
    return RC_OK;
}

/* Who may see a site. */
struct sight {
    enum visibility visibility;
    int64_t coarse_m;
};

static struct sight stricter(struct sight a, struct sight b)
{
    return visibility_rank(b.visibility, b.coarse_m) > visibility_rank(a.visibility, a.coarse_m) ? b : a;
}

static struct sight sight_of(const struct member *m)
{
    return (struct sight){m->visibility, m->coarse_m};
}

/* ---- composing a group's row ---- */

static struct join_row own_row(struct store_rows *r, struct arena *mem)
{
    struct join_row row = {.site = store_uuid(r, 0),
                           .class_code = str_copy(mem, store_text(r, 1)),
                           .kind = str_copy(mem, store_text(r, 2)),
                           .religion = str_copy(mem, store_text(r, 3)),
                           .denomination = str_copy(mem, store_text(r, 4)),
                           .name = str_copy(mem, store_text(r, 5)),
                           .names = str_copy(mem, store_text(r, 6)),
                           .search = str_copy(mem, store_text(r, 7)),
                           .has_place = !store_is_null(r, 8) && !store_is_null(r, 9),
                           .lat_deg = store_real(r, 8),
                           .lon_deg = store_real(r, 9),
                           .cell = store_int(r, 10),
                           .precision_m = store_real(r, 11),
                           .country = str_copy(mem, store_text(r, 12)),
                           .admin1 = str_copy(mem, store_text(r, 13)),
                           .is_disputed = store_int(r, 14) != 0,
                           .heritage = str_copy(mem, store_text(r, 15)),
                           .whs_year = (int)store_int(r, 16),
                           .wikidata = str_copy(mem, store_text(r, 17)),
                           .unesco = str_copy(mem, store_text(r, 18)),
                           .status = str_copy(mem, store_text(r, 19)),
                           .is_unverified = store_int(r, 20) != 0,
                           .is_synthetic = store_int(r, 21) != 0,
                           .note = str_copy(mem, store_text(r, 22)),
                           .updated = {store_int(r, 23)},
                           .start_date = str_copy(mem, store_text(r, 24)),
                           .wkb = str_copy(mem, store_blob(r, 25)),
                           .created = {store_int(r, 26)},
                           .source = str_copy(mem, store_text(r, 27)),
                           .licence = str_copy(mem, store_text(r, 28))};
    return row;
}

/* Rows of the group of a site that shows itself, each site once. */
static enum rc rows_read(struct store_tx *tx, struct uuid root, struct arena *mem, struct join_row *out, size_t *n,
                         struct err *err)
{
    static const struct store_sql SQL = {"SELECT o.site, " OF(
        "o") ", o.wkb, s.created_us, src.name, src.licence FROM site_own o JOIN site s ON s.id = "
             "o.site JOIN site_source r ON r.site = o.site JOIN source src ON src.id = r.source WHERE o.site IN " MEMBERS
             " ORDER BY o.site, src.name, r.external_id"};
    struct store_arg args[] = {SA_UUID(root)};
    struct store_rows *rows;
    *n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (*n < JOIN_GROUP_MAX && store_next(rows)) {
        struct join_row row = own_row(rows, mem);
        if (*n == 0 || !uuid_is_equal(out[*n - 1].site, row.site))
            out[(*n)++] = row;
    }
    return store_finish(rows, err);
}

static struct store_arg real_or_null(bool has, double v)
{
    return has ? SA_REAL(v) : SA_NULL_OF(STORE_REAL);
}

static enum rc footprint_write(struct store_tx *tx, const struct join_row *r, struct err *err)
{
    static const struct store_sql DROP = {"DELETE FROM site_footprint WHERE site = ?1"};
    static const struct store_sql ADD = {"INSERT INTO site_footprint (site, wkb) VALUES (?1, ?2)"};
    struct store_arg args[] = {SA_UUID(r->site), SA_BLOB(r->wkb.p, r->wkb.n)};
    TRY(store_exec(tx, &DROP, args, 1, NULL, err));
    return r->wkb.n ? store_exec(tx, &ADD, args, 2, NULL, err) : RC_OK;
}

static enum rc row_write(struct store_tx *tx, const struct join_row *r, struct sight v, struct err *err)
{
    static const struct store_sql SQL = {
        "UPDATE site SET class = ?2, kind = ?3, religion = ?4, denomination = ?5, name = ?6, names = ?7, search = ?8, "
        "lat = ?9, lon = ?10, cell = ?11, precision_m = ?12, country = ?13, admin1 = ?14, is_disputed = ?15, "
        "heritage = ?16, whs_year = ?17, wikidata = ?18, unesco = ?19, status = ?20, is_unverified = ?21, "
        "is_synthetic = ?22, note = ?23, updated_us = ?24, visibility = ?25, coarse_m = ?26, shown_cell = ?27, "
        "shown_lat = ?28, shown_lon = ?29, start_date = ?30, merged_into = NULL WHERE id = ?1"};
    struct sites_place place = {r->has_place, r->lat_deg, r->lon_deg, sites_is_away(r->status)};
    struct sites_shown shown = sites_shown_of(&place, v.visibility, v.coarse_m);
    struct store_arg args[] = {SA_UUID(r->site),
                               SA_TEXT(r->class_code),
                               SA_TEXT(r->kind),
                               SA_TEXT(r->religion),
                               SA_TEXT(r->denomination),
                               SA_TEXT(r->name),
                               SA_TEXT(r->names),
                               SA_TEXT(r->search),
                               real_or_null(r->has_place, r->lat_deg),
                               real_or_null(r->has_place, r->lon_deg),
                               SA_INT(r->cell),
                               SA_REAL(r->precision_m),
                               SA_TEXT(r->country),
                               SA_TEXT(r->admin1),
                               SA_INT(r->is_disputed),
                               SA_TEXT(r->heritage),
                               SA_INT(r->whs_year),
                               SA_TEXT(r->wikidata),
                               SA_TEXT(r->unesco),
                               SA_TEXT(r->status),
                               SA_INT(r->is_unverified),
                               SA_INT(r->is_synthetic),
                               SA_TEXT(r->note),
                               SA_TIME(r->updated),
                               SA_INT(v.visibility),
                               SA_INT(v.coarse_m),
                               shown.cell,
                               shown.lat,
                               shown.lon,
                               SA_TEXT(r->start_date)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), NULL, err));
    return footprint_write(tx, r, err);
}

static enum rc joined_last(struct store_tx *tx, struct uuid root, struct instant *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT COALESCE(MAX(p.at_us), 0)" EDGES};
    struct store_arg args[] = {SA_UUID(root)};
    return store_get_int(tx, &SQL, args, SA_N(args), &out->us, err);
}

/* The row of a site that shows itself, from what stands in site_own: its own again when nothing is joined to it. */
static enum rc show(struct store_tx *tx, const struct join_rules *rules, struct uuid root, struct sight v,
                    struct instant joined, struct err *err)
{
    static const struct store_sql DROP = {"DELETE FROM site_own WHERE site = ?1"};
    struct store_arg args[] = {SA_UUID(root)};
    struct arena mem;
    size_t n;
    struct join_row row;
    arena_init(&mem);
    struct join_row *rows = ARENA_NEW_N(&mem, struct join_row, JOIN_GROUP_MAX);
    enum rc rc = rows_read(tx, root, &mem, rows, &n, err);
    if (rc == RC_OK && n == 0)
        rc = err_set(err, RC_DAMAGED, "a joined site has lost what its source says");
    if (rc == RC_OK && n == 1) {
        if (rows[0].class_code.n == 0)
            rows[0].status = STR("gone"); /* a correction (suggest_apply.h) taken apart is no site of its own */
        rc = row_write(tx, &rows[0], v, err);
        if (rc == RC_OK)
            rc = store_exec(tx, &DROP, args, SA_N(args), NULL, err);
    } else if (rc == RC_OK) {
        struct instant since;
        rc = joined_last(tx, root, &since, err);
        if (rc == RC_OK && joined.us > since.us)
            since = joined;
        join_compose(rules, rows, n, root, since, &mem, &row);
        if (rc == RC_OK)
            rc = row_write(tx, &row, v, err);
    }
    arena_fini(&mem);
    return rc;
}

/* ---- joining ---- */

static enum rc own_keep(struct store_tx *tx, struct uuid x, struct uuid y, struct err *err)
{
    static const struct store_sql SQL = {"INSERT INTO site_own (site, " OWN_COLUMNS ", wkb) SELECT s.id, " OF(
        "s") ", f.wkb FROM site s LEFT JOIN site_footprint f ON f.site = s.id WHERE s.id IN "
             "(?1, ?2) ON CONFLICT (site) DO NOTHING"};
    struct store_arg args[] = {SA_UUID(x), SA_UUID(y)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

static enum rc hang_under(struct store_tx *tx, const struct member *away, struct uuid kept, struct err *err)
{
    static const struct store_sql SITE = {"UPDATE site SET status = 'merged', merged_into = ?2, shown_cell = NULL, "
                                          "shown_lat = NULL, shown_lon = NULL WHERE id = ?1"};
    static const struct store_sql BELOW = {"UPDATE site SET merged_into = ?2 WHERE merged_into = ?1"};
    struct store_arg args[] = {SA_UUID(away->id), SA_UUID(kept)};
    TRY(store_exec(tx, &SITE, args, SA_N(args), NULL, err));
    return away->below ? store_exec(tx, &BELOW, args, SA_N(args), NULL, err) : RC_OK;
}

static bool is_older(const struct member *a, const struct member *b)
{
    if (a->created.us != b->created.us)
        return a->created.us < b->created.us;
    for (size_t i = 0; i < sizeof a->id.b; i++)
        if (a->id.b[i] != b->id.b[i])
            return a->id.b[i] < b->id.b[i];
    return false;
}

static void touch(struct join_touched *t, struct uuid id)
{
    if (t->n < sizeof t->ids / sizeof *t->ids)
        t->ids[t->n++] = id;
}

enum rc join_merge(struct store_tx *tx, const struct join_rules *rules, struct join_pair *p,
                   struct join_touched *touched, struct err *err)
{
    struct member x, y;
    TRY(root_read(tx, p->a, &x, err));
    TRY(root_read(tx, p->b, &y, err));
    if (uuid_is_equal(x.id, y.id))
        return err_set(err, RC_CONFLICT, "the two are one site already");
    if (x.below + y.below + 2 > JOIN_GROUP_MAX)
        return err_set(err, RC_TOO_LARGE, "a site has at most %d records", JOIN_GROUP_MAX);
    const struct member *kept = is_older(&x, &y) ? &x : &y, *away = kept == &x ? &y : &x;
    p->kept = kept->id;
    p->away = away->id;
    p->kept_visibility = (int)kept->visibility;
    p->kept_coarse_m = kept->coarse_m;
    TRY(own_keep(tx, kept->id, away->id, err));
    TRY(hang_under(tx, away, kept->id, err));
    touch(touched, kept->id);
    touch(touched, away->id);
    /* The pair's own row is written after: its time is passed on. */
    return show(tx, rules, kept->id, stricter(sight_of(kept), sight_of(away)), p->at, err);
}

/* ---- taking apart ---- */

struct edge {
    struct uuid kept, away;
    struct instant at;
};
struct group {
    struct edge edges[JOIN_GROUP_MAX];
    size_t n;
    struct uuid below[JOIN_GROUP_MAX]; /* the site that goes, and all under it */
    size_t below_n;
};

static enum rc edges_read(struct store_tx *tx, struct uuid root, struct group *g, struct err *err)
{
    static const struct store_sql SQL = {"SELECT p.kept, p.away, p.at_us" EDGES};
    struct store_arg args[] = {SA_UUID(root)};
    struct store_rows *rows;
    g->n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (g->n < JOIN_GROUP_MAX && store_next(rows)) {
        struct edge *e = &g->edges[g->n++];
        e->kept = store_uuid(rows, 0);
        e->away = store_uuid(rows, 1);
        e->at.us = store_int(rows, 2);
    }
    return store_finish(rows, err);
}

static bool is_below(const struct group *g, struct uuid id)
{
    for (size_t i = 0; i < g->below_n; i++)
        if (uuid_is_equal(g->below[i], id))
            return true;
    return false;
}

static void below_find(struct group *g, struct uuid away)
{
    g->below[0] = away;
    g->below_n = 1;
    for (size_t before = 0; before != g->below_n;) {
        before = g->below_n;
        for (size_t i = 0; i < g->n; i++)
            if (is_below(g, g->edges[i].kept) && !is_below(g, g->edges[i].away) && g->below_n < JOIN_GROUP_MAX)
                g->below[g->below_n++] = g->edges[i].away;
    }
}

static enum rc decisions_since(struct store_tx *tx, struct uuid site, struct instant at, int64_t *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT count(*) FROM site_visibility WHERE site = ?1 AND at_us >= ?2"};
    struct store_arg args[] = {SA_UUID(site), SA_TIME(at)};
    return store_get_int(tx, &SQL, args, SA_N(args), out, err);
}

/* Who may see the two after they part. */
static enum rc sights(struct store_tx *tx, const struct join_pair *p, const struct group *g, const struct member *root,
                      struct sight *kept, struct sight *away, struct err *err)
{
    struct member m;
    int64_t decided;
    bool was_last = uuid_is_equal(p->kept, root->id);
    TRY(decisions_since(tx, root->id, p->at, &decided, err));
    TRY(member_read(tx, p->away, &m, err));
    for (size_t i = 0; i < g->n; i++)
        was_last &= g->edges[i].at.us <= p->at.us;
    *kept = sight_of(root);
    if (decided == 0 && was_last)
        *kept = (struct sight){(enum visibility)p->kept_visibility, p->kept_coarse_m};
    *away = decided ? stricter(sight_of(&m), sight_of(root)) : sight_of(&m);
    return RC_OK;
}

enum rc join_part(struct store_tx *tx, const struct join_rules *rules, const struct join_pair *p,
                  struct join_touched *touched, struct err *err)
{
    static const struct store_sql MOVE = {"UPDATE site SET merged_into = ?2 WHERE id = ?1"};
    struct group g;
    struct member away, root;
    struct sight see_root, see_away;
    TRY(member_read(tx, p->away, &away, err));
    if (uuid_is_nil(away.root))
        return err_set(err, RC_CONFLICT, "the two are apart already");
    TRY(member_read(tx, away.root, &root, err));
    TRY(edges_read(tx, root.id, &g, err));
    below_find(&g, away.id);
    TRY(sights(tx, p, &g, &root, &see_root, &see_away, err));
    for (size_t i = 1; i < g.below_n; i++) {
        struct store_arg args[] = {SA_UUID(g.below[i]), SA_UUID(away.id)};
        TRY(store_exec(tx, &MOVE, args, SA_N(args), NULL, err));
        touch(touched, g.below[i]);
    }
    struct store_arg free_args[] = {SA_UUID(away.id), SA_NULL_OF(STORE_BLOB)};
    TRY(store_exec(tx, &MOVE, free_args, SA_N(free_args), NULL, err));
    touch(touched, away.id);
    touch(touched, root.id);
    TRY(show(tx, rules, away.id, see_away, (struct instant){0}, err));
    return show(tx, rules, root.id, see_root, (struct instant){0}, err);
}

/* ---- after an import ---- */

enum rc joins_recompose(struct store_tx *tx, struct instant at, struct err *err)
{
    static const struct store_sql SQL = {"SELECT DISTINCT COALESCE(s.merged_into, s.id) FROM site_own o JOIN site s ON "
                                         "s.id = o.site WHERE o.updated_us = ?1 ORDER BY 1"};
    struct store_arg args[] = {SA_TIME(at)};
    struct store_rows *rows;
    struct arena mem;
    struct join_rules *rules = NULL;
    size_t n = 0, size = 0;
    struct uuid *roots = NULL;
    arena_init(&mem);
    enum rc rc = store_query(tx, &SQL, args, SA_N(args), &rows, err);
    if (rc == RC_OK) {
        while (store_next(rows)) {
            if (n == size) {
                roots = arena_grow(&mem, roots, size * sizeof *roots, (2 * size + 16) * sizeof *roots);
                size = 2 * size + 16;
            }
            roots[n++] = store_uuid(rows, 0);
        }
        rc = store_finish(rows, err);
    }
    if (rc == RC_OK && n > 0)
        rc = join_rules_new(&rules, err);
    for (size_t i = 0; i < n && rc == RC_OK; i++) {
        struct member m;
        rc = member_read(tx, roots[i], &m, err);
        if (rc == RC_OK)
            rc = show(tx, rules, m.id, sight_of(&m), (struct instant){0}, err);
    }
    if (rc == RC_OK && n > 0) /* the import names its records' own sites, not those they show under */
        rc = sites_changed(tx, at, roots, n, err);
    join_rules_free(rules);
    arena_fini(&mem);
    return rc;
}
