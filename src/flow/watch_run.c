/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One run of the watch: collect, scan, keep, draft. See watch_run.h.
 */
#include "flow/watch_run.h"

#include "alerts/alerts.h"
#include "base/asset.h"
#include "flow/watch_int.h"
#include "incidents/incidents.h"
#include "ledger/ledger.h"
#include "sites/areas.h"
#include "watch/watch.h"
#include "wire/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVIDENCE_EVENTS = 50 }; /* listed with a draft; the number of all is there too */

/* The watch sees everything inside; what leaves a warning goes through the policy. */
static const struct viewer INSIDE = {.role = ROLE_ADMINISTRATOR};

/* ---- collecting ---- */

struct event_note { /* what a draft's evidence says of an event */
    struct uuid public_id;
    uint64_t code;
};

struct collected {
    struct watch_event *events;
    struct event_note *notes;
    size_t n, size;
    int64_t left_out;
    bool has_synthetic;
};

static bool is_scannable(const struct incident *in)
{
    bool is_day = str_is_equal(in->date_precision, STR("day")) || str_is_equal(in->date_precision, STR("hour")) ||
                  str_is_equal(in->date_precision, STR("minute"));
    /* What was judged false, a hoax, a duplicate or out of scope is no event. */
    bool stands = incident_verification_rank(in->verification) >= 0 || str_is_equal(in->verification, STR("XD"));
    return in->has_place && is_day && stands && in->radius_m <= WATCH_PLACE_MAX_M;
}

static enum rc collect_one(void *ctx, const struct incident *in, struct err *err)
{
    struct collected *c = ctx;
    if (!is_scannable(in)) {
        c->left_out++;
        return RC_OK;
    }
    if (c->n == WATCH_RUN_EVENTS_MAX)
        return err_set(err, RC_TOO_LARGE, "over %d events in the study period", WATCH_RUN_EVENTS_MAX);
    if (c->n == c->size) {
        c->size = c->size ? c->size * 2 : 1024;
        c->events = mem_realloc(c->events, c->size * sizeof *c->events);
        c->notes = mem_realloc(c->notes, c->size * sizeof *c->notes);
    }
    c->events[c->n] = (struct watch_event){in->lat_deg, in->lon_deg, in->start_day};
    c->notes[c->n] = (struct event_note){in->public_id, in->code};
    c->n++;
    c->has_synthetic |= in->is_synthetic;
    return RC_OK;
}

struct collecting {
    struct collected *out;
    struct incident_filter filter;
};

static enum rc collect_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct collecting *c = ctx;
    c->out->n = 0;
    c->out->left_out = 0;
    return incidents_each(tx, &INSIDE, &c->filter, collect_one, c->out, err);
}

/* ---- words ---- */

/* English name of a country, from the table of codes. */
static struct str country_name(struct str alpha2, struct arena *mem)
{
    struct str csv = asset_text("data/areas/iso-3166.csv"), name = alpha2;
    struct csv *c;
    struct csv_row row;
    bool more = true;
    if (csv_open(str_source(&csv), &(struct csv_options){.delimiter = ','}, &c, NULL) != RC_OK)
        return name;
    int code = csv_column_find(c, STR("alpha2")), label = csv_column_find(c, STR("name"));
    while (code >= 0 && label >= 0 && csv_next(c, &row, &more, NULL) == RC_OK && more) {
        if (!row.fault && str_is_equal(row.fields[code], alpha2)) {
            name = str_copy(mem, row.fields[label]);
            break;
        }
    }
    csv_close(c);
    return name;
}

/* Coarse for everybody: a division and a country, or the nearest whole degree at sea. */
static struct str area_words(const struct areas *areas, struct geo_point at, struct arena *mem)
{
    struct area_place place;
    areas_locate(areas, at, STR(""), &place);
    if (place.country.n == 0)
        return str_printf(mem, "around %.0f, %.0f", at.lat_deg, at.lon_deg);
    struct str country = country_name(place.country, mem);
    if (place.admin1.n == 0)
        return country;
    return str_printf(mem, STR_FMT ", " STR_FMT, STR_ARG(place.admin1), STR_ARG(country));
}

static void parameters_json(struct json_out *j, const struct watch_params *p)
{
    json_begin_object(j);
    json_put_i64(j, "study_days", p->end_day - p->start_day + 1);
    json_put_f64(j, "max_radius_km", p->max_distance, 3);
    json_put_f64(j, "max_percent", p->max_percent, 3);
    json_put_i64(j, "max_window_days", p->max_units);
    json_put_i64(j, "cases_least", p->cases_least);
    json_put_i64(j, "replications", p->replications);
    json_put_i64(j, "seed", (int64_t)p->seed);
    json_put_f64(j, "place_max_m", WATCH_PLACE_MAX_M, 0);
    json_put_i64(j, "recurrence_days_to_draft", WATCH_RECURRENCE_DAYS);
    json_end_object(j);
}

