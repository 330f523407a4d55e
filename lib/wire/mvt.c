/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Protobuf by hand: a layer's keys, values and features grow in three buffers of their own and are put together when
 * the layer ends, as a message's length stands before it. Field numbers are those of vector_tile.proto, version 2.1.
 */
#include "wire/mvt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* (field << 3) | wire type */
    TILE_LAYER = 3 << 3 | 2,
    LAYER_NAME = 1 << 3 | 2,
    LAYER_FEATURE = 2 << 3 | 2,
    LAYER_KEY = 3 << 3 | 2,
    LAYER_VALUE = 4 << 3 | 2,
    LAYER_EXTENT = 5 << 3,
    LAYER_VERSION = 15 << 3,
    FEATURE_TAGS = 2 << 3 | 2,
    FEATURE_TYPE = 3 << 3,
    FEATURE_GEOMETRY = 4 << 3 | 2,
    VALUE_STRING = 1 << 3 | 2,
    VALUE_DOUBLE = 3 << 3 | 1,
    VALUE_UINT = 5 << 3,
    VALUE_SINT = 6 << 3,
    VALUE_BOOL = 7 << 3,
    TYPE_POINT = 1,
    TYPE_POLYGON = 3,
    MOVE_TO = 1,
    LINE_TO = 2,
    CLOSE_PATH = 7,
    VARINT_MAX = 10,
    SLOTS_FIRST = 1024,
    UINTS_KEPT = 2048 /* small numbers are found without a hash: counts mostly are (measured: bench_tiles) */
};

struct slot {
    uint32_t stamp;         /* the layer it belongs to; older ones are free */
    uint32_t number, at, n; /* of the value, and its bytes in the buffer */
};

struct known {
    uint32_t stamp, number;
};

struct mvt {
    struct buf tile, keys, values, features, geometry;
    struct str name;
    uint32_t extent, keys_n, values_n, stamp;
    struct slot *slots;
    size_t slots_n, used;
    struct known uints[UINTS_KEPT];
    struct mvt_xy *ring[2]; /* room for clipping */
    bool is_tile_open, is_layer_open;
};

struct mvt *mvt_new(void)
{
    struct mvt *m = mem_alloc(sizeof *m);
    buf_init(&m->tile, 0);
    buf_init(&m->keys, 0);
    buf_init(&m->values, 0);
    buf_init(&m->features, 0);
    buf_init(&m->geometry, 0);
    m->slots_n = SLOTS_FIRST;
    m->slots = mem_array(m->slots_n, sizeof *m->slots);
    return m;
}

void mvt_free(struct mvt *m)
{
    if (!m)
        return;
    buf_fini(&m->tile);
    buf_fini(&m->keys);
    buf_fini(&m->values);
    buf_fini(&m->features);
    buf_fini(&m->geometry);
    free(m->slots);
    free(m->ring[0]);
    free(m->ring[1]);
    free(m);
}

/* --- protobuf --------------------------------------------------------------------------------------------------- */

