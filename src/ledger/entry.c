/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The bytes of an entry. Members come out in the order RFC 8785 asks for, written straight from the columns, so that
 * checking a row is one comparison: what stands before the detail, the detail itself, what stands after it.
 */
#include "ledger/canonical.h"
#include "ledger/ledger_int.h"

#include <string.h>

static bool is_code(const char *z)
{
    size_t n = z ? strlen(z) : 0;
    for (size_t i = 0; i < n; i++)
        if (!((z[i] >= 'a' && z[i] <= 'z') || (z[i] >= '0' && z[i] <= '9') || z[i] == '.' || z[i] == '_' ||
              z[i] == '-'))
            return false;
    return n > 0 && n <= ENTRY_CODE_MAX;
}

enum rc entry_check_event(const struct ledger_event *ev, struct err *err)
{
    if (!is_code(ev->action))
        return err_set(err, RC_INVALID, "ledger action \"%.80s\": 1 to %d of a-z 0-9 . _ -",
                       ev->action ? ev->action : "", ENTRY_CODE_MAX);
    if (!is_code(ev->object_kind))
        return err_set(err, RC_INVALID, "ledger object kind \"%.80s\": 1 to %d of a-z 0-9 . _ -",
                       ev->object_kind ? ev->object_kind : "", ENTRY_CODE_MAX);
    if (ev->at.us < 0 || ev->at.us > INT64_C(9007199254740992))
        return err_set(err, RC_INVALID, "time %lld of a ledger entry is outside 1970 to 2255", (long long)ev->at.us);
    if (ev->detail.n > LEDGER_DETAIL_MAX)
        return err_set(err, RC_TOO_LARGE, "ledger detail of %zu bytes is over %d", ev->detail.n, LEDGER_DETAIL_MAX);
    return RC_OK;
}

static char *put(char *to, const char *p, size_t n)
{
    memcpy(to, p, n);
    return to + n;
}

static char *put_hex(char *to, const uint8_t *p, size_t n)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *to++ = DIGITS[p[i] >> 4];
        *to++ = DIGITS[p[i] & 15];
    }
    return to;
}

static char *put_uuid(char *to, struct uuid u)
{
    static const uint8_t FROM[] = {0, 4, 6, 8, 10, 16};
    for (int i = 0; i < 5; i++) {
        if (i)
            *to++ = '-';
        to = put_hex(to, u.b + FROM[i], (size_t)(FROM[i + 1] - FROM[i]));
    }
    return to;
}

static char *put_i64(char *to, int64_t v)
{
    char z[24], *p = z + sizeof z;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    return put(to, p, (size_t)(z + sizeof z - p));
}

#define PUT(to, literal) put((to), (literal), sizeof(literal) - 1)

/* What surrounds the detail: codes of at most ENTRY_CODE_MAX, three ids, one digest, one number, the names. */
enum { HEAD_MAX = 256, TAIL_MAX = 384 };

static size_t head_write(const struct entry *e, char out[HEAD_MAX])
{
    char *p = PUT(out, "{\"action\":\"");
    p = put(p, e->action.p, e->action.n);
    if (e->has_actor)
        p = put_uuid(PUT(p, "\",\"actor\":\""), e->actor);
    p = put_i64(PUT(p, "\",\"at_us\":"), e->at.us);
    return (size_t)(p - out);
}

static size_t tail_write(const struct entry *e, char out[TAIL_MAX])
{
    char *p = out;
    if (e->has_digest) {
        p = put_hex(PUT(p, ",\"digest\":\""), e->digest.b, sizeof e->digest.b);
        p = PUT(p, "\"");
    }
    p = put_uuid(PUT(p, ",\"id\":\""), e->id);
    p = put_uuid(PUT(p, "\",\"object\":\""), e->object);
    p = PUT(p, "\",\"object_kind\":\"");
    p = put(p, e->object_kind.p, e->object_kind.n);
    p = PUT(p, "\",\"v\":1}");
    return (size_t)(p - out);
}

static const char DETAIL[] = ",\"detail\":";

_Static_assert(HEAD_MAX + TAIL_MAX + sizeof DETAIL <= ENTRY_BASE_MAX, "an entry without detail fits");

void entry_encode(struct entry *e, struct str detail, char *room)
{
    char head[HEAD_MAX], tail[TAIL_MAX];
    size_t head_n = head_write(e, head), tail_n = tail_write(e, tail);
    char *p = put(room, head, head_n);
    if (detail.n)
        p = put(put(p, DETAIL, sizeof DETAIL - 1), detail.p, detail.n);
    p = put(p, tail, tail_n);
    e->bytes = (struct str){room, (size_t)(p - room)};
    e->leaf = merkle_leaf(room, e->bytes.n);
}

/* A column may hold anything by now: longer codes would overrun head and tail. */
static bool is_code_size(struct str s)
{
    return s.n > 0 && s.n <= ENTRY_CODE_MAX;
}

enum rc entry_check_bytes(const struct entry *e, struct str *detail, struct arena *mem, struct err *err)
{
    char head[HEAD_MAX], tail[TAIL_MAX];
    struct str canonical;
    *detail = STR_NONE;
    if (!is_code_size(e->action) || !is_code_size(e->object_kind))
        return err_set(err, RC_DAMAGED, "its action or object kind has an impossible length");
    struct str before = {head, head_write(e, head)}, after = {tail, tail_write(e, tail)};
    if (e->bytes.n < before.n + after.n || !str_starts_with(e->bytes, before) || !str_ends_with(e->bytes, after))
        return err_set(err, RC_DAMAGED, "its columns say otherwise than its bytes");
    struct str middle = str_slice(e->bytes, before.n, e->bytes.n - after.n);
    if (middle.n == 0)
        return RC_OK;
    if (!str_starts_with(middle, str_of(DETAIL)))
        return err_set(err, RC_DAMAGED, "its columns say otherwise than its bytes");
    middle = str_slice(middle, sizeof DETAIL - 1, middle.n);
    if (canonical_json(middle, mem, &canonical, NULL) != RC_OK || !str_is_equal(canonical, middle) ||
        middle.p[0] != '{')
        return err_set(err, RC_DAMAGED, "its detail is not canonical JSON");
    *detail = middle;
    return RC_OK;
}

struct sha256 chain_next(struct sha256 chain, struct sha256 leaf)
{
    uint8_t b[64];
    memcpy(b, chain.b, 32);
    memcpy(b + 32, leaf.b, 32);
    return sha256_of(b, sizeof b);
}
