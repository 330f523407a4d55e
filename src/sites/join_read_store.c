/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a run compares. First every site that shows itself, small, in the order of ids; the texts only of those that turned
 * out to have a neighbour from another source. A registry of one source costs one walk over its ids.
 */
#include "sites/join_int.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 8192, RANGES_MAX = 16, CODES_MAX = UINT16_MAX, SCAN_SHARE = 8, NAMES_BYTES_MAX = 4096 };

/* ---- light ones ---- */

void join_lights_init(struct join_lights *l)
{
    *l = (struct join_lights){0};
    arena_init(&l->mem);
}

void join_lights_fini(struct join_lights *l)
{
    free(l->items);
    free(l->extras);
    free(l->sources);
    arena_fini(&l->mem);
    *l = (struct join_lights){0};
}

static void *room_for(void *p, size_t n, size_t *size, size_t one)
{
    if (n < *size)
        return p;
    *size = *size ? 2 * *size : 1024;
    return mem_realloc(p, *size * one);
}

static uint32_t source_of(struct join_lights *l, struct uuid id)
{
    for (size_t i = l->sources_n; i-- > 0;) /* the latest is mostly the one */
        if (uuid_is_equal(l->sources[i], id))
            return (uint32_t)i;
    l->sources = room_for(l->sources, l->sources_n, &l->sources_size, sizeof *l->sources);
    l->sources[l->sources_n] = id;
    return (uint32_t)l->sources_n++;
}

/* "Q243" */
static uint64_t wikidata_of(struct str s)
{
    int64_t n;
    bool ok = s.n > 1 && (s.p[0] == 'Q' || s.p[0] == 'q') && str_parse_i64(str_slice(s, 1, s.n), &n) && n > 0;
    return ok ? (uint64_t)n : 0;
}

static float reach_of(double precision_m)
{
    double over = precision_m - JOIN_EXACT_M;
    return over <= 0 ? 0 : over < JOIN_REACH_MAX_M ? (float)over : (float)JOIN_REACH_MAX_M;
}

#define LIGHT_ROW  "s.id, s.merged_into, s.cell, s.precision_m, s.wikidata, r.source, r.external_id"
#define LIGHT_FROM " FROM site s JOIN site_source r ON r.site = s.id WHERE "

/* One row; a joined site leaves only its source and id with the one it shows under. */
static void light_add(struct join_lights *l, struct store_rows *r, bool is_touched)
{
    struct uuid id = store_uuid(r, 0), root = store_uuid(r, 1);
    int64_t cell = store_int(r, 2);
    float reach = reach_of(store_real(r, 3));
    uint64_t wikidata = wikidata_of(store_text(r, 4));
    uint32_t source = source_of(l, store_uuid(r, 5));
    bool is_again = l->n > 0 && uuid_is_equal(l->items[l->n - 1].id, id);
    if (uuid_is_nil(root) && !is_again) {
        l->items = room_for(l->items, l->n, &l->size, sizeof *l->items);
        l->items[l->n++] = (struct join_light){.id = id,
                                               .cell = cell < 0 ? JOIN_NO_CELL : (uint64_t)cell,
                                               .wikidata = wikidata,
                                               .source = source,
                                               .reach_m = reach,
                                               .is_touched = is_touched};
        return;
    }
    l->extras = room_for(l->extras, l->extras_n, &l->extras_size, sizeof *l->extras);
    l->extras[l->extras_n++] = (struct join_extra){
        .root = uuid_is_nil(root) ? id : root, .source = source, .external_id = str_copy(&l->mem, store_text(r, 6))};
}

static int light_compare(const void *a, const void *b)
{
    const struct join_light *x = a, *y = b;
    int c = memcmp(x->id.b, y->id.b, sizeof x->id.b);
    return c ? c : (int)y->is_touched - (int)x->is_touched;
}

static int extra_compare(const void *a, const void *b)
{
    const struct join_extra *x = a, *y = b;
    if (x->record != y->record)
        return x->record < y->record ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return str_compare(x->external_id, y->external_id);
}

size_t join_lights_find(const struct join_lights *l, struct uuid id)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = memcmp(l->items[mid].id.b, id.b, sizeof id.b);
        if (c == 0)
            return mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return SIZE_MAX;
}

