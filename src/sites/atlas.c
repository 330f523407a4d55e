/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Opening, checking and asking the atlas. Tiles are in atlas_tile.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/threads.h"
#include "sites/atlas_int.h"

/* --- digest ---------------------------------------------------------------------------------------------------- */

struct digesting {
    int fd;
    uint64_t end;
    struct sha256 *out;
    char **buffers; /* per worker */
    atomic_int error;
};

size_t atlas_chunks(uint64_t digests_at)
{
    return (size_t)((digests_at - ATLAS_PAGE + ATLAS_CHUNK - 1) / ATLAS_CHUNK);
}

static bool read_at(int fd, char *to, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return true;
}

static void digest_chunk(void *ctx, size_t i, size_t worker)
{
    struct digesting *d = ctx;
    uint64_t from = ATLAS_PAGE + (uint64_t)i * ATLAS_CHUNK, left = d->end - from;
    size_t n = left < ATLAS_CHUNK ? (size_t)left : ATLAS_CHUNK;
    if (!d->buffers[worker])
        d->buffers[worker] = mem_alloc(ATLAS_CHUNK);
    /* OpenSSL's, which uses the processor's SHA instructions: 325 MB took 1.2 s of processor time with libsodium's. */
    if (read_at(d->fd, d->buffers[worker], n, from))
        SHA256((const unsigned char *)d->buffers[worker], n, d->out[i].b);
    else
        atomic_store(&d->error, 1);
}

/* Chunk by chunk, as one SHA-256 over 300 MB would keep one processor busy for a second while the others wait. */
enum rc atlas_digest_chunks(int fd, uint64_t digests_at, size_t threads, struct sha256 *out, struct err *err)
{
    struct digesting d = {.fd = fd, .end = digests_at, .out = out};
    if (threads == 0)
        threads = threads_online();
    d.buffers = mem_array(threads, sizeof *d.buffers);
    threads_for(threads, atlas_chunks(digests_at), digest_chunk, &d);
    for (size_t i = 0; i < threads; i++)
        free(d.buffers[i]);
    free(d.buffers);
    return d.error ? err_set(err, RC_IO, "cannot read the atlas to its end") : RC_OK;
}

static struct sha256 digest_of_all(const struct atlas_header *h, const void *digests, size_t bytes)
{
    char page[ATLAS_PAGE];
    struct sha256_state state;
    memcpy(page, h, sizeof page);
    memset(page + offsetof(struct atlas_header, digest), 0, sizeof h->digest);
    sha256_begin(&state);
    sha256_add(&state, page, sizeof page);
    sha256_add(&state, digests, bytes);
    return sha256_end(&state);
}

static enum rc check_chunks(int fd, const struct atlas *a, struct err *err)
{
    uint64_t at = a->h->sections[SEC_DIGESTS].at;
    size_t chunks = atlas_chunks(at), bad = 0;
    struct sha256 *got = mem_array(chunks + 1, sizeof *got);
    enum rc rc = atlas_digest_chunks(fd, at, 0, got, err);
    while (rc == RC_OK && bad < chunks && memcmp(got[bad].b, (const char *)a->h + at + 32 * bad, 32) == 0)
        bad++;
    if (rc == RC_OK && bad < chunks)
        rc = err_set(err, RC_DAMAGED, "damaged between bytes %zu and %zu", ATLAS_PAGE + bad * ATLAS_CHUNK,
                     ATLAS_PAGE + (bad + 1) * (size_t)ATLAS_CHUNK);
    free(got);
    return rc;
}

static enum rc check_digest(const char *path, const struct atlas *a, struct err *err)
{
    struct atlas_section s = a->h->sections[SEC_DIGESTS];
    struct sha256 all = digest_of_all(a->h, (const char *)a->h + s.at, s.bytes);
    if (memcmp(all.b, a->h->digest, sizeof all.b) != 0)
        return err_set(err, RC_DAMAGED, "the header or the list of digests does not match the digest");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot open: %s", strerror(errno));
    enum rc rc = check_chunks(fd, a, err);
    close(fd);
    return rc;
}

/* --- shape ------------------------------------------------------------------------------------------------------ */

static enum rc check_header(struct file_map bytes, struct err *err)
{
    const struct atlas_header *h = (const void *)bytes.p;
    if (bytes.n < ATLAS_PAGE || memcmp(h->magic, ATLAS_MAGIC, sizeof h->magic) != 0)
        return err_set(err, RC_DAMAGED, "this is no atlas file");
    if (h->version != ATLAS_VERSION || h->byte_order != ATLAS_BYTE_ORDER)
        return err_set(err, RC_DAMAGED,
                       "the atlas is of version %u or another byte order; this program reads version %d", h->version,
                       ATLAS_VERSION);
    if (h->file_bytes != bytes.n)
        return err_set(err, RC_DAMAGED, "the atlas should have %llu bytes and has %zu",
                       (unsigned long long)h->file_bytes, bytes.n);
    if (h->sites > GEO_INDEX_POINTS_MAX || memchr(h->revision, 0, sizeof h->revision) == NULL)
        return err_set(err, RC_DAMAGED, "the atlas's header is out of bounds");
    return RC_OK;
}

