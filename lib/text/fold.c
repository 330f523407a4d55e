/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Folding by ICU's transliterator. See fold.h.
 */
#include "text/fold.h"

#include <stdlib.h>
#include <uchar.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

struct text_folder {
    UTransliterator *trans;
};

enum rc text_folder_new(struct text_folder **out, struct err *err)
{
    static const char16_t ID[] = u"NFKC; Any-Latin; Latin-ASCII; Lower; [:Nonspacing Mark:] Remove";
    UErrorCode status = U_ZERO_ERROR;
    UTransliterator *t = utrans_openU(ID, -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    if (U_FAILURE(status))
        return err_set(err, RC_IO, "ICU cannot make its transliterator: %s", u_errorName(status));
    struct text_folder *f = mem_alloc(sizeof *f);
    f->trans = t;
    *out = f;
    return RC_OK;
}

void text_folder_free(struct text_folder *f)
{
    if (!f)
        return;
    utrans_close(f->trans);
    free(f);
}

/* ASCII letters and digits stay, in lower case; bytes of other scripts that were left stay; the rest parts words. An
 * apostrophe joins: "Ma'la" and "Mala" are one word. */
static struct str words_only(struct str s, struct arena *mem)
{
    char *out = arena_alloc(mem, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + 32);
        if (c == '\'' || c == '`')
            continue;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
            out[n++] = (char)c;
        else if (n && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
    return (struct str){out, n};
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

struct str text_fold(struct text_folder *f, struct str s, struct arena *mem)
{
    enum { UNITS = TEXT_FOLD_MAX * 4 }; /* a syllable can become several letters; what does not fit is cut */
    s = str_clip(s, TEXT_FOLD_MAX);
    if (is_ascii(s))
        return words_only(s, mem);
    UChar *u = ARENA_NEW_N(mem, UChar, UNITS);
    int32_t n = 0, limit;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8WithSub(u, UNITS, &n, s.p, (int32_t)s.n, 0xFFFD, NULL, &status);
    limit = n;
    if (U_SUCCESS(status))
        utrans_transUChars(f->trans, u, &n, UNITS, 0, &limit, &status);
    if (U_FAILURE(status) && status != U_BUFFER_OVERFLOW_ERROR)
        return words_only(s, mem);
    if (n > UNITS)
        n = UNITS;
    char *utf8 = arena_alloc(mem, (size_t)n * 3 + 1);
    int32_t bytes = 0;
    status = U_ZERO_ERROR;
    u_strToUTF8WithSub(utf8, n * 3 + 1, &bytes, u, n, 0xFFFD, NULL, &status);
    return U_SUCCESS(status) ? words_only((struct str){utf8, (size_t)bytes}, mem) : words_only(s, mem);
}

bool text_next_word(struct str *rest, struct str *word)
{
    while (rest->n && rest->p[0] == ' ')
        *rest = str_slice(*rest, 1, rest->n);
    if (rest->n == 0)
        return false;
    struct str tail;
    str_cut(*rest, ' ', word, &tail);
    *rest = tail;
    return true;
}
