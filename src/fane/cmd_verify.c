/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane verify
 */
#include <stdlib.h>

#include "fane/bundle.h"
#include "fane/verify.h"
#include "wire/json_out.h"

struct checked {
    bool is_bundle, has_ledger, has_vault;
    struct bundle bundle;
    struct ledger_report ledger;
    struct vault_report vault;
};

static void print_words(struct cli *cli, const struct checked *c, struct buf *b)
{
    const struct ledger_report *r = &c->ledger;
    if (c->is_bundle)
        buf_printf(b, "backup of %s is whole: %lld bytes, %zu members\n",
                   c->bundle.kind == BUNDLE_KEYS ? "keys" : "data", (long long)c->bundle.bytes, c->bundle.n);
    if (c->has_ledger) {
        struct str root = sha256_hex(&cli->mem, r->root);
        buf_printf(b,
                   "ledger verifies: %lld entries, %lld checkpoints, %lld objects compared, %lld not yet sequenced\n",
                   (long long)r->entries, (long long)r->checkpoints, (long long)r->objects, (long long)r->unsequenced);
        buf_printf(b, "root " STR_FMT "\n", STR_ARG(root));
    }
    if (c->has_vault)
        buf_printf(b, "key store verifies: %lld keys, %lld destroyed, %lld torn and never used\n",
                   (long long)c->vault.live, (long long)c->vault.destroyed, (long long)c->vault.torn);
}

static void print_json(struct cli *cli, const struct checked *c, struct buf *b)
{
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    if (c->is_bundle) {
        json_put_str(&j, "kind", c->bundle.kind == BUNDLE_KEYS ? STR("keys") : STR("data"));
        json_put_i64(&j, "bytes", c->bundle.bytes);
        json_put_str(&j, "made", instant_format_s(&cli->mem, c->bundle.made));
    }
    if (c->has_ledger) {
        json_put_i64(&j, "entries", c->ledger.entries);
        json_put_i64(&j, "unsequenced", c->ledger.unsequenced);
        json_put_i64(&j, "checkpoints", c->ledger.checkpoints);
        json_put_i64(&j, "objects", c->ledger.objects);
        json_put_str(&j, "root", sha256_hex(&cli->mem, c->ledger.root));
    }
    if (c->has_vault) {
        json_key(&j, "keys");
        json_begin_object(&j);
        json_put_i64(&j, "live", c->vault.live);
        json_put_i64(&j, "destroyed", c->vault.destroyed);
        json_put_i64(&j, "torn", c->vault.torn);
        json_end_object(&j);
    }
    json_end_object(&j);
    buf_add_char(b, '\n');
}

static enum rc check_dir(struct cli *cli, struct checked *c, struct err *err)
{
    struct instance in;
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true; /* what may be damaged is not signed anew */
    enum rc rc = verify_rows(in.store, in.vault, in.ledger, &c->ledger, err);
    if (rc == RC_OK)
        rc = vault_check(in.vault, &c->vault, err);
    c->has_ledger = c->has_vault = true;
    instance_close(&in);
    return rc;
}

/* Digests first, then the ledger inside, unpacked under $TMPDIR. */
static enum rc check_bundle(struct cli *cli, const char *path, struct checked *c, struct err *err)
{
    const char *temp = getenv("TMPDIR"), *dir;
    c->is_bundle = true;
    TRY(bundle_read(path, NULL, &c->bundle, err));
    if (c->bundle.kind == BUNDLE_KEYS)
        return RC_OK;
    TRY(bundle_scratch_make(str_printf(&cli->mem, "%s/fane-verify", temp && temp[0] ? temp : "/tmp").p, &cli->mem, &dir,
                            err));
    enum rc rc = bundle_read(path, dir, &c->bundle, err);
    if (rc == RC_OK)
        rc = verify_unpacked(dir, &c->ledger, err);
    c->has_ledger = true;
    bundle_scratch_drop(dir);
    return rc;
}

enum rc cmd_verify(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct checked c = {0};
    const char *bundle = NULL;
    const struct cli_option options[] = {{"--bundle", CLI_TEXT, &bundle}};
    struct buf b;
    size_t n;
    TRY(cli_parse(cli, argc, argv, options, 1, NULL, 0, &n, err));
    if (bundle)
        TRY(check_bundle(cli, bundle, &c, err));
    else
        TRY(check_dir(cli, &c, err));
    buf_init(&b, 0);
    if (cli->json)
        print_json(cli, &c, &b);
    else
        print_words(cli, &c, &b);
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}
