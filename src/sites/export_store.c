/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the export: what stands beside the rows of a page, for many sites at a time.
 */
#include "sites/export_int.h"

enum { CHUNK = 32 };
#define IDS                                                                                                            \
    "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, " \
    "?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)"
/* Records of sites that were joined to one of these stand under it, its own first. */
static const struct store_sql SOURCES_SQL = {
    "SELECT CASE WHEN s.merged_into IS NULL THEN s.id ELSE s.merged_into END, o.name, o.licence, o.attribution, e.label, "
    "r.external_id FROM site s JOIN site_source r ON r.site = s.id JOIN source o ON o.id = r.source "
    "JOIN source_release e ON e.id = r.last_release WHERE s.id IN " IDS " OR s.merged_into IN " IDS
    " ORDER BY CASE WHEN s.merged_into IS NULL THEN 0 ELSE 1 END, s.id, o.name, r.external_id"};
static const struct store_sql FOOTPRINTS_SQL = {"SELECT site, wkb FROM site_footprint WHERE site IN " IDS};

static struct export_site *owner_of(struct export_page *p, size_t from, size_t to, struct uuid id)
{
    for (size_t i = from; i < to; i++)
        if (uuid_is_equal(p->sites[i].id, id))
            return &p->extras[i];
    return NULL;
}

/* One more text after "; ", unless it stands there already. */
static struct str with(struct arena *mem, struct str list, struct str one)
{
    struct str rest = list, part;
    if (list.n == 0 || one.n == 0)
        return list.n == 0 ? str_copy(mem, one) : list;
    while (rest.n > 0) {
        str_cut(rest, ';', &part, &rest);
        if (str_is_equal(str_trim(part), one))
            return list;
    }
    return str_printf(mem, STR_FMT "; " STR_FMT, STR_ARG(list), STR_ARG(one));
}

/* Each source, licence and attribution is named (licences differ); release and id are those of the site's own record, and
 * ids of a coarse site stay inside. */
static void source_take(struct export_page *p, struct store_rows *rows, struct export_site *x, const struct site *s)
{
    if (!x)
        return;
    if (x->source.n == 0) {
        x->release = str_copy(&p->mem, store_text(rows, 4));
        x->external_id = s->is_coarse ? STR_NONE : str_copy(&p->mem, store_text(rows, 5));
    }
    x->source = with(&p->mem, x->source, store_text(rows, 1));
    x->licence = with(&p->mem, x->licence, store_text(rows, 2));
    x->attribution = with(&p->mem, x->attribution, store_text(rows, 3));
}

static enum rc chunk_read(struct store_tx *tx, struct export_page *p, size_t from, size_t to, struct err *err)
{
    struct store_arg args[CHUNK];
    struct store_rows *rows;
    for (size_t i = 0; i < CHUNK; i++)
        args[i] = SA_UUID(p->sites[from + i < to ? from + i : to - 1].id);
    TRY(store_query(tx, &SOURCES_SQL, args, CHUNK, &rows, err));
    while (store_next(rows)) {
        struct export_site *x = owner_of(p, from, to, store_uuid(rows, 0));
        source_take(p, rows, x, x ? &p->sites[x - p->extras] : NULL);
    }
    TRY(store_finish(rows, err));
    TRY(store_query(tx, &FOOTPRINTS_SQL, args, CHUNK, &rows, err));
    while (store_next(rows)) {
        struct export_site *x = owner_of(p, from, to, store_uuid(rows, 0));
        if (x && !p->sites[x - p->extras].is_coarse)
            x->footprint = str_copy(&p->mem, store_blob(rows, 1));
    }
    return store_finish(rows, err);
}

enum rc export_page_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct export_page *p = ctx;
    arena_reset(&p->mem);
    TRY(sites_range_read(tx, &p->where, p->viewer, p->range.first, p->range.last, p->after, EXPORT_PAGE, &p->mem,
                         p->sites, p->keys, &p->n, err));
    p->extras = ARENA_NEW_N(&p->mem, struct export_site, EXPORT_PAGE);
    for (size_t at = 0; at < p->n && p->want_extras; at += CHUNK)
        TRY(chunk_read(tx, p, at, at + CHUNK < p->n ? at + CHUNK : p->n, err));
    return RC_OK;
}
