/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane org add|list
 */
#include "fane/cli.h"

#include "people/people.h"
#include "wire/json_out.h"

#include <stdio.h>
#include <string.h>

static enum rc org_list(struct cli *cli, struct people *p, struct err *err)
{
    struct org_page page = {0};
    struct json_out j;
    struct buf b;
    enum rc rc;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    if (cli->json)
        json_begin_array(&j);
    do {
        rc = people_list_orgs(p, &VIEWER_SYSTEM, page.next, PEOPLE_PAGE_MAX, &cli->mem, &page, err);
        for (size_t i = 0; rc == RC_OK && i < page.n; i++) {
            if (!cli->json) {
                buf_printf(&b, STR_FMT "\n", STR_ARG(page.items[i].name));
                continue;
            }
            json_begin_object(&j);
            json_put_str(&j, "id", uuid_format(&cli->mem, page.items[i].public_id));
            json_put_str(&j, "name", page.items[i].name);
            json_end_object(&j);
        }
    } while (rc == RC_OK && page.next.n);
    if (rc == RC_OK) {
        if (cli->json) {
            json_end_array(&j);
            buf_add_char(&b, '\n');
        }
        rc = cli_print(buf_str(&b), err);
    }
    buf_fini(&b);
    return rc;
}

enum rc cmd_org(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *words[2];
    size_t n;
    struct instance in;
    struct people *p;
    struct uuid id;
    TRY(cli_parse(cli, argc, argv, NULL, 0, words, 2, &n, err));
    bool is_list = n == 1 && strcmp(words[0], "list") == 0;
    if (!is_list && !(n == 2 && strcmp(words[0], "add") == 0))
        return err_set(err, RC_INVALID, "say one of: fane org add NAME, fane org list");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = people_open(in.store, in.vault, NULL, &p, err);
    if (rc == RC_OK) {
        rc = is_list ? org_list(cli, p, err) : people_add_org(p, &VIEWER_SYSTEM, str_of(words[1]), &id, err);
        people_close(p);
    }
    instance_close(&in);
    return rc;
}