/* ---- one stream ---- */

struct stream {
    struct store *st;
    const struct watch_run_options *opt;
    const struct areas *areas;
    struct arena mem;
    struct collected c;
    struct watch_arrays arrays;
    struct watch_params params;
    struct watch_result result;
    struct run_row run;
    struct watch_stream_report *report;
};

static bool is_significant(const struct watch_cluster *c)
{
    return c->recurrence_days >= WATCH_RECURRENCE_DAYS;
}

static struct geo_point place_of(const struct stream *s, uint32_t place)
{
    return (struct geo_point){s->arrays.points.a[place], s->arrays.points.b[place]};
}

static bool is_member(const struct watch_cluster *c, uint32_t place)
{
    for (size_t i = 0; i < c->members_n; i++)
        if (c->members[i] == place)
            return true;
    return false;
}

static void evidence_events(struct stream *s, const struct watch_cluster *c, struct json_out *j)
{
    size_t listed = 0;
    json_key(j, "events");
    json_begin_array(j);
    for (size_t i = 0; i < s->c.n && listed < EVIDENCE_EVENTS; i++) {
        const struct watch_event *e = &s->c.events[i];
        if (s->arrays.place_of[i] == UINT32_MAX || e->day < c->start_day || e->day > c->end_day ||
            !is_member(c, s->arrays.place_of[i]))
            continue;
        json_begin_object(j);
        json_put_str(j, "id", uuid_format(&s->mem, s->c.notes[i].public_id));
        json_put_str(j, "code", code_format(&s->mem, s->c.notes[i].code));
        json_put_str(j, "date", date_format(&s->mem, date_from_days(e->day)));
        json_put_f64(j, "lat", e->lat_deg, 5);
        json_put_f64(j, "lon", e->lon_deg, 5);
        json_end_object(j);
        listed++;
    }
    json_end_array(j);
}

