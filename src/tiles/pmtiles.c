/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Writing PMTiles. The file: header and root directory in the first 16 KiB, then the tiles in the order of their
 * numbers, then metadata and leaf directories (the order of sections is free but for the first two). Tiles are made in
 * batches on all threads; a batch takes its place in the file when the one before has taken its own.
 */
#include "tiles/pmtiles.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/threads.h"
#include "wire/json_out.h"

enum {
    HEADER_BYTES = 127,
    ROOT_END = 16384, /* header and root directory must lie before it */
    BATCH = 256,      /* tiles */
    LEAF_MIN = 4096,  /* entries of a leaf; more when the root grows too large */
    GZIP = 2,         /* the format's numbers */
    MVT = 1,
    STORED_MAX = 256, /* bytes of a tile that is put into gzip as it is: deflate takes 8 us to win an eighth of them */
    DIRECTORY_LEVEL = 9, /* of gzip: directories are small and read by everyone */
    SHOWN_ZOOM = 2       /* where a viewer begins */
};

/* --- numbers of tiles ---------------------------------------------------------------------------------------------- */

static uint64_t first_of_zoom(int z)
{
    return ((UINT64_C(1) << 2 * z) - 1) / 3;
}

/* One step of the curve: a quadrant of side s is mirrored and turned. */
static void turn(uint32_t s, uint32_t *x, uint32_t *y, uint32_t rx, uint32_t ry)
{
    if (ry != 0)
        return;
    if (rx != 0) {
        *x = s - 1 - *x;
        *y = s - 1 - *y;
    }
    uint32_t was = *x;
    *x = *y;
    *y = was;
}

uint64_t pmtiles_id(int z, uint32_t x, uint32_t y)
{
    uint64_t d = 0;
    for (uint32_t s = z ? UINT32_C(1) << (z - 1) : 0; s > 0; s /= 2) {
        uint32_t rx = (x & s) != 0, ry = (y & s) != 0;
        d += (uint64_t)s * s * ((3 * rx) ^ ry);
        x &= s - 1;
        y &= s - 1;
        turn(s, &x, &y, rx, ry);
    }
    return first_of_zoom(z) + d;
}

void pmtiles_zxy(uint64_t id, int *z, uint32_t *x, uint32_t *y)
{
    *z = 0;
    while (*z < 31 && id >= first_of_zoom(*z + 1))
        ++*z;
    uint64_t d = id - first_of_zoom(*z);
    *x = *y = 0;
    for (uint32_t s = 1; s < UINT32_C(1) << *z; s *= 2) {
        uint32_t rx = d / 2 & 1, ry = (uint32_t)(d ^ rx) & 1;
        turn(s, x, y, rx, ry);
        *x += s * rx;
        *y += s * ry;
        d /= 4;
    }
}

/* --- which tiles there are ------------------------------------------------------------------------------------------ */

struct zoom {
    const struct atlas *a;
    int z;
    uint64_t *cells; /* first the tiles' keys, then their numbers */
    size_t n, size;
};

static void note_tile(void *ctx, uint32_t x, uint32_t y)
{
    struct zoom *t = ctx;
    uint64_t cell = geo_cell_from_merc((struct geo_merc){x, y}) >> (62 - 2 * t->z);
    if (t->n > 0 && t->cells[t->n - 1] == cell)
        return;
    if (t->n == t->size) {
        t->size = t->size ? t->size * 2 : 1024;
        t->cells = mem_realloc(t->cells, t->size * sizeof *t->cells);
    }
    t->cells[t->n++] = cell;
}

