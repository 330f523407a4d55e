/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Folding of names for the search, the same on both engines because the database sees only the result. Not a
 * transliteration: scripts stay apart.
 */
#include "sites/sites.h"

#include <stdlib.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

/* Marks that people leave out when they type: combining diacritics, Cyrillic titlo, Hebrew points, Arabic vowel signs,
 * tatweel. Vowel signs of Indic scripts are letters to their readers and stay. */
static bool is_dropped(UChar c)
{
    return (c >= 0x0300 && c <= 0x036F) || (c >= 0x0483 && c <= 0x0487) ||
           (c >= 0x0591 && c <= 0x05C7 && c != 0x05BE) || (c >= 0x0610 && c <= 0x061A) || c == 0x0640 ||
           (c >= 0x064B && c <= 0x065F) || c == 0x0670 || (c >= 0x06D6 && c <= 0x06DC) || c == '\'' || c == 0x2018 ||
           c == 0x2019 || c == 0x02BB || c == 0x02BC || c == 0x02BE || c == 0x02BF || c == '`' || c == 0x00B4;
}

/* Letters that do not decompose though people type the plain one; dashes, which come and go in names. */
static UChar plain(UChar c)
{
    switch (c) {
    case 0x0142:
        return 'l';
    case 0x00F8:
        return 'o';
    case 0x0111:
        return 'd';
    case 0x0127:
        return 'h';
    case 0x0131:
        return 'i';
    case 0x0649:
    case 0x06CC:
        return 0x064A; /* alef maqsura, Farsi yeh: yeh */
    case 0x0629:
        return 0x0647; /* teh marbuta: heh */
    case 0x06A9:
        return 0x0643; /* keheh: kaf */
    case '-':
    case '_':
    case 0x05BE:
        return ' ';
    default:
        return c >= 0x2010 && c <= 0x2015 ? ' ' : c;
    }
}

static bool is_space(UChar c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x00A0 || c == 0x3000 || c == 0x200B;
}

static int32_t clean(UChar *p, int32_t n)
{
    int32_t to = 0;
    for (int32_t i = 0; i < n; i++) {
        UChar c = plain(p[i]);
        if (is_dropped(c) || c == 0)
            continue;
        if (is_space(c)) {
            if (to > 0 && p[to - 1] != ' ')
                p[to++] = ' ';
        } else {
            p[to++] = c;
        }
    }
    return to > 0 && p[to - 1] == ' ' ? to - 1 : to;
}

/* Plain ASCII needs no tables; most names of the largest sources are. */
static bool fold_ascii(struct arena *mem, struct str text, struct str *out)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            return false;
    char *p = arena_alloc(mem, text.n + 1);
    size_t to = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\'' || c == '`' || c == 0)
            continue;
        c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        if (c == '-' || c == '_' || c == ' ' || (c >= '\t' && c <= '\r')) {
            if (to > 0 && p[to - 1] != ' ')
                p[to++] = ' ';
        } else {
            p[to++] = c;
        }
    }
    to -= to > 0 && p[to - 1] == ' ';
    *out = (struct str){p, to};
    return true;
}

struct str sites_fold(struct arena *mem, struct str text)
{
    struct str out;
    if (fold_ascii(mem, text, &out))
        return out;
    /* Worst growth of both normal forms together (UAX 15, stability of normalization: 18 times for NFKD). */
    int32_t room = (int32_t)(text.n > (1 << 20) ? (1 << 20) : text.n) * 18 + 16, n = 0, n2;
    UErrorCode e = U_ZERO_ERROR;
    UChar *a = mem_array((size_t)room, sizeof *a), *b = mem_array((size_t)room, sizeof *b);
    u_strFromUTF8WithSub(a, room, &n, text.p, (int32_t)(text.n > (1 << 20) ? (1 << 20) : text.n), 0xFFFD, NULL, &e);
    const UNormalizer2 *fold = unorm2_getNFKCCasefoldInstance(&e), *apart = unorm2_getNFDInstance(&e);
    n2 = unorm2_normalize(fold, a, n, b, room, &e);
    n = unorm2_normalize(apart, b, n2, a, room, &e);
    n = U_SUCCESS(e) ? clean(a, n) : 0;
    int32_t bytes = 0;
    char *p = arena_alloc(mem, (size_t)n * 3 + 1);
    u_strToUTF8WithSub(p, n * 3 + 1, &bytes, a, n, 0xFFFD, NULL, &e);
    free(a);
    free(b);
    return U_SUCCESS(e) ? (struct str){p, (size_t)bytes} : STR_NONE;
}