/* A section's bytes, which must be `count` items of `size`; NULL when it does not fit. */
static const void *section(const struct atlas *a, int k, uint64_t count, size_t size)
{
    struct atlas_section s = a->h->sections[k];
    uint64_t end = k == SEC_DIGESTS ? a->h->file_bytes : a->h->sections[SEC_DIGESTS].at;
    if (s.at < ATLAS_PAGE || s.at % 64 != 0 || s.at > end || s.bytes > end - s.at)
        return NULL;
    if (count > UINT32_MAX || s.bytes != count * size)
        return NULL;
    return (const char *)a->h + s.at; /* the header is where the file begins */
}

static bool attach_level(struct atlas *a, int z)
{
    struct atlas_level *l = &a->levels[z];
    uint64_t marks = a->h->marks[z], clusters = a->h->clusters[z];
    int k = SEC_LEVEL0 + z * LEVEL_SECTIONS;
    l->marks = (size_t)marks;
    l->clusters = (size_t)clusters;
    l->bands = section(a, k + LEVEL_BANDS, atlas_bands(z) + 1, sizeof(uint32_t));
    l->mark = section(a, k + LEVEL_MARK, marks, sizeof *l->mark);
    l->count = section(a, k + LEVEL_COUNT, clusters, sizeof(uint32_t));
    l->religion = section(a, k + LEVEL_RELIGION, clusters, sizeof(uint32_t));
    l->shares_n = (size_t)a->h->shares[z];
    l->from = section(a, k + LEVEL_FROM, z == ATLAS_ZOOM_CLUSTERS ? a->h->sites : a->h->marks[z + 1], sizeof(uint32_t));
    l->share_at = section(a, k + LEVEL_SHARE_AT, clusters + 1, sizeof(uint32_t));
    l->shares = section(a, k + LEVEL_SHARES, a->h->shares[z], sizeof *l->shares);
    return l->bands && l->mark && l->count && l->religion && l->from && l->share_at && l->shares;
}

static bool attach_sections(struct atlas *a)
{
    const struct atlas_header *h = a->h;
    uint64_t n = h->sites, digests_at = h->sections[SEC_DIGESTS].at;
    if (digests_at < ATLAS_PAGE || digests_at > h->file_bytes || !section(a, SEC_DIGESTS, atlas_chunks(digests_at), 32))
        return false;
    a->sites = (size_t)n;
    a->combos_n = (size_t)h->combos;
    a->pool_n = (size_t)h->sections[SEC_POOL].bytes;
    a->cell = section(a, SEC_CELL, n, sizeof *a->cell);
    a->record = section(a, SEC_RECORD, n, sizeof *a->record);
    a->combos = section(a, SEC_COMBOS, h->combos, sizeof *a->combos);
    a->pool = section(a, SEC_POOL, h->sections[SEC_POOL].bytes, 1);
    a->by_id = section(a, SEC_BY_ID, n, sizeof *a->by_id);
    a->religions_n = (size_t)h->religions;
    a->religions = section(a, SEC_RELIGIONS, h->religions, sizeof *a->religions);
    bool ok = a->cell && a->record && a->combos && a->pool && a->by_id && a->religions;
    for (int z = 0; z < ATLAS_LEVELS; z++)
        ok = ok && attach_level(a, z);
    return ok;
}

static bool attach_index(struct atlas *a)
{
    const int32_t *lat = section(a, SEC_LAT, a->sites, sizeof *lat), *lon = section(a, SEC_LON, a->sites, sizeof *lon);
    const struct geo_index_block *blocks = section(a, SEC_INDEX, a->h->index_blocks, sizeof *blocks);
    return lat && lon && blocks && geo_index_init(&a->index, lat, lon, a->sites, blocks, (size_t)a->h->index_blocks);
}

enum rc atlas_attach(struct atlas *a, struct file_map bytes, struct err *err)
{
    TRY(check_header(bytes, err));
    *a = (struct atlas){.h = (const void *)bytes.p};
    if (!attach_sections(a))
        return err_set(err, RC_DAMAGED, "a section of the atlas is out of bounds");
    if (!attach_index(a))
        return err_set(err, RC_DAMAGED, "the atlas's point index is out of bounds");
    memcpy(a->digest.b, a->h->digest, sizeof a->digest.b);
    return RC_OK;
}

