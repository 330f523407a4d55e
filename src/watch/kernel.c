/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The inner loop of the replications, per vector unit: add the events of a place to the window counts of their
 * replications and ask whether any count passed its threshold. Counts saturate; a full one passes every threshold but
 * "never". AVX2 is chosen at run time; the plain form gives the same answers (W1).
 */
#include "watch/watch_int.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_AVX2 1
#else
#define HAS_AVX2 0
#endif

#define INLINE static inline __attribute__((always_inline))

enum { PASSED_MAX = 256, AHEAD = 4 };

/* Which replications with events at this place are over their own thresholds, each told once. */
INLINE bool tell_passed(struct walk *w, size_t i, bool (*is_over)(const struct walk *, uint32_t, size_t row))
{
    bool told[PASSED_MAX] = {0};
    size_t row = w->at[i].n >> w->ladder->shift;
    w->passed_n = 0;
    for (uint32_t e = w->first[w->at[i].place]; e < w->first[w->at[i].place + 1]; e++) {
        unsigned r = w->events[e] >> 8;
        if (told[r] || !is_over(w, r, row))
            continue;
        told[r] = true;
        w->passed[w->passed_n++] = (uint8_t)r;
    }
    return w->passed_n > 0;
}

/* Differences of bases between two blocks, lane by lane. False when one is too far for a byte: then nothing that the
 * states hold can be kept. */
static bool shift_lanes(const struct walk *w, uint32_t to, uint8_t *out)
{
    uint32_t windows = w->ladder->f->windows, far = 0;
    const uint32_t *a = w->ladder->base + (size_t)w->block * windows, *b = w->ladder->base + (size_t)to * windows;
    memset(out, 0, w->ladder->stride);
    for (uint32_t i = 0; i < windows; i++) {
        out[i] = (uint8_t)(b[i] - a[i]);
        far |= b[i] - a[i];
    }
    return far < 256;
}

/* Only bytes have blocks. */
static void shift_all_full(struct walk *w)
{
    for (uint32_t r = 0; r < w->replications; r++)
        w->is_full[r] = true;
}

/* --- plain --- */

static bool over_u8(const struct walk *w, uint32_t r, size_t row)
{
    size_t stride = w->ladder->stride;
    const uint8_t *s = (const uint8_t *)w->state + r * stride, *t = (const uint8_t *)w->rows[r] + row * stride;
    unsigned over = 0;
    for (size_t i = 0; i < stride; i++)
        over |= s[i] > t[i];
    return over;
}

static bool over_u16(const struct walk *w, uint32_t r, size_t row)
{
    size_t lanes = w->ladder->stride / 2;
    const uint16_t *s = (const uint16_t *)w->state + r * lanes, *t = (const uint16_t *)w->rows[r] + row * lanes;
    unsigned over = 0;
    for (size_t i = 0; i < lanes; i++)
        over |= s[i] > t[i];
    return over;
}

static unsigned add_u8(uint8_t *s, const uint8_t *unit, const uint8_t *row, size_t lanes)
{
    unsigned over = 0;
    for (size_t i = 0; i < lanes; i++) {
        s[i] = (uint8_t)(s[i] + (s[i] < 255 ? unit[i] : 0));
        over |= s[i] > row[i];
    }
    return over;
}

static unsigned add_u16(uint16_t *s, const uint16_t *unit, const uint16_t *row, size_t lanes)
{
    unsigned over = 0;
    for (size_t i = 0; i < lanes; i++) {
        s[i] = (uint16_t)(s[i] + (s[i] < 65535 ? unit[i] : 0));
        over |= s[i] > row[i];
    }
    return over;
}

static void shift_plain(struct walk *w, uint32_t to)
{
    uint8_t by[256];
    if (!shift_lanes(w, to, by))
        shift_all_full(w);
    for (uint32_t r = 0; r < w->replications; r++) {
        uint8_t *s = (uint8_t *)w->state + r * w->ladder->stride;
        for (size_t i = 0; i < w->ladder->stride; i++) {
            w->is_full[r] |= s[i] < by[i];
            s[i] = s[i] > by[i] ? (uint8_t)(s[i] - by[i]) : 0;
        }
    }
    w->block = to;
}

INLINE size_t walk_plain(struct walk *w, size_t from, enum cell cell)
{
    const struct ladder *l = w->ladder;
    for (size_t i = from; i < w->len; i++) {
        size_t row = w->at[i].n >> l->shift;
        const void *least = (const char *)w->least + row * l->stride;
        unsigned over = 0;
        if (l->block[row] != w->block)
            shift_plain(w, l->block[row]);
        for (uint32_t e = w->first[w->at[i].place]; e < w->first[w->at[i].place + 1]; e++) {
            void *s = (char *)w->state + (size_t)(w->events[e] >> 8) * l->stride;
            const void *u = (const char *)w->unit + (size_t)(w->events[e] & 255) * l->stride;
            over |= cell == CELL_U8 ? add_u8(s, u, least, l->stride) : add_u16(s, u, least, l->stride / 2);
        }
        if (over && (cell == CELL_U8 ? tell_passed(w, i, over_u8) : tell_passed(w, i, over_u16)))
            return i;
    }
    return w->len;
}