static char *put_varint(char *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (char)(v | 0x80);
    *p++ = (char)v;
    return p;
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

static uint32_t zigzag(int32_t v)
{
    return (uint32_t)v << 1 ^ (uint32_t)(v >> 31);
}

static void add_varint(struct buf *b, uint64_t v)
{
    char room[VARINT_MAX];
    buf_add(b, room, (size_t)(put_varint(room, v) - room));
}

static void add_bytes(struct buf *b, unsigned tag, struct str s)
{
    add_varint(b, tag);
    add_varint(b, s.n);
    buf_add_str(b, s);
}

/* --- tile and layer --------------------------------------------------------------------------------------------- */

void mvt_tile_begin(struct mvt *m)
{
    buf_clear(&m->tile);
    m->is_tile_open = true;
    m->is_layer_open = false;
}

struct str mvt_tile_end(struct mvt *m)
{
    ENSURE(m->is_tile_open && !m->is_layer_open);
    m->is_tile_open = false;
    return buf_str(&m->tile);
}

void mvt_layer_begin(struct mvt *m, struct str name, uint32_t extent)
{
    ENSURE(m->is_tile_open && !m->is_layer_open);
    m->is_layer_open = true;
    m->name = name;
    m->extent = extent;
    m->keys_n = m->values_n = 0;
    m->used = 0;
    buf_clear(&m->keys);
    buf_clear(&m->values);
    buf_clear(&m->features);
    if (++m->stamp == 0) { /* after 2^32 layers old stamps would look new */
        memset(m->slots, 0, m->slots_n * sizeof *m->slots);
        memset(m->uints, 0, sizeof m->uints);
        m->stamp = 1;
    }
}

void mvt_layer_end(struct mvt *m)
{
    ENSURE(m->is_layer_open);
    m->is_layer_open = false;
    if (m->features.n == 0)
        return;
    size_t version = 2, name = 1 + varint_size(m->name.n) + m->name.n, extent = 1 + varint_size(m->extent);
    size_t n = version + name + m->features.n + m->keys.n + m->values.n + extent;
    add_varint(&m->tile, TILE_LAYER);
    add_varint(&m->tile, n);
    add_varint(&m->tile, LAYER_VERSION); /* one byte, and the next one */
    add_varint(&m->tile, 2);
    add_bytes(&m->tile, LAYER_NAME, m->name);
    buf_add_str(&m->tile, buf_str(&m->features));
    buf_add_str(&m->tile, buf_str(&m->keys));
    buf_add_str(&m->tile, buf_str(&m->values));
    add_varint(&m->tile, LAYER_EXTENT);
    add_varint(&m->tile, m->extent);
}

/* --- keys and values --------------------------------------------------------------------------------------------- */

/* Keys are few: searched one by one. */
uint32_t mvt_key(struct mvt *m, struct str key)
{
    ENSURE(m->is_layer_open && key.n < 0x80);
    uint32_t k = 0;
    for (size_t at = 0; at < m->keys.n; k++) {
        size_t n = (unsigned char)m->keys.p[at + 1];
        if (str_is_equal((struct str){m->keys.p + at + 2, n}, key))
            return k;
        at += 2 + n;
    }
    add_bytes(&m->keys, LAYER_KEY, key);
    return m->keys_n++;
}

static size_t bytes_hash(const char *p, size_t n)
{
    uint64_t h = n, w;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, p, n);
    h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h ^ h >> 29);
}

static struct slot *slot_find(struct mvt *m, const char *p, size_t n)
{
    size_t mask = m->slots_n - 1, h = bytes_hash(p, n) & mask;
    for (; m->slots[h].stamp == m->stamp; h = (h + 1) & mask)
        if (m->slots[h].n == n && memcmp(m->values.p + m->slots[h].at, p, n) == 0)
            break;
    return &m->slots[h];
}

static void slots_grow(struct mvt *m)
{
    struct slot *old = m->slots;
    size_t n = m->slots_n;
    m->slots_n *= 2;
    m->slots = mem_array(m->slots_n, sizeof *m->slots);
    for (size_t i = 0; i < n; i++)
        if (old[i].stamp == m->stamp)
            *slot_find(m, m->values.p + old[i].at, old[i].n) = old[i];
    free(old);
}

/* The value whose message was written at `at`: kept, or taken back when it is there already. */
static uint32_t value_settle(struct mvt *m, size_t start, size_t at)
{
    size_t n = m->values.n - at;
    struct slot *s = slot_find(m, m->values.p + at, n);
    if (s->stamp == m->stamp) {
        m->values.n = start;
        return s->number;
    }
    *s = (struct slot){.stamp = m->stamp, .number = m->values_n, .at = (uint32_t)at, .n = (uint32_t)n};
    if (++m->used * 2 > m->slots_n)
        slots_grow(m);
    return m->values_n++;
}

/* Writes the head of a string value; the text follows. */
static size_t value_str(struct mvt *m, struct str s)
{
    ENSURE(m->is_layer_open);
    size_t body = 1 + varint_size(s.n) + s.n;
    char *p = buf_reserve(&m->values, 2 * VARINT_MAX + body), *from = p;
    *p++ = LAYER_VALUE;
    p = put_varint(p, body);
    size_t head = (size_t)(p - from);
    *p++ = VALUE_STRING;
    p = put_varint(p, s.n);
    if (s.n)
        memcpy(p, s.p, s.n);
    buf_commit(&m->values, head + body);
    return head;
}

uint32_t mvt_str_once(struct mvt *m, struct str s)
{
    value_str(m, s);
    return m->values_n++;
}