static struct str evidence_make(struct stream *s, const struct watch_cluster *c)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, "stream", s->run.stream);
    json_put_str(&j, "run", uuid_format(&s->mem, s->run.public_id));
    json_put_str(&j, "method", STR("space-time permutation, prospective"));
    json_put_str(&j, "as_of", date_format(&s->mem, date_from_days(s->opt->as_of_day)));
    json_put_i64(&j, "n", (int64_t)s->result.cases);
    json_put_i64(&j, "left_out", s->c.left_out);
    json_put_i64(&j, "observed", c->observed);
    json_put_f64(&j, "expected", c->expected, 4);
    json_put_f64(&j, "statistic", c->statistic, 6);
    json_put_f64(&j, "p", c->p, 6);
    json_put_f64(&j, "recurrence_days", c->recurrence_days, 1);
    json_put_f64(&j, "radius_km", c->radius_km, 2);
    json_put_i64(&j, "places", (int64_t)c->members_n);
    json_put_str(&j, "inputs_hash", sha256_hex(&s->mem, s->result.inputs));
    json_put_str(&j, "note",
                 STR("Counts follow what is reported, not only what happens. The expected number comes from the "
                     "events' own pattern in place and time; a change in how much is reported looks the same."));
    evidence_events(s, c, &j);
    json_key(&j, "parameters");
    parameters_json(&j, &s->params);
    json_end_object(&j);
    struct str out = str_copy(&s->mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static struct warning draft_make(struct stream *s, const struct watch_cluster *c)
{
    struct geo_point centre = place_of(s, c->centre);
    struct str hash = sha256_hex(&s->mem, s->result.inputs), start, end;
    start = date_format(&s->mem, date_from_days(c->start_day));
    end = date_format(&s->mem, date_from_days(c->end_day));
    return (struct warning){.subject = str_printf(&s->mem, STR_FMT "/%.16s/%u/" STR_FMT, STR_ARG(s->run.stream), hash.p,
                                                  c->centre, STR_ARG(start)),
                            .status = alert_status_of(s->run.is_past, s->c.has_synthetic, s->opt->is_drill),
                            .headline = str_printf(&s->mem,
                                                   "More %s than usual: %u where about %.1f would be expected, " STR_FMT
                                                   " to " STR_FMT,
                                                   s->run.stream.p[0] == 'c' ? "armed conflict events" : "incidents",
                                                   c->observed, c->expected, STR_ARG(start), STR_ARG(end)),
                            .evidence = evidence_make(s, c),
                            .area = area_words(s->areas, centre, &s->mem),
                            .lat_deg = centre.lat_deg,
                            .lon_deg = centre.lon_deg,
                            .radius_km = c->radius_km,
                            .start_day = c->start_day,
                            .end_day = c->end_day,
                            .observed = c->observed,
                            .expected = c->expected,
                            .p = c->p};
}

/* A cluster that goes on from day to day is one thing to decide on: a warning that is still a draft, or approved and not
 * expired, of the same status, whose circle and window meet this cluster's, stands for it. */
static enum rc same_warning(struct store_tx *tx, struct stream *s, const struct warning *draft, struct uuid *id,
                            struct err *err)
{
    struct warning_page page = {0};
    struct instant now = clock_now();
    *id = (struct uuid){{0}};
    do {
        TRY(warnings_list(tx, &INSIDE, STR(""), page.next, WARNINGS_PAGE_MAX, &s->mem, &page, err));
        for (size_t i = 0; i < page.n; i++) {
            const struct warning *w = &page.items[i];
            bool alive = str_is_equal(w->state, STR("draft")) ||
                         (str_is_equal(w->state, STR("approved")) && w->expires.us > now.us);
            double apart_km = geo_distance_m((struct geo_point){w->lat_deg, w->lon_deg},
                                             (struct geo_point){draft->lat_deg, draft->lon_deg}) /
                              1000;
            if (alive && w->status == draft->status && apart_km <= w->radius_km + draft->radius_km &&
                w->start_day <= draft->end_day && draft->start_day <= w->end_day &&
                str_starts_with(w->subject, s->run.stream)) {
                *id = w->id;
                return RC_OK;
            }
        }
    } while (page.next.n);
    return RC_OK;
}

static enum rc keep_cluster(struct store_tx *tx, struct stream *s, size_t index, struct err *err)
{
    const struct watch_cluster *c = &s->result.clusters[index];
    struct geo_point centre = place_of(s, c->centre);
    struct cluster_row row = {.id = uuid_v7(clock_now()),
                              .public_id = uuid_random(),
                              .run = s->run.id,
                              .place = (int64_t)index,
                              .lat_deg = centre.lat_deg,
                              .lon_deg = centre.lon_deg,
                              .radius_km = c->radius_km,
                              .start_day = c->start_day,
                              .end_day = c->end_day,
                              .observed = c->observed,
                              .members = (int64_t)c->members_n,
                              .expected = c->expected,
                              .statistic = c->statistic,
                              .p = c->p,
                              .recurrence_days = c->recurrence_days};
    if (is_significant(c)) {
        struct warning draft = draft_make(s, c);
        bool is_new = false;
        s->report->significant++;
        TRY(same_warning(tx, s, &draft, &row.warning, err));
        if (uuid_is_nil(row.warning))
            TRY(warnings_draft(tx, &draft, &row.warning, &is_new, err));
        s->report->drafted += is_new;
    }
    return cluster_store_insert(tx, &row, err);
}

static enum rc keep_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct stream *s = ctx;
    struct ledger_event ev = {.action = "watch.run",
                              .object_kind = "watch_run",
                              .object = s->run.id,
                              .actor = s->opt->actor,
                              .at = s->run.at,
                              .digest = s->result.inputs,
                              .detail = s->run.parameters};
    s->report->significant = s->report->drafted = 0;
    TRY(run_store_insert(tx, &s->run, err));
    for (size_t i = 0; i < s->result.clusters_n; i++)
        TRY(keep_cluster(tx, s, i, err));
    return ledger_append(tx, &ev, err);
}

static void run_fill(struct stream *s)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    parameters_json(&j, &s->params);
    s->run.id = uuid_v7(clock_now());
    s->run.public_id = uuid_random();
    s->run.parameters = str_copy(&s->mem, buf_str(&b));
    buf_fini(&b);
    s->run.maxima = (struct str){(const char *)s->result.maxima, s->result.replications * sizeof *s->result.maxima};
    s->run.as_of_day = s->opt->as_of_day;
    s->run.events = (int64_t)s->result.cases;
    s->run.left_out = s->c.left_out;
    s->run.places = (int64_t)s->result.places;
    s->run.replications = s->result.replications;
    s->run.has_synthetic = s->c.has_synthetic;
    s->run.seed = s->params.seed;
    s->run.inputs_hash = s->result.inputs;
    s->run.at = clock_now();
    s->report->was_scanned = true;
    s->report->clusters = (int64_t)s->result.clusters_n;
    s->report->run = s->run.public_id;
}

static bool has_alive_case(const struct stream *s)
{
    for (size_t i = 0; i < s->c.n; i++)
        if (s->c.events[i].day > s->opt->as_of_day - WATCH_WINDOW_DAYS)
            return true;
    return false;
}

