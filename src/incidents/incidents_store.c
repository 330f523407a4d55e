/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of incidents and their links. Filters of the public compare the coarse columns (N2).
 */
#include "incidents/incidents_int.h"

#include "geo/geo.h"

#include <string.h>

/* ---- writing ---- */

enum rc incident_store_known(struct store_tx *tx, struct str source, struct arena *mem, struct incident_known **out,
                             size_t *n, struct err *err)
{
    static const struct store_sql COUNT = {.common = "SELECT count(*) FROM incident WHERE source = ?1"};
    static const struct store_sql ALL = {
        .common = "SELECT external_id, id, digest FROM incident WHERE source = ?1 ORDER BY external_id"};
    struct store_arg args[] = {SA_TEXT(source)};
    struct store_rows *rows;
    int64_t count;
    TRY(store_get_int(tx, &COUNT, args, 1, &count, err));
    struct incident_known *known = ARENA_NEW_N(mem, struct incident_known, (size_t)count + 1);
    size_t got = 0;
    TRY(store_query(tx, &ALL, args, 1, &rows, err));
    while (store_next(rows)) {
        if (got == (size_t)count)
            break; /* the same snapshot counted them */
        struct incident_known *k = &known[got++];
        k->external_id = str_copy(mem, store_text(rows, 0));
        k->id = store_uuid(rows, 1);
        struct str digest = store_blob(rows, 2);
        if (digest.n == sizeof k->digest.b)
            memcpy(k->digest.b, digest.p, digest.n);
    }
    TRY(store_finish(rows, err));
    *out = known;
    *n = got;
    return RC_OK;
}

enum { INCIDENT_COLUMNS = 38 };

/* The columns that both an insert and an update write, ?1 .. ?34. */
static size_t bind_record(const struct incident *in, const struct sha256 *digest, const struct uuid *release,
                          struct instant now, struct store_arg *a)
{
    double lat = 0, lon = 0;
    if (in->has_place)
        policy_coarse_point(in->lat_deg, in->lon_deg, &lat, &lon);
    int64_t cell = in->has_place ? (int64_t)geo_cell_of((struct geo_point){in->lat_deg, in->lon_deg}) : -1;
    const struct store_arg all[] = {SA_UUID(in->id),
                                    SA_BLOB(release->b, 16),
                                    SA_BLOB(digest->b, sizeof digest->b),
                                    SA_INT(in->is_context),
                                    SA_TEXT(in->context_kind),
                                    SA_TEXT(in->title),
                                    SA_TEXT(in->type),
                                    SA_TEXT(in->method),
                                    SA_TEXT(in->target),
                                    SA_TEXT(in->bias),
                                    SA_INT(in->severity),
                                    SA_TEXT(in->verification),
                                    SA_INT(in->start_day),
                                    SA_INT(in->end_day),
                                    SA_TEXT(in->date_precision),
                                    SA_INT(in->has_place),
                                    SA_REAL(in->has_place ? in->lat_deg : 0),
                                    SA_REAL(in->has_place ? in->lon_deg : 0),
                                    SA_INT(cell),
                                    SA_REAL(lat),
                                    SA_REAL(lon),
                                    SA_TEXT(in->precision),
                                    SA_REAL(in->radius_m),
                                    SA_TEXT(in->country),
                                    SA_INT(in->is_disputed),
                                    SA_TEXT(in->place),
                                    in->killed < 0 ? SA_NULL : SA_INT(in->killed),
                                    in->injured < 0 ? SA_NULL : SA_INT(in->injured),
                                    SA_TEXT(in->source_text),
                                    SA_INT(in->source_read),
                                    SA_INT(in->is_unverified),
                                    SA_INT(in->is_synthetic),
                                    SA_TEXT(in->raw),
                                    SA_TIME(now)};
    for (size_t i = 0; i < SA_N(all); i++)
        a[i] = all[i];
    return SA_N(all);
}

static enum rc links_replace(struct store_tx *tx, const struct incident *in, struct instant now, struct err *err)
{
    /* A link that a person decided stays (decided_by is not null). */
    static const struct store_sql CLEAR = {.common =
                                               "DELETE FROM incident_link WHERE incident = ?1 AND decided_by IS NULL"};
    static const struct store_sql ADD = {
        .common = "INSERT INTO incident_link (incident, site, score, reasons, decided_by, at_us)"
                  " VALUES (?1, ?2, ?3, ?4, NULL, ?5) ON CONFLICT (incident, site) DO NOTHING"};
    struct store_arg key[] = {SA_UUID(in->id)};
    TRY(store_exec(tx, &CLEAR, key, 1, NULL, err));
    for (size_t i = 0; i < in->links_n; i++) {
        const struct incident_link *l = &in->links[i];
        struct store_arg args[] = {SA_UUID(in->id), SA_UUID(l->site), SA_REAL(l->score), SA_TEXT(l->reasons),
                                   SA_TIME(now)};
        TRY(store_exec(tx, &ADD, args, SA_N(args), NULL, err));
    }
    return RC_OK;
}

