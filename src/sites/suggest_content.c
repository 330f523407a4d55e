/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A suggestion's draft: what is refused, and the JSON that is sealed. It was checked when it came, so reading it back is
 * lenient: what is not there is not spoken of.
 */
#include "sites/suggest_int.h"

#include <string.h>

#include "wire/json_in.h"
#include "wire/json_out.h"

/* ---- checks ---- */

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* A line that may be shown. */
static enum rc check_line(const char *path, struct str s, size_t most, struct err *err)
{
    if (!str_is_utf8(s) || has_control(s))
        return err_set(err, RC_INVALID, "%s: must be one line of UTF-8", path);
    if (characters(s) > most)
        return err_set(err, RC_TOO_LARGE, "%s: over %zu characters", path, most);
    return RC_OK;
}

/* As RFC 5646 writes tags: letters, digits, hyphens between them; empty is the local name. */
static bool is_tag(struct str s)
{
    if (s.n > SUGGEST_LANG_MAX || str_starts_with(s, STR("-")) || str_ends_with(s, STR("-")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && c != '-')
            return false;
    }
    return true;
}

static enum rc check_names(const struct suggestion_draft *d, struct err *err)
{
    if (d->names_n > SUGGEST_NAMES_MAX)
        return err_set(err, RC_TOO_LARGE, "/changes/names: over %d names", SUGGEST_NAMES_MAX);
    for (size_t i = 0; i < d->names_n; i++) {
        if (!is_tag(d->names[i].lang))
            return err_set(err, RC_INVALID, "/changes/names: a key is a language tag, or \"\" for the local name");
        TRY(check_line("/changes/names", d->names[i].text, SUGGEST_NAME_MAX, err));
        if (str_trim(d->names[i].text).n == 0)
            return err_set(err, RC_INVALID, "/changes/names: a name is empty; leave it out");
    }
    return RC_OK;
}

static bool is_status(struct str s)
{
    static const char *const ALL[] = {"present", "disused", "abandoned", "ruins"};
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++)
        if (str_is_equal(s, str_of(ALL[i])))
            return true;
    return false;
}

static enum rc check_codes(const struct suggestion_draft *d, const struct vocab *words, struct err *err)
{
    if (d->religion.n && !vocab_is_religion(words, d->religion))
        return err_set(err, RC_INVALID, "/changes/religion: not a code of the vocabulary");
    if (d->kind.n && !vocab_is_kind(words, d->kind))
        return err_set(err, RC_INVALID, "/changes/kind: not a code of the vocabulary");
    if (d->status.n && !is_status(d->status))
        return err_set(err, RC_INVALID, "/changes/status: present, disused, abandoned or ruins");
    return RC_OK;
}

/* By its form alone (G3). */
static enum rc check_site(struct str site, struct err *err)
{
    struct uuid id;
    uint64_t code;
    if (site.n == 0 || (site.n <= SUGGEST_SITE_MAX && (uuid_parse(site, &id) || code_parse(site, &code))))
        return RC_OK;
    return err_set(err, RC_INVALID, "/site: neither an id of 36 characters nor a code with its check symbol");
}

static bool says_something(const struct suggestion_draft *d)
{
    bool has_field = d->names_n || d->religion.n || d->kind.n || d->denomination.n || d->status.n || d->note.n;
    bool has_flag = d->is_closed || d->is_not_religious || d->wants_hidden;
    if (str_trim(d->text).n || d->names_n)
        return true;
    return d->site.n && (has_field || has_flag || d->has_place);
}

static enum rc check_text(struct str text, struct err *err)
{
    if (!str_is_utf8(text) || memchr(text.n ? text.p : "", 0, text.n))
        return err_set(err, RC_INVALID, "/text: must be UTF-8 without NUL");
    if (characters(text) > SUGGEST_TEXT_MAX)
        return err_set(err, RC_TOO_LARGE, "/text: over %d characters", SUGGEST_TEXT_MAX);
    return RC_OK;
}

