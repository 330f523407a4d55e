/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From an approved warning to its CAP document, in six languages, and the Atom feed of documents.
 */
#include "alerts/alerts_int.h"

#include "alerts/cap.h"
#include "base/asset.h"
#include "wire/code_list.h"
#include "wire/xml_out.h"

#include <math.h>
#include <string.h>

static const char *const LANGUAGES[] = {"en", "ar", "zh", "fr", "ru", "es"};

struct placeholder {
    const char *name;
    struct str value;
};
enum { PLACEHOLDERS = 6 };

static struct str fill(struct str pattern, const struct placeholder *all, struct arena *mem)
{
    struct buf b;
    buf_init(&b, 0);
    while (pattern.n) {
        size_t i = 0;
        if (pattern.p[0] == '{')
            while (i < PLACEHOLDERS && !str_starts_with(pattern, str_of(all[i].name)))
                i++;
        else
            i = PLACEHOLDERS;
        if (i < PLACEHOLDERS) {
            buf_add_str(&b, all[i].value);
            pattern = str_slice(pattern, strlen(all[i].name), pattern.n);
        } else {
            buf_add_char(&b, pattern.p[0]);
            pattern = str_slice(pattern, 1, pattern.n);
        }
    }
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void infos_fill(struct cap_alert *a, const struct warning *w, const struct code_list *words, struct arena *mem)
{
    const struct placeholder values[PLACEHOLDERS] = {
        {"{observed}", str_printf(mem, "%lld", (long long)w->observed)},
        {"{expected}", str_printf(mem, "%.1f", w->expected)},
        {"{start}", date_format(mem, date_from_days(w->start_day))},
        {"{end}", date_format(mem, date_from_days(w->end_day))},
        {"{radius}", str_printf(mem, "%.0f", ceil(a->radius_km))},
        {"{recurrence}", str_printf(mem, "%.0f", w->p > 0 ? floor(1 / w->p) : 0)}};
    bool is_context = warning_is_context(w); /* armed conflict was not aimed at sites, and the words must say so */
    struct str event = is_context ? STR("event.context") : STR("event");
    struct str headline = is_context ? STR("headline.context") : STR("headline");
    struct str description = is_context ? STR("description.context") : STR("description");
    for (size_t i = 0; i < sizeof LANGUAGES / sizeof LANGUAGES[0]; i++) {
        const char *lang = LANGUAGES[i];
        a->infos[a->infos_n++] =
            (struct cap_info){.language = str_of(lang),
                              .event = code_list_label(words, event, lang),
                              .headline = fill(code_list_label(words, headline, lang), values, mem),
                              .description = fill(code_list_label(words, description, lang), values, mem),
                              .instruction = code_list_label(words, STR("instruction"), lang)};
    }
}

static struct str identifier_of(const struct warning *w, struct arena *mem)
{
    struct str id = uuid_format(mem, w->public_id);
    return str_printf(mem, "urn:uuid:" STR_FMT, STR_ARG(id));
}

enum rc warning_document_make(const struct warning *w, const struct warning_decision *d, struct arena *mem,
                              struct str *xml, struct err *err)
{
    struct code_list *words;
    struct warning shown = *w;
    if (str_is_equal(w->scope, STR("Public")))
        warning_make_coarse(&shown); /* W3: the document leaves the instance */
    struct str scope = str_copy(mem, w->scope), id = uuid_format(mem, w->public_id);
    struct cap_alert a = {.identifier = identifier_of(w, mem),
                          .sender = d->sender,
                          .sent = w->decided,
                          .expires = w->expires,
                          .status = alert_status_name(w->status),
                          .message = "Alert",
                          .scope = scope.p,
                          .urgency = "Expected",
                          .severity = "Unknown",
                          .certainty = "Possible",
                          .sender_name = STR("Fane"),
                          .area = shown.area,
                          .lat_deg = shown.lat_deg,
                          .lon_deg = shown.lon_deg,
                          .radius_km = shown.radius_km};
    if (str_is_equal(w->scope, STR("Restricted")))
        a.restriction = STR("For organisations that protect religious sites and the sites in the area");
    if (str_is_equal(w->scope, STR("Private")))
        a.addresses = str_trim(d->addresses);
    if (w->status != ALERT_ACTUAL)
        a.note = STR("Made from past or synthetic data, or for a drill. Nothing is to be done.");
    if (d->base_url.n)
        a.web = str_printf(mem, STR_FMT "/warnings/" STR_FMT, STR_ARG(d->base_url), STR_ARG(id));
    a.parameters[a.parameters_n++] = (struct cap_parameter){STR("fane:type"), STR("cluster")};
    a.parameters[a.parameters_n++] = (struct cap_parameter){STR("fane:method"), STR("space-time permutation scan")};
    a.parameters[a.parameters_n++] = (struct cap_parameter){STR("fane:p"), str_printf(mem, "%.6g", w->p)};
    TRY(code_list_new(asset_text("data/vocab/cap-templates.json"), &words, err));
    infos_fill(&a, w, words, mem);
    enum rc rc = cap_write(&a, mem, xml, err);
    code_list_free(words);
    return rc;
}

/* ---- the feed ---- */

static void entry_write(struct xml_out *x, const struct warning *w, struct str base_url, struct arena *mem)
{
    struct str id = uuid_format(mem, w->public_id);
    xml_begin(x, "entry");
    xml_put(x, "id", identifier_of(w, mem));
    xml_put(x, "title",
            w->status == ALERT_ACTUAL
                ? w->headline
                : str_printf(mem, "[%s] " STR_FMT, alert_status_name(w->status), STR_ARG(w->headline)));
    xml_put(x, "updated", instant_format_s(mem, w->decided));
    xml_put(x, "published", instant_format_s(mem, w->decided));
    xml_put(x, "summary", w->area);
    xml_begin(x, "category");
    xml_attr(x, "term", str_of(alert_status_name(w->status)));
    xml_end(x);
    xml_begin(x, "link");
    xml_attr(x, "rel", STR("alternate"));
    xml_attr(x, "type", STR("application/cap+xml"));
    xml_attr(x, "href", str_printf(mem, STR_FMT "/alerts/" STR_FMT ".xml", STR_ARG(base_url), STR_ARG(id)));
    xml_end(x);
    xml_end(x);
}

enum rc warnings_feed(struct store_tx *tx, struct str base_url, struct str sender, struct arena *mem, struct str *xml,
                      struct err *err)
{
    struct warning *items;
    size_t n;
    int64_t matched;
    struct buf b;
    struct xml_out x;
    struct instant updated = {0};
    struct warning_query q = {
        .state = STR("approved"), .is_public = true, .alive_at_us = clock_now().us, .limit = WARNINGS_PAGE_MAX};
    TRY(warning_store_list(tx, &q, mem, &items, &n, &matched, err));
    for (size_t i = 0; i < n; i++)
        if (items[i].decided.us > updated.us)
            updated = items[i].decided;
    buf_init(&b, 0);
    xml_out_init(&x, &b, true);
    xml_begin(&x, "feed");
    xml_attr(&x, "xmlns", STR("http://www.w3.org/2005/Atom"));
    xml_put(&x, "id", str_printf(mem, STR_FMT "/feeds/alerts.atom", STR_ARG(base_url)));
    xml_put(&x, "title", STR("Fane: alerts"));
    xml_put(&x, "updated", instant_format_s(mem, updated));
    xml_begin(&x, "author");
    xml_put(&x, "name", sender);
    xml_end(&x);
    xml_begin(&x, "link");
    xml_attr(&x, "rel", STR("self"));
    xml_attr(&x, "type", STR("application/atom+xml"));
    xml_attr(&x, "href", str_printf(mem, STR_FMT "/feeds/alerts.atom", STR_ARG(base_url)));
    xml_end(&x);
    for (size_t i = 0; i < n; i++) {
        struct policy_object object = {.kind = POLICY_WARNING,
                                       .is_approved = true,
                                       .is_scope_public = str_is_equal(items[i].scope, STR("Public"))};
        struct viewer everyone = VIEWER_PUBLIC;
        if (policy_view(&everyone, &object) != VIEW_DENIED)
            entry_write(&x, &items[i], base_url, mem);
    }
    xml_end(&x);
    *xml = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return RC_OK;
}
