/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane near LAT LON
 */
#include "fane/cli.h"

#include "flow/atlas.h"
#include "wire/json_out.h"

#include <stdio.h>

enum { NEAR_MAX = 1000 };

static void one_json(struct json_out *j, const struct atlas_site *s, double distance_m, struct arena *mem)
{
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(mem, s->public_id));
    json_put_str(j, "name", s->name);
    json_put_str_opt(j, "religion", s->religion);
    json_put_str_opt(j, "kind", s->kind);
    json_put_str(j, "class", s->class_code);
    json_put_f64(j, "lat", s->lat_deg, 7);
    json_put_f64(j, "lon", s->lon_deg, 7);
    json_put_f64(j, "distance_m", distance_m, 1);
    json_put_bool(j, "coarse", (s->flags & ATLAS_COARSE) != 0);
    json_put_bool(j, "unverified", (s->flags & ATLAS_UNVERIFIED) != 0);
    json_put_bool(j, "synthetic", (s->flags & ATLAS_SYNTHETIC) != 0);
    json_end_object(j);
}

static void near_print(struct cli *cli, const struct atlas *a, const struct geo_near *found, size_t n, struct buf *b)
{
    struct json_out j;
    if (cli->json) {
        json_out_init(&j, b);
        json_begin_object(&j);
        json_key(&j, "sites");
        json_begin_array(&j);
    }
    for (size_t i = 0; i < n; i++) {
        struct atlas_site s;
        atlas_site(a, found[i].index, &s);
        if (cli->json)
            one_json(&j, &s, found[i].distance_m, &cli->mem);
        else
            buf_printf(b, "%9.1f km  " STR_FMT "%s" STR_FMT " " STR_FMT "%s\n", found[i].distance_m / 1000,
                       STR_ARG(s.name), s.name.n ? "  " : "(no name)  ", STR_ARG(s.religion), STR_ARG(s.kind),
                       s.flags & ATLAS_SYNTHETIC    ? "  synthetic"
                       : s.flags & ATLAS_UNVERIFIED ? "  unverified"
                                                    : "");
    }
    if (cli->json) {
        json_end_array(&j);
        json_end_object(&j);
        buf_add_char(b, '\n');
    }
}

enum rc cmd_near(struct cli *cli, int argc, char **argv, struct err *err)
{
    int64_t count = 10;
    const struct cli_option options[] = {{"--n", CLI_INT, &count}, {"-n", CLI_INT, &count}};
    const char *words[2];
    size_t n;
    double lat, lon;
    struct geo_point p;
    struct instance in;
    struct atlas *atlas;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    if (n != 2 || !str_parse_f64(str_of(words[0]), &lat) || !str_parse_f64(str_of(words[1]), &lon))
        return err_set(err, RC_INVALID, "say where, in degrees: fane near LAT LON");
    TRY(geo_point_make(lat, lon, &p, err));
    if (count < 1 || count > NEAR_MAX)
        return err_set(err, RC_INVALID, "--n wants 1 to %d", NEAR_MAX);
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true;
    enum rc rc = flow_atlas_open(in.store, in.dir, &atlas, NULL, err);
    if (rc == RC_OK) {
        struct geo_near *found = ARENA_NEW_N(&cli->mem, struct geo_near, (size_t)count);
        struct buf b;
        buf_init(&b, 0);
        near_print(cli, atlas, found, atlas_near(atlas, p, (size_t)count, found), &b);
        rc = cli_print(buf_str(&b), err);
        buf_fini(&b);
        atlas_close(atlas);
    }
    instance_close(&in);
    return rc;
}