enum rc suggest_check(const struct suggestion_draft *d, const struct vocab *words, struct err *err)
{
    struct geo_point p;
    TRY(check_site(d->site, err));
    TRY(check_names(d, err));
    TRY(check_codes(d, words, err));
    TRY(check_line("/changes/denomination", d->denomination, SUGGEST_DENOMINATION_MAX, err));
    TRY(check_line("/changes/note", d->note, SUGGEST_NOTE_MAX, err));
    TRY(check_text(d->text, err));
    if (d->has_place)
        TRY(geo_point_make(d->lat_deg, d->lon_deg, &p, err));
    if (d->site.n == 0 && (d->is_closed || d->is_not_religious || d->wants_hidden))
        return err_set(err, RC_INVALID, "/site: missing: say which site is meant");
    if (!says_something(d))
        return err_set(err, RC_INVALID,
                       d->site.n ? "/changes: nothing is said; give a change or a text"
                                 : "/changes/names: a missing site needs a name, or a text that tells of it");
    return RC_OK;
}

/* ---- JSON ---- */

static void put_flag(struct json_out *j, const char *key, bool v)
{
    if (v)
        json_put_bool(j, key, true);
}

struct str suggest_content_write(const struct suggestion_draft *d, struct arena *mem)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str_opt(&j, "site", d->site);
    json_key(&j, "names");
    json_begin_object(&j);
    for (size_t i = 0; i < d->names_n; i++) {
        json_key_str(&j, d->names[i].lang);
        json_str(&j, str_trim(d->names[i].text));
    }
    json_end_object(&j);
    json_put_str_opt(&j, "religion", d->religion);
    json_put_str_opt(&j, "kind", d->kind);
    json_put_str_opt(&j, "denomination", str_trim(d->denomination));
    json_put_str_opt(&j, "status", d->status);
    json_put_str_opt(&j, "note", str_trim(d->note));
    put_flag(&j, "closed", d->is_closed);
    put_flag(&j, "not_religious", d->is_not_religious);
    put_flag(&j, "hide", d->wants_hidden);
    if (d->has_place) {
        json_put_f64(&j, "lat", d->lat_deg, 7);
        json_put_f64(&j, "lon", d->lon_deg, 7);
    }
    json_put_str_opt(&j, "text", d->text);
    json_end_object(&j);
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void read_names(const json_t *names, struct arena *mem, struct suggestion_draft *d)
{
    size_t most = names ? json_object_size(names) : 0;
    struct site_name *all = ARENA_NEW_N(mem, struct site_name, most + 1);
    const char *lang;
    json_t *text;
    json_object_foreach((json_t *)(uintptr_t)names, lang, text) if (json_is_string(text)) all[d->names_n++] =
        (struct site_name){str_copy(mem, str_of(lang)),
                           str_copy(mem, (struct str){json_string_value(text), json_string_length(text)})};
    d->names = all;
}

enum rc suggest_content_read(struct str json, struct arena *mem, struct suggestion_draft *out, struct err *err)
{
    json_t *doc;
    struct suggestion_draft d = {0};
    TRY(json_in_object(json, SUGGEST_CONTENT_MAX, &doc, err));
    read_names(json_object_get(doc, "names"), mem, &d);
    d.site = str_copy(mem, json_str_or_empty(doc, "site"));
    d.religion = str_copy(mem, json_str_or_empty(doc, "religion"));
    d.kind = str_copy(mem, json_str_or_empty(doc, "kind"));
    d.denomination = str_copy(mem, json_str_or_empty(doc, "denomination"));
    d.status = str_copy(mem, json_str_or_empty(doc, "status"));
    d.note = str_copy(mem, json_str_or_empty(doc, "note"));
    d.text = str_copy(mem, json_str_or_empty(doc, "text"));
    d.is_closed = json_is_true(json_object_get(doc, "closed"));
    d.is_not_religious = json_is_true(json_object_get(doc, "not_religious"));
    d.wants_hidden = json_is_true(json_object_get(doc, "hide"));
    d.has_place = json_object_get(doc, "lat") != NULL;
    if (d.has_place) {
        d.lat_deg = json_f64_or_nan(doc, "lat");
        d.lon_deg = json_f64_or_nan(doc, "lon");
    }
    json_decref(doc);
    *out = d;
    return RC_OK;
}
