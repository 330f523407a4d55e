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
    while (rc == RC_OK && bad < chunks && memcmp(got[bad].b, a->map.p + at + 32 * bad, 32) == 0)
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
    struct sha256 all = digest_of_all(a->h, a->map.p + s.at, s.bytes);
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
    uint64_t end = k == SEC_DIGESTS ? a->map.n : a->h->sections[SEC_DIGESTS].at;
    if (s.at < ATLAS_PAGE || s.at % 64 != 0 || s.at > end || s.bytes > end - s.at)
        return NULL;
    if (count > UINT32_MAX || s.bytes != count * size)
        return NULL;
    return a->map.p + s.at;
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
    return l->bands && l->mark && l->count && l->religion;
}

static bool attach_sections(struct atlas *a)
{
    const struct atlas_header *h = a->h;
    uint64_t n = h->sites, digests_at = h->sections[SEC_DIGESTS].at;
    if (digests_at < ATLAS_PAGE || digests_at > a->map.n || !section(a, SEC_DIGESTS, atlas_chunks(digests_at), 32))
        return false;
    a->sites = (size_t)n;
    a->combos_n = (size_t)h->combos;
    a->pool_n = (size_t)h->sections[SEC_POOL].bytes;
    a->cell = section(a, SEC_CELL, n, sizeof *a->cell);
    a->record = section(a, SEC_RECORD, n, sizeof *a->record);
    a->combos = section(a, SEC_COMBOS, h->combos, sizeof *a->combos);
    a->pool = section(a, SEC_POOL, h->sections[SEC_POOL].bytes, 1);
    bool ok = a->cell && a->record && a->combos && a->pool;
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
    *a = (struct atlas){.map = bytes, .h = (const void *)bytes.p};
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
        return err_add(err, "%s", path);
    }
    *out = a;
    return RC_OK;
}

void atlas_close(struct atlas *a)
{
    if (!a)
        return;
    file_map_close(&a->map);
    free(a);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

void atlas_info(const struct atlas *a, struct atlas_info *out)
{
    *out = (struct atlas_info){
        .sites = a->sites, .bytes = a->map.n, .revision = str_of(a->h->revision), .digest = a->digest};
    for (int z = 0; z < ATLAS_LEVELS; z++)
        out->marks[z] = a->levels[z].marks;
    out->marks[ATLAS_ZOOM_MAX] = a->sites;
    memcpy(&out->generation, a->digest.b, sizeof out->generation);
}

struct str atlas_pool_str(const struct atlas *a, uint32_t at)
{
    if (at >= a->pool_n)
        return STR("");
    size_t n = (unsigned char)a->pool[at];
    return n > a->pool_n - at - 1 ? STR("") : (struct str){a->pool + at + 1, n};
}

void atlas_site_text(const struct atlas *a, size_t index, struct atlas_site *out)
{
    ENSURE(index < a->sites);
    const struct atlas_record *r = &a->record[index];
    struct atlas_combo c = {0};
    if (r->combo < a->combos_n)
        c = a->combos[r->combo];
    *out = (struct atlas_site){.public_id = r->id,
                               .name = atlas_pool_str(a, r->name),
                               .religion = atlas_pool_str(a, c.religion),
                               .kind = atlas_pool_str(a, c.kind),
                               .class_code = atlas_pool_str(a, c.class_code),
                               .flags = c.flags,
                               .combo = r->combo};
}

void atlas_site(const struct atlas *a, size_t index, struct atlas_site *out)
{
    atlas_site_text(a, index, out);
    struct geo_point p = geo_index_point(&a->index, index);
    out->lat_deg = p.lat_deg;
    out->lon_deg = p.lon_deg;
}

const struct geo_index *atlas_index(const struct atlas *a)
{
    return &a->index;
}

size_t atlas_near(const struct atlas *a, struct geo_point p, size_t n, struct geo_near *out)
{
    return geo_index_near(&a->index, p, n, INFINITY, NULL, NULL, out);
}

void atlas_within(const struct atlas *a, struct geo_point p, double radius_m, geo_each_fn fn, void *ctx)
{
    geo_index_within(&a->index, p, radius_m, fn, ctx);
}

size_t atlas_count_box(const struct atlas *a, const struct geo_box *b)
{
    return geo_index_count_box(&a->index, b);
}

void atlas_each_box(const struct atlas *a, const struct geo_box *b, geo_each_fn fn, void *ctx)
{
    geo_index_each_box(&a->index, b, fn, ctx);
}
