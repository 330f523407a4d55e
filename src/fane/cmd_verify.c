/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane verify
 */
#include "fane/cli.h"

#include "alerts/alerts.h"
#include "incidents/reports.h"
#include "people/people.h"
#include "sites/sites.h"
#include "wire/json_out.h"

#include <stdio.h>

static void report_print(struct cli *cli, const struct ledger_report *r, struct buf *b)
{
    if (!cli->json) {
        struct str root = sha256_hex(&cli->mem, r->root);
        buf_printf(b, "ledger verifies: %lld entries, %lld checkpoints, %lld objects compared, %lld not yet sequenced\n",
                   (long long)r->entries, (long long)r->checkpoints, (long long)r->objects, (long long)r->unsequenced);
        buf_printf(b, "root " STR_FMT "\n", STR_ARG(root));
        return;
    }
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    json_put_i64(&j, "entries", r->entries);
    json_put_i64(&j, "unsequenced", r->unsequenced);
    json_put_i64(&j, "checkpoints", r->checkpoints);
    json_put_i64(&j, "objects", r->objects);
    json_put_str(&j, "root", sha256_hex(&cli->mem, r->root));
    json_end_object(&j);
    buf_add_char(b, '\n');
}

enum rc cmd_verify(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct instance in;
    struct ledger_report report;
    size_t n;
    struct buf b;
    TRY(cli_parse(cli, argc, argv, NULL, 0, NULL, 0, &n, err));
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true; /* what may be damaged is not signed anew */
    struct people *people = NULL;
    enum rc rc = people_open(in.store, in.vault, NULL, &people, err);
    if (rc == RC_OK) {
        sites_ledger_checkers(in.ledger);
        reports_add_checkers(in.ledger);
        warnings_add_checker(in.ledger);
        people_add_checkers(people, in.ledger);
        rc = ledger_verify(in.ledger, &report, err);
    }
    if (rc == RC_OK) {
        buf_init(&b, 0);
        report_print(cli, &report, &b);
        rc = cli_print(buf_str(&b), err);
        buf_fini(&b);
    }
    people_close(people);
    instance_close(&in);
    return rc;
}
