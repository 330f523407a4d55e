/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See suggest_apply.h. What is written goes the way of every import (import_batch_write): records, history, guard, ledger,
 * and the rows that show. Each acceptance is a release of one record. A correction's record is joined to its site as two
 * sources' records are (join_int.h), so it can be taken apart again, and imports compose the row anew with it.
 */
#include "sites/suggest_apply.h"

#include <stdlib.h>
#include <string.h>

#include "sites/import_int.h"
#include "sites/join_int.h"
#include "sites/suggest_int.h"

struct community {
    struct vocab *words;
    struct areas *areas;
    struct guard *guard;
    struct join_rules *rules;
    struct community_fields fields; /* of this suggestion */
    struct uuid site;               /* inner id of what is corrected; nil: a missing one */
    struct str key;                 /* external id of the record */
};

/* ---- before the transaction ---- */

static bool has_field(const struct suggestion_draft *d)
{
    return d->names_n || d->religion.n || d->kind.n || d->denomination.n || d->status.n || d->note.n || d->is_closed ||
           d->has_place;
}

static void fields_of(const struct suggestion_draft *d, struct community_fields *out)
{
    *out = (struct community_fields){d->names,  d->names_n, d->religion,  d->kind,    d->denomination,
                                     d->status, d->note,    d->has_place, d->lat_deg, d->lon_deg};
    if (d->is_closed && d->status.n == 0)
        out->status = STR("disused");
}

static enum rc parts_make(struct store *st, struct community *c, struct err *err)
{
    TRY(vocab_new(&c->words, err));
    TRY(areas_load(st, &c->areas, err));
    return join_rules_new(&c->rules, err);
}

enum rc community_new(struct store *st, const struct suggestion_draft *draft, const struct site *site,
                      struct uuid suggestion, struct arena *mem, struct community **out, struct err *err)
{
    *out = NULL;
    if (site && !has_field(draft))
        return RC_OK;
    struct community *c = mem_alloc(sizeof *c);
    struct str id = uuid_format(mem, site ? site->public_id : suggestion);
    fields_of(draft, &c->fields);
    c->key = str_printf(mem, "%s/" STR_FMT, site ? "site" : "suggestion", STR_ARG(id));
    if (site)
        c->site = site->id;
    else
        c->guard = guard_new(VISIBILITY_PUBLIC); /* a "missing" site may be a hidden one: born as guarded as that */
    enum rc rc = parts_make(st, c, err);
    if (rc == RC_OK)
        *out = c;
    else
        community_free(c);
    return rc;
}

void community_free(struct community *c)
{
    if (!c)
        return;
    join_rules_free(c->rules);
    guard_free(c->guard);
    areas_free(c->areas);
    vocab_free(c->words);
    free(c);
}

/* ---- the record ---- */

static struct str or_else(struct str now, struct str before)
{
    return now.n ? now : before;
}

/* What is said now over what was said before; names by language. */
static void fields_over(const struct community_fields *now, const struct community_fields *before, struct arena *mem,
                        struct community_fields *out)
{
    struct site_name *names = ARENA_NEW_N(mem, struct site_name, now->names_n + before->names_n + 1);
    size_t n = 0;
    for (size_t i = 0; i < now->names_n; i++)
        names[n++] = now->names[i];
    for (size_t i = 0; i < before->names_n && n < SITE_NAMES_MAX; i++) {
        bool is_said = false;
        for (size_t k = 0; k < now->names_n; k++)
            is_said = is_said || str_is_equal(now->names[k].lang, before->names[i].lang);
        if (!is_said)
            names[n++] = before->names[i];
    }
    *out = *now;
    out->names = names;
    out->names_n = n;
    out->religion = or_else(now->religion, before->religion);
    out->kind = or_else(now->kind, before->kind);
    out->denomination = or_else(now->denomination, before->denomination);
    out->status = or_else(now->status, before->status);
    out->note = or_else(now->note, before->note);
    if (!now->has_place && before->has_place) {
        out->has_place = true;
        out->lat_deg = before->lat_deg;
        out->lon_deg = before->lon_deg;
    }
}

static struct site_draft draft_of(const struct community *c, const struct community_fields *f)
{
    struct site_draft d = {.external_id = c->key,
                           .kind = f->kind,
                           .religion = f->religion,
                           .status = f->status,
                           .denomination = f->denomination,
                           .note = f->note,
                           .names = f->names,
                           .names_n = f->names_n,
                           .has_place = f->has_place,
                           .lat_deg = f->lat_deg,
                           .lon_deg = f->lon_deg,
                           .is_unverified = true};
    d.class_code = vocab_class_of_kind(c->words, f->kind);
    if (d.class_code.n == 0)
        d.class_code = STR("place_of_worship");
    return d;
}

/* A correction's row says only what was said: the defaults that a whole record gets are taken out again. */
static void say_less(const struct community_fields *f, struct record_rows *r)
{
    bool has_local = false;
    for (size_t i = 0; i < f->names_n; i++)
        has_local = has_local || f->names[i].lang.n == 0;
    if (!has_local)
        r->name = STR_NONE; /* a name in some language is no new local name */
    r->kind = f->kind;
    r->status = f->status;
    r->class_code = STR_NONE; /* by which composing knows it */
}