enum rc incident_store_insert(struct store_tx *tx, const struct incident *in, struct uuid release, struct instant now,
                              struct err *err)
{
    static const struct store_sql INSERT = {
        .common =
            "INSERT INTO incident (id, release, digest, is_context, context_kind, title, type, method, target, bias,"
            " severity, verification, start_day, end_day, date_precision, has_place, lat, lon, cell, coarse_lat,"
            " coarse_lon, precision_code, radius_m, country, disputed, place, killed, injured, source_text, source_read,"
            " unverified, synthetic, raw, updated_us, public_id, code, source, external_id, created_us)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,"
            " ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?34)"};
    struct sha256 digest = incident_digest(in);
    struct store_arg args[INCIDENT_COLUMNS];
    size_t n = bind_record(in, &digest, &release, now, args);
    args[n++] = SA_UUID(in->public_id);
    args[n++] = SA_INT(in->code);
    args[n++] = SA_TEXT(in->source);
    args[n++] = SA_TEXT(in->external_id);
    TRY(store_exec(tx, &INSERT, args, n, NULL, err));
    return links_replace(tx, in, now, err);
}

enum rc incident_store_update(struct store_tx *tx, const struct incident *in, struct uuid release, struct instant now,
                              struct err *err)
{
    static const struct store_sql UPDATE = {
        .common =
            "UPDATE incident SET release = ?2, digest = ?3, is_context = ?4, context_kind = ?5, title = ?6, type = ?7,"
            " method = ?8, target = ?9, bias = ?10, severity = ?11, verification = ?12, start_day = ?13,"
            " end_day = ?14, date_precision = ?15, has_place = ?16, lat = ?17, lon = ?18, cell = ?19,"
            " coarse_lat = ?20, coarse_lon = ?21, precision_code = ?22, radius_m = ?23, country = ?24,"
            " disputed = ?25, place = ?26, killed = ?27, injured = ?28, source_text = ?29, source_read = ?30,"
            " unverified = ?31, synthetic = ?32, raw = ?33, updated_us = ?34 WHERE id = ?1"};
    struct sha256 digest = incident_digest(in);
    struct store_arg args[INCIDENT_COLUMNS];
    size_t n = bind_record(in, &digest, &release, now, args);
    TRY(store_exec(tx, &UPDATE, args, n, NULL, err));
    return links_replace(tx, in, now, err);
}