/* In order, each once; extras with their records, those of sites that are not here dropped. */
static void lights_settle(struct join_lights *l)
{
    size_t n = 0;
    if (l->n > 0) /* of nothing there is no array */
        qsort(l->items, l->n, sizeof *l->items, light_compare);
    for (size_t i = 0; i < l->n; i++)
        if (n == 0 || !uuid_is_equal(l->items[n - 1].id, l->items[i].id))
            l->items[n++] = l->items[i];
    l->n = n;
    n = 0;
    for (size_t i = 0; i < l->extras_n; i++) {
        size_t record = join_lights_find(l, l->extras[i].root);
        if (record == SIZE_MAX)
            continue;
        l->extras[n] = l->extras[i];
        l->extras[n++].record = (uint32_t)record;
    }
    l->extras_n = n;
    if (l->extras_n > 0)
        qsort(l->extras, l->extras_n, sizeof *l->extras, extra_compare);
    n = 0;
    for (size_t i = 0; i < l->extras_n; i++)
        if (n == 0 || extra_compare(&l->extras[n - 1], &l->extras[i]) != 0)
            l->extras[n++] = l->extras[i];
    l->extras_n = n;
}

struct light_page {
    struct join_lights *l;
    struct uuid after;
    size_t n;
};

static enum rc page_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " LIGHT_ROW LIGHT_FROM
                                         "s.id > ?1 AND s.status <> 'gone' AND (s.cell >= 0 "
                                         "OR s.wikidata <> '') ORDER BY s.id LIMIT ?2"};
    struct light_page *p = ctx;
    struct store_arg args[] = {SA_UUID(p->after), SA_INT(PAGE)};
    struct store_rows *rows;
    struct uuid last = p->after;
    size_t items = p->l->n, extras = p->l->extras_n;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    for (p->n = 0; store_next(rows); p->n++) {
        last = store_uuid(rows, 0);
        light_add(p->l, rows, true);
    }
    enum rc rc = store_finish(rows, err);
    if (rc != RC_OK) { /* read again from here */
        p->l->n = items;
        p->l->extras_n = extras;
        return rc;
    }
    p->after = last;
    return RC_OK;
}

enum rc join_lights_read(struct store *st, struct join_lights *l, struct err *err)
{
    struct light_page p = {.l = l};
    do
        TRY(store_read(st, page_read, &p, err));
    while (p.n == PAGE);
    lights_settle(l);
    return RC_OK;
}

/* ---- around touched ones ---- */

struct around {
    struct join_lights *l;
    const struct uuid *ids;
    size_t n;
};

static enum rc some(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                    struct join_lights *l, bool is_touched, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, sql, args, n, &rows, err));
    while (store_next(rows))
        light_add(l, rows, is_touched);
    return store_finish(rows, err);
}

static enum rc neighbours(struct store_tx *tx, struct join_lights *l, const struct join_light *at, struct err *err)
{
    static const struct store_sql OPEN_SQL = {"SELECT " LIGHT_ROW LIGHT_FROM
                                              "s.shown_cell BETWEEN ?1 AND ?2 AND s.visibility = 0"};
    static const struct store_sql GUARDED_SQL = {"SELECT " LIGHT_ROW LIGHT_FROM
                                                 "s.cell BETWEEN ?1 AND ?2 AND s.visibility <> 0 AND s.status NOT IN "
                                                 "('gone', 'merged')"};
    struct geo_range ranges[RANGES_MAX];
    struct geo_point p = geo_merc_point(geo_cell_merc(at->cell));
    struct geo_box box = geo_box_around(p, JOIN_RADIUS_M + (double)at->reach_m);
    size_t n = geo_box_ranges(&box, ranges, RANGES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct store_arg args[] = {SA_INT((int64_t)ranges[i].first), SA_INT((int64_t)ranges[i].last)};
        TRY(some(tx, &OPEN_SQL, args, SA_N(args), l, false, err));
        TRY(some(tx, &GUARDED_SQL, args, SA_N(args), l, false, err));
    }
    return RC_OK;
}

