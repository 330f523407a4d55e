/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the community's records. What every import writes is import_store.c's.
 */
#include <string.h>

#include "sites/import_int.h"
#include "sites/suggest_int.h"

enum rc community_store_source(struct store_tx *tx, struct instant now, struct uuid *out, struct err *err)
{
    static const struct store_sql FIND = {.common = "SELECT id FROM source WHERE name = '" SUGGEST_SOURCE "'"};
    static const struct store_sql ADD = {
        .common = "INSERT INTO source (id, name, licence, attribution, url, created_us) VALUES (?1, '" SUGGEST_SOURCE
                  "', '" SUGGEST_LICENCE "', '" SUGGEST_ATTRIBUTION "', '', ?2)"};
    struct store_rows *rows;
    struct uuid id = {{0}};
    TRY(store_query(tx, &FIND, NULL, 0, &rows, err));
    if (store_next(rows))
        id = store_uuid(rows, 0);
    TRY(store_finish(rows, err));
    if (uuid_is_nil(id)) {
        id = uuid_v7(now);
        struct store_arg args[] = {SA_UUID(id), SA_TIME(now)};
        TRY(store_exec(tx, &ADD, args, SA_N(args), NULL, err));
    }
    *out = id;
    return RC_OK;
}

enum rc community_store_release_open(struct store_tx *tx, const struct release_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "INSERT INTO source_release (id, source, label, format, digest, state, started_us, finished_us, read_n,"
            " sites_n, added_n, updated_n, unchanged_n, gone_n, rejected_n)"
            " VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6, NULL, 0, 0, 0, 0, 0, 0, 0)"};
    struct store_arg args[] = {SA_UUID(r->id),
                               SA_UUID(r->source),
                               SA_TEXT(r->label),
                               SA_TEXT(r->format),
                               SA_BLOB(r->digest.b, sizeof r->digest.b),
                               SA_TIME(r->started)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc community_store_release_close(struct store_tx *tx, const struct release_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "UPDATE source_release SET state = ?2, finished_us = ?3, read_n = ?4, sites_n = ?5, added_n = ?6,"
                  " updated_n = ?7 WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(r->id),   SA_TEXT(r->state), SA_TIME(r->finished), SA_INT(r->read),
                               SA_INT(r->sites), SA_INT(r->added),  SA_INT(r->updated)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

/* Lines of a language tag, a tab, a name: as the table keeps them. */
static void names_read(struct str lines, struct arena *mem, struct community_fields *out)
{
    size_t most = 1;
    for (size_t i = 0; i < lines.n; i++)
        most += lines.p[i] == '\n';
    struct site_name *all = ARENA_NEW_N(mem, struct site_name, most);
    for (struct str line, lang, text; lines.n;) {
        str_cut(lines, '\n', &line, &lines);
        if (str_cut(line, '\t', &lang, &text))
            all[out->names_n++] = (struct site_name){str_copy(mem, lang), str_copy(mem, text)};
    }
    out->names = all;
}

/* What the record says stands in site_own while it is joined to a site, else in its own row. */
static enum rc said_read(struct store_tx *tx, struct uuid record, struct arena *mem, struct community_fields *out,
                         struct err *err)
{
#define FIELDS "religion, kind, denomination, status, note, lat, lon, names"
    static const struct store_sql SQL = {
        .common = "SELECT " FIELDS " FROM site_own WHERE site = ?1 UNION ALL SELECT " FIELDS
                  " FROM site WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM site_own o WHERE o.site = ?1)"};
#undef FIELDS
    struct store_arg args[] = {SA_UUID(record)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    if (store_next(rows)) {
        *out = (struct community_fields){.religion = str_copy(mem, store_text(rows, 0)),
                                         .kind = str_copy(mem, store_text(rows, 1)),
                                         .denomination = str_copy(mem, store_text(rows, 2)),
                                         .status = str_copy(mem, store_text(rows, 3)),
                                         .note = str_copy(mem, store_text(rows, 4)),
                                         .has_place = !store_is_null(rows, 5),
                                         .lat_deg = store_real(rows, 5),
                                         .lon_deg = store_real(rows, 6)};
        if (str_is_equal(out->status, STR("gone"))) /* it was taken apart from its site: nobody said so */
            out->status = STR_NONE;
        names_read(store_text(rows, 7), mem, out);
    }
    return store_finish(rows, err);
}

enum rc community_store_find(struct store_tx *tx, struct uuid source, struct str key, struct arena *mem,
                             struct community_stored *out, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "SELECT site, digest FROM site_source WHERE source = ?1 AND external_id = ?2"};
    struct store_arg args[] = {SA_UUID(source), SA_TEXT(key)};
    struct store_rows *rows;
    *out = (struct community_stored){.said = {.names_n = 0}};
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    if (store_next(rows)) {
        struct str digest = store_blob(rows, 1);
        out->site = store_uuid(rows, 0);
        if (digest.n == sizeof out->digest.b)
            memcpy(out->digest.b, digest.p, digest.n);
    }
    TRY(store_finish(rows, err));
    return uuid_is_nil(out->site) ? RC_OK : said_read(tx, out->site, mem, &out->said, err);
}

enum rc community_store_see_as(struct store_tx *tx, struct uuid record, struct uuid site, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "UPDATE site SET visibility = (SELECT s.visibility FROM site s WHERE s.id = ?2),"
                  " coarse_m = (SELECT s.coarse_m FROM site s WHERE s.id = ?2) WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(record), SA_UUID(site)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc community_store_public_id(struct store_tx *tx, struct uuid site, struct uuid *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT public_id FROM site WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(site)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    if (store_next(rows))
        *out = store_uuid(rows, 0);
    return store_finish(rows, err);
}