static bool at_least_plain(struct walk *w, uint32_t r, uint32_t n)
{
    size_t row = n >> w->ladder->shift;
    if (w->ladder->block[row] != w->block)
        shift_plain(w, w->ladder->block[row]);
    return w->ladder->cell == CELL_U8 ? over_u8(w, r, row) : over_u16(w, r, row);
}

static size_t walk_plain_u8(struct walk *w, size_t from)
{
    return walk_plain(w, from, CELL_U8);
}

static size_t walk_plain_u16(struct walk *w, size_t from)
{
    return walk_plain(w, from, CELL_U16);
}

/* --- AVX2 --- */

#if HAS_AVX2
#define AVX2        __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

AVX2_INLINE bool over_avx2(const struct walk *w, uint32_t r, size_t row, bool wide)
{
    size_t vectors = w->ladder->stride / 32;
    const __m256i *s = (const __m256i *)w->state + r * vectors, *t = (const __m256i *)w->rows[r] + row * vectors;
    __m256i over = _mm256_setzero_si256();
    for (size_t v = 0; v < vectors; v++) {
        __m256i a = _mm256_load_si256(s + v), b = _mm256_load_si256(t + v);
        over = _mm256_or_si256(over, wide ? _mm256_subs_epu16(a, b) : _mm256_subs_epu8(a, b));
    }
    return !_mm256_testz_si256(over, over);
}

AVX2 static bool over_avx2_u8(const struct walk *w, uint32_t r, size_t row)
{
    return over_avx2(w, r, row, false);
}

AVX2 static bool over_avx2_u16(const struct walk *w, uint32_t r, size_t row)
{
    return over_avx2(w, r, row, true);
}

/* tell_passed once more: through its function pointer no compiler inlines what is hot here. */
AVX2_INLINE bool tell_avx2(struct walk *w, bool wide, size_t i)
{
    uint64_t told[PASSED_MAX / 64] = {0};
    size_t row = w->at[i].n >> w->ladder->shift;
    w->passed_n = 0;
    for (uint32_t e = w->first[w->at[i].place]; e < w->first[w->at[i].place + 1]; e++) {
        unsigned r = w->events[e] >> 8;
        if (!over_avx2(w, r, row, wide) || (told[r / 64] >> r % 64 & 1))
            continue;
        told[r / 64] |= UINT64_C(1) << r % 64;
        w->passed[w->passed_n++] = (uint8_t)r;
    }
    return w->passed_n > 0;
}

AVX2 static bool tell_avx2_u8(struct walk *w, size_t i)
{
    return tell_avx2(w, false, i);
}

AVX2 static bool tell_avx2_u16(struct walk *w, size_t i)
{
    return tell_avx2(w, true, i);
}

AVX2 static void shift_avx2(struct walk *w, uint32_t to)
{
    uint8_t by[256];
    size_t vectors = w->ladder->stride / 32;
    if (!shift_lanes(w, to, by))
        shift_all_full(w);
    for (uint32_t r = 0; r < w->replications; r++)
        for (size_t v = 0; v < vectors; v++) {
            __m256i *s = (__m256i *)w->state + r * vectors + v;
            __m256i a = _mm256_load_si256(s), b = _mm256_loadu_si256((const __m256i *)(const void *)by + v);
            __m256i under = _mm256_subs_epu8(b, a);
            _mm256_store_si256(s, _mm256_subs_epu8(a, b));
            if (!_mm256_testz_si256(under, under))
                w->is_full[r] = true;
        }
    w->block = to;
}

/* vectors and wide are constants at each use, so that the compiler unrolls. */
AVX2_INLINE __m256i step_avx2(const struct walk *w, unsigned event, const __m256i *row, size_t vectors, bool wide,
                              __m256i over)
{
    size_t stride = 32 * vectors;
    __m256i *s = (__m256i *)((char *)w->state + (event >> 8) * stride);
    const __m256i *u = (const __m256i *)((const char *)w->unit + (event & 255) * stride);
    for (size_t v = 0; v < vectors; v++) {
        __m256i a = _mm256_load_si256(s + v), b = _mm256_load_si256(u + v), t = _mm256_load_si256(row + v);
        a = wide ? _mm256_adds_epu16(a, b) : _mm256_adds_epu8(a, b);
        _mm256_store_si256(s + v, a);
        over = _mm256_or_si256(over, wide ? _mm256_subs_epu16(a, t) : _mm256_subs_epu8(a, t));
    }
    return over;
}

