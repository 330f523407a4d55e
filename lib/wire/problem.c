/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Problem documents of problem.h.
 */
#include "wire/problem.h"

const char *problem_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } TITLES[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof TITLES / sizeof TITLES[0]; i++)
        if (TITLES[i].status == status)
            return TITLES[i].title;
    return "Error";
}

void problem_write(struct buf *b, int status, const char *title, const char *code, struct str detail,
                   struct json_out *open)
{
    struct json_out own, *j = open ? open : &own;
    json_out_init(j, b);
    json_begin_object(j);
    json_put_str(j, "type", STR("about:blank"));
    json_put_str(j, "title", str_of(title));
    json_put_i64(j, "status", status);
    json_put_str(j, "code", str_of(code));
    json_put_str_opt(j, "detail", detail);
    if (!open)
        json_end_object(j);
}

void problem_from_err(struct buf *b, const struct err *err)
{
    int status = rc_http_status(err->rc);
    bool is_ours = err->rc == RC_IO || err->rc == RC_NOMEM;
    problem_write(b, status, problem_title(status), rc_name(err->rc),
                  is_ours ? STR("The server could not do this. It has been logged.") : str_of(err->text), NULL);
}
