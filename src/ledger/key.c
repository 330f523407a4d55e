/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The instance's signing key. keys/ledger.key holds it as the text PRIVATE+KEY+NAME+ID+base64(0x01 || seed) that other
 * signed-note tools read too; keys/ledger.pub the verifier key; the entry at position 0 repeats the latter, so that a
 * changed key file is noticed.
 */
#include "base/file.h"
#include "base/rng.h"
#include "ledger/ledger_int.h"
#include "ledger/secret_file.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { KEY_TEXT_MAX = 512 };
static const char PREFIX[] = "PRIVATE+KEY+";

static enum rc key_path(const struct ledger *l, const char *name, char out[PATH_SIZE], struct err *err)
{
    if (snprintf(out, PATH_SIZE, "%s/keys/%s", l->dir, name) >= PATH_SIZE)
        return err_set(err, RC_INVALID, "the data directory's path is too long: %s", l->dir);
    return RC_OK;
}

/* From the text of keys/ledger.key. */
static enum rc key_parse(struct ledger *l, struct str text, const char *path, struct err *err)
{
    struct arena tmp;
    arena_init(&tmp);
    struct str name, id, material, seed = STR_NONE, rest = str_trim(text);
    uint8_t public_key[32];
    enum rc rc = RC_OK;
    bool is_good = str_starts_with(rest, str_of(PREFIX)) &&
                   str_cut(str_slice(rest, sizeof PREFIX - 1, rest.n), '+', &name, &rest) &&
                   str_cut(rest, '+', &id, &material) && str_unbase64(material, &tmp, &seed) && seed.n == 33 &&
                   seed.p[0] == 1;
    if (is_good) {
        crypto_sign_ed25519_seed_keypair(public_key, l->secret_key, (const unsigned char *)seed.p + 1);
        rc = note_key_make(str_copy(&l->mem, name), public_key, &l->key, err);
        is_good = rc == RC_OK && str_is_equal(str_printf(&tmp, "%08x", l->key.id), id);
    }
    if (seed.n)
        sodium_memzero((void *)(uintptr_t)seed.p, seed.n);
    arena_fini(&tmp);
    l->can_sign = is_good;
    if (!is_good)
        return err_set(err, RC_DAMAGED, "%s is not a signing key; restore it from your copy of keys/", path);
    return RC_OK;
}

static enum rc key_read(struct ledger *l, const char *path, struct err *err)
{
    char text[KEY_TEXT_MAX];
    size_t n = 0;
    enum rc rc = secret_file_read(path, text, sizeof text, &n, err);
    if (rc == RC_OK)
        rc = key_parse(l, (struct str){text, n}, path, err);
    sodium_memzero(text, sizeof text);
    return rc;
}

/* A new key under the name of origin; whoever comes second reads the first one's. */
static enum rc key_make(struct ledger *l, const char *origin, const char *path, struct err *err)
{
    uint8_t seed[33] = {1}, public_key[32], secret[64];
    char text[KEY_TEXT_MAX], b64[64];
    struct note_key key;
    rng_bytes(seed + 1, 32);
    crypto_sign_ed25519_seed_keypair(public_key, secret, seed + 1);
    enum rc rc = note_key_make(str_of(origin), public_key, &key, err);
    if (rc == RC_OK) {
        sodium_bin2base64(b64, sizeof b64, seed, sizeof seed, sodium_base64_VARIANT_ORIGINAL);
        int n = snprintf(text, sizeof text, "%s" STR_FMT "+%08x+%s\n", PREFIX, STR_ARG(key.name), key.id, b64);
        rc = n > 0 && (size_t)n < sizeof text ? secret_file_make(path, (struct str){text, (size_t)n}, err)
                                              : err_set(err, RC_INVALID, "the origin is too long");
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    sodium_memzero(b64, sizeof b64);
    return rc == RC_OK || rc == RC_CONFLICT ? key_read(l, path, err) : rc;
}

struct str key_of_first(struct str bytes, struct arena *mem)
{
    struct str out = STR_NONE;
    json_t *v = json_loadb(bytes.p ? bytes.p : "", bytes.n, 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(v, "detail"), "verifier"));
    if (text)
        out = str_copy(mem, str_of(text));
    json_decref(v);
    return out;
}

/* Without the signing key: the verifier key from keys/ledger.pub, else from position 0. */
static enum rc key_open_public(struct ledger *l, struct str first_bytes, struct err *err)
{
    char path[PATH_SIZE];
    struct str text;
    TRY(key_path(l, "ledger.pub", path, err));
    enum rc rc = file_read(path, KEY_TEXT_MAX, &l->mem, &text, err);
    if (rc == RC_NOT_FOUND) {
        text = key_of_first(first_bytes, &l->mem);
        rc = RC_OK;
    }
    TRY(rc);
    if (note_key_parse(str_trim(text), &l->mem, &l->key, err) != RC_OK)
        return err_set(err, RC_DAMAGED, "neither %s nor ledger entry 0 holds a verifier key", path);
    return RC_OK;
}

static enum rc pub_write(struct ledger *l, struct err *err)
{
    char path[PATH_SIZE];
    TRY(key_path(l, "ledger.pub", path, err));
    if (file_is_there(path))
        return RC_OK;
    return file_replace(path, str_printf(&l->mem, STR_FMT "\n", STR_ARG(note_key_format(&l->mem, &l->key))), 0644, err);
}

/* ledger.pub is what people hand to partners: it must be the key that signs. */
static enum rc pub_check(struct ledger *l, struct err *err)
{
    char path[PATH_SIZE];
    struct str text;
    TRY(key_path(l, "ledger.pub", path, err));
    TRY(file_read(path, KEY_TEXT_MAX, &l->mem, &text, err));
    if (!str_is_equal(str_trim(text), note_key_format(&l->mem, &l->key)))
        return err_set(err, RC_CONFLICT, "%s is not the public half of ledger.key; one of the two was replaced", path);
    return RC_OK;
}

enum rc key_open(struct ledger *l, const char *origin, bool has_entries, struct str first_bytes, struct err *err)
{
    char path[PATH_SIZE];
    TRY(key_path(l, "", path, err));
    TRY(file_make_dir(path, 0700, err));
    TRY(key_path(l, "ledger.key", path, err));
    enum rc rc = key_read(l, path, err);
    if (rc == RC_NOT_FOUND && !has_entries)
        rc = key_make(l, origin ? origin : "", path, err);
    else if (rc == RC_NOT_FOUND)
        return key_open_public(l, first_bytes, err);
    TRY(rc);
    TRY(pub_write(l, err));
    return pub_check(l, err);
}
