/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * OSM PBF: the file, its index of blobs, its header, and the unpacking of one blob. Blocks: osm_pbf_block.c.
 */
#include "wire/osm_pbf_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct blob {
    uint64_t at; /* of the Blob message; the four bytes and the BlobHeader stand before it */
    uint32_t size;
    uint32_t header; /* bytes before it */
};

struct osm_pbf {
    int fd;
    struct str mem; /* instead of fd */
    uint64_t bytes;
    struct blob *blobs;
    size_t blobs_n, blobs_size;
};

/* How far a piece of work names its place in the file. */
struct where {
    size_t blob;
    uint64_t at;
};

static enum rc bad(struct err *err, enum rc rc, struct where w, const char *what)
{
    return err_set(err, rc, "blob %zu at byte %llu: %s", w.blob, (unsigned long long)w.at, what);
}

static enum rc read_at(const struct osm_pbf *f, uint64_t at, void *out, size_t n, struct err *err)
{
    if (at > f->bytes || n > f->bytes - at)
        return err_set(err, RC_DAMAGED, "the file ends at byte %llu", (unsigned long long)f->bytes);
    if (f->fd < 0) {
        memcpy(out, f->mem.p + at, n);
        return RC_OK;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(f->fd, (char *)out + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, RC_IO, "cannot read at byte %llu: %s", (unsigned long long)(at + done),
                           strerror(errno));
        if (got == 0)
            return err_set(err, RC_DAMAGED, "the file was cut to %llu bytes while it was read",
                           (unsigned long long)(at + done));
        done += (size_t)got;
    }
    return RC_OK;
}

/* --- readers ------------------------------------------------------------------------------------------------------- */

struct osm_pbf_reader *osm_pbf_reader_new(void)
{
    struct osm_pbf_reader *r = mem_alloc(sizeof *r);
    r->inflater = inflater_new();
    return r;
}

void osm_pbf_reader_free(struct osm_pbf_reader *r)
{
    if (!r)
        return;
    inflater_free(r->inflater);
    free(r->in);
    free(r->out);
    free(r->texts);
    free(r->marks);
    free(r->hits);
    free(r->tags);
    free(r->refs);
    free(r->coords);
    free(r->members);
    free(r);
}

size_t osm_pbf_reader_bytes(const struct osm_pbf_reader *r)
{
    return r->in_size + r->out_size + r->texts_size * (sizeof *r->texts + sizeof *r->marks) +
           r->hits_size * sizeof *r->hits + r->tags_size * sizeof *r->tags + r->refs_size * sizeof *r->refs +
           r->coords_size * sizeof *r->coords + r->members_size * sizeof *r->members;
}

void *pbf_room(void *p, size_t *have, size_t n, size_t size)
{
    if (n <= *have)
        return p;
    size_t want = n + n / 2 + 64;
    *have = want;
    return mem_realloc(p, want * size);
}

/* --- one blob ------------------------------------------------------------------------------------------------------ */

static const struct {
    uint32_t field;
    const char *name;
} FOREIGN[] = {{4, "LZMA"}, {5, "bzip2"}, {7, "Zstandard"}};

struct packing {
    uint32_t field; /* 1 raw, 3 zlib, 6 LZ4 */
    struct str data;
    uint64_t raw_size;
    bool has_size;
};

static enum rc blob_parse(struct str message, struct packing *out, struct where w, struct err *err)
{
    struct pb c = pb_of(message);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD) {
        for (size_t i = 0; i < sizeof FOREIGN / sizeof *FOREIGN; i++)
            if (f.number == FOREIGN[i].field && f.wire == PB_BYTES)
                return err_set(
                    err, RC_UNSUPPORTED,
                    "blob %zu at byte %llu: %s compression is not supported; convert the file to zlib or LZ4", w.blob,
                    (unsigned long long)w.at, FOREIGN[i].name);
        if (f.number == 2 && f.wire == PB_VARINT) {
            out->raw_size = f.value;
            out->has_size = true;
        } else if ((f.number == 1 || f.number == 3 || f.number == 6) && f.wire == PB_BYTES) {
            if (out->field)
                return bad(err, RC_DAMAGED, w, "two kinds of data in one blob");
            out->field = f.number;
            out->data = f.bytes;
        }
    }
    if (step == PB_BAD)
        return bad(err, RC_DAMAGED, w, pb_fault(&c));
    if (!out->field)
        return bad(err, RC_DAMAGED, w, "no data, raw, zlib or LZ4");
    if (out->field != 1 && !out->has_size)
        return bad(err, RC_DAMAGED, w, "compressed data without its plain size");
    if (out->has_size && out->raw_size > OSM_PBF_BLOB_MAX)
        return bad(err, RC_TOO_LARGE, w, "its plain size is over 32 MiB, the format's limit");
    return RC_OK;
}

