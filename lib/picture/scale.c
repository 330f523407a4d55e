/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Pixels: made, made smaller, turned.
 */
#include "picture/picture_int.h"

#include <stdlib.h>
#include <string.h>

enum { RGB = 3 };

enum rc pixels_make(int width, int height, struct pixels *out, struct err *err)
{
    *out = (struct pixels){malloc((size_t)width * (size_t)height * RGB), width, height};
    return out->rgb ? RC_OK : err_set(err, RC_NOMEM, "no memory for a picture of %d by %d pixels", width, height);
}

void pixels_free(struct pixels *p)
{
    free(p->rgb);
    p->rgb = NULL;
}

/* ---- smaller ---- */

/* Which old cells a new one covers, and how much of the first and the last, in 1/256. */
struct cover {
    int first, last;
    uint32_t first_w, last_w;
};

static struct cover cover_of(int i, int from, int to)
{
    uint64_t a = (uint64_t)i * (uint64_t)from * 256 / (uint64_t)to;
    uint64_t b = (uint64_t)(i + 1) * (uint64_t)from * 256 / (uint64_t)to;
    struct cover c = {(int)(a / 256), (int)((b - 1) / 256), 0, 0};
    c.first_w = (uint32_t)(256 - a % 256);
    c.last_w = (uint32_t)((b - 1) % 256 + 1);
    if (c.first == c.last)
        c.first_w = c.last_w = (uint32_t)(b - a);
    return c;
}

static uint32_t weight(const struct cover *c, int i)
{
    return i == c->first ? c->first_w : i == c->last ? c->last_w : 256;
}

/* One row of sums: the old row, each new cell of it added with the row's own weight. Sums of at most 256 * 256 * 255 for
 * each old cell covered, of which there are at most (30000 / 1)^2: they need 64 bits. */
static void row_add(const uint8_t *row, const struct cover *columns, int width, uint32_t row_weight, uint64_t *sums)
{
    for (int x = 0; x < width; x++) {
        const struct cover *c = &columns[x];
        for (int i = c->first; i <= c->last; i++) {
            uint64_t w = (uint64_t)row_weight * weight(c, i);
            for (int k = 0; k < RGB; k++)
                sums[x * RGB + k] += w * row[(size_t)i * RGB + (size_t)k];
        }
    }
}

static uint64_t span(const struct cover *c)
{
    return c->first == c->last ? c->first_w
                               : (uint64_t)c->first_w + c->last_w + 256 * (uint64_t)(c->last - c->first - 1);
}

static void shrink(const struct pixels *p, const struct cover *columns, uint64_t *sums, struct pixels *out)
{
    for (int y = 0; y < out->height; y++) {
        struct cover rows = cover_of(y, p->height, out->height);
        memset(sums, 0, (size_t)out->width * RGB * sizeof *sums);
        for (int i = rows.first; i <= rows.last; i++)
            row_add(p->rgb + (size_t)i * (size_t)p->width * RGB, columns, out->width, weight(&rows, i), sums);
        uint8_t *to = out->rgb + (size_t)y * (size_t)out->width * RGB;
        for (int x = 0; x < out->width; x++) {
            uint64_t area = span(&columns[x]) * span(&rows);
            for (int k = 0; k < RGB; k++)
                to[x * RGB + k] = (uint8_t)((sums[x * RGB + k] + area / 2) / area);
        }
    }
}

static int fit(int side, int longer, int most)
{
    int n = (int)(((int64_t)side * most + longer / 2) / longer);
    return n > 0 ? n : 1;
}

enum rc pixels_fit(const struct pixels *p, int side, struct pixels *out, struct err *err)
{
    int longer = p->width > p->height ? p->width : p->height;
    bool is_small = longer <= side;
    int w = is_small ? p->width : fit(p->width, longer, side), h = is_small ? p->height : fit(p->height, longer, side);
    TRY(pixels_make(w, h, out, err));
    if (is_small) {
        memcpy(out->rgb, p->rgb, (size_t)w * (size_t)h * RGB);
        return RC_OK;
    }
    struct cover *columns = mem_alloc((size_t)w * sizeof *columns);
    uint64_t *sums = mem_alloc((size_t)w * RGB * sizeof *sums);
    for (int x = 0; x < w; x++)
        columns[x] = cover_of(x, p->width, w);
    shrink(p, columns, sums, out);
    free(columns);
    free(sums);
    return RC_OK;
}

/* ---- upright ---- */

/* Where the pixel of the upright picture stands in the turned one. 2: mirrored; 3: half round; 4: mirrored upside down;
 * 5: transposed; 6: turned left, so turn right; 7: transposed the other way; 8: turned right. */
static size_t source_of(int orientation, int x, int y, int w, int h)
{
    const int at[9][2] = {{0, 0}, {x, y},         {w - 1 - x, y},         {w - 1 - x, h - 1 - y}, {x, h - 1 - y},
                          {y, x}, {y, h - 1 - x}, {w - 1 - y, h - 1 - x}, {w - 1 - y, x}};
    return (size_t)at[orientation][1] * (size_t)w + (size_t)at[orientation][0];
}

enum rc pixels_turn(const struct pixels *p, int orientation, struct pixels *out, struct err *err)
{
    bool is_across = orientation >= 5;
    TRY(pixels_make(is_across ? p->height : p->width, is_across ? p->width : p->height, out, err));
    uint8_t *to = out->rgb;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++, to += RGB)
            memcpy(to, p->rgb + source_of(orientation, x, y, p->width, p->height) * RGB, RGB);
    return RC_OK;
}