static int by_value(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

static void list_zoom(void *ctx, size_t i, size_t worker)
{
    (void)worker;
    struct zoom *t = (struct zoom *)ctx + (TILES_ZOOM_MAX - i); /* the longest first */
    size_t n = 0;
    atlas_each_place(t->a, t->z, note_tile, t);
    for (size_t k = 0; k < t->n; k++) {
        struct geo_merc m = geo_cell_merc(t->cells[k] << (62 - 2 * t->z));
        t->cells[k] = t->z ? pmtiles_id(t->z, m.x >> (31 - t->z), m.y >> (31 - t->z)) : 0;
    }
    if (t->n)
        qsort(t->cells, t->n, sizeof *t->cells, by_value);
    for (size_t k = 0; k < t->n; k++)
        if (n == 0 || t->cells[n - 1] != t->cells[k])
            t->cells[n++] = t->cells[k];
    t->n = n;
}

static uint64_t *list_tiles(const struct atlas *a, size_t threads, size_t *n)
{
    struct zoom zooms[TILES_ZOOM_MAX + 1];
    *n = 0;
    for (int z = 0; z <= TILES_ZOOM_MAX; z++)
        zooms[z] = (struct zoom){.a = a, .z = z};
    threads_for(threads, TILES_ZOOM_MAX + 1, list_zoom, zooms);
    for (int z = 0; z <= TILES_ZOOM_MAX; z++)
        *n += zooms[z].n;
    uint64_t *ids = mem_array(*n + 1, sizeof *ids);
    *n = 0;
    for (int z = 0; z <= TILES_ZOOM_MAX; z++) {
        if (zooms[z].n)
            memcpy(ids + *n, zooms[z].cells, zooms[z].n * sizeof *ids);
        *n += zooms[z].n;
        free(zooms[z].cells);
    }
    return ids;
}

/* --- tiles ----------------------------------------------------------------------------------------------------------- */

struct pyramid {
    const struct atlas *a;
    const uint64_t *ids;
    uint32_t *bytes; /* of each tile, gzipped */
    size_t n;
    struct tiles_maker **makers; /* per worker */
    struct buf *buffers;
    int fd;
    const char *path;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    size_t next; /* batch to be given its place */
    uint64_t at; /* end of what has a place */
    int error;   /* errno of the first write that failed */
};

static int write_at(int fd, const char *p, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t put = pwrite(fd, p, n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : EIO;
        p += put;
        n -= (size_t)put;
        at += (uint64_t)put;
    }
    return 0;
}

static void make_tile(struct pyramid *p, struct tiles_maker *t, size_t i, struct buf *out)
{
    struct tiles_query q = {0};
    pmtiles_zxy(p->ids[i], &q.z, &q.x, &q.y);
    tiles_begin(t, &q);
    tiles_add_sites(t, p->a);
    struct str raw = tiles_end(t);
    struct str packed = tiles_gzip(t, raw, raw.n > STORED_MAX ? TILES_GZIP_LEVEL : 0);
    p->bytes[i] = (uint32_t)packed.n;
    buf_add(out, packed.p, packed.n);
}

static uint64_t take_place(struct pyramid *p, size_t batch, size_t bytes)
{
    pthread_mutex_lock(&p->lock);
    while (p->next != batch)
        pthread_cond_wait(&p->turned, &p->lock);
    uint64_t at = p->at;
    p->at += bytes;
    p->next++;
    pthread_cond_broadcast(&p->turned);
    pthread_mutex_unlock(&p->lock);
    return at;
}

static void make_batch(void *ctx, size_t batch, size_t worker)
{
    struct pyramid *p = ctx;
    struct buf *b = &p->buffers[worker];
    size_t to = (batch + 1) * BATCH < p->n ? (batch + 1) * BATCH : p->n;
    if (!p->makers[worker]) {
        p->makers[worker] = tiles_maker_new();
        buf_init(b, 0);
    }
    buf_clear(b);
    for (size_t i = batch * BATCH; i < to; i++)
        make_tile(p, p->makers[worker], i, b);
    uint64_t at = take_place(p, batch, b->n);
    int error = write_at(p->fd, buf_str(b).p, b->n, at);
    if (error) {
        pthread_mutex_lock(&p->lock);
        p->error = p->error ? p->error : error;
        pthread_mutex_unlock(&p->lock);
    }
}

static enum rc write_tiles(struct pyramid *p, size_t threads, struct err *err)
{
    threads = threads ? threads : threads_online();
    p->makers = mem_array(threads, sizeof *p->makers);
    p->buffers = mem_array(threads, sizeof *p->buffers);
    p->bytes = mem_array(p->n + 1, sizeof *p->bytes);
    ENSURE(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->turned, NULL) == 0);
    threads_for(threads, (p->n + BATCH - 1) / BATCH, make_batch, p);
    for (size_t i = 0; i < threads; i++) {
        if (p->makers[i])
            buf_fini(&p->buffers[i]);
        tiles_maker_free(p->makers[i]);
    }
    free(p->makers);
    free(p->buffers);
    pthread_cond_destroy(&p->turned);
    pthread_mutex_destroy(&p->lock);
    return p->error ? err_set(err, RC_IO, "cannot write %s: %s", p->path, strerror(p->error)) : RC_OK;
}

