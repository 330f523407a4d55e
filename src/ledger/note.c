/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Signed notes and checkpoints. Sources: C2SP signed-note and tlog-checkpoint; RFC 8032 (Ed25519).
 */
#include "ledger/note.h"

#include <sodium.h>
#include <string.h>

enum { TYPE_ED25519 = 1, SIGNATURE_BYTES = 64 };
static const char DASH[] = "\xe2\x80\x94 "; /* em dash, space */

static uint32_t be32_read(const void *at)
{
    const uint8_t *p = at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void be32_write(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Unicode White_Space beyond ASCII, as UTF-8. */
static bool has_wide_space(struct str s)
{
    static const char *const ONE[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
                                      "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    for (size_t i = 0; i < sizeof ONE / sizeof *ONE; i++)
        if (str_contains(s, str_of(ONE[i])))
            return true;
    for (int i = 0x80; i <= 0x8a; i++) { /* U+2000..U+200A */
        char z[] = {'\xe2', '\x80', (char)i, 0};
        if (str_contains(s, str_of(z)))
            return true;
    }
    return false;
}

static bool is_name(struct str s)
{
    if (s.n == 0 || s.n > NOTE_NAME_MAX || !str_is_utf8(s) || has_wide_space(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '+' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* Text of a note or the whole of it: UTF-8, no control characters but newlines. */
static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\n')
            return false;
    return str_is_utf8(s);
}

/* Only the one spelling: padding right and unused bits zero. */
static bool unbase64_strict(struct str s, struct arena *mem, struct str *out)
{
    return str_unbase64(s, mem, out) && str_is_equal(str_base64(mem, out->p, out->n), s);
}

enum rc note_key_make(struct str name, const uint8_t public_key[32], struct note_key *out, struct err *err)
{
    if (!is_name(name))
        return err_set(err, RC_INVALID,
                       "\"" STR_FMT "\" cannot name a key: 1 to %d bytes of UTF-8 without spaces and '+'",
                       STR_ARG(str_clip(name, 80)), NOTE_NAME_MAX);
    struct note_key key = {.name = name};
    struct sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, name.p, name.n);
    sha256_add(&s, "\n\x01", 2);
    sha256_add(&s, public_key, 32);
    struct sha256 h = sha256_end(&s);
    key.id = be32_read(h.b);
    memcpy(key.public_key, public_key, 32);
    *out = key;
    return RC_OK;
}

struct str note_key_format(struct arena *mem, const struct note_key *key)
{
    uint8_t b[33] = {TYPE_ED25519};
    memcpy(b + 1, key->public_key, 32);
    return str_printf(mem, STR_FMT "+%08x+" STR_FMT, STR_ARG(key->name), key->id,
                      STR_ARG(str_base64(mem, b, sizeof b)));
}

enum rc note_key_parse(struct str text, struct arena *mem, struct note_key *out, struct err *err)
{
    struct str name, rest, id, material, bytes;
    struct note_key key;
    if (!str_cut(text, '+', &name, &rest) || !str_cut(rest, '+', &id, &material))
        return err_set(err, RC_INVALID, "verifier key is not NAME+ID+KEY");
    if (!unbase64_strict(material, mem, &bytes) || bytes.n != 33 || bytes.p[0] != TYPE_ED25519)
        return err_set(err, RC_INVALID, "verifier key of \"" STR_FMT "\" is not an Ed25519 key", STR_ARG(name));
    TRY(note_key_make(name, (const uint8_t *)bytes.p + 1, &key, err));
    if (!str_is_equal(note_key_format(mem, &key), text))
        return err_set(err, RC_INVALID, "verifier key of \"" STR_FMT "\": the id does not belong to the key",
                       STR_ARG(name));
    *out = key;
    return RC_OK;
}

enum rc note_sign(struct str text, const struct note_key *key, const uint8_t secret_key[64], struct arena *mem,
                  struct str *out, struct err *err)
{
    uint8_t signature[4 + SIGNATURE_BYTES];
    if (text.n == 0 || text.p[text.n - 1] != '\n' || !is_text(text))
        return err_set(err, RC_INVALID, "a note's text is UTF-8 that ends in a newline, without control characters");
    be32_write(signature, key->id);
    crypto_sign_ed25519_detached(signature + 4, NULL, (const unsigned char *)text.p, text.n, secret_key);
    *out = str_printf(mem, STR_FMT "\n%s" STR_FMT " " STR_FMT "\n", STR_ARG(text), DASH, STR_ARG(key->name),
                      STR_ARG(str_base64(mem, signature, sizeof signature)));
    return RC_OK;
}

/* Where the signature lines begin: after the last empty line. 0 when there is none. */
static size_t signatures_at(struct str s)
{
    for (size_t i = s.n; i >= 2; i--)
        if (s.p[i - 1] == '\n' && s.p[i - 2] == '\n')
            return i;
    return 0;
}

static bool signature_parse(struct str line, struct arena *mem, struct note_signature *out)
{
    struct str name, b64, bytes;
    if (!str_starts_with(line, str_of(DASH)))
        return false;
    line = str_slice(line, sizeof DASH - 1, line.n);
    if (!str_cut(line, ' ', &name, &b64) || !is_name(name) || !unbase64_strict(b64, mem, &bytes) || bytes.n < 5)
        return false;
    *out = (struct note_signature){name, be32_read(bytes.p), str_slice(bytes, 4, bytes.n)};
    return true;
}

enum rc note_parse(struct str bytes, struct arena *mem, struct note *out, struct err *err)
{
    if (bytes.n > NOTE_SIZE_MAX)
        return err_set(err, RC_TOO_LARGE, "note of %zu bytes is over %d", bytes.n, NOTE_SIZE_MAX);
    if (!is_text(bytes) || bytes.n == 0 || bytes.p[bytes.n - 1] != '\n')
        return err_set(err, RC_INVALID, "a note is UTF-8 that ends in a newline, without control characters");
    size_t at = signatures_at(bytes);
    if (at < 2 || at == bytes.n)
        return err_set(err, RC_INVALID, "the note has no signatures after an empty line");
    out->text = str_slice(bytes, 0, at - 1);
    out->signatures_n = 0;
    struct str line, rest = str_slice(bytes, at, bytes.n);
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        if (out->signatures_n == NOTE_SIGNATURES_MAX)
            return err_set(err, RC_TOO_LARGE, "the note has over %d signatures", NOTE_SIGNATURES_MAX);
        if (!signature_parse(line, mem, &out->signatures[out->signatures_n]))
            return err_set(err, RC_INVALID, "signature line %zu of the note is malformed", out->signatures_n + 1);
        out->signatures_n++;
    }
    return RC_OK;
}

enum rc note_verify(const struct note *n, const struct note_key *key, struct err *err)
{
    size_t good = 0;
    for (size_t i = 0; i < n->signatures_n; i++) {
        const struct note_signature *s = &n->signatures[i];
        if (s->id != key->id || !str_is_equal(s->name, key->name))
            continue;
        if (s->bytes.n != SIGNATURE_BYTES ||
            crypto_sign_ed25519_verify_detached((const unsigned char *)s->bytes.p, (const unsigned char *)n->text.p,
                                                n->text.n, key->public_key) != 0)
            return err_set(err, RC_DAMAGED, "the signature of " STR_FMT " does not verify", STR_ARG(key->name));
        good++;
    }
    if (good == 0)
        return err_set(err, RC_DAMAGED, "the note is not signed by " STR_FMT "+%08x", STR_ARG(key->name), key->id);
    return RC_OK;
}

struct str checkpoint_format(struct arena *mem, const struct checkpoint *c)
{
    return str_printf(mem, STR_FMT "\n%llu\n" STR_FMT "\n", STR_ARG(c->origin), (unsigned long long)c->size,
                      STR_ARG(str_base64(mem, c->root.b, sizeof c->root.b)));
}

enum rc checkpoint_parse(struct str text, struct arena *mem, struct checkpoint *out, struct err *err)
{
    struct str origin, size, root, rest, bytes;
    int64_t n;
    if (!str_cut(text, '\n', &origin, &rest) || !str_cut(rest, '\n', &size, &rest) ||
        !str_cut(rest, '\n', &root, &rest))
        return err_set(err, RC_INVALID, "a checkpoint has three lines: origin, size, root");
    if (origin.n == 0 || !is_text(origin))
        return err_set(err, RC_INVALID, "the checkpoint's origin is empty, not UTF-8, or has control characters");
    if (!str_parse_i64(size, &n) || n < 0 || !str_is_equal(str_printf(mem, "%lld", (long long)n), size))
        return err_set(err, RC_INVALID, "\"" STR_FMT "\" is not a tree size", STR_ARG(str_clip(size, 40)));
    if (!unbase64_strict(root, mem, &bytes) || bytes.n != 32)
        return err_set(err, RC_INVALID, "the checkpoint's root is not the base64 of 32 bytes");
    if (rest.n)
        return err_set(err, RC_UNSUPPORTED, "the checkpoint has extension lines");
    out->origin = origin;
    out->size = (uint64_t)n;
    memcpy(out->root.b, bytes.p, 32);
    return RC_OK;
}
