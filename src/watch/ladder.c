/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The statistic, and its inverse as integer thresholds. For a given expectation the statistic grows with the count, so
 * "is it at least the level?" is "is the count over a number?", and that number depends only on n and the window.
 * Thresholds may be too small by rounding, never too large: whoever passes one is computed exactly.
 */
#include "watch/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double watch_statistic(uint32_t total, uint32_t observed, uint64_t product)
{
    if ((uint64_t)observed * total <= product)
        return 0;
    double expected = (double)product / total, c = observed, inside = c * log(c / expected);
    if (observed >= total)
        return inside;
    double rest = (double)total - c;
    return inside + rest * log(rest / ((double)total - expected));
}

/* Statistic of c cases where `expected` are expected; for thresholds only. */
static double statistic_real(double total, double c, double expected)
{
    double rest = total - c, v = c * log(c / expected);
    return rest > 0 ? v + rest * log(rest / (total - expected)) : v;
}

/* Largest expectation at which c cases still reach the level, rounded up. In u = log(expected) the statistic less the
 * level is convex and falls, so Newton's steps from its left side only approach the root. start: at most the root; that
 * of c - 1 serves. */
static double expected_most(double total, double c, double level, double start)
{
    double rest = total - c, u = start;
    if (rest <= 0)
        return total;
    for (int i = 0; i < 100; i++) {
        double expected = exp(u), left = total - expected;
        double excess = c * (log(c) - u) + rest * log(rest / left) - level;
        double slope = rest * expected / left - c;
        double step = excess / -slope;
        if (!(step > 1e-12))
            break;
        u += step;
    }
    return exp(u) * (1 + 1e-9);
}

unsigned ladder_step_of(double statistic)
{
    double s = statistic / LADDER_STEP;
    return s >= LADDER_STEPS ? LADDER_STEPS : s > 0 ? (unsigned)s : 0;
}

enum { ROWS_MAX = 8192, BLOCK_LEAST = 8, BLOCK_MOST = 64, U8_MOST = 253, U16_MOST = 65000 };

static double expected_at(const struct field *f, double n, uint32_t w)
{
    return n * f->within[w] / f->total;
}

/* A count that the statistic at the highest level stays under when `expected` are expected; roughly, from above. */
static double threshold_most(const struct field *f, double expected)
{
    double c = ceil(expected) + 2;
    double step = ceil(sqrt(expected) / 8) + 1;
    while (c < f->total && statistic_real(f->total, c, expected > 0 ? expected : 1e-9) < LADDER_STEPS * LADDER_STEP)
        c += step;
    return c;
}

/* How far under its base a count may be seen: five and a half standard deviations, and what the base moves at once when
 * the biggest place comes in. */
static double offset_for(const struct field *f, double top)
{
    uint32_t biggest = 0;
    for (uint32_t p = 0; p < f->places.n; p++)
        biggest = f->cases_of[p] > biggest ? f->cases_of[p] : biggest;
    return ceil(5.5 * sqrt(top) + expected_at(f, biggest, f->windows - 1)) + 2;
}

/* Bytes as they are while counts or thresholds fit; else bytes over a base when what varies around it fits, with as
 * much expectation to a block as there is room; else words. */
static void cell_choose(struct ladder *l, enum cell least)
{
    const struct field *f = l->f;
    double top = expected_at(f, f->n_most, f->windows - 1), threshold = threshold_most(f, top);
    double offset = offset_for(f, top), room = U8_MOST - offset - (threshold - top);
    l->cell = CELL_U8;
    if (least == CELL_U8 && (f->alive < U8_MOST || threshold < U8_MOST))
        return;
    if (least == CELL_U8 && room >= BLOCK_LEAST) {
        l->offset = (uint32_t)offset;
        l->block_cases = room < BLOCK_MOST ? (uint32_t)room : BLOCK_MOST;
        return;
    }
    l->cell = threshold < U16_MOST || f->alive < U16_MOST ? CELL_U16 : CELL_NONE;
}

static void blocks_make(struct ladder *l)
{
    const struct field *f = l->f;
    uint32_t last = f->windows - 1;
    l->block = mem_array(l->rows, sizeof *l->block);
    for (size_t row = 0; l->block_cases > 0 && row < l->rows; row++)
        l->block[row] = (uint32_t)(expected_at(f, (double)(row << l->shift), last) / l->block_cases);
    l->blocks = l->block[l->rows - 1] + 1;
    l->base = mem_array((size_t)l->blocks * f->windows, sizeof *l->base);
    for (uint32_t b = 0; b < l->blocks; b++)
        for (uint32_t w = f->window_least; w < f->windows; w++)
            l->base[(size_t)b * f->windows + w] =
                (uint32_t)((double)b * l->block_cases * f->within[w] / f->within[last]);
}

