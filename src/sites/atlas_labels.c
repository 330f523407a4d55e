/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Names with labels, in the pool and out of it. See atlas_int.h.
 */
#include <string.h>

#include "sites/atlas_int.h"

const char *const ATLAS_LABEL_LANGS[ATLAS_LABELS] = {"ar", "en", "es", "fr", "ru", "zh"};

/* The mark, the name's offset; then per label its language and its offset. No name begins so: it is no letter. */
enum { MARK = 1, HEAD = 1 + sizeof(uint32_t), STEP = 1 + sizeof(uint32_t) };

static uint32_t offset_at(const char *p)
{
    uint32_t at;
    memcpy(&at, p, sizeof at);
    return at;
}

/* --- in ------------------------------------------------------------------------------------------------------- */

static struct str without_mark(struct str s)
{
    while (s.n && s.p[0] == MARK)
        s = str_slice(s, 1, s.n);
    return s;
}

static void put(char *to, size_t *n, char lead, uint32_t at)
{
    to[*n] = lead;
    memcpy(to + *n + 1, &at, sizeof at);
    *n += STEP;
}

/* The first label of the rest. */
static bool label_cut(struct str *rest, unsigned *lang, struct str *label)
{
    if (rest->n < 2)
        return false;
    size_t n = (unsigned char)rest->p[1];
    *lang = (unsigned char)rest->p[0];
    if (*lang >= ATLAS_LABELS || n > rest->n - 2)
        return false;
    *label = str_slice(*rest, 2, 2 + n);
    *rest = str_slice(*rest, 2 + n, rest->n);
    return true;
}

enum rc atlas_name_add(struct atlas_builder *b, const struct atlas_site *s, uint32_t *out, struct err *err)
{
    char room[ATLAS_NAME_MAX], compound[HEAD + ATLAS_LABELS * STEP];
    struct str name = atlas_clean_name(without_mark(s->name), room), rest = s->labels;
    uint32_t at;
    unsigned seen = 0;
    size_t n = 0;
    TRY(atlas_builder_text_add(b, name, out, err));
    put(compound, &n, MARK, *out);
    while (rest.n > 0) {
        char label_room[ATLAS_NAME_MAX];
        struct str label;
        unsigned lang;
        if (!label_cut(&rest, &lang, &label))
            return err_set(err, RC_INVALID, "a site's labels are not of the form that atlas.h asks for");
        label = atlas_clean_name(without_mark(label), label_room);
        if (seen >> lang & 1 || label.n == 0 || str_is_equal(label, atlas_builder_text(b, *out)))
            continue;
        seen |= 1u << lang;
        TRY(atlas_builder_text_add(b, label, &at, err));
        put(compound, &n, (char)lang, at);
    }
    return n > HEAD ? atlas_builder_text_add(b, (struct str){compound, n}, out, err) : RC_OK;
}

/* --- out ------------------------------------------------------------------------------------------------------ */

static bool is_compound(struct str s)
{
    return s.n >= HEAD && s.p[0] == MARK;
}

/* Offsets in a compound are of the pool it lies in. */
static uint32_t shift_of(const struct atlas *a, uint32_t at)
{
    return a->delta && at >= a->pool_n ? (uint32_t)a->pool_n : 0;
}

struct str atlas_name(const struct atlas *a, uint32_t at, bool *has_labels)
{
    struct str s = atlas_pool_str(a, at);
    *has_labels = is_compound(s);
    return *has_labels ? atlas_pool_str(a, offset_at(s.p + 1) + shift_of(a, at)) : s;
}

/* Language and offset of label i; false past the last. */
static bool label_at(struct str s, size_t i, unsigned *lang, uint32_t *at)
{
    size_t from = HEAD + i * STEP;
    if (i >= ATLAS_LABELS || s.n < from + STEP)
        return false;
    *lang = (unsigned char)s.p[from];
    *at = offset_at(s.p + from + 1);
    return *lang < ATLAS_LABELS; /* A3 */
}

void atlas_name_whole(const struct atlas *a, uint32_t at, struct atlas_named *out)
{
    struct str s = atlas_pool_str(a, at);
    bool has_labels;
    unsigned lang;
    uint32_t text;
    out->n = 0;
    out->name = atlas_name(a, at, &has_labels);
    while (has_labels && label_at(s, out->n, &lang, &text)) {
        out->labels[out->n] = (struct atlas_label){lang, atlas_pool_str(a, text + shift_of(a, at))};
        out->n++;
    }
}

void atlas_builder_name(const struct atlas_builder *b, uint32_t at, struct atlas_named *out)
{
    struct str s = atlas_builder_text(b, at);
    unsigned lang;
    uint32_t text;
    out->n = 0;
    out->name = is_compound(s) ? atlas_builder_text(b, offset_at(s.p + 1)) : s;
    while (is_compound(s) && label_at(s, out->n, &lang, &text)) {
        out->labels[out->n] = (struct atlas_label){lang, atlas_builder_text(b, text)};
        out->n++;
    }
}

bool atlas_named_equal(const struct atlas_named *a, const struct atlas_named *b)
{
    bool is_equal = a->n == b->n && str_is_equal(a->name, b->name);
    for (size_t i = 0; i < a->n && is_equal; i++)
        is_equal = a->labels[i].lang == b->labels[i].lang && str_is_equal(a->labels[i].name, b->labels[i].name);
    return is_equal;
}

size_t atlas_labels(const struct atlas *a, size_t index, struct atlas_label out[ATLAS_LABELS])
{
    struct atlas_named named;
    ENSURE(index < a->sites + atlas_added(a));
    atlas_name_whole(a, atlas_record_of(a, index)->name, &named);
    memcpy(out, named.labels, named.n * sizeof *out);
    return named.n;
}
