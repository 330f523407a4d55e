/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a large import asks of the engine.
 */
#include "sites/import_int.h"

/* Public ids are random, so every new site touches some page of their index, wherever. With the store's own 16 MB of pages
 * that index does not fit from 350,000 sites on: each row then reads a page and pushes another, changed one out to the log,
 * many times in one batch. Pages are taken as they are needed; a small import never has so many.
 * Measured: bench/import_sites, 700,000 sites on a busy disk: 131 s with 16 MB, 70 s with 128 MB. */
static const struct store_sql CACHE_SQL = {.sqlite = "PRAGMA cache_size = -65536"};

static enum rc tune(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_tx_engine(tx) == STORE_SQLITE ? store_exec(tx, &CACHE_SQL, NULL, 0, NULL, err) : RC_OK;
}

enum rc import_writer_tune(struct store *st, struct err *err)
{
    return store_write(st, tune, NULL, err);
}
