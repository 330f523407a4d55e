/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A reader of vector tiles for tests, written from the standard alone: it shares no code with the writer. Anything the
 * standard forbids fails the test.
 */
#ifndef TEST_MVT_READ_H
#define TEST_MVT_READ_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { READ_FEATURES = 20000, READ_VALUES = 60000, READ_KEYS = 64, READ_LAYERS = 8, READ_POINTS = 400 };

struct read_value {
    int type; /* field number: 1 string, 3 double, 5 uint, 6 sint, 7 bool */
    struct str s;
    double number;
};

struct read_feature {
    int type;
    uint32_t tags[64];
    size_t tags_n;
    double x, y;         /* point; of a polygon the least of its corners */
    double area, points; /* polygon: signed doubled area of its rings in all, corners in all */
    double rings;
};

struct read_layer {
    struct str name;
    uint32_t extent, version;
    struct str keys[READ_KEYS];
    size_t keys_n, values_n, n;
    struct read_value values[READ_VALUES];
    struct read_feature f[READ_FEATURES];
};

struct reader {
    const unsigned char *p, *end;
};

/* A macro: fail_msg is a statement, and the line that broke should be named. */
#define READ_CHECK(cond)                                                                                               \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            fail_msg("%s:%d: not a vector tile: %s", __FILE__, __LINE__, #cond);                                       \
    } while (0)

static inline uint64_t read_varint(struct reader *r)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        READ_CHECK(r->p < r->end && shift < 64);
        v |= (uint64_t)(*r->p & 0x7f) << shift;
        if (!(*r->p++ & 0x80))
            return v;
    }
}

static inline struct reader read_bytes(struct reader *r)
{
    uint64_t n = read_varint(r);
    READ_CHECK(n <= (uint64_t)(r->end - r->p));
    struct reader in = {r->p, r->p + n};
    r->p += n;
    return in;
}

static inline struct str reader_str(struct reader r)
{
    return (struct str){(const char *)r.p, (size_t)(r.end - r.p)};
}

static inline int64_t unzigzag(uint64_t v)
{
    return v & 1 ? -(int64_t)(v >> 1) - 1 : (int64_t)(v >> 1);
}

static inline void read_value(struct read_layer *l, struct reader r)
{
    READ_CHECK(l->values_n < READ_VALUES);
    struct read_value *v = &l->values[l->values_n++];
    uint64_t tag = read_varint(&r);
    v->type = (int)(tag >> 3);
    if (tag == (1 << 3 | 2)) {
        v->s = reader_str(read_bytes(&r));
        READ_CHECK(str_is_utf8(v->s));
    } else if (tag == (3 << 3 | 1)) {
        READ_CHECK(r.end - r.p == 8);
        memcpy(&v->number, r.p, 8);
        r.p += 8;
    } else if (tag == 5 << 3) {
        v->number = (double)read_varint(&r);
    } else if (tag == 6 << 3) {
        v->number = (double)unzigzag(read_varint(&r));
    } else {
        READ_CHECK(tag == 7 << 3);
        v->number = (double)read_varint(&r);
        READ_CHECK(v->number <= 1);
    }
    READ_CHECK(r.p == r.end);
}

static inline void read_polygon(struct read_feature *f, struct reader r)
{
    int64_t x = 0, y = 0;
    bool is_first = true;
    while (r.p < r.end) {
        READ_CHECK(read_varint(&r) == (1 << 3 | 1));
        int64_t px[READ_POINTS], py[READ_POINTS];
        px[0] = x += unzigzag(read_varint(&r));
        py[0] = y += unzigzag(read_varint(&r));
        uint64_t head = read_varint(&r), n = head >> 3;
        READ_CHECK((head & 7) == 2 && n >= 2 && n < READ_POINTS - 1);
        for (uint64_t i = 1; i <= n; i++) {
            int64_t dx = unzigzag(read_varint(&r)), dy = unzigzag(read_varint(&r));
            READ_CHECK(dx != 0 || dy != 0);
            px[i] = x += dx;
            py[i] = y += dy;
        }
        READ_CHECK(read_varint(&r) == (1 << 3 | 7));
        double area = 0;
        for (uint64_t i = 0; i <= n; i++) {
            f->x = f->rings + (double)i == 0 || (double)px[i] < f->x ? (double)px[i] : f->x;
            f->y = f->rings + (double)i == 0 || (double)py[i] < f->y ? (double)py[i] : f->y;
            uint64_t k = i == n ? 0 : i + 1;
            area += (double)px[i] * (double)py[k] - (double)px[k] * (double)py[i];
        }
        READ_CHECK(is_first ? area > 0 : area < 0);
        is_first = false;
        f->area += area;
        f->points += (double)n + 1;
        f->rings++;
    }
}