static enum rc around_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql ONE_SQL = {
        "SELECT " LIGHT_ROW LIGHT_FROM "s.id = (SELECT COALESCE(k.merged_into, k.id) FROM site k WHERE k.id = ?1) AND "
        "s.status <> 'gone' AND (s.cell >= 0 OR s.wikidata <> '')"};
    static const struct store_sql BELOW_SQL = {"SELECT " LIGHT_ROW LIGHT_FROM "s.merged_into = ?1"};
    struct around *a = ctx;
    a->l->n = a->l->extras_n = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct store_arg args[] = {SA_UUID(a->ids[i])};
        size_t before = a->l->n;
        TRY(some(tx, &ONE_SQL, args, SA_N(args), a->l, true, err));
        if (a->l->n == before)
            continue;
        struct join_light at = a->l->items[before];
        if (at.cell != JOIN_NO_CELL)
            TRY(neighbours(tx, a->l, &at, err));
    }
    for (size_t i = 0, n = a->l->n; i < n; i++) {
        struct uuid id = a->l->items[i].id;
        struct store_arg args[] = {SA_UUID(id)};
        TRY(some(tx, &BELOW_SQL, args, SA_N(args), a->l, false, err));
    }
    return RC_OK;
}

enum rc join_lights_around(struct store *st, const struct uuid *ids, size_t n, struct join_lights *l, struct err *err)
{
    struct around a = {.l = l, .ids = ids, .n = n};
    TRY(store_read(st, around_read, &a, err));
    lights_settle(l);
    return RC_OK;
}

struct sources_count {
    int64_t n;
};

static enum rc sources_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT count(*) FROM source o WHERE EXISTS (SELECT 1 FROM site_source r WHERE r.source = o.id)"};
    struct sources_count *c = ctx;
    return store_get_int(tx, &SQL, NULL, 0, &c->n, err);
}

enum rc join_sources_count(struct store *st, int64_t *out, struct err *err)
{
    struct sources_count c = {0};
    TRY(store_read(st, sources_read, &c, err));
    *out = c.n;
    return RC_OK;
}

/* ---- texts ---- */

struct text {
    const char *p; /* names, wikidata, unesco, ids of OpenStreetMap, one after the other */
    uint32_t names_n;
    uint16_t wikidata_n, unesco_n, osm_n;
    uint16_t class_code, kind, religion, denomination; /* numbers of codes */
    bool has_place, is_synthetic;
    float precision_m;
    double lat_deg, lon_deg;
};
struct join_texts {
    struct arena mem;
    struct text *items;
    uint32_t *at;      /* by record: its text + 1 */
    struct str *codes; /* by number; 0 is empty */
    size_t codes_n;
    uint16_t *slots; /* hash table of numbers */
    struct text_folder *folder;
    struct arena scratch;
};
enum { SLOTS = 1 << 17 };

static uint16_t code_of(struct join_texts *t, struct str s)
{
    if (str_is_empty(s))
        return 0;
    size_t slot = (size_t)str_hash(s) & (SLOTS - 1);
    for (; t->slots[slot]; slot = (slot + 1) & (SLOTS - 1))
        if (str_is_equal(t->codes[t->slots[slot]], s))
            return t->slots[slot];
    if (t->codes_n == CODES_MAX)
        return 0; /* says nothing then */
    t->codes[t->codes_n] = str_copy(&t->mem, s);
    t->slots[slot] = (uint16_t)t->codes_n;
    return (uint16_t)t->codes_n++;
}

static bool has_line(struct str lines, struct str line)
{
    for (struct str l; lines.n;) {
        str_cut(lines, '\n', &l, &lines);
        if (str_is_equal(l, line))
            return true;
    }
    return false;
}

/* Column `names`: each as it is compared, each once. */
static struct str names_make(struct join_texts *t, const struct join_words *w, struct str lines)
{
    struct buf b;
    buf_init(&b, 0);
    int n = 0;
    for (struct str line, lang, name; lines.n && n < JOIN_NAMES_MAX && b.n < NAMES_BYTES_MAX;) {
        str_cut(lines, '\n', &line, &lines);
        str_cut(line, '\t', &lang, &name);
        struct str made = join_name_make(w, t->folder, name, &t->scratch);
        if (made.n == 0 || has_line(buf_str(&b), made))
            continue;
        if (b.n)
            buf_add_char(&b, '\n');
        buf_add_str(&b, made);
        n++;
    }
    struct str out = str_copy(&t->scratch, buf_str(&b));
    buf_fini(&b);
    return out;
}