static enum rc blob_unpack(struct osm_pbf_reader *r, const struct packing *k, struct where w, struct str *out,
                           struct err *err)
{
    if (k->field == 1) {
        if (k->has_size && k->raw_size != k->data.n)
            return bad(err, RC_DAMAGED, w, "the raw data is not as long as announced");
        *out = k->data;
        return RC_OK;
    }
    size_t n = (size_t)k->raw_size;
    r->out = pbf_room(r->out, &r->out_size, n + 1, 1);
    enum rc rc =
        k->field == 3 ? inflate_zlib(r->inflater, k->data, r->out, n, err) : inflate_lz4(k->data, r->out, n, err);
    if (rc != RC_OK)
        return err_add(err, "blob %zu at byte %llu: ", w.blob, (unsigned long long)w.at);
    *out = (struct str){(const char *)r->out, n};
    return RC_OK;
}

static enum rc blob_load(const struct osm_pbf *f, struct osm_pbf_reader *r, const struct blob *blob, struct where w,
                         struct str *out, struct err *err)
{
    struct packing k = {0};
    r->in = pbf_room(r->in, &r->in_size, (size_t)blob->size + 1, 1);
    enum rc rc = read_at(f, blob->at, r->in, blob->size, err);
    if (rc != RC_OK)
        return err_add(err, "blob %zu at byte %llu: ", w.blob, (unsigned long long)w.at);
    TRY(blob_parse((struct str){(const char *)r->in, blob->size}, &k, w, err));
    return blob_unpack(r, &k, w, out, err);
}

/* --- the file header ----------------------------------------------------------------------------------------------- */

static bool is_known_feature(struct str s)
{
    static const char *const KNOWN[] = {"OsmSchema-V0.6", "DenseNodes", "HistoricalInformation", "LocationsOnWays"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (str_is_equal(s, str_of(KNOWN[i])))
            return true;
    return false;
}

/* HeaderBlock: field 4 repeats the features one must know to read the file. */
static enum rc header_check(struct str block, struct where w, struct err *err)
{
    struct pb c = pb_of(block);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD)
        if (f.number == 4 && f.wire == PB_BYTES && !is_known_feature(f.bytes))
            return err_set(err, RC_UNSUPPORTED,
                           "blob %zu at byte %llu: the file needs the feature \"" STR_FMT "\", which is not supported",
                           w.blob, (unsigned long long)w.at, STR_ARG(str_clip(f.bytes, 100)));
    if (step == PB_BAD)
        return bad(err, RC_DAMAGED, w, pb_fault(&c));
    return RC_OK;
}

/* --- the index ----------------------------------------------------------------------------------------------------- */

enum { HEAD_FAST = 64 }; /* bytes read at once: real BlobHeaders have 13 to 18 */

struct blob_head {
    struct str type;
    uint64_t size;
    bool has_size;
};

static enum rc blob_head_parse(struct str message, struct blob_head *out, struct where w, struct err *err)
{
    struct pb c = pb_of(message);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD) {
        if (f.number == 1 && f.wire == PB_BYTES)
            out->type = f.bytes;
        else if (f.number == 3 && f.wire == PB_VARINT) {
            out->size = f.value;
            out->has_size = true;
        }
    }
    if (step == PB_BAD)
        return bad(err, RC_DAMAGED, w, pb_fault(&c));
    if (!out->type.n || !out->has_size)
        return bad(err, RC_DAMAGED, w, "its header lacks type or size; is this an OSM PBF file?");
    if (out->size > OSM_PBF_BLOB_MAX)
        return bad(err, RC_TOO_LARGE, w, "it is over 32 MiB, the format's limit");
    return RC_OK;
}

/* Reads the length and the BlobHeader at w.at; *blob says where the Blob stands. */
static enum rc blob_head_read(const struct osm_pbf *f, struct where w, struct blob *blob, struct blob_head *head,
                              unsigned char *buf, struct err *err)
{
    uint64_t left = f->bytes - w.at;
    if (left < 4)
        return bad(err, RC_DAMAGED, w, "the file ends inside its length; it is cut short");
    TRY(read_at(f, w.at, buf, left < HEAD_FAST ? (size_t)left : HEAD_FAST, err));
    uint32_t n = (uint32_t)buf[0] << 24 | (uint32_t)buf[1] << 16 | (uint32_t)buf[2] << 8 | buf[3];
    if (n == 0 || n > OSM_PBF_HEADER_MAX)
        return bad(err, RC_DAMAGED, w, "its header is empty or over 64 KiB; is this an OSM PBF file?");
    if (n > left - 4)
        return bad(err, RC_DAMAGED, w, "the file ends inside its header; it is cut short");
    if (n + 4 > HEAD_FAST)
        TRY(read_at(f, w.at, buf, n + 4, err));
    TRY(blob_head_parse((struct str){(const char *)buf + 4, n}, head, w, err));
    if (head->size > left - 4 - n)
        return bad(err, RC_DAMAGED, w, "the file ends inside it; it is cut short");
    *blob = (struct blob){.at = w.at + 4 + n, .size = (uint32_t)head->size, .header = 4 + n};
    return RC_OK;
}

