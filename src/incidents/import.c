/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Importing incidents: read all, stage in memory, compare with what is stored, write by batches (N1).
 */
#include "incidents/incidents_int.h"

#include "base/asset.h"
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_ROWS = 2000 };

/* ---- staging ---- */

static struct str keep(struct incident_stage *s, struct str text, size_t max)
{
    return str_copy(&s->mem, str_clip(text, max));
}

enum rc stage_add(struct incident_stage *s, const struct incident *in, struct err *err)
{
    if (s->n >= INCIDENTS_STAGED_MAX)
        return err_set(err, RC_TOO_LARGE, "line %lld: over %d incidents in one file; cut it in parts",
                       (long long)in->line, INCIDENTS_STAGED_MAX);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->items = mem_realloc(s->items, s->cap * sizeof *s->items);
    }
    struct incident *to = &s->items[s->n++];
    *to = *in;
    struct str *const texts[] = {&to->source,       &to->external_id,    &to->context_kind, &to->title,
                                 &to->type,         &to->method,         &to->target,       &to->bias,
                                 &to->verification, &to->date_precision, &to->precision,    &to->country,
                                 &to->place,        &to->source_text,    &to->site_key};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = keep(s, *texts[i], INCIDENT_TEXT_MAX);
    to->raw = keep(s, to->raw, INCIDENT_RAW_MAX);
    return RC_OK;
}

void stage_reject(struct incident_stage *s, int64_t line, struct str external_id, const char *reason)
{
    s->report->rejected++;
    if (s->opt->reject)
        s->opt->reject(s->opt->reject_ctx, line, external_id, reason);
}

struct incident stage_blank(const struct incident_stage *s, int64_t line)
{
    return (struct incident){.source = s->source,
                             .is_context = s->opt->is_context,
                             .type = STR("UNK-00"),
                             .severity = -1,
                             .verification = STR("V0"),
                             .date_precision = STR("day"),
                             .precision = STR("L5"),
                             .killed = -1,
                             .injured = -1,
                             .source_read = true,
                             .line = line};
}

static bool is_code(const struct code_list *list, struct str code, bool may_be_empty)
{
    return code.n == 0 ? may_be_empty : code_list_has(list, code);
}

const char *stage_check_codes(const struct incident_stage *s, const struct incident *in)
{
    if (in->external_id.n == 0)
        return "no id";
    if (!is_code(s->codes.types, in->type, false))
        return "type is not a code of incident-types";
    if (!is_code(s->codes.methods, in->method, true))
        return "method is not a code of methods";
    if (!is_code(s->codes.targets, in->target, true))
        return "target is not a code of targets";
    if (!is_code(s->codes.biases, in->bias, true))
        return "bias is not a code of biases";
    if (!is_code(s->codes.verification, in->verification, false))
        return "verification is not a code of verification";
    if (!is_code(s->codes.precision, in->precision, false))
        return "precision is not a code of location-precision";
    if (!is_code(s->codes.date_precision, in->date_precision, false))
        return "date_precision is not a code of date-precision";
    if (in->start_day > in->end_day)
        return "the end is before the beginning";
    return NULL;
}

static enum rc codes_open(struct incident_codes *c, struct err *err)
{
    const struct {
        const char *path;
        struct code_list **to;
    } all[] = {{"data/vocab/incident-types.json", &c->types},
               {"data/vocab/methods.json", &c->methods},
               {"data/vocab/targets.json", &c->targets},
               {"data/vocab/biases.json", &c->biases},
               {"data/vocab/verification.json", &c->verification},
               {"data/vocab/location-precision.json", &c->precision},
               {"data/vocab/date-precision.json", &c->date_precision},
               {"data/vocab/ucdp-precision.json", &c->ucdp}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        TRY(code_list_new(asset_text(all[i].path), all[i].to, err));
    return RC_OK;
}

static void stage_fini(struct incident_stage *s)
{
    struct code_list *const lists[] = {s->codes.types,          s->codes.methods,      s->codes.targets,
                                       s->codes.biases,         s->codes.verification, s->codes.precision,
                                       s->codes.date_precision, s->codes.ucdp};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        code_list_free(lists[i]);
    free(s->items);
    arena_fini(&s->mem);
}

/* ---- comparing ---- */

static int by_external_id(const void *a, const void *b)
{
    const struct incident *x = a, *y = b;
    int c = str_compare(x->external_id, y->external_id);
    return c ? c : (x->line > y->line) - (x->line < y->line);
}

/* Sorts, and refuses every later record of the same id. */
static void drop_duplicates(struct incident_stage *s)
{
    size_t kept = 0;
    if (s->n)
        qsort(s->items, s->n, sizeof *s->items, by_external_id);
    for (size_t i = 0; i < s->n; i++) {
        if (kept && str_is_equal(s->items[kept - 1].external_id, s->items[i].external_id)) {
            char reason[64];
            snprintf(reason, sizeof reason, "duplicate of line %lld", (long long)s->items[kept - 1].line);
            stage_reject(s, s->items[i].line, s->items[i].external_id, reason);
        } else {
            s->items[kept++] = s->items[i];
        }
    }
    s->n = kept;
}

enum fate { FATE_ADD, FATE_UPDATE, FATE_LEAVE };

static int known_compare(const void *key, const void *item)
{
    return str_compare(*(const struct str *)key, ((const struct incident_known *)item)->external_id);
}

struct known_read {
    struct incident_stage *stage;
    struct incident_known *items;
    size_t n;
};

static int known_order(const void *a, const void *b)
{
    return str_compare(((const struct incident_known *)a)->external_id,
                       ((const struct incident_known *)b)->external_id);
}

static enum rc known_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct known_read *k = ctx;
    TRY(incident_store_known(tx, k->stage->source, &k->stage->mem, &k->items, &k->n, err));
    if (k->n) /* the two engines collate text differently */
        qsort(k->items, k->n, sizeof *k->items, known_order);
    return RC_OK;
}