uint32_t mvt_str(struct mvt *m, struct str s)
{
    size_t start = m->values.n;
    return value_settle(m, start, start + value_str(m, s));
}

static uint32_t value_varint(struct mvt *m, char tag, uint64_t v)
{
    ENSURE(m->is_layer_open);
    size_t start = m->values.n;
    char *p = buf_reserve(&m->values, 3 + VARINT_MAX);
    p[0] = LAYER_VALUE;
    p[1] = (char)(1 + varint_size(v));
    p[2] = tag;
    buf_commit(&m->values, (size_t)(put_varint(p + 3, v) - p));
    return value_settle(m, start, start + 2);
}

uint32_t mvt_uint(struct mvt *m, uint64_t v)
{
    if (v >= UINTS_KEPT)
        return value_varint(m, VALUE_UINT, v);
    struct known *k = &m->uints[v];
    if (k->stamp != m->stamp)
        *k = (struct known){.stamp = m->stamp, .number = value_varint(m, VALUE_UINT, v)};
    return k->number;
}

uint32_t mvt_int(struct mvt *m, int64_t v)
{
    return value_varint(m, VALUE_SINT, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

uint32_t mvt_bool(struct mvt *m, bool v)
{
    return value_varint(m, VALUE_BOOL, v);
}

uint32_t mvt_f64(struct mvt *m, double v)
{
    ENSURE(m->is_layer_open);
    size_t start = m->values.n;
    const char head[] = {LAYER_VALUE, 9, VALUE_DOUBLE};
    buf_add(&m->values, head, sizeof head);
    buf_add(&m->values, &v, sizeof v); /* little-endian, as every machine this runs on */
    return value_settle(m, start, start + 2);
}

/* --- features ---------------------------------------------------------------------------------------------------- */

static char *put_tags(char *p, const uint32_t *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p = put_varint(p, tags[i]);
    return p;
}

/* Geometry that is already encoded. */
static void add_feature(struct mvt *m, char type, const char *geometry, size_t geometry_n, const uint32_t *tags,
                        size_t n)
{
    char packed[MVT_TAGS_MAX * 5];
    ENSURE(m->is_layer_open && n <= MVT_TAGS_MAX && n % 2 == 0);
    size_t tags_n = (size_t)(put_tags(packed, tags, n) - packed);
    size_t body = 1 + varint_size(tags_n) + tags_n + 2 + 1 + varint_size(geometry_n) + geometry_n;
    char *p = buf_reserve(&m->features, body + 2 * VARINT_MAX), *from = p;
    *p++ = LAYER_FEATURE;
    p = put_varint(p, body);
    *p++ = FEATURE_TAGS;
    p = put_varint(p, tags_n);
    memcpy(p, packed, tags_n);
    p += tags_n;
    *p++ = FEATURE_TYPE;
    *p++ = type;
    *p++ = FEATURE_GEOMETRY;
    p = put_varint(p, geometry_n);
    memcpy(p, geometry, geometry_n);
    buf_commit(&m->features, (size_t)(p - from) + geometry_n);
}

/* Most features by far. Where all lengths fit in a byte they are filled in afterwards, and nothing is moved. */
void mvt_point(struct mvt *m, int32_t x, int32_t y, const uint32_t *tags, size_t n)
{
    enum { HEAD = 4, TAIL = 16 }; /* bytes before the tags, and at most after them */
    char *from = buf_reserve(&m->features, HEAD + n * 5 + TAIL), *p = put_tags(from + HEAD, tags, n);
    size_t tags_n = (size_t)(p - from) - HEAD;
    ENSURE(m->is_layer_open && n <= MVT_TAGS_MAX && n % 2 == 0);
    *p++ = FEATURE_TYPE;
    *p++ = TYPE_POINT;
    *p++ = FEATURE_GEOMETRY;
    char *geometry = ++p;
    *p++ = 1 << 3 | MOVE_TO;
    p = put_varint(p, zigzag(x));
    p = put_varint(p, zigzag(y));
    geometry[-1] = (char)(p - geometry);
    size_t body = (size_t)(p - from) - 2;
    if (body >= 0x80) {
        char kept[TAIL];
        memcpy(kept, geometry, (size_t)(p - geometry));
        add_feature(m, TYPE_POINT, kept, (size_t)(p - geometry), tags, n);
        return;
    }
    from[0] = LAYER_FEATURE;
    from[1] = (char)body;
    from[2] = FEATURE_TAGS;
    from[3] = (char)tags_n;
    buf_commit(&m->features, body + 2);
}

/* --- polygons ------------------------------------------------------------------------------------------------------
 */

/* One side of the square: keeps what lies on the inner side of `edge`. axis 0 = x; sign 1: keep below, -1: keep above.
 * Source: I. Sutherland and G. Hodgman, Reentrant polygon clipping, CACM 17(1), 1974. */
static size_t clip_side(const struct mvt_xy *in, size_t n, struct mvt_xy *out, int axis, double edge, double sign)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        struct mvt_xy a = in[i ? i - 1 : n - 1], b = in[i];
        double da = sign * ((axis ? a.y : a.x) - edge), db = sign * ((axis ? b.y : b.x) - edge);
        if ((da < 0 && db > 0) || (da > 0 && db < 0)) {
            double t = da / (da - db);
            out[k++] = (struct mvt_xy){a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)};
        }
        if (db <= 0)
            out[k++] = b;
    }
    return k;
}

