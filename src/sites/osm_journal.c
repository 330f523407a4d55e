/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See osm_journal.h. Numbers are those of protobuf (varint, zigzag) but for the fixed head of each record; the file never
 * leaves the machine that wrote it.
 */
#include "sites/osm_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sites/osm_tags.h"
#include "wire/pb.h"

enum {
    HEAD_BYTES = 1 << 20, /* of the input, in its digest; */
    TAIL_BYTES = 1 << 16, /* and its end, where a download that was resumed differs */
    LOAD_CHUNK = 1 << 20,
    RECORD_MAX = 512 << 20, /* a blob unpacks to 32 MiB; ids and places take more room here */
    SYNC_US = 2000000       /* a power cut costs this much reading */
};
static const char MAGIC[16] = "fane-journal-1\n";

struct file_head {
    char magic[sizeof MAGIC];
    struct sha256 identity;
};
struct record_head {
    uint32_t size; /* of what follows */
    uint32_t pass;
    uint64_t blob;
    uint8_t check[8]; /* of the other fields and what follows */
};

struct osm_journal {
    int fd;
    size_t blobs;
    const struct osm_rules *rules;
    uint64_t *at[JOURNAL_PASSES_MAX]; /* of each blob's record; 0: not there */
    uint64_t end;
    int64_t synced_us;
    pthread_mutex_t lock;
};

/* --- identity ------------------------------------------------------------------------------------------------------ */

static enum rc digest_range(int fd, uint64_t at, size_t n, struct sha256_state *s, struct err *err)
{
    char *p = mem_alloc(n);
    ssize_t got = pread(fd, p, n, (off_t)at);
    if (got >= 0)
        sha256_add(s, p, (size_t)got);
    free(p);
    return got >= 0 ? RC_OK : err_set(err, RC_IO, "cannot read the map: %s", strerror(errno));
}