static enum rc index_add(struct osm_pbf *f, struct blob blob, struct where w, struct err *err)
{
    if (f->blobs_n == OSM_PBF_BLOBS_MAX)
        return bad(err, RC_TOO_LARGE, w, "the file has over 67 million blobs");
    f->blobs = pbf_room(f->blobs, &f->blobs_size, f->blobs_n + 1, sizeof *f->blobs);
    f->blobs[f->blobs_n++] = blob;
    return RC_OK;
}

static enum rc index_build(struct osm_pbf *f, struct osm_pbf_reader *r, unsigned char *buf, struct err *err)
{
    struct where w = {0};
    for (; w.at < f->bytes; w.blob = f->blobs_n + 1) { /* data blobs count from 1, as in osm_pbf_scan */
        struct blob blob;
        struct blob_head head = {0};
        TRY(blob_head_read(f, w, &blob, &head, buf, err));
        if (str_is_equal(head.type, STR("OSMHeader"))) {
            struct str block;
            TRY(blob_load(f, r, &blob, w, &block, err));
            TRY(header_check(block, w, err));
        } else if (w.blob == 0) {
            return bad(err, RC_DAMAGED, w, "the file does not begin with an OSMHeader blob");
        } else if (str_is_equal(head.type, STR("OSMData"))) {
            TRY(index_add(f, blob, w, err));
        }
        w.at = blob.at + blob.size;
    }
    return RC_OK;
}

static enum rc open_any(struct osm_pbf *f, struct osm_pbf **out, struct err *err)
{
    struct osm_pbf_reader *r = osm_pbf_reader_new();
    unsigned char *buf = mem_alloc(OSM_PBF_HEADER_MAX + HEAD_FAST);
    enum rc rc = f->bytes ? index_build(f, r, buf, err) : err_set(err, RC_DAMAGED, "the file is empty");
    free(buf);
    osm_pbf_reader_free(r);
    if (rc != RC_OK)
        osm_pbf_free(f);
    else
        *out = f;
    return rc;
}

enum rc osm_pbf_open(int fd, struct osm_pbf **out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, RC_IO, "not a regular file; a stream must be copied to one first");
    struct osm_pbf *f = mem_alloc(sizeof *f);
    f->fd = fd;
    f->bytes = (uint64_t)st.st_size;
    return open_any(f, out, err);
}

enum rc osm_pbf_open_mem(struct str bytes, struct osm_pbf **out, struct err *err)
{
    struct osm_pbf *f = mem_alloc(sizeof *f);
    f->fd = -1;
    f->mem = bytes;
    f->bytes = bytes.n;
    return open_any(f, out, err);
}

void osm_pbf_free(struct osm_pbf *f)
{
    if (!f)
        return;
    free(f->blobs);
    free(f);
}

size_t osm_pbf_blob_count(const struct osm_pbf *f)
{
    return f->blobs_n;
}

uint64_t osm_pbf_blob_bytes(const struct osm_pbf *f, size_t blob)
{
    return f->blobs[blob].size;
}

uint64_t osm_pbf_blob_at(const struct osm_pbf *f, size_t blob)
{
    return f->blobs[blob].at - f->blobs[blob].header;
}

uint64_t osm_pbf_file_bytes(const struct osm_pbf *f)
{
    return f->bytes;
}

enum rc osm_pbf_scan(const struct osm_pbf *f, struct osm_pbf_reader *r, size_t blob, const struct osm_want *want,
                     osm_object_fn fn, void *ctx, struct osm_pbf_seen *seen, struct err *err)
{
    ENSURE(blob < f->blobs_n);
    struct where w = {blob + 1, osm_pbf_blob_at(f, blob)}; /* blob 0 of the file is its header */
    *seen = (struct osm_pbf_seen){0};
    struct pbf_block b = {.r = r,
                          .want = want,
                          .fn = fn,
                          .ctx = ctx,
                          .seen = seen,
                          .err = err,
                          .blob = w.blob,
                          .file_at = w.at,
                          .granularity = 100};
    TRY(blob_load(f, r, &f->blobs[blob], w, &b.data, err));
    return pbf_scan_block(&b);
}
