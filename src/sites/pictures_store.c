/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of pictures.
 */
#include "sites/pictures_int.h"
#include "sites/sites_int.h"
#include "sites/visibility_int.h"

#include <string.h>

enum { WHOLE, SMALL, SIZES };

#define PICTURE_COLUMNS                                                                                                \
    "p.id, p.public_id, p.site, p.added_us, p.added_by, p.licence, p.credit, p.source_url, p.alt, p.alt_lang, "        \
    "p.width, p.height, p.small_width, p.small_height, p.digest, p.small_digest, p.removed_us, p.removed_by, p.reason"

/* A digest that is cut short compares with none. */
static struct sha256 digest_at(struct store_rows *rows, int column)
{
    struct sha256 d = {{0}};
    struct str s = store_blob(rows, column);
    if (s.n == sizeof d.b)
        memcpy(d.b, s.p, sizeof d.b);
    return d;
}

static struct picture_row row_at(struct store_rows *r, struct arena *mem)
{
    return (struct picture_row){.id = store_uuid(r, 0),
                                .p = {.public_id = store_uuid(r, 1),
                                      .added = {store_int(r, 3)},
                                      .licence = str_copy(mem, store_text(r, 5)),
                                      .credit = str_copy(mem, store_text(r, 6)),
                                      .source_url = str_copy(mem, store_text(r, 7)),
                                      .alt = str_copy(mem, store_text(r, 8)),
                                      .alt_lang = str_copy(mem, store_text(r, 9)),
                                      .width = (int)store_int(r, 10),
                                      .height = (int)store_int(r, 11),
                                      .small_width = (int)store_int(r, 12),
                                      .small_height = (int)store_int(r, 13)},
                                .site = store_uuid(r, 2),
                                .added_by = store_uuid(r, 4),
                                .digest = digest_at(r, 14),
                                .small_digest = digest_at(r, 15),
                                .removed = {store_int(r, 16)},
                                .removed_by = store_uuid(r, 17),
                                .reason = str_copy(mem, store_text(r, 18))};
}

static enum rc entry(struct store_tx *tx, const struct picture_row *r, const char *action, struct uuid actor,
                     struct instant at, struct sha256 digest, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct ledger_event ev = {.action = action,
                              .object_kind = "site_picture",
                              .object = r->id,
                              .actor = actor,
                              .at = at,
                              .digest = digest,
                              .detail = str_printf(&mem, "{\"site\":\"" STR_FMT "\",\"licence\":\"" STR_FMT "\"}",
                                                   STR_ARG(uuid_format(&mem, r->site)), STR_ARG(r->p.licence))};
    enum rc rc = ledger_append(tx, &ev, err);
    arena_fini(&mem);
    return rc;
}

/* ---- adding ---- */

struct adding {
    const struct picture_draft *d;
    struct picture_row row;
};

static enum rc room_check(struct store_tx *tx, struct uuid site, struct err *err)
{
    static const struct store_sql SITE = {"SELECT count(*) FROM site WHERE id = ?1"};
    static const struct store_sql COUNT = {"SELECT count(*) FROM site_picture WHERE site = ?1 AND removed_us IS NULL"};
    struct store_arg args[] = {SA_UUID(site)};
    int64_t n;
    TRY(store_get_int(tx, &SITE, args, SA_N(args), &n, err));
    if (n == 0)
        return err_set(err, RC_NOT_FOUND, "no such site");
    TRY(store_get_int(tx, &COUNT, args, SA_N(args), &n, err));
    if (n >= PICTURES_PER_SITE_MAX)
        return err_set(err, RC_TOO_LARGE, "the site has %d pictures; take one away first", PICTURES_PER_SITE_MAX);
    return RC_OK;
}