/* Gives each its id and fate, and lets flow fill in country and links of those that will be written. */
static enum rc decide(struct incident_stage *s, const struct known_read *known, const struct incident_helpers *helpers,
                      uint8_t *fates, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        struct incident *in = &s->items[i];
        const struct incident_known *k =
            known->n ? bsearch(&in->external_id, known->items, known->n, sizeof *known->items, known_compare) : NULL;
        struct sha256 digest;
        if (helpers && helpers->locate && in->has_place)
            helpers->locate(helpers->ctx, in, &s->mem);
        digest = incident_digest(in);
        fates[i] = !k ? FATE_ADD : sha256_is_equal(k->digest, digest) ? FATE_LEAVE : FATE_UPDATE;
        in->id = k ? k->id : uuid_v7(clock_now());
        in->public_id = uuid_random();
        in->code = code_random();
        if (fates[i] != FATE_LEAVE && !in->is_context && helpers && helpers->link)
            TRY(helpers->link(helpers->ctx, in, &s->mem, err));
        s->report->added += fates[i] == FATE_ADD;
        s->report->updated += fates[i] == FATE_UPDATE;
        s->report->unchanged += fates[i] == FATE_LEAVE;
        s->report->linked += in->links_n > 0;
        if (helpers && helpers->progress && i % 1000 == 0)
            helpers->progress(helpers->ctx, (int64_t)i, (int64_t)s->n);
    }
    return RC_OK;
}

/* ---- writing ---- */

struct batch {
    const struct incident_stage *stage;
    const uint8_t *fates;
    size_t from, to;
    struct uuid release;
    struct sha256 file_digest;
    struct str counts;
    enum { BATCH_OPEN, BATCH_APPLY, BATCH_CLOSE } step;
};

static enum rc batch_rows(struct store_tx *tx, struct batch *b, struct instant now, struct sha256 *digest,
                          struct err *err)
{
    struct sha256_state sum;
    sha256_begin(&sum);
    for (size_t i = b->from; i < b->to; i++) {
        const struct incident *in = &b->stage->items[i];
        if (b->fates[i] == FATE_LEAVE)
            continue;
        struct sha256 d = incident_digest(in);
        sha256_add(&sum, d.b, sizeof d.b);
        TRY(b->fates[i] == FATE_ADD ? incident_store_insert(tx, in, b->release, now, err)
                                    : incident_store_update(tx, in, b->release, now, err));
    }
    *digest = sha256_end(&sum);
    return RC_OK;
}

static enum rc batch_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    static const char *const ACTIONS[] = {"incident.import.open", "incident.import", "incident.import.close"};
    struct batch *b = ctx;
    struct instant now = clock_now();
    const struct incident_import_options *opt = b->stage->opt;
    struct str format = opt->format == INCIDENT_UCDP_GED ? STR("ucdp-ged") : STR("csv");
    struct ledger_event ev = {.action = ACTIONS[b->step],
                              .object_kind = "incident_release",
                              .object = b->release,
                              .actor = opt->actor,
                              .at = now,
                              .digest = b->file_digest};
    if (b->step == BATCH_OPEN)
        TRY(incident_store_release_open(tx, b->release, b->stage->source, opt->licence, format, b->file_digest, now,
                                        err));
    else if (b->step == BATCH_CLOSE)
        TRY(incident_store_release_close(tx, b->release, b->counts, now, err));
    else
        TRY(batch_rows(tx, b, now, &ev.digest, err));
    if (b->step == BATCH_CLOSE)
        ev.detail = b->counts;
    return ledger_append(tx, &ev, err);
}