/* --- directories ------------------------------------------------------------------------------------------------------ */

/* run 0: a leaf directory, its place relative to theirs. */
struct entry {
    uint64_t id, at;
    uint32_t bytes, run;
};

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_char(b, (char)(v | 0x80));
    buf_add_char(b, (char)v);
}

/* Column by column: numbers as differences, runs, lengths, places (0: right behind the one before; else one more). */
static void put_directory(struct buf *b, const struct entry *e, size_t n)
{
    put_varint(b, n);
    for (size_t i = 0; i < n; i++)
        put_varint(b, e[i].id - (i ? e[i - 1].id : 0));
    for (size_t i = 0; i < n; i++)
        put_varint(b, e[i].run);
    for (size_t i = 0; i < n; i++)
        put_varint(b, e[i].bytes);
    for (size_t i = 0; i < n; i++)
        put_varint(b, i && e[i].at == e[i - 1].at + e[i - 1].bytes ? 0 : e[i].at + 1);
}

struct ending {
    struct tiles_maker *maker; /* for its compressor */
    struct buf plain, metadata, leaves, root;
};

static void put_packed(struct ending *d, const struct entry *e, size_t n, struct buf *out)
{
    buf_clear(&d->plain);
    put_directory(&d->plain, e, n);
    buf_add_str(out, tiles_gzip(d->maker, buf_str(&d->plain), DIRECTORY_LEVEL));
}

static void put_leaves(struct ending *d, const struct entry *e, size_t n, size_t per_leaf)
{
    size_t leaves = (n + per_leaf - 1) / per_leaf;
    struct entry *root = mem_array(leaves + 1, sizeof *root);
    buf_clear(&d->leaves);
    buf_clear(&d->root);
    for (size_t i = 0; i < leaves; i++) {
        size_t from = i * per_leaf, count = n - from < per_leaf ? n - from : per_leaf, at = d->leaves.n;
        put_packed(d, e + from, count, &d->leaves);
        root[i] = (struct entry){.id = e[from].id, .at = at, .bytes = (uint32_t)(d->leaves.n - at)};
    }
    put_packed(d, root, leaves, &d->root);
    free(root);
}

static void put_directories(struct ending *d, const struct pyramid *p)
{
    struct entry *e = mem_array(p->n + 1, sizeof *e);
    uint64_t at = 0;
    for (size_t i = 0; i < p->n; i++) {
        e[i] = (struct entry){.id = p->ids[i], .at = at, .bytes = p->bytes[i], .run = 1};
        at += p->bytes[i];
    }
    put_packed(d, e, p->n, &d->root);
    for (size_t per_leaf = LEAF_MIN; d->root.n > ROOT_END - HEADER_BYTES; per_leaf *= 2)
        put_leaves(d, e, p->n, per_leaf);
    free(e);
}

/* --- header ----------------------------------------------------------------------------------------------------------- */

static char *put_number(char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *p++ = (char)(v >> 8 * i);
    return p;
}

static char *put_place(char *p, double lon_deg, double lat_deg)
{
    p = put_number(p, (uint32_t)geo_e7(lon_deg), 4);
    return put_number(p, (uint32_t)geo_e7(lat_deg), 4);
}

static void put_header(char page[ROOT_END], const struct pyramid *p, const struct ending *d)
{
    uint64_t metadata_at = p->at, leaves_at = metadata_at + d->metadata.n;
    const uint64_t sections[] = {HEADER_BYTES, d->root.n,        metadata_at, d->metadata.n, leaves_at, d->leaves.n,
                                 ROOT_END,     p->at - ROOT_END, p->n,        p->n,          p->n};
    memcpy(page, "PMTiles\3", 8);
    char *at = page + 8;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        at = put_number(at, sections[i], 8);
    *at++ = 1; /* clustered: tiles lie in the order of their numbers */
    *at++ = GZIP;
    *at++ = GZIP;
    *at++ = MVT;
    *at++ = 0;
    *at++ = TILES_ZOOM_MAX;
    at = put_place(at, -180, -MERCATOR_MAX_LAT_DEG);
    at = put_place(at, 180, MERCATOR_MAX_LAT_DEG);
    *at++ = SHOWN_ZOOM;
    at = put_place(at, 0, 0);
    ENSURE(at == page + HEADER_BYTES);
    memcpy(at, buf_str(&d->root).p, d->root.n);
}

