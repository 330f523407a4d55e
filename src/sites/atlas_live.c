/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What was noted, by public id, and the overlay made of it.
 */
#include "sites/atlas_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

struct noted {
    struct uuid id;
    int64_t seq;
    char *texts; /* of the site, one behind the other; NULL: it is gone */
    struct atlas_site site;
};

struct atlas_live {
    struct atlas_ref *ref;
    struct atlas *image; /* the writer's own handle; NULL: none */
    uint64_t number;     /* of the next overlay */
    struct noted *noted;
    size_t n, size;
    uint32_t *slots; /* hash table of 1 + noted */
    size_t slots_n;
};

struct atlas_live *atlas_live_new(void)
{
    struct atlas_live *l = mem_alloc(sizeof *l);
    l->ref = atlas_ref_new();
    l->slots_n = 64;
    l->slots = mem_array(l->slots_n, sizeof *l->slots);
    return l;
}

void atlas_live_free(struct atlas_live *l)
{
    if (!l)
        return;
    atlas_ref_free(l->ref);
    atlas_close(l->image);
    for (size_t i = 0; i < l->n; i++)
        free(l->noted[i].texts);
    free(l->noted);
    free(l->slots);
    free(l);
}

struct atlas_ref *atlas_live_ref(struct atlas_live *l)
{
    return l->ref;
}

size_t atlas_live_noted(const struct atlas_live *l)
{
    return l->n;
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

/* Public ids are random: any 8 bytes of them are a hash. */
static uint32_t *slot_of(const struct atlas_live *l, const struct uuid *id)
{
    uint64_t h;
    memcpy(&h, id->b + 8, sizeof h);
    h ^= h >> 32;
    size_t at = (size_t)h & (l->slots_n - 1);
    while (l->slots[at] && !uuid_is_equal(l->noted[l->slots[at] - 1].id, *id))
        at = (at + 1) & (l->slots_n - 1);
    return &l->slots[at];
}

static void index_again(struct atlas_live *l)
{
    while (l->slots_n < (l->n + 1) * 2)
        l->slots_n *= 2;
    free(l->slots);
    l->slots = mem_array(l->slots_n, sizeof *l->slots);
    for (size_t i = 0; i < l->n; i++)
        *slot_of(l, &l->noted[i].id) = (uint32_t)i + 1;
}

static struct str put_text(char **at, struct str s)
{
    struct str out = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

static void note_site(struct noted *n, const struct atlas_site *s)
{
    free(n->texts);
    n->texts = NULL;
    if (!s)
        return;
    n->site = *s;
    char *at = n->texts = mem_alloc(s->name.n + s->religion.n + s->kind.n + s->class_code.n + s->labels.n + 1);
    n->site.name = put_text(&at, s->name);
    n->site.religion = put_text(&at, s->religion);
    n->site.kind = put_text(&at, s->kind);
    n->site.class_code = put_text(&at, s->class_code);
    n->site.labels = put_text(&at, s->labels);
}

void atlas_live_note(struct atlas_live *l, const struct atlas_change *c, int64_t seq)
{
    uint32_t *slot = slot_of(l, &c->public_id);
    if (!*slot) {
        if (l->n == l->size) {
            l->size = l->size ? l->size * 2 : 64;
            l->noted = mem_realloc(l->noted, l->size * sizeof *l->noted);
        }
        l->noted[l->n] = (struct noted){.id = c->public_id};
        *slot = (uint32_t)++l->n;
        if (l->n * 2 > l->slots_n) {
            index_again(l);
            slot = slot_of(l, &c->public_id);
        }
    }
    struct noted *n = &l->noted[*slot - 1];
    n->seq = seq;
    note_site(n, c->site);
}

static void forget_up_to(struct atlas_live *l, int64_t seq)
{
    size_t left = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->noted[i].seq > seq)
            l->noted[left++] = l->noted[i];
        else
            free(l->noted[i].texts);
    l->n = left;
    index_again(l);
}

/* --- showing ------------------------------------------------------------------------------------------------------ */

enum rc atlas_live_show(struct atlas_live *l, struct err *err)
{
    struct atlas *now;
    if (!l->image)
        return RC_OK;
    struct atlas_change *changes = mem_array(l->n + 1, sizeof *changes);
    for (size_t i = 0; i < l->n; i++)
        changes[i] =
            (struct atlas_change){.public_id = l->noted[i].id, .site = l->noted[i].texts ? &l->noted[i].site : NULL};
    enum rc rc = atlas_overlay(l->image, changes, l->n, l->number, &now, err);
    free(changes);
    if (rc != RC_OK)
        return rc;
    rc = atlas_ref_set(l->ref, now, err);
    if (rc != RC_OK)
        atlas_close(now);
    else
        l->number++;
    return rc;
}

enum rc atlas_live_set(struct atlas_live *l, struct atlas *image, int64_t seq, struct err *err)
{
    atlas_close(l->image);
    l->image = image;
    forget_up_to(l, seq);
    return atlas_live_show(l, err);
}

void atlas_live_clear(struct atlas_live *l)
{
    struct err err;
    atlas_close(l->image);
    l->image = NULL;
    forget_up_to(l, INT64_MAX);
    while (atlas_ref_set(l->ref, NULL, &err) != RC_OK) /* what must not be shown any more is worth the wait */
        clock_sleep_us(1000);
}
