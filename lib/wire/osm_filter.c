/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The tag filter: a small hash table of the texts that matter, behind a bitmap that turns most texts away by their
 * length, first and last byte.
 */
#include "wire/osm.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024, QUICK_BITS = 4096, ENTRIES_MAX = SLOTS / 2 };

struct slot {
    struct str text;
    struct osm_filter_mark mark;
};

struct osm_filter {
    struct slot slots[SLOTS];
    uint64_t quick[QUICK_BITS / 64];
    uint32_t any; /* keys that pass with any value */
    unsigned keys_n;
    size_t used;
};

static unsigned quick_of(struct str s)
{
    unsigned first = (unsigned char)s.p[0], last = (unsigned char)s.p[s.n - 1];
    return (first * 37u + last * 11u + (unsigned)s.n * 131u) % QUICK_BITS;
}

static struct slot *slot_of(const struct osm_filter *f, struct str s)
{
    size_t i = str_hash(s) % SLOTS;
    while (f->slots[i].text.n && !str_is_equal(f->slots[i].text, s))
        i = (i + 1) % SLOTS;
    return (struct slot *)&f->slots[i];
}

static struct slot *slot_add(struct osm_filter *f, struct str s)
{
    struct slot *at = slot_of(f, s);
    if (!at->text.n) {
        at->text = s;
        f->used++;
        f->quick[quick_of(s) / 64] |= UINT64_C(1) << quick_of(s) % 64;
    }
    return at;
}

static enum rc entry_add(struct osm_filter *f, struct str entry, struct err *err)
{
    struct str key, value;
    bool has_value = str_cut(entry, '=', &key, &value);
    if (!key.n || (has_value && !value.n))
        return err_set(err, RC_INVALID, "filter entry \"" STR_FMT "\" is not key or key=value", STR_ARG(entry));
    if (f->used + 2 > ENTRIES_MAX)
        return err_set(err, RC_TOO_LARGE, "the filter has over %d different texts", ENTRIES_MAX);
    struct slot *k = slot_add(f, key);
    if (!k->mark.key) {
        if (f->keys_n == OSM_FILTER_KEYS_MAX)
            return err_set(err, RC_TOO_LARGE, "the filter has over %d different keys", OSM_FILTER_KEYS_MAX);
        k->mark.key = UINT32_C(1) << f->keys_n++;
    }
    if (has_value)
        slot_add(f, value)->mark.value |= k->mark.key;
    else
        f->any |= k->mark.key;
    return RC_OK;
}

enum rc osm_filter_new(const struct str *entries, size_t n, struct osm_filter **out, struct err *err)
{
    if (n == 0)
        return err_set(err, RC_INVALID, "the filter has no entry");
    struct osm_filter *f = mem_alloc(sizeof *f);
    for (size_t i = 0; i < n; i++) {
        enum rc rc = entry_add(f, entries[i], err);
        if (rc != RC_OK) {
            osm_filter_free(f);
            return rc;
        }
    }
    *out = f;
    return RC_OK;
}

void osm_filter_free(struct osm_filter *f)
{
    free(f);
}

static uint32_t value_of_part(const struct osm_filter *f, struct str part)
{
    part = str_trim(part);
    return part.n ? slot_of(f, part)->mark.value : 0;
}

static uint32_t value_of_parts(const struct osm_filter *f, struct str text)
{
    uint32_t v = 0;
    struct str part, rest = text;
    for (unsigned i = 0; i < OSM_VALUE_PARTS_MAX; i++) {
        bool more = str_cut(rest, ';', &part, &rest);
        v |= value_of_part(f, part);
        if (!more)
            break;
    }
    return v;
}

struct osm_filter_mark osm_filter_mark(const struct osm_filter *f, struct str text)
{
    struct osm_filter_mark m = {.value = f->any};
    if (!text.n)
        return m;
    unsigned q = quick_of(text);
    if (f->quick[q / 64] >> q % 64 & 1) {
        const struct slot *s = slot_of(f, text);
        m.key = s->mark.key;
        m.value |= s->mark.value;
    }
    unsigned char first = (unsigned char)text.p[0], last = (unsigned char)text.p[text.n - 1];
    if (first <= ' ' || last <= ' ' || memchr(text.p, ';', text.n))
        m.value |= value_of_parts(f, text);
    return m;
}

bool osm_filter_passes(const struct osm_filter *f, const struct osm_tag *tags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t key = osm_filter_mark(f, tags[i].key).key;
        if (key && (key & osm_filter_mark(f, tags[i].value).value))
            return true;
    }
    return false;
}

size_t osm_ids_at(const int64_t *ids, size_t n, int64_t id)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void osm_seen_join(struct osm_seen *to, const struct osm_seen *next)
{
    if (next->n == 0)
        return;
    if (to->n == 0) {
        *to = *next;
        return;
    }
    to->is_rising = to->is_rising && next->is_rising && next->first > to->last;
    to->n += next->n;
    to->last = next->last;
    to->least = next->least < to->least ? next->least : to->least;
    to->most = next->most > to->most ? next->most : to->most;
}

struct osm_coord osm_coord_of_nano(int64_t lat, int64_t lon)
{
    if (lat < -INT64_C(90000000000) || lat > INT64_C(90000000000) || lon < -INT64_C(180000000000) ||
        lon > INT64_C(180000000000))
        return OSM_NOWHERE;
    return (struct osm_coord){(int32_t)((lat + (lat < 0 ? -50 : 50)) / 100),
                              (int32_t)((lon + (lon < 0 ? -50 : 50)) / 100)};
}
