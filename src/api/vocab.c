/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/vocab: codes with their labels in every language, made once at start from data/vocab.
 */
#include "api/api_int.h"
#include "base/asset.h"
#include "base/hash.h"
#include "wire/gzip.h"
#include "wire/json_in.h"

enum { VOCAB_BYTES_MAX = 1 << 20, VOCAB_GZIP_LEVEL = 9 };

static const struct {
    const char *key, *asset;
} LISTS[] = {
    {"religions", "data/vocab/religions.json"},
    {"site_kinds", "data/vocab/site-kinds.json"},
    {"incident_types", "data/vocab/incident-types.json"},
    {"methods", "data/vocab/methods.json"},
    {"targets", "data/vocab/targets.json"},
    {"biases", "data/vocab/biases.json"},
    {"verification", "data/vocab/verification.json"},
    {"severity", "data/vocab/severity.json"},
    {"date_precision", "data/vocab/date-precision.json"},
    {"location_precision", "data/vocab/location-precision.json"},
};

static void write_labels(struct json_out *j, const json_t *labels)
{
    const char *lang;
    json_t *text;
    json_begin_object(j);
    json_object_foreach((json_t *)(uintptr_t)labels, lang, text) json_put_str(j, lang, str_of(json_string_value(text)));
    json_end_object(j);
}

static enum rc write_list(struct json_out *j, const char *key, const char *asset, struct err *err)
{
    json_t *doc, *entries = NULL, *entry;
    size_t i;
    TRY(json_in_object(asset_text(asset), VOCAB_BYTES_MAX, &doc, err));
    enum rc rc = json_in_array(doc, "", "entries", JSON_REQUIRED, &entries, err);
    if (rc == RC_OK) {
        json_key(j, key);
        json_begin_object(j);
        json_array_foreach(entries, i, entry)
        {
            json_key_str(j, json_str_or_empty(entry, "code"));
            write_labels(j, json_object_get(entry, "labels"));
        }
        json_end_object(j);
    }
    json_decref(doc);
    return rc == RC_OK ? rc : err_add(err, "%s: ", asset);
}

enum rc api_vocab_prepare(struct api_server *s, struct err *err)
{
    struct buf b;
    struct json_out j;
    enum rc rc = RC_OK;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    for (size_t i = 0; rc == RC_OK && i < sizeof LISTS / sizeof LISTS[0]; i++)
        rc = write_list(&j, LISTS[i].key, LISTS[i].asset, err);
    if (rc == RC_OK) {
        json_end_object(&j);
        s->vocab = str_copy(&s->mem, buf_str(&b));
        s->vocab_gzip = gzip_pack(s->vocab, VOCAB_GZIP_LEVEL, &s->mem);
        struct sha256 h = sha256_of(s->vocab.p, s->vocab.n);
        s->vocab_etag = str_printf(&s->mem, "\"" STR_FMT "\"", STR_ARG(str_hex(&s->mem, h.b, 12)));
    }
    buf_fini(&b);
    return rc;
}

enum rc api_vocab(struct api_call *call, struct err *err)
{
    (void)err;
    http_answer(call->res, 200, "application/json", call->server->vocab);
    call->res->gzip = call->server->vocab_gzip;
    call->res->etag = call->server->vocab_etag;
    call->res->cache = "public, max-age=300";
    return RC_OK;
}