static bool is_osm_id(struct str s)
{
    return str_starts_with(s, STR("node/")) || str_starts_with(s, STR("way/")) || str_starts_with(s, STR("relation/"));
}

/* Ids of OpenStreetMap of the record and of those joined to it, between spaces. */
static struct str osm_ids(struct join_texts *t, const struct join_lights *l, uint32_t record, struct str own)
{
    struct buf b;
    size_t lo = 0, hi = l->extras_n;
    buf_init(&b, 0);
    if (is_osm_id(own))
        buf_add_str(&b, own);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->extras[mid].record < record)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < l->extras_n && l->extras[lo].record == record; lo++) {
        if (!is_osm_id(l->extras[lo].external_id))
            continue;
        if (b.n)
            buf_add_char(&b, ' ');
        buf_add_str(&b, l->extras[lo].external_id);
    }
    struct str out = str_copy(&t->scratch, buf_str(&b));
    buf_fini(&b);
    return out;
}

#define TEXT_ROW                                                                                                         \
    "s.id, s.names, s.wikidata, s.unesco, (SELECT MIN(r.external_id) FROM site_source r WHERE r.site = s.id), s.class, " \
    "s.kind, s.religion, s.denomination, s.lat, s.lon, s.precision_m, s.is_synthetic"

static struct str clipped(struct str s)
{
    return str_slice(s, 0, UINT16_MAX);
}

static void text_take(struct join_texts *t, const struct join_words *w, const struct join_lights *l, uint32_t record,
                      struct text *out, struct store_rows *r)
{
    arena_reset(&t->scratch);
    struct str parts[4] = {names_make(t, w, store_text(r, 1))};
    parts[1] = clipped(str_copy(&t->scratch, store_text(r, 2)));
    parts[2] = clipped(str_copy(&t->scratch, store_text(r, 3)));
    parts[3] = clipped(osm_ids(t, l, record, str_copy(&t->scratch, store_text(r, 4))));
    char *p = arena_alloc(&t->mem, parts[0].n + parts[1].n + parts[2].n + parts[3].n + 1);
    *out = (struct text){.p = p,
                         .names_n = (uint32_t)parts[0].n,
                         .wikidata_n = (uint16_t)parts[1].n,
                         .unesco_n = (uint16_t)parts[2].n,
                         .osm_n = (uint16_t)parts[3].n};
    for (int i = 0; i < 4; i++) {
        if (parts[i].n)
            memcpy(p, parts[i].p, parts[i].n);
        p += parts[i].n;
    }
    out->class_code = code_of(t, store_text(r, 5));
    out->kind = code_of(t, store_text(r, 6));
    out->religion = code_of(t, store_text(r, 7));
    out->denomination = code_of(t, store_text(r, 8));
    out->has_place = !store_is_null(r, 9) && !store_is_null(r, 10);
    out->lat_deg = store_real(r, 9);
    out->lon_deg = store_real(r, 10);
    out->precision_m = (float)store_real(r, 11);
    out->is_synthetic = store_int(r, 12) != 0;
}

struct text_page {
    struct join_texts *t;
    const struct join_words *words;
    const struct join_lights *l;
    uint32_t from, to; /* records */
    bool is_scan;      /* one statement over the range of ids, else one per record */
};

static enum rc text_rows(struct store_tx *tx, const struct text_page *p, const struct store_sql *sql,
                         const struct store_arg *args, size_t n, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, sql, args, n, &rows, err));
    while (store_next(rows)) {
        size_t record = join_lights_find(p->l, store_uuid(rows, 0));
        if (record != SIZE_MAX && p->l->items[record].is_needed && p->t->at[record])
            text_take(p->t, p->words, p->l, (uint32_t)record, &p->t->items[p->t->at[record] - 1], rows);
    }
    return store_finish(rows, err);
}