static enum rc stream_run(struct stream *s, struct err *err)
{
    const struct watch_run_options *opt = s->opt;
    struct collecting collecting = {.out = &s->c,
                                    .filter = {.context = s->run.stream.p[0] == 'c',
                                               .from_day = opt->as_of_day - WATCH_STUDY_DAYS + 1,
                                               .to_day = opt->as_of_day}};
    TRY(store_read(s->st, collect_fn, &collecting, err));
    s->report->events = (int64_t)s->c.n;
    s->report->left_out = s->c.left_out;
    if (s->c.n < WATCH_EVENTS_LEAST || !has_alive_case(s))
        return RC_OK; /* too few to say anything, or nothing lately: no run is made up */
    s->params = watch_params_default();
    s->params.analysis = WATCH_PROSPECTIVE;
    s->params.start_day = opt->as_of_day - WATCH_STUDY_DAYS + 1;
    s->params.end_day = opt->as_of_day;
    s->params.max_distance = WATCH_RADIUS_KM;
    s->params.max_is_percent = false;
    s->params.max_units = WATCH_WINDOW_DAYS;
    s->params.cases_least = WATCH_CASES_LEAST;
    s->params.replications = opt->replications ? opt->replications : WATCH_REPLICATIONS;
    s->params.seed = opt->seed ? opt->seed : WATCH_SEED;
    s->params.threads = opt->threads;
    TRY(watch_from_events(s->c.events, s->c.n, s->params.start_day, s->params.end_day, &s->mem, &s->arrays, err));
    TRY(watch_scan_stp(&s->arrays.points, &s->arrays.cases, &s->params, &s->mem, &s->result, err));
    run_fill(s);
    return store_write(s->st, keep_fn, s, err);
}

enum rc flow_watch_run(struct store *st, const struct watch_run_options *opt, struct watch_run_report *out,
                       struct err *err)
{
    static const char *const STREAMS[WATCH_STREAMS] = {"incidents", "context"};
    struct watch_run_report report = {0};
    struct areas *areas;
    int64_t today = date_to_days(instant_date(clock_now()));
    if (opt->as_of_day > today)
        return err_set(err, RC_INVALID, "--as-of lies in the future");
    TRY(areas_load(st, &areas, err));
    enum rc rc = RC_OK;
    for (int i = 0; i < WATCH_STREAMS && rc == RC_OK; i++) {
        int64_t began = clock_monotonic_us();
        struct stream s = {.st = st, .opt = opt, .areas = areas, .report = &report.streams[i]};
        arena_init(&s.mem);
        s.run.stream = str_of(STREAMS[i]);
        s.run.is_past = opt->as_of_day < today;
        report.streams[i].stream = STREAMS[i];
        rc = stream_run(&s, err);
        report.streams[i].seconds = (double)(clock_monotonic_us() - began) / 1e6;
        free(s.c.events);
        free(s.c.notes);
        arena_fini(&s.mem);
    }
    areas_free(areas);
    if (rc == RC_OK)
        *out = report;
    return rc;
}

void flow_watch_found_json(struct json_out *j, const struct watch_found *f)
{
    struct arena mem;
    arena_init(&mem);
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(&mem, f->public_id));
    json_put_str(j, "stream", f->stream);
    json_put_f64(j, "lat", f->lat_deg, 5);
    json_put_f64(j, "lon", f->lon_deg, 5);
    json_put_f64(j, "radius_km", f->radius_km, 3);
    json_put_str(j, "start", date_format(&mem, date_from_days(f->start_day)));
    json_put_str(j, "end", date_format(&mem, date_from_days(f->end_day)));
    json_put_i64(j, "observed", f->observed);
    json_put_f64(j, "expected", f->expected, 4);
    json_put_f64(j, "statistic", f->statistic, 6);
    json_put_f64(j, "p", f->p, 6);
    json_put_f64(j, "recurrence_days", f->recurrence_days, 1);
    json_put_i64(j, "members", f->members);
    json_key(j, "run");
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(&mem, f->run_public_id));
    json_put_str(j, "as_of", date_format(&mem, date_from_days(f->as_of_day)));
    json_put_i64(j, "seed", f->seed);
    json_put_i64(j, "replications", f->replications);
    json_put_i64(j, "n", f->events);
    json_put_str(j, "inputs_hash", f->inputs_hash);
    json_put_str(j, "method", STR("space-time permutation, prospective"));
    json_end_object(j);
    json_key(j, "warning");
    if (uuid_is_nil(f->warning))
        json_nil(j);
    else
        json_str(j, uuid_format(&mem, f->warning));
    json_end_object(j);
    arena_fini(&mem);
}