static enum rc apply(struct store *st, struct incident_stage *s, const uint8_t *fates, struct err *err)
{
    struct batch b = {.stage = s, .fates = fates, .release = uuid_v7(clock_now())};
    struct sha256_state sum = s->digest;
    b.file_digest = sha256_end(&sum);
    if (s->report->added + s->report->updated == 0)
        return RC_OK; /* nothing changed, nothing to record */
    TRY(store_write(st, batch_fn, &b, err));
    b.step = BATCH_APPLY;
    while (b.from < s->n) {
        size_t rows = 0;
        for (b.to = b.from; b.to < s->n && rows < BATCH_ROWS; b.to++)
            rows += fates[b.to] != FATE_LEAVE;
        if (rows)
            TRY(store_write(st, batch_fn, &b, err));
        b.from = b.to;
    }
    b.step = BATCH_CLOSE;
    const struct incident_import_report *r = s->report;
    b.counts = str_printf(
        &s->mem, "{\"added\":%lld,\"linked\":%lld,\"read\":%lld,\"rejected\":%lld,\"unchanged\":%lld,\"updated\":%lld}",
        (long long)r->added, (long long)r->linked, (long long)r->read, (long long)r->rejected, (long long)r->unchanged,
        (long long)r->updated);
    return store_write(st, batch_fn, &b, err);
}

/* ---- the whole ---- */

struct hashed { /* a byte source that also digests what passes */
    struct byte_source under;
    struct sha256_state *digest;
};

static enum rc hashed_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct hashed *h = ctx;
    TRY(h->under.read(h->under.ctx, out, n, got, err));
    sha256_add(h->digest, out, *got);
    return RC_OK;
}

typedef enum rc (*reader_fn)(struct incident_stage *s, struct csv *csv, struct err *err);

static enum rc read_by_format(struct incident_stage *s, struct csv *csv, struct err *err)
{
    return s->opt->format == INCIDENT_UCDP_GED ? read_ucdp(s, csv, err) : read_mapped(s, csv, s->opt->map_json, err);
}

static enum rc run(struct store *st, struct byte_source src, reader_fn reader, struct incident_stage *s,
                   const struct incident_helpers *helpers, struct err *err)
{
    struct hashed hashed = {src, &s->digest};
    struct csv *csv;
    struct known_read known = {.stage = s};
    sha256_begin(&s->digest);
    TRY(codes_open(&s->codes, err));
    TRY(csv_open((struct byte_source){hashed_read, &hashed}, &(struct csv_options){0}, &csv, err));
    enum rc rc = reader(s, csv, err);
    csv_close(csv);
    if (rc != RC_OK)
        return rc;
    drop_duplicates(s);
    s->report->incidents = (int64_t)s->n;
    ENSURE(s->report->read == s->report->incidents + s->report->rejected); /* I6 */
    TRY(store_read(st, known_fn, &known, err));
    uint8_t *fates = mem_alloc(s->n);
    rc = decide(s, &known, helpers, fates, err);
    if (rc == RC_OK && !s->opt->dry_run)
        rc = apply(st, s, fates, err);
    free(fates);
    return rc;
}

static enum rc import(struct store *st, struct byte_source src, reader_fn reader,
                      const struct incident_import_options *opt, const struct incident_helpers *helpers,
                      struct incident_import_report *out, struct err *err)
{
    struct incident_import_report report = {0};
    struct incident_stage s = {.opt = opt, .report = &report};
    arena_init(&s.mem);
    s.source = opt->source.n ? opt->source : opt->format == INCIDENT_UCDP_GED ? STR("ucdp-ged") : STR("csv");
    enum rc rc = run(st, src, reader, &s, helpers, err);
    stage_fini(&s);
    if (rc == RC_OK)
        *out = report;
    return rc;
}

enum rc incidents_import_file(struct store *st, const char *path, const struct incident_import_options *opt,
                              const struct incident_helpers *helpers, struct incident_import_report *out,
                              struct err *err)
{
    struct input *in;
    TRY(input_open(path, NULL, &in, err));
    enum rc rc = import(st, input_source(in), read_by_format, opt, helpers, out, err);
    input_close(in);
    return rc == RC_OK ? RC_OK : err_add(err, "%s: ", path);
}

enum rc incidents_import_seed(struct store *st, struct str csv, const struct incident_import_options *opt,
                              const struct incident_helpers *helpers, struct incident_import_report *out,
                              struct err *err)
{
    return import(st, str_source(&csv), read_seed, opt, helpers, out, err);
}