static enum rc item_make(struct community *c, const struct community_fields *f, struct arena *mem,
                         struct import_item *it, struct err *err)
{
    struct site_draft d = draft_of(c, f);
    struct buf b;
    const char *fault = record_fault(&d, c->words);
    if (fault)
        return err_set(err, RC_INVALID, "this suggestion makes no record: %s", fault);
    buf_init(&b, 0);
    record_encode(&d, &b);
    *it = (struct import_item){.key = c->key, .bytes = str_copy(mem, buf_str(&b)), .is_in_file = true};
    buf_fini(&b);
    it->digest = sha256_of(it->bytes.p, it->bytes.n);
    TRY(record_rows_make(it->key, it->bytes, c->words, c->areas, mem, &it->rows, err));
    if (!uuid_is_nil(c->site))
        say_less(f, &it->rows);
    return RC_OK;
}

/* ---- in the transaction ---- */

static enum rc release_close(struct store_tx *tx, struct release_row *r, const struct import_batch *b, struct err *err)
{
    r->state = STR("closed");
    r->finished = r->started;
    r->read = r->sites = 1;
    r->added = b->added;
    r->updated = b->updated;
    struct ledger_event ev = {.action = "release.close",
                              .object_kind = "release",
                              .object = r->id,
                              .actor = b->actor,
                              .at = r->finished,
                              .digest = import_release_digest(r)};
    TRY(community_store_release_close(tx, r, err));
    return ledger_append(tx, &ev, err);
}

/* A correction is born hidden: who may see it follows from its site, to which it is joined in the same transaction. */
static enum rc record_write(struct store_tx *tx, const struct community *c, struct import_item *it,
                            struct release_row *release, struct uuid actor, struct err *err)
{
    struct import_batch b = {.items = it,
                             .n = 1,
                             .number = 1,
                             .release = release,
                             .actor = actor,
                             .now = release->started,
                             .visibility = uuid_is_nil(c->site) ? VISIBILITY_PUBLIC : VISIBILITY_HIDDEN,
                             .guard = c->guard,
                             .by_cell = &it};
    b.added = it->act == IMPORT_ADD;
    b.updated = it->act == IMPORT_UPDATE;
    b.by_cell_n = (size_t)b.added;
    TRY(community_store_release_open(tx, release, err));
    TRY(import_batch_write(tx, &b, err));
    return release_close(tx, release, &b, err);
}

/* The record joined to its site, unless it is already. */
static enum rc join_to_site(struct store_tx *tx, const struct community *c, struct uuid record, struct uuid actor,
                            struct instant now, struct arena *mem, struct err *err)
{
    struct join_pair p;
    struct join_touched touched = {.n = 0};
    struct uuid site, of_record;
    bool found;
    TRY(join_root(tx, c->site, &site, err));
    TRY(join_root(tx, record, &of_record, err));
    if (uuid_is_equal(site, of_record))
        return RC_OK;
    TRY(join_pair_of(tx, c->site, record, mem, &found, &p, err));
    if (!found) {
        bool is_turned = memcmp(c->site.b, record.b, sizeof record.b) > 0;
        p = (struct join_pair){.id = uuid_v7(now),
                               .public_id = uuid_random(),
                               .a = is_turned ? record : c->site,
                               .b = is_turned ? c->site : record,
                               .score = 1,
                               .reasons = STR("[]")};
    }
    p.state = STR("joined");
    p.account = actor;
    p.at = now;
    p.reason = STR("a correction from the public, accepted");
    TRY(community_store_see_as(tx, record, site, err)); /* before: the strictest of the two holds */
    TRY(join_merge(tx, c->rules, &p, &touched, err));
    TRY(join_pair_put(tx, &p, "site.join", err));
    return sites_changed(tx, now, touched.ids, touched.n, err);
}

static enum rc write_all(struct store_tx *tx, struct community *c, struct uuid actor, struct instant now,
                         struct arena *mem, struct uuid *site, struct err *err)
{
    struct release_row release = {.id = uuid_v7(now), .label = c->key, .format = STR("suggestion"), .started = now};
    struct community_stored stored;
    struct community_fields all;
    struct import_item item;
    TRY(community_store_source(tx, now, &release.source, err));
    TRY(community_store_find(tx, release.source, c->key, mem, &stored, err));
    fields_over(&c->fields, &stored.said, mem, &all);
    TRY(item_make(c, &all, mem, &item, err));
    bool is_new = uuid_is_nil(stored.site);
    item.act = is_new ? IMPORT_ADD : IMPORT_UPDATE;
    item.is_stored = !is_new;
    item.stored_digest = stored.digest;
    item.site = is_new ? uuid_v7(now) : stored.site;
    item.public_id = uuid_random();
    release.digest = item.digest;
    TRY(record_write(tx, c, &item, &release, actor, err));
    if (!uuid_is_nil(c->site))
        TRY(join_to_site(tx, c, item.site, actor, now, mem, err));
    return join_root(tx, item.site, site, err);
}

enum rc community_write(struct store_tx *tx, struct community *c, struct uuid actor, struct instant now,
                        struct uuid *site, struct uuid *public_id, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    enum rc rc = write_all(tx, c, actor, now, &mem, site, err);
    if (rc == RC_OK)
        rc = community_store_public_id(tx, *site, public_id, err);
    arena_fini(&mem);
    return rc;
}
