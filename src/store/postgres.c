/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The PostgreSQL driver.
 */
#include "store/store_int.h"

static enum rc pg_open(const struct conn_options *o, struct conn **out, struct err *err)
{
    (void)o, (void)out;
    return err_set(err, RC_UNSUPPORTED, "PostgreSQL is not in this build");
}

const struct driver postgres_driver = {.engine = STORE_POSTGRES, .open = pg_open};