static enum rc identity_of(int fd, size_t blobs, struct sha256 rules, struct sha256 *out, struct err *err)
{
    struct stat st;
    struct sha256_state s;
    if (fstat(fd, &st) != 0)
        return err_set(err, RC_IO, "cannot look at the map: %s", strerror(errno));
    const int64_t facts[] = {(int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec,
                             (int64_t)blobs};
    sha256_begin(&s);
    sha256_add(&s, facts, sizeof facts);
    sha256_add(&s, rules.b, sizeof rules.b);
    TRY(digest_range(fd, 0, HEAD_BYTES, &s, err));
    if (st.st_size > TAIL_BYTES)
        TRY(digest_range(fd, (uint64_t)st.st_size - TAIL_BYTES, TAIL_BYTES, &s, err));
    *out = sha256_end(&s);
    return RC_OK;
}

/* --- the file ------------------------------------------------------------------------------------------------------ */

static enum rc write_at(struct osm_journal *j, uint64_t at, const char *p, size_t n, struct err *err)
{
    while (n > 0) {
        ssize_t put = pwrite(j->fd, p, n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return err_set(err, RC_IO, "cannot write the journal of the import: %s", strerror(errno));
        p += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return RC_OK;
}

static enum rc read_at(const struct osm_journal *j, uint64_t at, void *to, size_t n, bool *is_whole, struct err *err)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(j->fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, RC_IO, "cannot read the journal of the import: %s", strerror(errno));
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *is_whole = done == n;
    return RC_OK;
}

static void check_make(const struct record_head *h, const char *p, uint8_t out[8])
{
    struct sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, &h->size, sizeof h->size);
    sha256_add(&s, &h->pass, sizeof h->pass);
    sha256_add(&s, &h->blob, sizeof h->blob);
    sha256_add(&s, p, h->size);
    struct sha256 d = sha256_end(&s);
    memcpy(out, d.b, 8);
}

static void index_add(struct osm_journal *j, const struct record_head *h, uint64_t at)
{
    if (!j->at[h->pass])
        j->at[h->pass] = mem_array(j->blobs ? j->blobs : 1, sizeof *j->at[0]);
    j->at[h->pass][h->blob] = at;
}

/* Takes the records up to the first that is not whole; what follows is cut off. */
static enum rc records_load(struct osm_journal *j, struct err *err)
{
    struct record_head h;
    struct buf p;
    enum rc rc = RC_OK;
    bool is_whole = true;
    buf_init(&p, LOAD_CHUNK);
    while (rc == RC_OK) {
        uint8_t check[8];
        rc = read_at(j, j->end, &h, sizeof h, &is_whole, err);
        if (rc != RC_OK || !is_whole || h.size > RECORD_MAX || h.pass >= JOURNAL_PASSES_MAX || h.blob >= j->blobs)
            break;
        buf_clear(&p);
        rc = read_at(j, j->end + sizeof h, buf_reserve(&p, h.size), h.size, &is_whole, err);
        if (rc != RC_OK || !is_whole)
            break;
        check_make(&h, p.p, check);
        if (memcmp(check, h.check, sizeof check) != 0)
            break;
        index_add(j, &h, j->end);
        j->end += sizeof h + h.size;
    }
    buf_fini(&p);
    if (rc == RC_OK && ftruncate(j->fd, (off_t)j->end) != 0)
        rc = err_set(err, RC_IO, "cannot cut the journal of the import: %s", strerror(errno));
    return rc;
}

static enum rc begin(struct osm_journal *j, struct sha256 identity, struct err *err)
{
    struct file_head have, want = {.identity = identity};
    bool is_whole = false;
    memcpy(want.magic, MAGIC, sizeof MAGIC);
    j->end = sizeof want;
    TRY(read_at(j, 0, &have, sizeof have, &is_whole, err));
    if (is_whole && memcmp(&have, &want, sizeof want) == 0)
        return records_load(j, err);
    if (ftruncate(j->fd, 0) != 0)
        return err_set(err, RC_IO, "cannot begin the journal of the import: %s", strerror(errno));
    return write_at(j, 0, (const char *)&want, sizeof want, err);
}

enum rc osm_journal_open(const char *path, int input, size_t blobs, const struct osm_rules *rules,
                         struct sha256 rules_digest, struct osm_journal **out, struct err *err)
{
    struct sha256 identity;
    TRY(identity_of(input, blobs, rules_digest, &identity, err));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return err_set(err, RC_CONFLICT, "another import of this source is reading (it holds %s); wait for it", path);
    }
    struct osm_journal *j = mem_alloc(sizeof *j);
    *j = (struct osm_journal){.fd = fd, .blobs = blobs, .rules = rules, .synced_us = clock_monotonic_us()};
    pthread_mutex_init(&j->lock, NULL);
    enum rc rc = begin(j, identity, err);
    if (rc == RC_OK)
        *out = j;
    else
        osm_journal_close(j);
    return rc;
}

void osm_journal_close(struct osm_journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < JOURNAL_PASSES_MAX; i++)
        free(j->at[i]);
    pthread_mutex_destroy(&j->lock);
    close(j->fd);
    free(j);
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static void put_u64(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_char(b, (char)(v | 0x80));
    buf_add_char(b, (char)v);
}