enum rc incident_store_release_open(struct store_tx *tx, struct uuid id, struct str source, struct str licence,
                                    struct str format, struct sha256 digest, struct instant now, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO incident_release (id, source, licence, format, digest, started_us)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
    struct store_arg args[] = {
        SA_UUID(id), SA_TEXT(source), SA_TEXT(licence), SA_TEXT(format), SA_BLOB(digest.b, sizeof digest.b),
        SA_TIME(now)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc incident_store_release_close(struct store_tx *tx, struct uuid id, struct str counts, struct instant now,
                                     struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "UPDATE incident_release SET finished_us = ?2, counts = ?3 WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(id), SA_TIME(now), SA_TEXT(counts)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

/* ---- reading ---- */

/* Linked to a site, or to one joined to it, that the public may not know of: its title and place would tell of it. */
#define IS_CLOSED(s) "(EXISTS (SELECT 1 FROM country_closed) AND " s ".country IN (SELECT iso2 FROM country_closed))"
#define OF_HIDDEN                                                                                                      \
    "EXISTS (SELECT 1 FROM incident_link h JOIN site s ON s.id = h.site LEFT JOIN site k ON k.id = s.merged_into"      \
    " WHERE h.incident = i.id AND (s.visibility NOT IN (0, 1) OR COALESCE(k.visibility, 0) NOT IN (0, 1)"              \
    " OR " IS_CLOSED("s") " OR " IS_CLOSED("k") "))"
#define COLUMNS                                                                                                        \
    "i.id, i.public_id, i.code, i.source, i.external_id, i.is_context, i.context_kind, i.title, i.type, i.method,"     \
    " i.target, i.bias, i.severity, i.verification, i.start_day, i.end_day, i.date_precision, i.has_place, i.lat,"     \
    " i.lon, i.precision_code, i.radius_m, i.country, i.disputed, i.place, i.killed, i.injured, i.source_text,"        \
    " i.source_read, i.unverified, i.synthetic, i.raw, CASE WHEN " OF_HIDDEN " THEN 1 ELSE 0 END"

static struct str text(struct store_rows *rows, int col, struct arena *mem)
{
    return str_copy(mem, store_text(rows, col));
}

static void row_read(struct store_rows *rows, struct arena *mem, struct incident *out)
{
    *out = (struct incident){.id = store_uuid(rows, 0),
                             .public_id = store_uuid(rows, 1),
                             .code = (uint64_t)store_int(rows, 2),
                             .source = text(rows, 3, mem),
                             .external_id = text(rows, 4, mem),
                             .is_context = store_int(rows, 5) != 0,
                             .context_kind = text(rows, 6, mem),
                             .title = text(rows, 7, mem),
                             .type = text(rows, 8, mem),
                             .method = text(rows, 9, mem),
                             .target = text(rows, 10, mem),
                             .bias = text(rows, 11, mem),
                             .severity = (int)store_int(rows, 12),
                             .verification = text(rows, 13, mem),
                             .start_day = store_int(rows, 14),
                             .end_day = store_int(rows, 15),
                             .date_precision = text(rows, 16, mem),
                             .has_place = store_int(rows, 17) != 0,
                             .lat_deg = store_real(rows, 18),
                             .lon_deg = store_real(rows, 19),
                             .precision = text(rows, 20, mem),
                             .radius_m = store_real(rows, 21),
                             .country = text(rows, 22, mem),
                             .is_disputed = store_int(rows, 23) != 0,
                             .place = text(rows, 24, mem),
                             .killed = store_is_null(rows, 25) ? -1 : store_int(rows, 25),
                             .injured = store_is_null(rows, 26) ? -1 : store_int(rows, 26),
                             .source_text = text(rows, 27, mem),
                             .source_read = store_int(rows, 28) != 0,
                             .is_unverified = store_int(rows, 29) != 0,
                             .is_synthetic = store_int(rows, 30) != 0,
                             .raw = text(rows, 31, mem),
                             .is_of_hidden = store_int(rows, 32) != 0};
}

/* What the policy leaves of it: the view, and the place made coarse where it says so. */
static enum view apply_policy(const struct viewer *viewer, struct incident *in)
{
    struct policy_object object = incident_policy_object(in);
    enum view view = policy_view(viewer, &object);
    if (view == VIEW_COARSE && in->has_place)
        policy_coarse_point(in->lat_deg, in->lon_deg, &in->lat_deg, &in->lon_deg);
    if (view == VIEW_COARSE && in->radius_m < INCIDENT_COARSE_RADIUS_M)
        in->radius_m = INCIDENT_COARSE_RADIUS_M;
    if (view != VIEW_FULL)
        in->place = STR(""); /* words can name the street that the coarse point hides */
    return view;
}

/* Links name the record they were made to; joined records show as one site. */
static bool is_linked(const struct incident *in, struct uuid site)
{
    for (size_t i = 0; i < in->links_n; i++)
        if (uuid_is_equal(in->links[i].site, site))
            return true;
    return false;
}

static enum rc links_read(struct store_tx *tx, struct incident *in, struct arena *mem, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "SELECT s.id, s.public_id, l.score, l.reasons, s.name FROM incident_link l JOIN site m ON m.id = l.site"
            " JOIN site s ON s.id = COALESCE(m.merged_into, m.id)"
            " WHERE l.incident = ?1 AND s.visibility = 0 ORDER BY l.score DESC, l.site LIMIT 16"};
    struct store_arg args[] = {SA_UUID(in->id)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    while (in->links_n < INCIDENT_LINKS_MAX && store_next(rows)) {
        struct incident_link link = {.site = store_uuid(rows, 0),
                                     .site_public_id = store_uuid(rows, 1),
                                     .score = store_real(rows, 2),
                                     .reasons = text(rows, 3, mem),
                                     .site_name = text(rows, 4, mem)};
        if (!is_linked(in, link.site))
            in->links[in->links_n++] = link;
    }
    return store_finish(rows, err);
}

/* The filter as numbers and sentinels, so that one statement serves every question. */
struct bounds {
    int64_t from_day, to_day;
    double south, north, west, east;
    int64_t crosses; /* the box crosses the antimeridian */
    int64_t any_box;
    int64_t coarse;   /* compare the coarse columns */
    int64_t verified; /* V3 and V4 only */
    int64_t open;     /* none that is linked to a hidden site */
};

static struct bounds bounds_of(const struct viewer *viewer, const struct incident_filter *f)
{
    bool full = policy_view(viewer, &(struct policy_object){.kind = POLICY_INCIDENT, .verification = 0}) == VIEW_FULL;
    bool any_day = f->from_day == 0 && f->to_day == 0;
    return (struct bounds){.from_day = any_day ? INT32_MIN : f->from_day,
                           .to_day = any_day ? INT32_MAX : f->to_day,
                           .south = f->box.south_deg,
                           .north = f->box.north_deg,
                           .west = f->box.west_deg,
                           .east = f->box.east_deg,
                           .crosses = f->box.west_deg > f->box.east_deg,
                           .any_box = !f->has_box,
                           .coarse = !full,
                           .open = !full,
                           .verified = !f->context && (!full || f->only_verified)};
}

#define WHERE                                                                                                          \
    " i.is_context = ?1 AND i.start_day BETWEEN ?2 AND ?3 AND (?4 = '' OR i.type = ?4)"                                \
    " AND (?5 = 0 OR i.verification IN ('V3', 'V4'))"                                                                  \
    " AND (?6 = 1 OR (i.has_place = 1"                                                                                 \
    " AND CASE WHEN ?7 = 1 THEN i.coarse_lat ELSE i.lat END BETWEEN ?8 AND ?9"                                         \
    " AND CASE WHEN ?10 = 1"                                                                                           \
    " THEN (CASE WHEN ?7 = 1 THEN i.coarse_lon ELSE i.lon END >= ?11"                                                  \
    " OR CASE WHEN ?7 = 1 THEN i.coarse_lon ELSE i.lon END <= ?12)"                                                    \
    " ELSE CASE WHEN ?7 = 1 THEN i.coarse_lon ELSE i.lon END BETWEEN ?11 AND ?12 END))"                                \
    " AND (?13 = 0 OR NOT " OF_HIDDEN ")"
enum { WHERE_ARGS = 13 };

static size_t where_bind(const struct bounds *b, const struct incident_filter *f, struct store_arg *a)
{
    const struct store_arg all[WHERE_ARGS] = {
        SA_INT(f->context), SA_INT(b->from_day), SA_INT(b->to_day), SA_TEXT(f->type),  SA_INT(b->verified),
        SA_INT(b->any_box), SA_INT(b->coarse),   SA_REAL(b->south), SA_REAL(b->north), SA_INT(b->crosses),
        SA_REAL(b->west),   SA_REAL(b->east),    SA_INT(b->open)};
    for (size_t i = 0; i < WHERE_ARGS; i++)
        a[i] = all[i];
    if (!f->type.p)
        a[3] = SA_TEXT(STR(""));
    return WHERE_ARGS;
}

/* Cursor: day and public id of the last item. Not secret: it tells only what the page told. */
static enum rc cursor_read(struct str cursor, int64_t *day, struct uuid *public_id, struct err *err)
{
    struct str head, rest;
    *day = INT32_MAX;
    memset(public_id->b, 0xff, sizeof public_id->b);
    if (cursor.n == 0)
        return RC_OK;
    if (!str_cut(cursor, '.', &head, &rest) || !str_parse_i64(head, day) || *day < INT32_MIN || *day > INT32_MAX ||
        !uuid_parse(rest, public_id))
        return err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
    return RC_OK;
}

enum rc incidents_list(struct store_tx *tx, const struct viewer *viewer, const struct incident_filter *filter,
                       struct str cursor, size_t limit, struct arena *mem, struct incident_page *out, struct err *err)
{
    static const struct store_sql COUNT = {.common = "SELECT count(*) FROM incident i WHERE" WHERE};
    static const struct store_sql PAGE = {.common = "SELECT " COLUMNS " FROM incident i WHERE" WHERE
                                                    " AND (i.start_day, i.public_id) < (?14, ?15)"
                                                    " ORDER BY i.start_day DESC, i.public_id DESC LIMIT ?16"};
    struct bounds b = bounds_of(viewer, filter);
    struct store_arg args[WHERE_ARGS + 3];
    struct uuid after;
    int64_t day;
    struct incident_page page = {0};
    if (limit == 0 || limit > INCIDENTS_PAGE_MAX)
        limit = INCIDENTS_PAGE_MAX;
    TRY(cursor_read(cursor, &day, &after, err));
    size_t n = where_bind(&b, filter, args);
    TRY(store_get_int(tx, &COUNT, args, n, &page.matched, err));
    args[n++] = SA_INT(day);
    args[n++] = SA_UUID(after);
    args[n++] = SA_INT(limit + 1); /* one more tells whether there is a next page */
    page.items = ARENA_NEW_N(mem, struct incident, limit + 1);
    struct store_rows *rows;
    TRY(store_query(tx, &PAGE, args, n, &rows, err));
    while (page.n <= limit && store_next(rows))
        row_read(rows, mem, &page.items[page.n++]);
    TRY(store_finish(rows, err));
    if (page.n > limit) {
        const struct incident *last = &page.items[--page.n - 1];
        struct str id = uuid_format(mem, last->public_id);
        page.next = str_printf(mem, "%lld." STR_FMT, (long long)last->start_day, STR_ARG(id));
    }
    size_t kept = 0;
    for (size_t i = 0; i < page.n; i++) {
        if (apply_policy(viewer, &page.items[i]) == VIEW_DENIED)
            continue;
        TRY(links_read(tx, &page.items[i], mem, err));
        page.items[kept++] = page.items[i];
    }
    page.n = kept;
    *out = page;
    return RC_OK;
}

enum rc incidents_find(struct store_tx *tx, const struct viewer *viewer, struct uuid public_id, struct arena *mem,
                       struct incident *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM incident i WHERE i.public_id = ?1"};
    struct store_arg args[] = {SA_UUID(public_id)};
    struct store_rows *rows;
    struct incident in = {0};
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    bool found = store_next(rows);
    if (found)
        row_read(rows, mem, &in);
    TRY(store_finish(rows, err));
    if (!found || apply_policy(viewer, &in) == VIEW_DENIED)
        return err_set(err, RC_NOT_FOUND, "no such incident");
    TRY(links_read(tx, &in, mem, err));
    *out = in;
    return RC_OK;
}

enum rc incidents_of_site(struct store_tx *tx, const struct viewer *viewer, struct uuid site, size_t limit,
                          struct arena *mem, struct incident **out, size_t *n, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "SELECT " COLUMNS " FROM incident i WHERE i.id IN (SELECT l.incident FROM incident_link l WHERE l.site"
            " = ?1 UNION SELECT k.incident FROM site m JOIN incident_link k ON k.site = m.id WHERE m.merged_into = ?1)"
            " ORDER BY i.start_day DESC, i.public_id DESC LIMIT ?2"};
    if (limit == 0 || limit > INCIDENTS_PAGE_MAX)
        limit = INCIDENTS_PAGE_MAX;
    struct store_arg args[] = {SA_UUID(site), SA_INT(limit)};
    struct store_rows *rows;
    struct incident *items = ARENA_NEW_N(mem, struct incident, limit);
    size_t got = 0, kept = 0;
    TRY(store_query(tx, &SQL, args, 2, &rows, err));
    while (got < limit && store_next(rows))
        row_read(rows, mem, &items[got++]);
    TRY(store_finish(rows, err));
    for (size_t i = 0; i < got; i++)
        if (apply_policy(viewer, &items[i]) != VIEW_DENIED)
            items[kept++] = items[i];
    *out = items;
    *n = kept;
    return RC_OK;
}

enum rc incidents_each(struct store_tx *tx, const struct viewer *viewer, const struct incident_filter *filter,
                       incident_fn fn, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM incident i WHERE" WHERE
                                                   " ORDER BY i.start_day, i.id"};
    struct bounds b = bounds_of(viewer, filter);
    struct store_arg args[WHERE_ARGS];
    size_t n = where_bind(&b, filter, args);
    struct store_rows *rows;
    struct arena mem;
    struct incident in;
    enum rc rc = RC_OK;
    arena_init(&mem);
    TRY(store_query(tx, &SQL, args, n, &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        arena_reset(&mem);
        row_read(rows, &mem, &in);
        if (apply_policy(viewer, &in) != VIEW_DENIED)
            rc = fn(ctx, &in, err);
    }
    struct err ended;
    enum rc finish = store_finish(rows, &ended);
    arena_fini(&mem);
    if (rc == RC_OK && finish != RC_OK)
        rc = err_set(err, finish, "%s", ended.text);
    return rc;
}

enum rc incidents_count(struct store_tx *tx, bool context, int64_t *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT count(*) FROM incident WHERE is_context = ?1"};
    struct store_arg args[] = {SA_INT(context)};
    return store_get_int(tx, &SQL, args, 1, out, err);
}