static inline void read_feature(struct read_layer *l, struct reader r)
{
    READ_CHECK(l->n < READ_FEATURES);
    struct read_feature *f = &l->f[l->n++];
    struct reader geometry = {0};
    memset(f, 0, sizeof *f);
    while (r.p < r.end) {
        uint64_t tag = read_varint(&r);
        if (tag == (2 << 3 | 2)) {
            for (struct reader t = read_bytes(&r); t.p < t.end;)
                f->tags[f->tags_n++] = (uint32_t)read_varint(&t);
            READ_CHECK(f->tags_n % 2 == 0);
        } else if (tag == 3 << 3) {
            f->type = (int)read_varint(&r);
        } else {
            READ_CHECK(tag == (4 << 3 | 2));
            geometry = read_bytes(&r);
        }
    }
    if (f->type == 1) {
        READ_CHECK(read_varint(&geometry) == (1 << 3 | 1));
        f->x = (double)unzigzag(read_varint(&geometry));
        f->y = (double)unzigzag(read_varint(&geometry));
        READ_CHECK(geometry.p == geometry.end);
    } else {
        READ_CHECK(f->type == 3);
        read_polygon(f, geometry);
    }
}

static inline void read_layer(struct reader r, struct read_layer *l)
{
    l->keys_n = l->values_n = l->n = 0;
    l->extent = 4096;
    l->version = 1;
    while (r.p < r.end) {
        uint64_t tag = read_varint(&r);
        if (tag == (1 << 3 | 2))
            l->name = reader_str(read_bytes(&r));
        else if (tag == (2 << 3 | 2))
            read_feature(l, read_bytes(&r));
        else if (tag == (3 << 3 | 2))
            l->keys[l->keys_n++] = reader_str(read_bytes(&r));
        else if (tag == (4 << 3 | 2))
            read_value(l, read_bytes(&r));
        else if (tag == 5 << 3)
            l->extent = (uint32_t)read_varint(&r);
        else {
            READ_CHECK(tag == 15 << 3);
            l->version = (uint32_t)read_varint(&r);
        }
    }
    READ_CHECK(l->version == 2 && l->name.n > 0 && l->n > 0);
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->f[i].tags_n; k += 2)
            READ_CHECK(l->f[i].tags[k] < l->keys_n && l->f[i].tags[k + 1] < l->values_n);
}

/* Layers of a tile into layers[]; returns how many. */
static inline size_t read_tile(struct str bytes, struct read_layer *layers, size_t most)
{
    struct reader r = {(const unsigned char *)bytes.p, (const unsigned char *)bytes.p + bytes.n};
    size_t n = 0;
    while (r.p < r.end) {
        READ_CHECK(n < most && read_varint(&r) == (3 << 3 | 2));
        read_layer(read_bytes(&r), &layers[n++]);
    }
    return n;
}

/* NULL when the feature has no such key. */
static inline const struct read_value *read_prop(const struct read_layer *l, const struct read_feature *f,
                                                 const char *key)
{
    for (size_t k = 0; k < f->tags_n; k += 2)
        if (str_is_equal(l->keys[f->tags[k]], str_of(key)))
            return &l->values[f->tags[k + 1]];
    return NULL;
}

#endif
