/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The rules of an incident: what the policy is asked, the published place, its digest, its JSON.
 */
#include "incidents/incidents.h"

#include "ledger/ledger.h"

#include <math.h>

int incident_verification_rank(struct str v)
{
    return v.n == 2 && v.p[0] == 'V' && v.p[1] >= '0' && v.p[1] <= '4' ? v.p[1] - '0' : -1;
}

struct policy_object incident_policy_object(const struct incident *in)
{
    return (struct policy_object){.kind = in->is_context ? POLICY_CONTEXT : POLICY_INCIDENT,
                                  .verification = incident_verification_rank(in->verification),
                                  .is_of_hidden = in->is_of_hidden};
}

bool incident_place(const struct incident *in, enum view view, double *lat_deg, double *lon_deg)
{
    if (!in->has_place || view == VIEW_DENIED)
        return false;
    *lat_deg = in->lat_deg;
    *lon_deg = in->lon_deg;
    if (view == VIEW_COARSE)
        policy_coarse_point(in->lat_deg, in->lon_deg, lat_deg, lon_deg);
    return true;
}

static void digest_text(struct sha256_state *s, struct str text)
{
    uint64_t n = text.n; /* the length first, so that no two records give one stream of bytes */
    sha256_add(s, &n, sizeof n);
    sha256_add(s, text.p ? text.p : "", text.n);
}

static void digest_int(struct sha256_state *s, int64_t v)
{
    sha256_add(s, &v, sizeof v);
}

static void digest_real(struct sha256_state *s, double v)
{
    digest_int(s, llround(v * 1e7));
}

struct sha256 incident_digest(const struct incident *in)
{
    struct sha256_state s;
    sha256_begin(&s);
    const struct str texts[] = {in->source,    in->external_id, in->context_kind, in->title,        in->type,
                                in->method,    in->target,      in->bias,         in->verification, in->date_precision,
                                in->precision, in->place,       in->source_text,  in->raw,          in->site_key};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        digest_text(&s, texts[i]);
    const int64_t numbers[] = {in->is_context,    in->severity,     in->start_day,  in->end_day,
                               in->has_place,     in->killed,       in->injured,    in->source_read,
                               in->is_unverified, in->is_synthetic, in->is_disputed};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        digest_int(&s, numbers[i]);
    if (in->has_place) {
        digest_real(&s, in->lat_deg);
        digest_real(&s, in->lon_deg);
    }
    digest_real(&s, in->radius_m);
    return sha256_end(&s);
}

static void json_toll(struct json_out *j, const char *key, int64_t toll)
{
    json_key(j, key);
    if (toll < 0)
        json_nil(j);
    else
        json_i64(j, toll);
}

static void json_links(struct json_out *j, const struct incident *in, struct arena *mem)
{
    json_key(j, "sites");
    json_begin_array(j);
    for (size_t i = 0; i < in->links_n; i++) {
        const struct incident_link *l = &in->links[i];
        json_begin_object(j);
        json_put_str(j, "id", uuid_format(mem, l->site_public_id));
        json_put_str(j, "name", l->site_name);
        json_put_f64(j, "score", l->score, 3);
        json_key(j, "reasons");
        json_raw(j, l->reasons.n ? l->reasons : STR("[]"));
        json_end_object(j);
    }
    json_end_array(j);
}

void incident_json(struct json_out *j, const struct incident *in, enum view view)
{
    struct arena mem;
    arena_init(&mem);
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(&mem, in->public_id));
    json_put_str(j, "code", code_format(&mem, in->code));
    json_put_str(j, "title", in->title);
    json_put_str(j, "date", date_format(&mem, date_from_days(in->start_day)));
    json_put_str(j, "date_end", date_format(&mem, date_from_days(in->end_day)));
    json_put_str(j, "date_precision", in->date_precision);
    json_put_bool(j, "context", in->is_context);
    json_put_str_opt(j, "context_kind", in->context_kind);
    json_put_str(j, "type", in->type);
    json_put_str_opt(j, "method", in->method);
    json_put_str_opt(j, "target", in->target);
    json_put_str_opt(j, "bias", in->bias);
    if (in->severity >= 0)
        json_put_str(j, "severity", str_printf(&mem, "S%d", in->severity));
    json_put_str(j, "verification", in->verification);
    if (in->has_place) {
        json_put_f64(j, "lat", in->lat_deg, 6);
        json_put_f64(j, "lon", in->lon_deg, 6);
        json_put_f64(j, "radius_m", in->radius_m, 0);
    }
    json_put_str(j, "precision", in->precision);
    json_put_bool(j, "coarse", view == VIEW_COARSE);
    json_put_str_opt(j, "country", in->country);
    json_put_bool(j, "disputed", in->is_disputed);
    json_put_str_opt(j, "place", in->place);
    json_toll(j, "killed", in->killed);
    json_toll(j, "injured", in->injured);
    json_put_str_opt(j, "source", in->source_text);
    json_put_bool(j, "source_read", in->source_read);
    json_put_bool(j, "unverified", in->is_unverified);
    json_put_bool(j, "synthetic", in->is_synthetic);
    json_links(j, in, &mem);
    json_end_object(j);
    arena_fini(&mem);
}
