/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Names and passwords as text. Names are compared by NFKC with case folding (UAX 31, RFC 8265 UsernameCaseMapped in
 * spirit), passwords by NFC (RFC 8265 OpaqueString), so that the same keys on another keyboard are the same secret.
 */
#include "people/people_int.h"

#include <sodium.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

/* UTF-8 in, normalised UTF-8 out; false when it does not fit or is not UTF-8. Leaves nothing on the stack. */
static bool normalise(const UNormalizer2 *how, struct str in, char *out, size_t size, size_t *n)
{
    UChar a[PASSWORD_MAX + 1], b[3 * PASSWORD_MAX + 1];
    UErrorCode e = U_ZERO_ERROR;
    int32_t an = 0, bn = 0, on = 0;
    if (in.n > PASSWORD_MAX || !str_is_utf8(in))
        return false;
    u_strFromUTF8(a, (int32_t)(sizeof a / sizeof *a), &an, in.p ? in.p : "", (int32_t)in.n, &e);
    bn = unorm2_normalize(how, a, an, b, (int32_t)(sizeof b / sizeof *b), &e);
    u_strToUTF8(out, (int32_t)size, &on, b, bn, &e);
    sodium_memzero(a, sizeof a);
    sodium_memzero(b, sizeof b);
    *n = (size_t)on;
    return U_SUCCESS(e) && (size_t)on <= size;
}

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool is_name_char(UChar32 c)
{
    if (c == '.' || c == '_' || c == '-' || c == '@')
        return true;
    return u_isalnum(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; /* vowel signs are marks */
}

enum rc name_fold(struct str name, struct arena *mem, struct str *out, struct err *err)
{
    UErrorCode e = U_ZERO_ERROR;
    const UNormalizer2 *how = unorm2_getNFKCCasefoldInstance(&e);
    char z[NAME_BYTES_MAX];
    size_t n = 0;
    if (U_FAILURE(e))
        return err_set(err, RC_IO, "ICU has no normalisation data: %s", u_errorName(e));
    if (!normalise(how, name, z, sizeof z, &n))
        return err_set(err, RC_INVALID, "the name is over %d characters or not UTF-8", PEOPLE_NAME_MAX);
    struct str folded = {z, n};
    size_t count = characters(folded);
    if (count < PEOPLE_NAME_MIN || count > PEOPLE_NAME_MAX)
        return err_set(err, RC_INVALID, "a name has %d to %d characters, this has %zu", PEOPLE_NAME_MIN,
                       PEOPLE_NAME_MAX, count);
    for (int32_t i = 0; i < (int32_t)n;) {
        UChar32 c;
        U8_NEXT(z, i, (int32_t)n, c);
        if (c < 0 || !is_name_char(c))
            return err_set(err, RC_INVALID, "a name has letters, digits and . _ - @ only; U+%04X is none", (unsigned)c);
    }
    *out = str_copy(mem, folded);
    return RC_OK;
}

enum rc org_name_check(struct str name, struct arena *mem, struct str *out, struct err *err)
{
    UErrorCode e = U_ZERO_ERROR;
    char z[4 * ORG_NAME_MAX];
    size_t n = 0;
    if (!normalise(unorm2_getNFCInstance(&e), str_trim(name), z, sizeof z, &n) || n == 0 ||
        characters((struct str){z, n}) > ORG_NAME_MAX)
        return err_set(err, RC_INVALID, "an organisation's name has 1 to %d characters of UTF-8", ORG_NAME_MAX);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)z[i] < ' ' || z[i] == 0x7f)
            return err_set(err, RC_INVALID, "an organisation's name has no control characters");
    *out = str_copy(mem, (struct str){z, n});
    return RC_OK;
}

enum rc password_normal(struct str password, char out[PASSWORD_NORMAL_MAX], size_t *n, struct err *err)
{
    UErrorCode e = U_ZERO_ERROR;
    if (!normalise(unorm2_getNFCInstance(&e), password, out, PASSWORD_NORMAL_MAX, n))
        return err_set(err, RC_INVALID, "a password is UTF-8 of at most %d bytes", PASSWORD_MAX);
    return RC_OK;
}

enum rc password_check(struct str password, struct str folded_name, struct err *err)
{
    char z[PASSWORD_NORMAL_MAX];
    size_t n = 0;
    UErrorCode e = U_ZERO_ERROR;
    if (password.n > PASSWORD_MAX || !str_is_utf8(password))
        return err_set(err, RC_INVALID, "a password is UTF-8 of at most %d bytes", PASSWORD_MAX);
    if (characters(password) < PASSWORD_MIN)
        return err_set(err, RC_INVALID, "a password has at least %d characters; a few unrelated words do well",
                       PASSWORD_MIN);
    bool is_folded = normalise(unorm2_getNFKCCasefoldInstance(&e), password, z, sizeof z, &n);
    bool is_name = is_folded && str_is_equal((struct str){z, n}, folded_name);
    sodium_memzero(z, sizeof z);
    return is_name ? err_set(err, RC_INVALID, "the password is the account's name") : RC_OK;
}