static void *rows_alloc(const struct ladder *l, int fill)
{
    size_t bytes = (l->rows * l->stride + 63) / 64 * 64;
    void *rows = aligned_alloc(64, bytes);
    ENSURE(rows != NULL);
    return memset(rows, fill, bytes);
}

void ladder_init(struct ladder *l, const struct field *f, enum cell least)
{
    *l = (struct ladder){.f = f};
    pthread_mutex_init(&l->lock, NULL);
    if (f->windows > 256)
        return;
    cell_choose(l, least);
    l->stride = (f->windows * (size_t)l->cell + 31) / 32 * 32;
    while (f->n_most >> l->shift >= ROWS_MAX)
        l->shift++;
    l->rows = (f->n_most >> l->shift) + 1;
    if (l->cell == CELL_NONE)
        return;
    blocks_make(l);
    l->full_only = rows_alloc(l, 0xfe);
}

void ladder_fini(struct ladder *l)
{
    for (int i = 0; i <= LADDER_STEPS; i++)
        free(atomic_load(&l->step[i]));
    free(l->full_only);
    free(l->block);
    free(l->base);
    pthread_mutex_destroy(&l->lock);
}

static uint32_t state_at(const struct ladder *l, const void *state, uint32_t w)
{
    return l->cell == CELL_U8 ? ((const uint8_t *)state)[w] : ((const uint16_t *)state)[w];
}

uint32_t ladder_count(const struct ladder *l, const void *state, uint32_t n, uint32_t w)
{
    return state_at(l, state, w) + l->base[(size_t)l->block[n >> l->shift] * l->f->windows + w] - l->offset;
}

bool ladder_is_full(const struct ladder *l, const void *state, uint32_t w)
{
    return state_at(l, state, w) == (l->cell == CELL_U8 ? 255 : 65535);
}

static void cell_set(const struct ladder *l, void *rows, size_t row, uint32_t w, uint32_t value)
{
    if (value != UINT32_MAX)
        value += l->offset - l->base[(size_t)l->block[row] * l->f->windows + w];
    if (l->cell == CELL_U8)
        ((uint8_t *)rows)[row * l->stride + w] = value < 255 ? (uint8_t)value : 255;
    else
        ((uint16_t *)rows)[row * l->stride / 2 + w] = value < 65535 ? (uint16_t)value : 65535;
}

/* One window: as n grows the threshold only grows, so one walk over both. most[c] is expected_most of c. */
static void fill_window(const struct ladder *l, void *rows, uint32_t w, const double *most, uint32_t most_n)
{
    const struct field *f = l->f;
    uint32_t c = f->cases_least;
    for (size_t row = 0; row < l->rows; row++) {
        double expected = (double)(row << l->shift) * f->within[w] / f->total;
        while (c < most_n && most[c] < expected)
            c++;
        cell_set(l, rows, row, w, c < most_n ? c - 1 : UINT32_MAX);
    }
}

static void *rows_build(const struct ladder *l, double level)
{
    const struct field *f = l->f;
    double top = (double)f->n_most * f->within[f->windows - 1] / f->total;
    uint32_t n = f->cases_least, size = 256;
    double *most = mem_array(size, sizeof *most);
    for (bool done = false; !done && n <= f->alive; n++) { /* counts over the alive cases cannot occur */
        if (n >= size)
            most = mem_realloc(most, (size *= 2) * sizeof *most);
        most[n] =
            level > 0 ? expected_most(f->total, n, level, n == f->cases_least ? -level : log(most[n - 1]) - 1e-6) : n;
        done = most[n] >= top;
    }
    void *rows = rows_alloc(l, 0xff);
    for (uint32_t w = f->window_least; w < f->windows; w++)
        fill_window(l, rows, w, most, n);
    free(most);
    return rows;
}

const void *ladder_rows(struct ladder *l, unsigned step)
{
    void *rows = atomic_load_explicit(&l->step[step], memory_order_acquire);
    if (rows)
        return rows;
    pthread_mutex_lock(&l->lock);
    rows = atomic_load_explicit(&l->step[step], memory_order_relaxed);
    if (!rows) {
        rows = rows_build(l, step * LADDER_STEP);
        atomic_store_explicit(&l->step[step], rows, memory_order_release);
    }
    pthread_mutex_unlock(&l->lock);
    return rows;
}
