/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shards of a hash table with a list by last use. A tile is made outside its shard's lock; two threads that make the
 * same one at once both succeed, and the second one's goes away.
 */
#include "tiles/tiles_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 16, BUCKETS = 1 << 12 };

struct key {
    uint64_t generation;
    uint32_t z, x, y, buffer;
    char religion[ATLAS_CODE_MAX + 1]; /* in full: a hash could be made to collide from outside */
};

struct entry {
    struct tile_blob blob; /* first: what callers hold is the entry */
    atomic_size_t refs;    /* the cache's own is one */
    struct key key;
    size_t bytes;
    struct entry *newer, *older, *next; /* by use; in the bucket */
    char data[];
};

struct shard {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t bytes, tiles;
    uint64_t hits, misses;
};

struct tiles_cache {
    size_t cap_per_shard;
    struct shard shards[SHARDS];
};

struct tiles_cache *tiles_cache_new(size_t cap_bytes)
{
    struct tiles_cache *c = mem_alloc(sizeof *c);
    c->cap_per_shard = cap_bytes / SHARDS;
    for (size_t i = 0; i < SHARDS; i++)
        ENSURE(pthread_mutex_init(&c->shards[i].lock, NULL) == 0);
    return c;
}

void tile_blob_put(const struct tile_blob *b)
{
    struct entry *e = (struct entry *)(uintptr_t)b;
    if (e && atomic_fetch_sub(&e->refs, 1) == 1)
        free(e);
}

void tiles_cache_free(struct tiles_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        for (struct entry *e = c->shards[i].newest, *older; e; e = older) {
            older = e->older;
            tile_blob_put(&e->blob);
        }
        pthread_mutex_destroy(&c->shards[i].lock);
    }
    free(c);
}

/* --- keys and hashes -------------------------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint64_t key_hash(const struct key *k)
{
    uint64_t h = mix(k->generation, str_hash(str_of(k->religion)));
    return mix(mix(h, (uint64_t)k->z << 32 | k->buffer), (uint64_t)k->x << 32 | k->y);
}

static bool key_is_equal(const struct key *a, const struct key *b)
{
    return a->generation == b->generation && strcmp(a->religion, b->religion) == 0 && a->z == b->z && a->x == b->x &&
           a->y == b->y && a->buffer == b->buffer;
}

/* 64 bits by words: an ETag tells two versions of one tile apart, it vouches for nothing. */
static uint64_t content_hash(struct str s)
{
    uint64_t h = mix(UINT64_C(0xcbf29ce484222325), s.n), w;
    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        memcpy(&w, s.p, 8);
        h = mix(h, w);
    }
    w = 0;
    if (s.n)
        memcpy(&w, s.p, s.n);
    return mix(mix(h, w), h >> 29);
}

/* --- a shard; all under its lock
 * ---------------------------------------------------------------------------------------- */

static void list_remove(struct shard *s, struct entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void list_push(struct shard *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

static struct entry *shard_find(struct shard *s, const struct key *k, uint64_t hash)
{
    struct entry *e = s->buckets[hash / SHARDS % BUCKETS];
    while (e && !key_is_equal(&e->key, k))
        e = e->next;
    if (!e)
        return NULL;
    list_remove(s, e);
    list_push(s, e);
    atomic_fetch_add(&e->refs, 1);
    return e;
}

static void shard_drop_oldest(struct shard *s)
{
    struct entry *e = s->oldest, **at = &s->buckets[key_hash(&e->key) / SHARDS % BUCKETS];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(s, e);
    s->bytes -= e->bytes;
    s->tiles--;
    tile_blob_put(&e->blob);
}

static void shard_add(struct shard *s, struct entry *e, uint64_t hash, size_t cap)
{
    struct entry **bucket = &s->buckets[hash / SHARDS % BUCKETS];
    e->next = *bucket;
    *bucket = e;
    list_push(s, e);
    s->bytes += e->bytes;
    s->tiles++;
    while (s->bytes > cap && s->oldest != e)
        shard_drop_oldest(s);
}

/* --- asking
 * ----------------------------------------------------------------------------------------------------------- */

static struct entry *entry_new(const struct key *k, struct str raw, struct str gzip)
{
    struct entry *e = mem_alloc(sizeof *e + gzip.n);
    if (gzip.n)
        memcpy(e->data, gzip.p, gzip.n);
    e->key = *k;
    e->bytes = sizeof *e + gzip.n;
    e->blob.gzip = (struct str){e->data, gzip.n};
    e->blob.raw_n = raw.n;
    snprintf(e->blob.etag, sizeof e->blob.etag, "\"%016llx\"", (unsigned long long)content_hash(raw));
    atomic_init(&e->refs, 2); /* the cache's and the caller's */
    return e;
}

static struct entry *make(struct tiles_maker *t, const struct atlas *a, const struct tiles_query *q,
                          const struct key *k)
{
    tiles_begin(t, q);
    tiles_add_sites(t, a);
    struct str raw = tiles_end(t), gzip = STR("");
    if (raw.n)
        gzip = tiles_gzip(t, raw, TILES_GZIP_LEVEL);
    return entry_new(k, raw, gzip);
}

const struct tile_blob *tiles_cache_sites(struct tiles_cache *c, struct tiles_maker *t, const struct atlas *a,
                                          const struct tiles_query *q)
{
    struct key k = {.generation = atlas_tile_generation(a, q->z, q->x, q->y),
                    .z = (uint32_t)q->z,
                    .x = q->x,
                    .y = q->y,
                    .buffer = q->buffer};
    if (q->religion.n)
        memcpy(k.religion, q->religion.p, q->religion.n);
    uint64_t hash = key_hash(&k);
    struct shard *s = &c->shards[hash % SHARDS];
    pthread_mutex_lock(&s->lock);
    struct entry *e = shard_find(s, &k, hash);
    s->hits += e != NULL;
    s->misses += e == NULL;
    pthread_mutex_unlock(&s->lock);
    if (e)
        return &e->blob;
    struct entry *made = make(t, a, q, &k);
    pthread_mutex_lock(&s->lock);
    e = shard_find(s, &k, hash);
    if (!e)
        shard_add(s, made, hash, c->cap_per_shard);
    pthread_mutex_unlock(&s->lock);
    if (!e)
        return &made->blob;
    free(made);
    return &e->blob;
}

void tiles_cache_info(struct tiles_cache *c, struct tiles_cache_info *out)
{
    struct tiles_cache_info sum = {0};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        sum.bytes += s->bytes;
        sum.tiles += s->tiles;
        sum.hits += s->hits;
        sum.misses += s->misses;
        pthread_mutex_unlock(&s->lock);
    }
    *out = sum;
}