static enum rc row_add(struct store_tx *tx, const struct picture_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        "INSERT INTO site_picture (id, public_id, site, added_us, added_by, licence, credit, source_url, alt, alt_lang, "
        "width, height, small_width, small_height, digest, small_digest, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
        "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, '')"};
    struct store_arg args[] = {SA_UUID(r->id),
                               SA_UUID(r->p.public_id),
                               SA_UUID(r->site),
                               SA_TIME(r->p.added),
                               SA_UUID(r->added_by),
                               SA_TEXT(r->p.licence),
                               SA_TEXT(r->p.credit),
                               SA_TEXT(r->p.source_url),
                               SA_TEXT(r->p.alt),
                               SA_TEXT(r->p.alt_lang),
                               SA_INT(r->p.width),
                               SA_INT(r->p.height),
                               SA_INT(r->p.small_width),
                               SA_INT(r->p.small_height),
                               SA_BLOB(r->digest.b, sizeof r->digest.b),
                               SA_BLOB(r->small_digest.b, sizeof r->small_digest.b)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

static enum rc bytes_add(struct store_tx *tx, struct uuid picture, int size, struct str jpeg, struct err *err)
{
    static const struct store_sql SQL = {"INSERT INTO site_picture_bytes (picture, size, jpeg) VALUES (?1, ?2, ?3)"};
    struct store_arg args[] = {SA_UUID(picture), SA_INT(size), SA_BLOB(jpeg.p, jpeg.n)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

static enum rc add(struct store_tx *tx, void *ctx, struct err *err)
{
    struct adding *a = ctx;
    const struct picture_row *r = &a->row;
    TRY(room_check(tx, r->site, err));
    TRY(row_add(tx, r, err));
    TRY(bytes_add(tx, r->id, WHOLE, a->d->whole.jpeg, err));
    TRY(bytes_add(tx, r->id, SMALL, a->d->small.jpeg, err));
    return entry(tx, r, "picture.add", r->added_by, r->p.added, picture_row_digest(r, r->digest, r->small_digest), err);
}

enum rc pictures_add(struct store *st, const struct picture_draft *draft, const struct viewer *actor,
                     struct uuid *public_id, struct err *err)
{
    struct instant now = clock_now();
    struct picture_draft d = *draft;
    if (!policy_may(actor, ACT_EDIT_PICTURES))
        return err_set(err, RC_DENIED, "adding a picture needs a reviewer");
    TRY(picture_draft_check(&d, err));
    struct adding a = {.d = &d,
                       .row = {.id = uuid_v7(now),
                               .site = d.site,
                               .added_by = actor->account,
                               .p = {.public_id = uuid_random(),
                                     .licence = d.licence,
                                     .credit = d.credit,
                                     .source_url = d.source_url,
                                     .alt = d.alt,
                                     .alt_lang = d.alt_lang,
                                     .width = d.whole.width,
                                     .height = d.whole.height,
                                     .small_width = d.small.width,
                                     .small_height = d.small.height,
                                     .added = now},
                               .digest = sha256_of(d.whole.jpeg.p, d.whole.jpeg.n),
                               .small_digest = sha256_of(d.small.jpeg.p, d.small.jpeg.n)}};
    TRY(store_write(st, add, &a, err));
    *public_id = a.row.p.public_id;
    return RC_OK;
}

/* ---- taking away ---- */

struct removing {
    struct uuid public_id, by;
    struct instant at;
    struct str reason;
};

static enum rc row_find(struct store_tx *tx, struct uuid public_id, struct arena *mem, struct picture_row *out,
                        struct err *err)
{
    static const struct store_sql SQL = {"SELECT " PICTURE_COLUMNS
                                         " FROM site_picture p WHERE p.public_id = ?1 AND p.removed_us IS NULL"};
    struct store_arg args[] = {SA_UUID(public_id)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    bool found = store_next(rows);
    if (found)
        *out = row_at(rows, mem);
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "no such picture");
}

static enum rc row_remove(struct store_tx *tx, struct picture_row *row, const struct removing *r, struct err *err)
{
    static const struct store_sql ROW = {
        "UPDATE site_picture SET removed_us = ?2, removed_by = ?3, reason = ?4 WHERE id = ?1"};
    static const struct store_sql BYTES = {"DELETE FROM site_picture_bytes WHERE picture = ?1"};
    struct store_arg args[] = {SA_UUID(row->id), SA_TIME(r->at), SA_UUID(r->by), SA_TEXT(r->reason)};
    TRY(store_exec(tx, &ROW, args, SA_N(args), NULL, err));
    TRY(store_exec(tx, &BYTES, args, 1, NULL, err));
    row->removed = r->at;
    row->removed_by = r->by;
    row->reason = r->reason;
    struct sha256 none = {{0}};
    return entry(tx, row, "picture.remove", r->by, r->at, picture_row_digest(row, none, none), err);
}

static enum rc remove_it(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct removing *r = ctx;
    struct arena mem;
    struct picture_row row;
    arena_init(&mem);
    enum rc rc = row_find(tx, r->public_id, &mem, &row, err);
    if (rc == RC_OK)
        rc = row_remove(tx, &row, r, err);
    arena_fini(&mem);
    return rc;
}

enum rc pictures_remove(struct store *st, struct uuid public_id, struct str reason, const struct viewer *actor,
                        struct err *err)
{
    struct removing r = {public_id, actor->account, clock_now(), reason};
    if (!policy_may(actor, ACT_EDIT_PICTURES))
        return err_set(err, RC_DENIED, "taking a picture away needs a reviewer");
    TRY(visibility_reason(&r.reason, err));
    return store_write(st, remove_it, &r, err);
}

/* ---- reading ---- */

struct listing {
    struct uuid site;
    struct arena *mem;
    struct picture *list;
    size_t n;
};

static enum rc list_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT " PICTURE_COLUMNS
        " FROM site_picture p WHERE p.removed_us IS NULL AND p.site IN (SELECT k.id FROM site k "
        "WHERE k.id = ?1 UNION ALL SELECT m.id FROM site m WHERE m.merged_into = ?1) ORDER BY p.added_us, p.id LIMIT ?2"};
    struct listing *l = ctx;
    struct store_arg args[] = {SA_UUID(l->site), SA_INT(PICTURES_PER_SITE_MAX)};
    struct store_rows *rows;
    l->n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (l->n < PICTURES_PER_SITE_MAX && store_next(rows))
        l->list[l->n++] = row_at(rows, l->mem).p;
    return store_finish(rows, err);
}

enum rc pictures_of(struct store *st, const struct site *site, struct arena *mem, struct picture **out, size_t *n,
                    struct err *err)
{
    struct listing l = {.site = site->id, .mem = mem, .list = ARENA_NEW_N(mem, struct picture, PICTURES_PER_SITE_MAX)};
    if (!site->is_coarse)
        TRY(store_read(st, list_read, &l, err));
    *out = l.list;
    *n = l.n;
    return RC_OK;
}

struct fetching {
    struct uuid public_id, picture;
    bool is_small;
    struct arena *mem;
    struct picture_row row;
    struct str jpeg;
};

static enum rc meta_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct fetching *f = ctx;
    return row_find(tx, f->public_id, f->mem, &f->row, err);
}