static void put_i64(struct buf *b, int64_t v)
{
    put_u64(b, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static void put_str(struct buf *b, struct str s)
{
    put_u64(b, s.n);
    buf_add_str(b, s);
}

static void put_coord(struct buf *b, struct osm_coord c)
{
    put_i64(b, c.lat_e7);
    put_i64(b, c.lon_e7);
}

static bool is_written(const struct osm_journal *j, struct str key)
{
    return osm_tag_is_kept(key) || osm_rules_has_key(j->rules, key) || str_is_equal(key, STR("type")) ||
           str_is_equal(key, STR("area"));
}

static void put_tags(const struct osm_journal *j, struct buf *b, const struct osm_object *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->tags_n; i++)
        n += is_written(j, o->tags[i].key);
    put_u64(b, n);
    for (size_t i = 0; i < o->tags_n; i++)
        if (is_written(j, o->tags[i].key)) {
            put_str(b, o->tags[i].key);
            put_str(b, o->tags[i].value);
        }
}

void osm_journal_put(const struct osm_journal *j, struct buf *b, const struct osm_object *o)
{
    put_u64(b, (uint64_t)o->kind | (uint64_t)o->why << 2 | (uint64_t)o->is_visible << 4 |
                   (uint64_t)(o->ref_at != NULL) << 5);
    put_i64(b, o->id);
    put_u64(b, (uint64_t)o->version);
    put_u64(b, o->seq);
    if (o->kind == OSM_NODE)
        put_coord(b, o->at);
    put_tags(j, b, o);
    put_u64(b, o->refs_n);
    for (size_t i = 0; i < o->refs_n; i++)
        put_i64(b, (int64_t)((uint64_t)o->refs[i] - (i ? (uint64_t)o->refs[i - 1] : 0)));
    for (size_t i = 0; o->ref_at && i < o->refs_n; i++)
        put_coord(b, o->ref_at[i]);
    put_u64(b, o->members_n);
    for (size_t i = 0; i < o->members_n; i++) {
        put_u64(b, o->members[i].kind);
        put_i64(b, o->members[i].ref);
        put_str(b, o->members[i].role);
    }
}

static void seen_put(struct buf *b, const struct journal_blob *j)
{
    put_u64(b, j->kinds);
    put_u64(b, j->seen.n);
    put_i64(b, j->seen.first);
    put_i64(b, j->seen.last);
    put_i64(b, j->seen.least);
    put_i64(b, j->seen.most);
    put_u64(b, j->seen.is_rising);
}

enum rc osm_journal_add(struct osm_journal *j, const struct journal_blob *blob, const struct buf *objects,
                        struct err *err)
{
    struct buf b;
    struct record_head h = {.pass = blob->pass, .blob = blob->blob};
    if (blob->pass >= JOURNAL_PASSES_MAX)
        return RC_OK; /* read again after an interruption, no more */
    buf_init(&b, sizeof h + objects->n + 128);
    buf_add(&b, &h, sizeof h);
    seen_put(&b, blob);
    buf_add(&b, objects->p, objects->n);
    if (b.n - sizeof h > RECORD_MAX) {
        buf_fini(&b);
        return RC_OK;
    }
    h.size = (uint32_t)(b.n - sizeof h);
    check_make(&h, b.p + sizeof h, h.check);
    memcpy(b.p, &h, sizeof h);
    pthread_mutex_lock(&j->lock);
    enum rc rc = write_at(j, j->end, b.p, b.n, err); /* in one order: what a kill cuts is the end */
    j->end += rc == RC_OK ? b.n : 0;
    int64_t now = clock_monotonic_us();
    bool is_due = now - j->synced_us > SYNC_US;
    j->synced_us = is_due ? now : j->synced_us;
    pthread_mutex_unlock(&j->lock);
    if (rc == RC_OK && is_due && fdatasync(j->fd) != 0)
        rc = err_set(err, RC_IO, "cannot write the journal of the import: %s", strerror(errno));
    buf_fini(&b);
    return rc;
}

/* --- reading back -------------------------------------------------------------------------------------------------- */

bool osm_journal_has(const struct osm_journal *j, unsigned pass, size_t blob)
{
    return pass < JOURNAL_PASSES_MAX && j->at[pass] && j->at[pass][blob] != 0;
}

/* A number or text that is not there makes is_bad, and everything after it 0. */
struct cursor {
    struct pb c;
    bool is_bad;
    struct arena mem;
};

static uint64_t take_u64(struct cursor *c)
{
    uint64_t v = 0;
    if (c->is_bad || !pb_varint(&c->c, &v))
        c->is_bad = true;
    return c->is_bad ? 0 : v;
}

static int64_t take_i64(struct cursor *c)
{
    return pb_zigzag(take_u64(c));
}

/* A count of things that take a byte at least. */
static size_t take_count(struct cursor *c)
{
    uint64_t n = take_u64(c);
    if (n > (uint64_t)(c->c.end - c->c.p))
        c->is_bad = true;
    return c->is_bad ? 0 : (size_t)n;
}

static struct str take_str(struct cursor *c)
{
    size_t n = take_count(c);
    struct str s = {(const char *)c->c.p, n};
    c->c.p += n;
    return s;
}

static struct osm_coord take_coord(struct cursor *c)
{
    int32_t lat = (int32_t)take_i64(c);
    return (struct osm_coord){lat, (int32_t)take_i64(c)};
}

static void take_lists(struct cursor *c, bool has_places, struct osm_object *o)
{
    o->tags_n = take_count(c);
    struct osm_tag *tags = ARENA_NEW_N(&c->mem, struct osm_tag, o->tags_n);
    for (size_t i = 0; i < o->tags_n; i++) {
        tags[i].key = take_str(c);
        tags[i].value = take_str(c);
    }
    o->refs_n = take_count(c);
    int64_t *refs = ARENA_NEW_N(&c->mem, int64_t, o->refs_n);
    for (size_t i = 0; i < o->refs_n; i++)
        refs[i] = (int64_t)((uint64_t)take_i64(c) + (i ? (uint64_t)refs[i - 1] : 0));
    struct osm_coord *at = has_places ? ARENA_NEW_N(&c->mem, struct osm_coord, o->refs_n) : NULL;
    for (size_t i = 0; at && i < o->refs_n; i++)
        at[i] = take_coord(c);
    o->members_n = take_count(c);
    struct osm_member *members = ARENA_NEW_N(&c->mem, struct osm_member, o->members_n);
    for (size_t i = 0; i < o->members_n; i++) {
        members[i].kind = (enum osm_kind)(take_u64(c) % OSM_KINDS);
        members[i].ref = take_i64(c);
        members[i].role = take_str(c);
    }
    o->tags = tags;
    o->refs = refs;
    o->ref_at = at;
    o->members = members;
}

static struct osm_object take_object(struct cursor *c)
{
    uint64_t head = take_u64(c);
    struct osm_object o = {.kind = (enum osm_kind)((head & 3) % OSM_KINDS),
                           .why = (unsigned)(head >> 2 & 3),
                           .is_visible = head >> 4 & 1,
                           .at = OSM_NOWHERE};
    o.id = take_i64(c);
    o.version = (int64_t)take_u64(c);
    o.seq = take_u64(c);
    if (o.kind == OSM_NODE)
        o.at = take_coord(c);
    take_lists(c, head >> 5 & 1, &o);
    return o;
}

static void seen_take(struct cursor *c, struct journal_blob *j)
{
    j->kinds = (unsigned)take_u64(c);
    j->seen.n = take_u64(c);
    j->seen.first = take_i64(c);
    j->seen.last = take_i64(c);
    j->seen.least = take_i64(c);
    j->seen.most = take_i64(c);
    j->seen.is_rising = take_u64(c) != 0;
}

static enum rc broken(struct err *err)
{
    return err_set(err, RC_DAMAGED,
                   "the journal of the interrupted import is damaged; delete the data directory's import "
                   "folder and run the import again");
}

static enum rc objects_give(struct cursor *c, osm_object_fn fn, void *ctx, struct err *err)
{
    while (c->c.p < c->c.end) {
        struct osm_object o = take_object(c);
        if (c->is_bad)
            return broken(err);
        TRY(fn(ctx, &o, err));
        arena_reset(&c->mem);
    }
    return RC_OK;
}

enum rc osm_journal_replay(struct osm_journal *j, struct journal_blob *b, osm_object_fn fn, void *ctx, struct err *err)
{
    struct record_head h;
    bool is_whole;
    uint64_t at = j->at[b->pass][b->blob];
    TRY(read_at(j, at, &h, sizeof h, &is_whole, err));
    if (!is_whole || h.size > RECORD_MAX)
        return broken(err);
    char *p = mem_alloc((size_t)h.size + 1);
    struct cursor c = {.c = pb_of((struct str){p, h.size})};
    arena_init(&c.mem);
    enum rc rc = read_at(j, at + sizeof h, p, h.size, &is_whole, err);
    if (rc == RC_OK && !is_whole)
        rc = broken(err);
    if (rc == RC_OK) {
        seen_take(&c, b);
        rc = c.is_bad ? broken(err) : objects_give(&c, fn, ctx, err);
    }
    arena_fini(&c.mem);
    free(p);
    return rc;
}