static enum rc text_page_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql RANGE_SQL = {"SELECT " TEXT_ROW " FROM site s WHERE s.id BETWEEN ?1 AND ?2"};
    static const struct store_sql ONE_SQL = {"SELECT " TEXT_ROW " FROM site s WHERE s.id = ?1"};
    const struct text_page *p = ctx;
    if (p->is_scan) {
        struct store_arg args[] = {SA_UUID(p->l->items[p->from].id), SA_UUID(p->l->items[p->to - 1].id)};
        return text_rows(tx, p, &RANGE_SQL, args, SA_N(args), err);
    }
    for (uint32_t i = p->from; i < p->to; i++) {
        struct store_arg args[] = {SA_UUID(p->l->items[i].id)};
        if (p->l->items[i].is_needed)
            TRY(text_rows(tx, p, &ONE_SQL, args, SA_N(args), err));
    }
    return RC_OK;
}

static enum rc pages_read(struct store *st, struct join_texts *t, const struct join_words *words,
                          const struct join_lights *l, struct err *err)
{
    for (size_t from = 0; from < l->n; from += PAGE) {
        struct text_page p = {.t = t, .words = words, .l = l, .from = (uint32_t)from};
        size_t needed = 0;
        p.to = (uint32_t)(from + PAGE < l->n ? from + PAGE : l->n);
        for (uint32_t i = p.from; i < p.to; i++)
            needed += l->items[i].is_needed;
        p.is_scan = needed > (p.to - p.from) / SCAN_SHARE;
        if (needed > 0)
            TRY(store_read(st, text_page_read, &p, err));
    }
    return RC_OK;
}

enum rc join_texts_read(struct store *st, const struct join_words *words, const struct join_lights *l,
                        struct join_texts **out, struct err *err)
{
    struct join_texts *t = mem_alloc(sizeof *t);
    size_t n = 0;
    arena_init(&t->mem);
    arena_init(&t->scratch);
    t->at = mem_array(l->n + 1, sizeof *t->at);
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].is_needed)
            t->at[i] = (uint32_t)++n;
    t->items = mem_array(n + 1, sizeof *t->items);
    t->codes = mem_array(CODES_MAX + 1, sizeof *t->codes);
    t->slots = mem_array(SLOTS, sizeof *t->slots);
    t->codes_n = 1;
    enum rc rc = text_folder_new(&t->folder, err);
    if (rc == RC_OK)
        rc = pages_read(st, t, words, l, err);
    if (rc == RC_OK)
        *out = t;
    else
        join_texts_free(t);
    return rc;
}

void join_texts_free(struct join_texts *t)
{
    if (!t)
        return;
    text_folder_free(t->folder);
    arena_fini(&t->mem);
    arena_fini(&t->scratch);
    free(t->items);
    free(t->at);
    free(t->codes);
    free(t->slots);
    free(t);
}

struct join_side join_texts_side(const struct join_texts *t, uint32_t record)
{
    ENSURE(t->at[record] != 0);
    const struct text *x = &t->items[t->at[record] - 1];
    const char *p = x->p;
    struct join_side s = {.class_code = t->codes[x->class_code],
                          .kind = t->codes[x->kind],
                          .religion = t->codes[x->religion],
                          .denomination = t->codes[x->denomination],
                          .has_place = x->has_place,
                          .is_synthetic = x->is_synthetic,
                          .lat_deg = x->lat_deg,
                          .lon_deg = x->lon_deg,
                          .precision_m = (double)x->precision_m};
    s.names = (struct str){p, x->names_n};
    s.wikidata = (struct str){p += x->names_n, x->wikidata_n};
    s.unesco = (struct str){p += x->wikidata_n, x->unesco_n};
    s.osm = (struct str){p + x->unesco_n, x->osm_n};
    return s;
}

/* ---- up to where ---- */

enum rc join_seq_read(struct store_tx *tx, int64_t *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT COALESCE(MAX(seq), -1) FROM join_state"};
    return store_get_int(tx, &SQL, NULL, 0, out, err);
}

enum rc join_seq_set(struct store_tx *tx, int64_t seq, struct err *err)
{
    static const struct store_sql SQL = {
        "INSERT INTO join_state (id, seq) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq"};
    struct store_arg args[] = {SA_INT(seq)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc join_seq_advance(struct store_tx *tx, struct err *err)
{
    static const struct store_sql SQL = {
        "UPDATE join_state SET seq = seq + 1 WHERE id = 1 AND seq + 1 = (SELECT MAX(c.seq) "
        "FROM site_change c)"};
    return store_exec(tx, &SQL, NULL, 0, NULL, err);
}
