/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The ISO 3166-1 table of data/areas, and the three-letter codes Natural Earth writes in another way.
 */
#include "sites/areas_int.h"

#include <stdlib.h>

#include "base/asset.h"
#include "wire/csv.h"

enum { CODES_MAX = 400 };

struct iso_codes {
    struct arena mem;
    struct {
        struct str alpha2, alpha3;
    } rows[CODES_MAX];
    size_t n;
};

static enum rc rows_read(struct iso_codes *c, struct csv *csv, struct err *err)
{
    int a2 = csv_column_find(csv, STR("alpha2")), a3 = csv_column_find(csv, STR("alpha3"));
    if (a2 < 0 || a3 < 0)
        return err_set(err, RC_DAMAGED, "data/areas/iso-3166.csv has no columns alpha2 and alpha3");
    for (bool more = true; more && c->n < CODES_MAX;) {
        struct csv_row row;
        TRY(csv_next(csv, &row, &more, err));
        if (!more || row.fault)
            continue;
        c->rows[c->n].alpha2 = str_copy(&c->mem, row.fields[a2]);
        c->rows[c->n++].alpha3 = str_copy(&c->mem, row.fields[a3]);
    }
    return RC_OK;
}

enum rc iso_codes_new(struct iso_codes **out, struct err *err)
{
    struct str text = asset_text("data/areas/iso-3166.csv");
    struct csv *csv;
    TRY(csv_open(str_source(&text), NULL, &csv, err));
    struct iso_codes *c = mem_alloc(sizeof *c);
    arena_init(&c->mem);
    enum rc rc = rows_read(c, csv, err);
    csv_close(csv);
    if (rc == RC_OK)
        *out = c;
    else
        iso_codes_free(c);
    return rc;
}

void iso_codes_free(struct iso_codes *c)
{
    if (!c)
        return;
    arena_fini(&c->mem);
    free(c);
}

bool iso_codes_has(const struct iso_codes *c, struct str alpha2)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_is_equal(c->rows[i].alpha2, alpha2))
            return true;
    return str_is_equal(alpha2, STR("XK"));
}

struct str iso_codes_alpha2(const struct iso_codes *c, struct str alpha3)
{
    static const struct {
        const char *own, *alpha2;
    } NATURAL_EARTH[] = {{"PSX", "PS"}, {"SDS", "SS"}, {"SAH", "EH"}, {"ALD", "AX"}, {"KOS", "XK"}};
    for (size_t i = 0; i < sizeof NATURAL_EARTH / sizeof NATURAL_EARTH[0]; i++)
        if (str_is_equal(str_of(NATURAL_EARTH[i].own), alpha3))
            return str_of(NATURAL_EARTH[i].alpha2);
    for (size_t i = 0; i < c->n; i++)
        if (str_is_equal(c->rows[i].alpha3, alpha3))
            return c->rows[i].alpha2;
    return STR_NONE;
}