enum rc atlas_open(const char *path, struct atlas **out, struct err *err)
{
    struct file_map map;
    TRY(file_map_open(path, &map, err));
    struct atlas *a = mem_alloc(sizeof *a);
    enum rc rc = atlas_attach(a, map, err);
    if (rc == RC_OK)
        rc = check_digest(path, a, err);
    if (rc != RC_OK) {
        file_map_close(&map);
        free(a);
        return err_add(err, "%s: ", path);
    }
    a->file = mem_alloc(sizeof *a->file);
    a->file->map = map;
    atomic_init(&a->file->handles, 1);
    a->file->plain = *a;
    *out = a;
    return RC_OK;
}

void atlas_close(struct atlas *a)
{
    if (!a)
        return;
    if (atomic_fetch_sub(&a->file->handles, 1) == 1) {
        file_map_close(&a->file->map);
        free(a->file);
    }
    atlas_delta_free(a->delta);
    free(a);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

void atlas_info(const struct atlas *a, struct atlas_info *out)
{
    const struct atlas_delta *d = a->delta;
    *out = (struct atlas_info){
        .sites = a->sites, .bytes = (size_t)a->h->file_bytes, .revision = str_of(a->h->revision), .digest = a->digest};
    for (int z = 0; z < ATLAS_LEVELS; z++)
        out->marks[z] = a->levels[z].marks + (d ? d->levels[z].marks - d->touched_n[z] : 0);
    memcpy(&out->generation, a->digest.b, sizeof out->generation);
    if (d) {
        out->sites = a->sites - d->removed.n + d->added.n;
        out->generation = d->generation;
        out->removed = d->removed.n;
        out->added = d->added.n;
    }
    out->marks[ATLAS_ZOOM_MAX] = out->sites;
}

struct str atlas_pool_str(const struct atlas *a, uint32_t at)
{
    const char *pool = a->pool;
    size_t end = a->pool_n;
    if (a->delta && at >= a->pool_n) {
        pool = a->delta->pool;
        at -= (uint32_t)a->pool_n;
        end = a->delta->pool_n;
    }
    if (at >= end)
        return STR("");
    size_t n = (unsigned char)pool[at];
    return n > end - at - 1 ? STR("") : (struct str){pool + at + 1, n};
}

struct str atlas_religion(const struct atlas *a, uint32_t number)
{
    return number < a->religions_n ? atlas_pool_str(a, a->religions[number]) : STR("");
}

void atlas_site_text(const struct atlas *a, size_t index, struct atlas_site *out)
{
    ENSURE(index < a->sites + atlas_added(a));
    const struct atlas_record *r = atlas_record_of(a, index);
    struct atlas_combo c = {0};
    bool has_labels;
    if (r->combo < a->combos_n)
        c = a->combos[r->combo];
    struct str name = atlas_name(a, r->name, &has_labels);
    *out = (struct atlas_site){.public_id = r->id,
                               .name = name,
                               .has_labels = has_labels,
                               .religion = atlas_pool_str(a, c.religion),
                               .kind = atlas_pool_str(a, c.kind),
                               .class_code = atlas_pool_str(a, c.class_code),
                               .flags = c.flags,
                               .combo = r->combo};
}

void atlas_site(const struct atlas *a, size_t index, struct atlas_site *out)
{
    atlas_site_text(a, index, out);
    struct geo_point p = index < a->sites ? geo_index_point(&a->index, index)
                                          : geo_index_point(&a->delta->added.index, index - a->sites);
    out->lat_deg = p.lat_deg;
    out->lon_deg = p.lon_deg;
}

/* --- places ------------------------------------------------------------------------------------------------------ */

/* Between the image's index and the caller: what is gone is passed over, and an added site's number is its own plus
 * `shift`. */
struct through {
    const struct atlas *a;
    uint32_t shift;
    geo_keep_fn keep;
    geo_each_fn fn;
    void *ctx;
    bool is_stopped;
};

static bool through_keep(void *ctx, uint32_t index)
{
    const struct through *t = ctx;
    if (index + t->shift < t->a->sites && atlas_is_gone(t->a, index))
        return false;
    return !t->keep || t->keep(t->ctx, index + t->shift);
}

static bool through_each(void *ctx, uint32_t index, double distance_m)
{
    struct through *t = ctx;
    if (index + t->shift < t->a->sites && atlas_is_gone(t->a, index))
        return true;
    t->is_stopped = !t->fn(t->ctx, index + t->shift, distance_m);
    return !t->is_stopped;
}

/* Two lists, nearest first, become one; equal distances by index, and all of b's are higher. */
static size_t merge_near(struct geo_near *a, size_t n, const struct geo_near *b, size_t m, size_t most)
{
    size_t total = n + m < most ? n + m : most;
    while (n + m > total)
        if (m == 0 || (n > 0 && a[n - 1].distance_m > b[m - 1].distance_m))
            n--;
        else
            m--;
    for (size_t k = total; k > 0; k--)
        a[k - 1] = m == 0 || (n > 0 && a[n - 1].distance_m > b[m - 1].distance_m) ? a[--n] : b[--m];
    return total;
}

size_t atlas_nearest(const struct atlas *a, struct geo_point p, size_t n, double max_m, geo_keep_fn keep, void *ctx,
                     struct geo_near *out)
{
    struct geo_near added[GEO_NEAR_MAX];
    if (!a->delta)
        return geo_index_near(&a->index, p, n, max_m, keep, ctx, out);
    struct through t = {.a = a, .keep = keep, .ctx = ctx};
    size_t found = geo_index_near(&a->index, p, n, max_m, through_keep, &t, out);
    t.shift = (uint32_t)a->sites;
    size_t more = geo_index_near(&a->delta->added.index, p, n, max_m, keep ? through_keep : NULL, &t, added);
    for (size_t i = 0; i < more; i++)
        added[i].index += t.shift;
    return merge_near(out, found, added, more, n);
}

size_t atlas_near(const struct atlas *a, struct geo_point p, size_t n, struct geo_near *out)
{
    return atlas_nearest(a, p, n, INFINITY, NULL, NULL, out);
}

void atlas_within(const struct atlas *a, struct geo_point p, double radius_m, geo_each_fn fn, void *ctx)
{
    struct through t = {.a = a, .fn = fn, .ctx = ctx};
    if (!a->delta) {
        geo_index_within(&a->index, p, radius_m, fn, ctx);
        return;
    }
    geo_index_within(&a->index, p, radius_m, through_each, &t);
    t.shift = (uint32_t)a->sites;
    if (!t.is_stopped && a->delta->added.n)
        geo_index_within(&a->delta->added.index, p, radius_m, through_each, &t);
}

size_t atlas_count_box(const struct atlas *a, const struct geo_box *b)
{
    size_t n = geo_index_count_box(&a->index, b);
    if (!a->delta)
        return n;
    return n - geo_index_count_box(&a->delta->removed.index, b) + geo_index_count_box(&a->delta->added.index, b);
}

void atlas_each_box(const struct atlas *a, const struct geo_box *b, geo_each_fn fn, void *ctx)
{
    struct through t = {.a = a, .fn = fn, .ctx = ctx};
    if (!a->delta) {
        geo_index_each_box(&a->index, b, fn, ctx);
        return;
    }
    geo_index_each_box(&a->index, b, through_each, &t);
    t.shift = (uint32_t)a->sites;
    if (!t.is_stopped && a->delta->added.n)
        geo_index_each_box(&a->delta->added.index, b, through_each, &t);
}

void atlas_each_in_shape(const struct atlas *a, const struct geo_shape *s, geo_each_fn fn, void *ctx)
{
    struct through t = {.a = a, .fn = fn, .ctx = ctx};
    if (!a->delta) {
        geo_index_each_in_shape(&a->index, s, fn, ctx);
        return;
    }
    geo_index_each_in_shape(&a->index, s, through_each, &t);
    t.shift = (uint32_t)a->sites;
    if (!t.is_stopped)
        geo_index_each_in_shape(&a->delta->added.index, s, through_each, &t);
}

size_t atlas_count_in_shape(const struct atlas *a, const struct geo_shape *s)
{
    size_t n = geo_index_count_in_shape(&a->index, s);
    if (!a->delta)
        return n;
    return n - geo_index_count_in_shape(&a->delta->removed.index, s) +
           geo_index_count_in_shape(&a->delta->added.index, s);
}

/* --- walking ----------------------------------------------------------------------------------------------------- */

size_t atlas_cell_bound(const uint64_t *cell, size_t n, size_t from, uint64_t at)
{
    size_t to = n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (cell[mid] < at)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

struct atlas_walk atlas_walk_from(const struct atlas *a, uint64_t first, uint64_t last)
{
    struct atlas_walk w = {.a = a, .last = last, .image_at = atlas_cell_bound(a->cell, a->sites, 0, first)};
    if (a->delta)
        w.added_at = atlas_cell_bound(a->delta->added.cell, a->delta->added.n, 0, first);
    return w;
}

bool atlas_walk_next(struct atlas_walk *w)
{
    const struct atlas *a = w->a;
    while (a->delta && w->image_at < a->sites && atlas_bit(a->delta->gone, w->image_at))
        w->image_at++;
    uint64_t image = w->image_at < a->sites ? a->cell[w->image_at] : UINT64_MAX, added = UINT64_MAX;
    if (a->delta && w->added_at < a->delta->added.n)
        added = a->delta->added.cell[w->added_at];
    w->cell = image <= added ? image : added;
    if (w->cell > w->last || w->cell == UINT64_MAX)
        return false;
    w->index = image <= added ? (uint32_t)w->image_at++ : (uint32_t)(a->sites + w->added_at++);
    return true;
}
