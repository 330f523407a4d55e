/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane init
 */
#include "fane/cli.h"

enum rc cmd_init(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct instance in;
    size_t n;
    TRY(cli_parse(cli, argc, argv, NULL, 0, NULL, 0, &n, err));
    TRY(instance_open(cli, INSTANCE_MAKE, &in, err));
    instance_close(&in);
    return RC_OK;
}
