/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Who acts on the command line.
 */
#include "fane/cli.h"

#include "people/people.h"

enum rc cli_actor(struct instance *in, const char *account, struct viewer *out, struct err *err)
{
    struct people *p;
    if (!account) {
        *out = VIEWER_SYSTEM;
        return RC_OK;
    }
    TRY(people_open(in->store, in->vault, NULL, &p, err));
    enum rc rc = people_find_viewer(p, str_of(account), out, err);
    people_close(p);
    return rc;
}
