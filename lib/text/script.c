/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See script.h.
 */
#include "text/script.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

enum { SIMPLIFY_MAX = 1000 }; /* UTF-16 units of one text; longer ones stay as they are */

static enum text_spacing spacing_of(UChar32 c)
{
    UErrorCode e = U_ZERO_ERROR;
    if (c < 0x0E00)
        return TEXT_SPACED;
    switch (uscript_getScript(c, &e)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
        return TEXT_HAN;
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
        return TEXT_UNSPACED;
    default:
        return c == 0x30FC || c == 0x3005 ? TEXT_HAN : TEXT_SPACED; /* the long-vowel mark, the repeat mark */
    }
}

static bool is_in_word(UChar32 c)
{
    return u_isalnum(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0 || c == 0x30FC || c == 0x3005;
}

/* Marks go with the letter before them. */
static bool goes_on(UChar32 c, enum text_spacing spacing)
{
    return is_in_word(c) && ((U_GET_GC_MASK(c) & U_GC_M_MASK) != 0 || spacing_of(c) == spacing);
}

bool text_next_run(struct str *rest, struct text_run *out)
{
    const char *p = rest->p;
    int32_t n = (int32_t)rest->n, i = 0, begin = 0;
    UChar32 c = 0, before = 0;
    while (i < n) {
        begin = i;
        U8_NEXT(p, i, n, c);
        if (c >= 0 && is_in_word(c))
            break;
        before = c;
        begin = n;
    }
    if (begin >= n) {
        *rest = STR_NONE;
        return false;
    }
    enum text_spacing spacing = spacing_of(c);
    int32_t end = i;
    while (i < n) {
        U8_NEXT(p, i, n, c);
        if (c < 0 || !goes_on(c, spacing))
            break;
        end = i;
    }
    *out = (struct text_run){str_slice(*rest, (size_t)begin, (size_t)end), spacing, before == 0xE000 && begin == 3};
    *rest = str_slice(*rest, (size_t)end, rest->n);
    return true;
}

size_t text_characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

size_t text_offset(struct str s, size_t at)
{
    size_t i = 0;
    for (; i < s.n; i++)
        if (((unsigned char)s.p[i] & 0xC0) != 0x80 && at-- == 0)
            break;
    return i;
}

struct text_simplifier {
    UTransliterator *trans;
};

enum rc text_simplifier_new(struct text_simplifier **out, struct err *err)
{
    static const char16_t ID[] = u"Traditional-Simplified";
    UErrorCode status = U_ZERO_ERROR;
    UTransliterator *t = utrans_openU(ID, -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    if (U_FAILURE(status))
        return err_set(err, RC_IO, "ICU cannot make its transliterator: %s", u_errorName(status));
    struct text_simplifier *s = mem_alloc(sizeof *s);
    s->trans = t;
    *out = s;
    return RC_OK;
}

void text_simplifier_free(struct text_simplifier *s)
{
    if (!s)
        return;
    utrans_close(s->trans);
    free(s);
}

struct str text_simplify(struct text_simplifier *t, struct str s, struct arena *mem)
{
    enum { UNITS = 2 * SIMPLIFY_MAX };
    UChar u[UNITS];
    int32_t n = 0, bytes = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8WithSub(u, SIMPLIFY_MAX, &n, s.p, (int32_t)s.n, 0xFFFD, NULL, &status);
    if (U_FAILURE(status) || n > SIMPLIFY_MAX)
        return s;
    int32_t limit = n;
    utrans_transUChars(t->trans, u, &n, UNITS, 0, &limit, &status);
    if (U_FAILURE(status) || n > UNITS)
        return s;
    char *utf8 = arena_alloc(mem, (size_t)n * 3 + 1);
    u_strToUTF8WithSub(utf8, n * 3 + 1, &bytes, u, n, 0xFFFD, NULL, &status);
    return U_SUCCESS(status) ? (struct str){utf8, (size_t)bytes} : s;
}