static enum rc write_ending(struct pyramid *p, const struct pmtiles_options *opt, struct err *err)
{
    struct ending d = {.maker = tiles_maker_new()};
    struct buf *buffers[] = {&d.plain, &d.metadata, &d.leaves, &d.root};
    char *first = mem_alloc(ROOT_END);
    for (size_t i = 0; i < 4; i++)
        buf_init(buffers[i], 0);
    put_directories(&d, p);
    buf_clear(&d.plain);
    tiles_metadata_write(opt->name, opt->attribution, &d.plain);
    buf_add_str(&d.metadata, tiles_gzip(d.maker, buf_str(&d.plain), DIRECTORY_LEVEL));
    put_header(first, p, &d);
    int error = write_at(p->fd, buf_str(&d.metadata).p, d.metadata.n, p->at);
    if (!error)
        error = write_at(p->fd, buf_str(&d.leaves).p, d.leaves.n, p->at + d.metadata.n);
    if (!error)
        error = write_at(p->fd, first, ROOT_END, 0);
    p->at += d.metadata.n + d.leaves.n;
    for (size_t i = 0; i < 4; i++)
        buf_fini(buffers[i]);
    free(first);
    tiles_maker_free(d.maker);
    return error ? err_set(err, RC_IO, "cannot write %s: %s", p->path, strerror(error)) : RC_OK;
}

/* --- the file --------------------------------------------------------------------------------------------------------- */

/* OpenSSL's SHA-256, by the processor's own instructions. */
static enum rc digest_file(const struct pyramid *p, struct sha256 *out, struct err *err)
{
    enum { PIECE = 1 << 20 };
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    char *piece = mem_alloc(PIECE);
    unsigned n = sizeof out->b;
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL);
    for (uint64_t at = 0; ok && at < p->at;) {
        ssize_t got = pread(p->fd, piece, PIECE, (off_t)at);
        ok = got > 0 && EVP_DigestUpdate(c, piece, (size_t)got);
        at += ok ? (uint64_t)got : 0;
    }
    ok = ok && EVP_DigestFinal_ex(c, out->b, &n);
    EVP_MD_CTX_free(c);
    free(piece);
    return ok ? RC_OK : err_set(err, RC_IO, "cannot read %s back", p->path);
}

static enum rc write_file(struct pyramid *p, const struct pmtiles_options *opt, struct pmtiles_report *out,
                          struct err *err)
{
    TRY(write_tiles(p, opt->threads, err));
    TRY(write_ending(p, opt, err));
    TRY(digest_file(p, &out->digest, err));
    if (fsync(p->fd) != 0)
        return err_set(err, RC_IO, "cannot fsync %s: %s", p->path, strerror(errno));
    out->tiles = p->n;
    out->bytes = p->at;
    return RC_OK;
}

static enum rc sync_folder(const char *path, struct err *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return file_sync_dir(".", err);
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return file_sync_dir(folder, err);
}

enum rc pmtiles_write(const struct atlas *a, const char *path, const struct pmtiles_options *opt,
                      struct pmtiles_report *out, struct err *err)
{
    char part[4096];
    struct atlas_info info;
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return err_set(err, RC_INVALID, "path %s is too long", path);
    struct pyramid p = {.a = a, .at = ROOT_END, .path = part};
    p.fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (p.fd < 0)
        return err_set(err, RC_IO, "cannot make %s: %s", part, strerror(errno));
    uint64_t *ids = list_tiles(a, opt->threads, &p.n);
    p.ids = ids;
    atlas_info(a, &info);
    out->sites = info.sites;
    enum rc rc = write_file(&p, opt, out, err);
    close(p.fd);
    if (rc == RC_OK && rename(part, path) != 0)
        rc = err_set(err, RC_IO, "cannot rename %s to %s: %s", part, path, strerror(errno));
    if (rc != RC_OK)
        unlink(part);
    free(ids);
    free(p.bytes);
    return rc == RC_OK ? sync_folder(path, err) : rc;
}
