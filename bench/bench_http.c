/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A cached tile and a static file over HTTP with 64 connections, beside nginx serving the same bytes as static files.
 * One JSON line each for us, the peer and the ratio (median of three alternating rounds). Needs wrk; without nginx only
 * our lines are printed. The answers are compared before anything is timed.
 *
 * usage: bench_http [SECONDS_PER_ROUND]
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/app.h"
#include "base/asset.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "geo/geo.h"
#include "sites/atlas.h"

enum { SITES = 400000, TOWN = 500, ROUNDS = 3, CONNECTIONS = 64, NGINX_PORT = 18980 };
#define TOWN_LAT 50.003 /* all of the town lies in one tile of the last zoom, of about 20 KB packed */
#define TOWN_LON 8.012

static _Atomic bool stop;
static _Atomic int port;
static char dir[64];

static void ready(void *ctx, const char *where, int p)
{
    (void)ctx;
    (void)where;
    atomic_store(&port, p);
}

static void *serve(void *ctx)
{
    struct err err;
    const struct api_options opt = {.listen = "127.0.0.1:0", .ready = ready, .stop_ms = 1000};
    if (api_serve(ctx, &opt, &stop, &err) != RC_OK) {
        fprintf(stderr, "bench_http: %s\n", err.text);
        exit(1);
    }
    return NULL;
}

/* Sites in clumps around western Europe, so that the tile holds a real mixture. */
static struct atlas *make_atlas(struct arena *mem)
{
    static const char *const RELIGIONS[] = {"christian", "muslim", "jewish", "buddhist", "hindu", "sikh"};
    struct atlas_builder *b = atlas_builder_new();
    struct atlas *a;
    struct err err;
    struct prng r;
    prng_seed(&r, 42);
    double lat = 50, lon = 8;
    for (int i = 0; i < SITES; i++) {
        if (i % 200 == 0) {
            lat = 44 + 10 * prng_unit(&r);
            lon = -2 + 18 * prng_unit(&r);
        }
        bool is_town = i < TOWN;
        struct atlas_site s = {.public_id = uuid_random(),
                               .lat_deg = is_town ? TOWN_LAT + 0.004 * prng_unit(&r) : lat + 0.3 * prng_normal(&r),
                               .lon_deg = is_town ? TOWN_LON + 0.004 * prng_unit(&r) : lon + 0.4 * prng_normal(&r),
                               .name = str_printf(mem, "Site %d", i),
                               .religion = str_of(RELIGIONS[prng_below(&r, 6)]),
                               .kind = STR("OTHER"),
                               .class_code = STR("place_of_worship")};
        if (atlas_builder_add(b, &s, &err) != RC_OK)
            abort();
    }
    const char *path = str_printf(mem, "%s/sites.atlas", dir).p;
    if (atlas_builder_write(b, path, STR("bench"), 0, &err) != RC_OK || atlas_open(path, &a, &err) != RC_OK) {
        fprintf(stderr, "bench_http: %s\n", err.text);
        exit(1);
    }
    atlas_builder_free(b);
    return a;
}