/* Into m->ring[0]. Each side at most doubles the points. */
static size_t clip_ring(struct mvt *m, const struct mvt_ring *r, double lo, double hi)
{
    for (int i = 0; i < 2; i++)
        if (!m->ring[i])
            m->ring[i] = mem_array(16 * MVT_RING_MAX, sizeof **m->ring);
    size_t n = clip_side(r->p, r->n, m->ring[1], 0, hi, 1);
    n = clip_side(m->ring[1], n, m->ring[0], 0, lo, -1);
    n = clip_side(m->ring[0], n, m->ring[1], 1, hi, 1);
    return clip_side(m->ring[1], n, m->ring[0], 1, lo, -1);
}

/* To whole units, without points that fall together. */
static size_t round_ring(struct mvt_xy *p, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        struct mvt_xy q = {round(p[i].x), round(p[i].y)};
        if (k == 0 || q.x != p[k - 1].x || q.y != p[k - 1].y)
            p[k++] = q;
    }
    while (k > 1 && p[k - 1].x == p[0].x && p[k - 1].y == p[0].y)
        k--;
    return k;
}

/* Twice the area by the surveyor's formula: positive for what the standard calls an exterior ring. */
static double ring_area(const struct mvt_xy *p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct mvt_xy a = p[i], b = p[i + 1 < n ? i + 1 : 0];
        sum += a.x * b.y - b.x * a.y;
    }
    return sum;
}

static void add_ring(struct mvt *m, const struct mvt_xy *p, size_t n, bool is_reversed, int32_t cursor[2])
{
    for (size_t i = 0; i < n; i++) {
        struct mvt_xy q = p[is_reversed ? n - 1 - i : i];
        int32_t x = (int32_t)q.x, y = (int32_t)q.y;
        if (i == 0)
            add_varint(&m->geometry, 1 << 3 | MOVE_TO);
        if (i == 1)
            add_varint(&m->geometry, (n - 1) << 3 | LINE_TO);
        add_varint(&m->geometry, zigzag(x - cursor[0]));
        add_varint(&m->geometry, zigzag(y - cursor[1]));
        cursor[0] = x;
        cursor[1] = y;
    }
    add_varint(&m->geometry, 1 << 3 | CLOSE_PATH);
}

bool mvt_polygon(struct mvt *m, const struct mvt_ring *rings, size_t rings_n, double lo, double hi,
                 const uint32_t *tags, size_t n)
{
    int32_t cursor[2] = {0};
    buf_clear(&m->geometry);
    for (size_t i = 0; i < rings_n; i++) {
        ENSURE(rings[i].n <= MVT_RING_MAX);
        size_t k = clip_ring(m, &rings[i], lo, hi);
        k = round_ring(m->ring[0], k);
        double area = k >= 3 ? ring_area(m->ring[0], k) : 0;
        if (area == 0 && i == 0)
            return false;
        if (area != 0)
            add_ring(m, m->ring[0], k, (area > 0) != (i == 0), cursor);
    }
    if (m->geometry.n == 0)
        return false;
    add_feature(m, TYPE_POLYGON, m->geometry.p, m->geometry.n, tags, n);
    return true;
}