static enum rc bytes_read(struct store_tx *tx, struct uuid picture, int size, struct arena *mem, struct str *out,
                          struct err *err)
{
    static const struct store_sql SQL = {"SELECT jpeg FROM site_picture_bytes WHERE picture = ?1 AND size = ?2"};
    struct store_arg args[] = {SA_UUID(picture), SA_INT(size)};
    struct store_rows *rows;
    *out = STR_NONE;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    if (store_next(rows))
        *out = str_copy(mem, store_blob(rows, 0));
    return store_finish(rows, err);
}

static enum rc jpeg_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct fetching *f = ctx;
    return bytes_read(tx, f->row.id, f->is_small ? SMALL : WHOLE, f->mem, &f->jpeg, err);
}

enum rc pictures_jpeg(struct store *st, struct uuid public_id, bool is_small, const struct viewer *viewer,
                      struct arena *mem, struct str *jpeg, struct sha256 *digest, struct err *err)
{
    struct fetching f = {.public_id = public_id, .is_small = is_small, .mem = mem};
    struct site *site;
    TRY(store_read(st, meta_read, &f, err));
    enum rc rc = sites_find_id(st, f.row.site, viewer, mem, &site, err);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && sites_view(viewer, site) != VIEW_FULL))
        return err_set(err, RC_NOT_FOUND, "no such picture"); /* P1: as if there were none */
    TRY(rc);
    TRY(store_read(st, jpeg_read, &f, err));
    if (f.jpeg.n == 0) /* taken away since */
        return err_set(err, RC_NOT_FOUND, "no such picture");
    *jpeg = f.jpeg;
    *digest = is_small ? f.row.small_digest : f.row.digest;
    return RC_OK;
}

/* ---- what `fane verify` compares ---- */

static enum rc bytes_digest(struct store_tx *tx, const struct picture_row *r, int size, struct arena *mem,
                            struct sha256 *out, struct err *err)
{
    struct str jpeg;
    *out = (struct sha256){{0}};
    TRY(bytes_read(tx, r->id, size, mem, &jpeg, err));
    if (jpeg.n > 0)
        *out = sha256_of(jpeg.p, jpeg.n);
    return RC_OK;
}

static enum rc next_row(struct store_tx *tx, struct uuid after, struct arena *mem, struct picture_row *out, bool *found,
                        struct err *err)
{
    static const struct store_sql SQL = {"SELECT " PICTURE_COLUMNS
                                         " FROM site_picture p WHERE p.id > ?1 ORDER BY p.id LIMIT 1"};
    struct store_arg args[] = {SA_UUID(after)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    *found = store_next(rows);
    if (*found)
        *out = row_at(rows, mem);
    return store_finish(rows, err);
}

/* One by one: their bytes are large. */
static enum rc rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    struct arena mem;
    struct picture_row r = {0};
    struct sha256 digests[SIZES];
    bool found = true;
    enum rc rc = RC_OK;
    (void)ctx;
    arena_init(&mem);
    while (rc == RC_OK && found) {
        arena_reset(&mem);
        rc = next_row(tx, r.id, &mem, &r, &found, err);
        for (int size = 0; size < SIZES && rc == RC_OK && found; size++)
            rc = bytes_digest(tx, &r, size, &mem, &digests[size], err);
        if (rc == RC_OK && found)
            rc = put(sink, r.id, picture_row_digest(&r, digests[WHOLE], digests[SMALL]), err);
    }
    arena_fini(&mem);
    return rc;
}

void pictures_ledger_checkers(struct ledger *l)
{
    ledger_add_checker(l, "site_picture", rows_check, NULL);
}
