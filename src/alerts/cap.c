/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Writing CAP. The order of elements is the schema's sequence.
 */
#include "alerts/cap.h"

#include "wire/xml_out.h"

static void parameter_write(struct xml_out *x, const struct cap_parameter *p)
{
    xml_begin(x, "parameter");
    xml_put(x, "valueName", p->name);
    xml_put(x, "value", p->value);
    xml_end(x);
}

static void area_write(struct xml_out *x, const struct cap_alert *a, struct arena *mem)
{
    xml_begin(x, "area");
    xml_put(x, "areaDesc", a->area);
    xml_put(x, "circle", str_printf(mem, "%.4f,%.4f %.1f", a->lat_deg, a->lon_deg, a->radius_km));
    xml_end(x);
}

static void info_write(struct xml_out *x, const struct cap_alert *a, const struct cap_info *info, struct arena *mem)
{
    xml_begin(x, "info");
    xml_put(x, "language", info->language);
    xml_put(x, "category", STR("Security"));
    xml_put(x, "event", info->event);
    xml_put(x, "responseType", STR("Prepare"));
    xml_put(x, "responseType", STR("Monitor"));
    xml_put(x, "urgency", str_of(a->urgency));
    xml_put(x, "severity", str_of(a->severity));
    xml_put(x, "certainty", str_of(a->certainty));
    xml_put(x, "effective", instant_format_cap(mem, a->sent));
    xml_put(x, "expires", instant_format_cap(mem, a->expires));
    xml_put_opt(x, "senderName", a->sender_name);
    xml_put_opt(x, "headline", info->headline);
    xml_put_opt(x, "description", info->description);
    xml_put_opt(x, "instruction", info->instruction);
    xml_put_opt(x, "web", a->web);
    for (size_t i = 0; i < a->parameters_n; i++)
        parameter_write(x, &a->parameters[i]);
    area_write(x, a, mem);
    xml_end(x);
}

enum rc cap_write(const struct cap_alert *a, struct arena *mem, struct str *xml, struct err *err)
{
    struct buf b;
    struct xml_out x;
    ENSURE(a->infos_n <= CAP_INFOS_MAX && a->parameters_n <= CAP_PARAMETERS_MAX);
    buf_init(&b, CAP_BYTES_MAX);
    xml_out_init(&x, &b, true);
    xml_begin(&x, "alert");
    xml_attr(&x, "xmlns", STR(CAP_NAMESPACE));
    xml_put(&x, "identifier", a->identifier);
    xml_put(&x, "sender", a->sender);
    xml_put(&x, "sent", instant_format_cap(mem, a->sent));
    xml_put(&x, "status", str_of(a->status));
    xml_put(&x, "msgType", str_of(a->message));
    xml_put(&x, "scope", str_of(a->scope));
    xml_put_opt(&x, "restriction", a->restriction);
    xml_put_opt(&x, "addresses", a->addresses);
    xml_put_opt(&x, "note", a->note);
    xml_put_opt(&x, "references", a->references);
    for (size_t i = 0; i < a->infos_n; i++)
        info_write(&x, a, &a->infos[i], mem);
    xml_end(&x);
    enum rc rc = buf_is_over(&b) ? err_set(err, RC_TOO_LARGE, "the alert is over %d bytes", CAP_BYTES_MAX)
                                 : cap_check(buf_str(&b), err);
    if (rc == RC_OK)
        *xml = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return rc;
}