static int run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int run(const char *fmt, ...)
{
    char command[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    return system(command);
}

struct rate {
    double per_s, p99_ms;
};

static double to_ms(const char *s)
{
    char unit[8] = "";
    double v = 0;
    sscanf(s, "%lf%7s", &v, unit);
    return strcmp(unit, "us") == 0 ? v / 1000 : strcmp(unit, "s") == 0 ? v * 1000 : v;
}

static struct rate measure(int at_port, const char *path, int seconds)
{
    char command[512], line[256];
    struct rate out = {0};
    bool is_bad = false;
    snprintf(command, sizeof command, "wrk -t2 -c%d -d%ds --latency -H 'Accept-Encoding: gzip' http://127.0.0.1:%d%s",
             CONNECTIONS, seconds, at_port, path);
    FILE *f = popen(command, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *p = line + strspn(line, " ");
        if (strncmp(p, "99%", 3) == 0)
            out.p99_ms = to_ms(p + 3);
        if (strncmp(p, "Requests/sec:", 13) == 0)
            out.per_s = atof(p + 13);
        is_bad = is_bad || strncmp(p, "Non-2xx", 7) == 0;
    }
    if (!f || pclose(f) != 0 || is_bad || out.per_s <= 0) {
        fprintf(stderr, "bench_http: wrk failed at %s (is it installed?)\n", path);
        exit(1);
    }
    return out;
}

static bool start_nginx(void)
{
    if (run("command -v nginx >/dev/null 2>&1") != 0)
        return false;
    /* worker_processes as many as processors, sendfile and open_file_cache on: nginx at its best */
    run("mkdir -p %s/tmp && cat > %s/nginx.conf <<'END'\n"
        "worker_processes auto; pid %s/nginx.pid; error_log %s/error.log;\nevents { worker_connections 1024; }\n"
        "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;\n"
        "client_body_temp_path %s/tmp; proxy_temp_path %s/tmp; fastcgi_temp_path %s/tmp; uwsgi_temp_path %s/tmp; "
        "scgi_temp_path %s/tmp;\n server { listen 127.0.0.1:%d backlog=1024; root %s/www; } }\nEND\n",
        dir, dir, dir, dir, dir, dir, dir, dir, dir, NGINX_PORT, dir);
    return run("chmod 755 %s && nginx -c %s/nginx.conf -e %s/error.log 2>%s/start.log", dir, dir, dir, dir) == 0;
}

static int by_rate(const void *a, const void *b)
{
    double x = ((const struct rate *)a)->per_s, y = ((const struct rate *)b)->per_s;
    return (x > y) - (x < y);
}

static void line_of(const char *name, const struct rate *r, long bytes)
{
    printf("{\"name\":\"%s\",\"n\":%d,\"bytes\":%ld,\"ns_op\":%.0f,\"req_s\":%.0f,\"p99_ms\":%.3f}\n", name,
           CONNECTIONS, bytes, 1e9 / r->per_s, r->per_s, r->p99_ms);
}

static void compare(const char *what, const char *our_path, const char *peer_path, bool has_nginx, int seconds)
{
    struct rate ours[ROUNDS], peer[ROUNDS];
    char file[128], name[64];
    struct stat st;
    snprintf(file, sizeof file, "%s/www%s", dir, peer_path);
    if (run("curl -sf -H 'Accept-Encoding: gzip' http://127.0.0.1:%d%s -o %s", atomic_load(&port), our_path, file) !=
            0 ||
        stat(file, &st) != 0 || st.st_size == 0)
        exit(1);
    if (has_nginx && run("curl -sf http://127.0.0.1:%d%s | cmp -s - %s", NGINX_PORT, peer_path, file) != 0)
        exit(1);
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = measure(atomic_load(&port), our_path, seconds);
        if (has_nginx)
            peer[i] = measure(NGINX_PORT, peer_path, seconds);
    }
    qsort(ours, ROUNDS, sizeof *ours, by_rate);
    snprintf(name, sizeof name, "http_%s", what);
    line_of(name, &ours[ROUNDS / 2], (long)st.st_size);
    if (!has_nginx)
        return;
    qsort(peer, ROUNDS, sizeof *peer, by_rate);
    snprintf(name, sizeof name, "http_%s_nginx", what);
    line_of(name, &peer[ROUNDS / 2], (long)st.st_size);
    printf("{\"name\":\"http_%s_ratio\",\"ratio\":%.2f}\n", what, ours[ROUNDS / 2].per_s / peer[ROUNDS / 2].per_s);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 3;
    struct arena mem;
    struct err err;
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN);
    arena_init(&mem);
    snprintf(dir, sizeof dir, "/tmp/fane-bench-http-XXXXXX");
    if (!mkdtemp(dir) || run("mkdir -p %s/www", dir) != 0)
        return 1;
    struct app app = {.atlas = atlas_ref_new()};
    if (atlas_ref_set(app.atlas, make_atlas(&mem), &err) != RC_OK)
        return 1;
    pthread_create(&thread, NULL, serve, &app);
    while (!atomic_load(&port))
        clock_sleep_us(10000);
    bool has_nginx = start_nginx();
    struct geo_merc at = geo_merc_of((struct geo_point){.lat_deg = TOWN_LAT, .lon_deg = TOWN_LON});
    compare("tile", str_printf(&mem, "/tiles/sites/14/%u/%u.mvt", at.x >> 17, at.y >> 17).p, "/tile", has_nginx,
            seconds);
    compare("vocab", "/api/v1/vocab", "/vocab", has_nginx, seconds);
    if (asset_find(STR("web/index.html")))
        compare("file", "/", "/index", has_nginx, seconds);
    if (has_nginx)
        run("kill $(cat %s/nginx.pid)", dir);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    atlas_ref_free(app.atlas);
    arena_fini(&mem);
    run("rm -rf %s", dir);
    return 0;
}
