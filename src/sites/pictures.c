/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Rules of pictures without SQL: licences, what a draft must say, the digest, the JSON.
 */
#include "sites/pictures_int.h"

#include <string.h>

/* Those under which a picture may be copied and made smaller, and the holder's own permission. None that forbids
 * commerce or changes: partners of many kinds share what is here. Ids of spdx.org/licenses. */
static const struct picture_licence LICENCES[] = {
    {"CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"},
    {"CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/"},
    {"CC-BY-2.5", "https://creativecommons.org/licenses/by/2.5/"},
    {"CC-BY-3.0", "https://creativecommons.org/licenses/by/3.0/"},
    {"CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"},
    {"CC-BY-SA-2.0", "https://creativecommons.org/licenses/by-sa/2.0/"},
    {"CC-BY-SA-2.5", "https://creativecommons.org/licenses/by-sa/2.5/"},
    {"CC-BY-SA-3.0", "https://creativecommons.org/licenses/by-sa/3.0/"},
    {"CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"},
    {"CC-PDM-1.0", "https://creativecommons.org/publicdomain/mark/1.0/"},
    {"OGL-UK-3.0", "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"},
    {"etalab-2.0", "https://www.etalab.gouv.fr/licence-ouverte-open-licence/"},
    {"LicenseRef-permission", NULL}};

const struct picture_licence *picture_licence_at(size_t i)
{
    return i < sizeof LICENCES / sizeof LICENCES[0] ? &LICENCES[i] : NULL;
}

const struct picture_licence *picture_licence_find(struct str id)
{
    for (size_t i = 0; picture_licence_at(i); i++)
        if (str_is_equal_nocase(id, str_of(LICENCES[i].id)))
            return &LICENCES[i];
    return NULL;
}

/* ---- drafts ---- */

static enum rc text_check(struct str *s, size_t most, const char *what, struct err *err)
{
    *s = str_trim(*s);
    if (s->n > most || !str_is_utf8(*s) || (s->n > 0 && memchr(s->p, 0, s->n)))
        return err_set(err, RC_INVALID, "%s: text of at most %zu bytes", what, most);
    for (size_t i = 0; i < s->n; i++)
        if ((unsigned char)s->p[i] < ' ')
            return err_set(err, RC_INVALID, "%s: one line, please", what);
    return RC_OK;
}

static enum rc source_check(struct str url, struct err *err)
{
    if (str_is_empty(url))
        return RC_OK;
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || strchr("\"<>\\^`{|}", url.p[i]))
            return err_set(err, RC_INVALID, "the source is no address of a page: a sign in it must be written as %%XX");
    if (!str_starts_with(url, STR("https://")) || url.n < 12)
        return err_set(err, RC_INVALID, "the source must be an address that begins with https://");
    return RC_OK;
}

static bool is_language(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_sign =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i > 0 && ((c >= '0' && c <= '9') || c == '-'));
        if (!is_sign)
            return false;
    }
    return s.n == 0 || (s.n >= 2 && s.n <= 35); /* RFC 5646, section 4.4.1 */
}

static enum rc licence_check(struct str *licence, struct err *err)
{
    const struct picture_licence *found = picture_licence_find(str_trim(*licence));
    if (found) {
        *licence = str_of(found->id);
        return RC_OK;
    }
    return err_set(
        err, RC_INVALID,
        "the licence is none under which a picture is shown here: CC0-1.0, CC-BY-4.0, CC-BY-SA-4.0 (and their "
        "earlier versions), CC-PDM-1.0, OGL-UK-3.0, etalab-2.0, or LicenseRef-permission where its holder has "
        "agreed");
}

static enum rc size_check(const struct picture_size *s, struct err *err)
{
    if (s->jpeg.n == 0 || s->jpeg.n > PICTURE_JPEG_MAX || s->width < 1 || s->height < 1)
        return err_set(err, RC_TOO_LARGE, "the copy of the picture has %zu bytes, at most %d", s->jpeg.n,
                       PICTURE_JPEG_MAX);
    return RC_OK;
}

enum rc picture_draft_check(struct picture_draft *d, struct err *err)
{
    TRY(licence_check(&d->licence, err));
    TRY(text_check(&d->credit, PICTURE_CREDIT_MAX, "the credit", err));
    if (str_is_empty(d->credit))
        return err_set(err, RC_INVALID, "say whom to credit for the picture");
    TRY(text_check(&d->source_url, PICTURE_SOURCE_MAX, "the source", err));
    TRY(source_check(d->source_url, err));
    TRY(text_check(&d->alt, PICTURE_ALT_MAX, "the description", err));
    if (!is_language(d->alt_lang))
        return err_set(err, RC_INVALID, "the language of the description is no tag like en, ar or zh-Hant");
    TRY(size_check(&d->whole, err));
    return size_check(&d->small, err);
}

/* ---- the digest ---- */

static void add_int(struct sha256_state *s, int64_t v)
{
    uint8_t b[8];
    for (int k = 0; k < 8; k++)
        b[k] = (uint8_t)((uint64_t)v >> (56 - 8 * k));
    sha256_add(s, b, sizeof b);
}

struct sha256 picture_row_digest(const struct picture_row *r, struct sha256 whole, struct sha256 small)
{
    struct sha256_state s;
    const struct uuid ids[] = {r->id, r->p.public_id, r->site, r->added_by, r->removed_by};
    const int64_t numbers[] = {r->p.added.us,    r->p.width,        r->p.height,
                               r->p.small_width, r->p.small_height, r->removed.us};
    const struct str texts[] = {r->p.licence, r->p.credit, r->p.source_url, r->p.alt, r->p.alt_lang, r->reason};
    const struct sha256 digests[] = {r->digest, r->small_digest, whole, small};
    sha256_begin(&s);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        sha256_add(&s, ids[i].b, sizeof ids[i].b);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_int(&s, numbers[i]);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        add_int(&s, (int64_t)texts[i].n);
        sha256_add(&s, texts[i].p, texts[i].n);
    }
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        sha256_add(&s, digests[i].b, sizeof digests[i].b);
    return sha256_end(&s);
}

/* ---- JSON ---- */

static void picture_json(struct json_out *j, const struct picture *p, struct arena *mem)
{
    const struct picture_licence *l = picture_licence_find(p->licence);
    struct str id = uuid_format(mem, p->public_id);
    json_begin_object(j);
    json_put_str(j, "id", id);
    json_put_str(j, "url", str_printf(mem, "/api/v1/pictures/" STR_FMT "/whole.jpg", STR_ARG(id)));
    json_put_i64(j, "width", p->width);
    json_put_i64(j, "height", p->height);
    json_put_str(j, "small_url", str_printf(mem, "/api/v1/pictures/" STR_FMT "/small.jpg", STR_ARG(id)));
    json_put_i64(j, "small_width", p->small_width);
    json_put_i64(j, "small_height", p->small_height);
    json_put_str(j, "licence", p->licence);
    json_put_str_opt(j, "licence_url", l && l->url ? str_of(l->url) : STR_NONE);
    json_put_str(j, "credit", p->credit);
    json_put_str_opt(j, "source", p->source_url);
    json_put_str_opt(j, "alt", p->alt);
    json_put_str_opt(j, "alt_lang", p->alt_lang);
    json_end_object(j);
}

void pictures_json(struct json_out *j, const struct picture *list, size_t n)
{
    struct arena mem;
    arena_init(&mem);
    json_key(j, "pictures");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++)
        picture_json(j, &list[i], &mem);
    json_end_array(j);
    arena_fini(&mem);
}