/* The lists of a big scan do not fit a cache; neither do the events of a batch. measured: bench/scan */
AVX2_INLINE void ahead_avx2(const struct walk *w, size_t i, unsigned shift, size_t vectors)
{
    if (i + AHEAD >= w->len)
        return;
    const char *events = (const char *)(w->events + w->first[w->at[i + AHEAD].place]);
    __builtin_prefetch(events);
    __builtin_prefetch(events + 64);
    __builtin_prefetch((const __m256i *)w->least + (size_t)(w->at[i + AHEAD].n >> shift) * vectors);
}

AVX2_INLINE size_t walk_avx2(struct walk *w, size_t from, size_t vectors, bool wide)
{
    const struct walk k = *w; /* in registers: the stores below could alias it */
    const uint32_t *block = k.ladder->block;
    unsigned shift = k.ladder->shift;
    for (size_t i = from; i < k.len; i++) {
        const uint16_t *e = k.events + k.first[k.at[i].place], *end = k.events + k.first[k.at[i].place + 1];
        size_t row = k.at[i].n >> shift;
        const __m256i *least = (const __m256i *)k.least + row * vectors;
        __m256i over = _mm256_setzero_si256();
        ahead_avx2(&k, i, shift, vectors);
        if (!wide && block[row] != w->block)
            shift_avx2(w, block[row]);
        for (; e < end; e++)
            over = step_avx2(&k, *e, least, vectors, wide, over);
        if (!_mm256_testz_si256(over, over) && (wide ? tell_avx2_u16(w, i) : tell_avx2_u8(w, i)))
            return i;
    }
    return k.len;
}

AVX2 static bool at_least_avx2(struct walk *w, uint32_t r, uint32_t n)
{
    size_t row = n >> w->ladder->shift;
    if (w->ladder->block[row] != w->block)
        shift_avx2(w, w->ladder->block[row]);
    return w->ladder->cell == CELL_U8 ? over_avx2_u8(w, r, row) : over_avx2_u16(w, r, row);
}

/* One replication of bytes in one vector: most places have no event, and the state can stay in a register. */
AVX2 static size_t walk_one_u8_1(struct walk *w, size_t from)
{
    const struct ladder *l = w->ladder;
    const __m256i *unit = w->unit, *rows = w->rows[0];
    __m256i s = _mm256_load_si256(w->state);
    size_t i = from;
    for (; i < w->len; i++) {
        uint32_t e = w->first[w->at[i].place], end = w->first[w->at[i].place + 1];
        if (e == end)
            continue;
        size_t row = w->at[i].n >> l->shift;
        if (l->block[row] != w->block) {
            _mm256_store_si256(w->state, s);
            shift_avx2(w, l->block[row]);
            s = _mm256_load_si256(w->state);
        }
        for (; e < end; e++)
            s = _mm256_adds_epu8(s, _mm256_load_si256(unit + (w->events[e] & 255)));
        __m256i over = _mm256_subs_epu8(s, _mm256_load_si256(rows + row));
        if (!_mm256_testz_si256(over, over))
            break;
    }
    _mm256_store_si256(w->state, s);
    w->passed[0] = 0;
    w->passed_n = i < w->len;
    return i;
}

#define WALK(name, vectors, wide)                                                                                      \
    AVX2 static size_t name(struct walk *w, size_t from)                                                               \
    {                                                                                                                  \
        return walk_avx2(w, from, (vectors), (wide));                                                                  \
    }
WALK(walk_u8_1, 1, false)
WALK(walk_u8_n, w->ladder->stride / 32, false)
WALK(walk_u16_1, 1, true)
WALK(walk_u16_2, 2, true)
WALK(walk_u16_n, w->ladder->stride / 32, true)

static struct kernel kernel_avx2(enum cell cell, size_t stride)
{
    if (cell == CELL_U8)
        return stride == 32 ? (struct kernel){walk_u8_1, walk_one_u8_1, at_least_avx2}
                            : (struct kernel){walk_u8_n, walk_u8_n, at_least_avx2};
    size_t (*walk)(struct walk *, size_t) = stride == 32 ? walk_u16_1 : stride == 64 ? walk_u16_2 : walk_u16_n;
    return (struct kernel){walk, walk, at_least_avx2};
}
#endif

struct kernel kernel_for(enum cell cell, size_t stride, bool plain)
{
#if HAS_AVX2
    if (!plain && __builtin_cpu_supports("avx2"))
        return kernel_avx2(cell, stride);
#endif
    (void)stride;
    (void)plain;
    size_t (*walk)(struct walk *, size_t) = cell == CELL_U8 ? walk_plain_u8 : walk_plain_u16;
    return (struct kernel){walk, walk, at_least_plain};
}
