/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The image of the search, and texts asked of it. The input is a text of at most 64 bytes ended by a zero byte, then
 * changes to a small sound image: 4 bytes offset, 1 byte value, again and again; offsets below half of their range fall
 * into the header. The digest is not checked, as otherwise nothing would get past it.
 */
#include <stdlib.h>
#include <string.h>

#include "sites/search_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SITES = 40, CHANGES_MAX = 256, TEXT_MAX = 64 };

static void base_make(struct search_cutter *c, struct search_image **out)
{
    static const char *const NAMES[] = {"Казанский собор", "少林寺",           "วัดพระแก้ว", "Notre-Dame de Paris",
                                        "مسجد الحسين",     "St Mary's Church", "Sensō-ji", "Kölner Dom"};
    struct search_words *words;
    struct search_builder *b;
    struct err err;
    ENSURE(search_words_new(&words, &err) == RC_OK && search_builder_new(words, c, NULL, &b, &err) == RC_OK);
    for (size_t i = 0; i < SITES; i++) {
        struct site s = {.has_place = true,
                         .lat_deg = (double)i,
                         .lon_deg = 3.0 * (double)i,
                         .kind = STR("CHU"),
                         .religion = STR("christian"),
                         .country = STR("FR"),
                         .name = str_of(NAMES[i % 8])};
        s.public_id.b[3] = (uint8_t)i;
        ENSURE(search_builder_add(b, &s, &err) == RC_OK);
    }
    ENSURE(search_builder_image(b, out, &err) == RC_OK);
    search_builder_free(b);
    search_words_free(words);
}

static void ask(const struct search_image *im, struct search_cutter *c, struct str text)
{
    struct search_found found[10];
    struct search_cut cut;
    struct arena mem;
    arena_init(&mem);
    search_cut(c, text, &mem, &cut);
    struct search_ask a = {.text = text,
                           .cut = &cut,
                           .has_near = text.n % 2,
                           .near = {10, 30},
                           .limit = 10,
                           .phrases = STR("church\t0.35\t\x01kCHU\nfrance\t0.70\t\x01"
                                          "cFR\n")};
    search_rank(im, &a, NULL, &mem, found);
    uint32_t site = search_site_find(im, (struct uuid){{0}});
    ENSURE(site == SEARCH_NONE || site < im->sites);
    arena_fini(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct search_image *base; /* made once: the process is the fuzzer's */
    static struct search_cutter *cutter;
    struct err err;
    if (!base) {
        ENSURE(search_cutter_new(&cutter, &err) == RC_OK);
        base_make(cutter, &base);
    }
    size_t text_n = 0;
    while (text_n < n && text_n < TEXT_MAX && data[text_n])
        text_n++;
    struct str text = {(const char *)data, text_n};
    size_t i = text_n < n ? text_n + 1 : n;
    unsigned char *bytes = mem_alloc(base->map.n);
    memcpy(bytes, base->map.p, base->map.n);
    for (size_t k = 0; i + 5 <= n && k < CHANGES_MAX; i += 5, k++) {
        uint32_t at;
        memcpy(&at, data + i, sizeof at);
        at = at >> 31 ? (at & 0x7fffffff) % (uint32_t)base->map.n : at % (uint32_t)sizeof(struct search_header);
        bytes[at] = data[i + 4];
    }
    struct search_image im;
    if (search_attach(&im, (struct file_map){bytes, base->map.n}, &err) == RC_OK) {
        if (str_is_utf8(text))
            ask(&im, cutter, text);
        ask(&im, cutter, STR("kazan cathed"));
        ask(&im, cutter, STR("少林"));
    } else {
        ENSURE(err.rc == RC_DAMAGED);
    }
    free(bytes);
    return 0;
}
