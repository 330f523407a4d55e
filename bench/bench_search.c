/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Search as you type over millions of sites: 8 clients that type names of sites letter by letter. Names are made of the
 * seed's own words in all its scripts, so common words are common and most names rare. Measured is the search itself,
 * from the text to ranked sites; reading the hits from the store comes on top. The peer is SQLite's FTS5 with trigrams
 * over the same names and keystrokes; it ranks by bm25 and forgives nothing.
 *
 * usage: bench_search [SITES] [PEER_SITES]   (3500000 and 1000000; PEER_SITES 0: no peer)
 */
#include <pthread.h>
#include <time.h>

#include "base/asset.h"
#include "bench_util.h"
#include "sites/search_int.h"
#include "wire/csv.h"

enum { CLIENTS = 8, TYPED = 600, WORDS_MAX = 8000, PARTS_MAX = 4, NAME_BYTES = 160, FIRST_LETTERS = 1 };

struct words {
    struct arena mem;
    struct str word[WORDS_MAX];
    size_t n;
};

static void words_read(struct words *w)
{
    struct str csv = asset_text("data/seed/sites.csv");
    struct csv *c;
    struct csv_row row;
    struct err err;
    bool more = true;
    arena_init(&w->mem);
    ENSURE(csv_open(str_source(&csv), &(struct csv_options){.delimiter = ','}, &c, &err) == RC_OK);
    int columns[] = {csv_column_find(c, STR("name_en")), csv_column_find(c, STR("name_local"))};
    while (csv_next(c, &row, &more, &err) == RC_OK && more)
        for (int k = 0; k < 2 && !row.fault; k++) {
            struct str rest = str_copy(&w->mem, row.fields[columns[k]]), word;
            while (text_next_word(&rest, &word))
                if (w->n < WORDS_MAX)
                    w->word[w->n++] = word;
        }
    csv_close(c);
}

/* Words of the seed as often as they stand there, and one in three of its own: letters changed. */
static struct str name_make(const struct words *w, struct prng *r, char out[NAME_BYTES])
{
    size_t n = 0, parts = 2 + prng_below(r, PARTS_MAX - 1), from = prng_below(r, w->n);
    for (size_t i = 0; i < parts; i++) {
        struct str word = w->word[i % 2 ? prng_below(r, w->n) : (from + i) % w->n];
        if (n + word.n + 4 > NAME_BYTES)
            break;
        if (i)
            out[n++] = ' ';
        memcpy(out + n, word.p, word.n);
        if (i == 0 && word.n > 4 && text_characters(word) == word.n) { /* ASCII */
            out[n + 2 + prng_below(r, word.n - 3)] = "aeioulnrst"[prng_below(r, 10)];
            out[n + 2 + prng_below(r, word.n - 3)] = "aeioulnrst"[prng_below(r, 10)];
        }
        n += word.n;
    }
    return str_clip((struct str){out, n}, NAME_BYTES - 1);
}

static void site_make(const struct words *w, struct prng *r, struct site *s, char name[NAME_BYTES])
{
    static const char *const KINDS[] = {"CHU", "MOS", "TEM-HIN", "TEM-BUD", "CAT", "SYN"};
    static const char *const FAITHS[] = {"christian", "muslim", "hindu", "buddhist", "christian", "jewish"};
    static const char *const COUNTRIES[] = {"FR", "TR", "IN", "JP", "RU", "US", "CN", "EG", "BR", "DE"};
    size_t k = prng_below(r, 6);
    *s = (struct site){.has_place = true,
                       .lat_deg = prng_unit(r) * 120 - 50,
                       .lon_deg = prng_unit(r) * 359 - 179,
                       .kind = str_of(KINDS[k]),
                       .religion = str_of(FAITHS[k]),
                       .status = STR("present"),
                       .class_code = STR("place_of_worship"),
                       .country = str_of(COUNTRIES[prng_below(r, 10)])};
    for (size_t i = 0; i < sizeof s->public_id.b; i++)
        s->public_id.b[i] = (uint8_t)prng_u64(r);
    s->wikidata = prng_below(r, 20) ? STR_NONE : STR("Q1");
    s->name = name_make(w, r, name);
}

static void image_make(const struct words *w, size_t n, const char *path, const char *names_path, size_t named)
{
    struct err err;
    struct search_words *vocabulary;
    struct search_cutter *c;
    struct search_builder *b;
    struct search_phrases *p = search_phrases_new();
    struct prng r;
    char spool[1100], name[NAME_BYTES];
    FILE *names = fopen(names_path, "w");
    snprintf(spool, sizeof spool, "%s.laid", path);
    ENSURE(names && search_words_new(&vocabulary, &err) == RC_OK && search_cutter_new(&c, &err) == RC_OK);
    ENSURE(search_builder_new(vocabulary, c, spool, &b, &err) == RC_OK);
    prng_seed(&r, 1);
    for (size_t i = 0; i < n; i++) {
        struct site s;
        site_make(w, &r, &s, name);
        ENSURE(search_builder_add(b, &s, &err) == RC_OK);
        if (i < named)
            fprintf(names, "%zu\t" STR_FMT "\n", i + 1, STR_ARG(s.name));
    }
    ENSURE(fclose(names) == 0);
    search_phrases_add_all(p, c, vocabulary);
    if (search_builder_write(b, path, STR("bench"), search_phrases_text(p), &err) != RC_OK) {
        fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    search_builder_free(b);
    search_phrases_free(p);
    search_cutter_free(c);
    search_words_free(vocabulary);
}

/* As struct search does it: one cutter for all, its tables loaded. */
static pthread_mutex_t cut_lock = PTHREAD_MUTEX_INITIALIZER;

static struct search_cutter *cutter_make(const struct words *w)
{
    struct search_cutter *c;
    struct err err;
    struct arena mem;
    struct search_cut cut;
    arena_init(&mem);
    ENSURE(search_cutter_new(&c, &err) == RC_OK);
    for (size_t i = 0; i < w->n; i++) {
        search_cut(c, w->word[i], &mem, &cut);
        arena_reset(&mem);
    }
    arena_fini(&mem);
    return c;
}

struct client {
    const struct search_image *im;
    struct search_cutter *cutter;
    const struct words *words;
    size_t sites;
    unsigned seed;
    double *ms, *cpu_ms;
    char (*typed)[NAME_BYTES];
    size_t n, found, asked_whole;
};

/* On a machine that others use too, what a query takes of the processor says more than what the clock says. */
static double thread_cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The same sites as image_make made, found again by making them again. */
static void *client_run(void *arg)
{
    struct client *cl = arg;
    struct prng r;
    struct arena mem;
    arena_init(&mem);
    prng_seed(&r, 1);
    for (unsigned skip = 0; skip < 40 + 37 * cl->seed; skip++) { /* each client its own names, all within the first */
        struct site s;
        char name[NAME_BYTES];
        site_make(cl->words, &r, &s, name);
    }
    while (cl->n < TYPED) {
        struct site s;
        char name[NAME_BYTES];
        site_make(cl->words, &r, &s, name);
        size_t characters = text_characters(s.name);
        for (size_t k = FIRST_LETTERS; k <= characters && cl->n < TYPED; k++) {
            struct search_found found[10];
            struct search_ask ask = {.limit = 10, .phrases = cl->im->phrases};
            ask.text = str_slice(s.name, 0, text_offset(s.name, k));
            memcpy(cl->typed[cl->n], ask.text.p, ask.text.n);
            arena_reset(&mem);
            int64_t began = clock_monotonic_us();
            double cpu_began = thread_cpu_ms();
            struct search_cut cut;
            pthread_mutex_lock(&cut_lock);
            search_cut(cl->cutter, ask.text, &mem, &cut);
            pthread_mutex_unlock(&cut_lock);
            ask.cut = &cut;
            size_t n = search_rank(cl->im, &ask, NULL, &mem, found);
            cl->cpu_ms[cl->n] = thread_cpu_ms() - cpu_began;
            cl->ms[cl->n++] = (double)(clock_monotonic_us() - began) / 1000;
            if (k < characters)
                continue;
            cl->asked_whole++;
            for (size_t i = 0; i < n; i++)
                cl->found += uuid_is_equal(found[i].id, s.public_id);
        }
    }
    arena_fini(&mem);
    return NULL;
}

static void clients_run(const struct search_image *im, const struct words *w, size_t sites, double *p50, double *p99,
                        double *cpu_p99, const char *queries_path)
{
    pthread_t threads[CLIENTS];
    struct client *cl = mem_array(CLIENTS, sizeof *cl);
    struct search_cutter *cutter = cutter_make(w);
    double *ms = mem_array(CLIENTS * TYPED, sizeof *ms), *cpu_ms = mem_array(CLIENTS * TYPED, sizeof *cpu_ms);
    size_t found = 0, whole = 0;
    FILE *f = fopen(queries_path, "w");
    for (unsigned i = 0; i < CLIENTS; i++) {
        cl[i] = (struct client){.im = im,
                                .cutter = cutter,
                                .words = w,
                                .sites = sites,
                                .seed = i,
                                .ms = ms + i * TYPED,
                                .cpu_ms = cpu_ms + i * TYPED,
                                .typed = mem_array(TYPED, NAME_BYTES)};
        ENSURE(pthread_create(&threads[i], NULL, client_run, &cl[i]) == 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        found += cl[i].found;
        whole += cl[i].asked_whole;
        for (size_t k = 0; k < TYPED; k++)
            fprintf(f, "%s\n", cl[i].typed[k]);
        free(cl[i].typed);
    }
    fclose(f);
    fprintf(stderr, "bench: %zu of %zu whole names found their site among 10\n", found, whole);
    ENSURE(10 * found >= 9 * whole);
    qsort(ms, CLIENTS * TYPED, sizeof *ms, bench_by_double);
    qsort(cpu_ms, CLIENTS * TYPED, sizeof *cpu_ms, bench_by_double);
    *cpu_p99 = cpu_ms[CLIENTS * TYPED * 99 / 100];
    free(cpu_ms);
    *p50 = ms[CLIENTS * TYPED / 2];
    *p99 = ms[CLIENTS * TYPED * 99 / 100];
    search_cutter_free(cutter);
    free(ms);
    free(cl);
}

static bool peer_run(const char *names, const char *queries, double out[4])
{
    static const char *const KEYS[] = {"p50_ms", "p99_ms", "build_s", "mb"};
    char cmd[4096], line[256], key[64];
    int got = 0;
    double v;
    snprintf(cmd, sizeof cmd, "python3 %s/bench/peers/search_fts5.py %s %s %d", bench_source(), names, queries,
             CLIENTS);
    FILE *f = popen(cmd, "r");
    while (f && fgets(line, sizeof line, f))
        for (int i = 0; i < 4 && sscanf(line, "%63s %lf", key, &v) == 2; i++)
            if (strcmp(key, KEYS[i]) == 0) {
                out[i] = v;
                got++;
            }
    return f && pclose(f) == 0 && got == 4;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 3500000,
           peer_n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    struct words *w = mem_alloc(sizeof *w);
    char path[1024], names[1024], queries[1024];
    double p50, p99, cpu_p99, peer[4] = {0};
    struct search_image *im;
    struct err err;
    ENSURE(mkdir(bench_dir(), 0700) == 0 || errno == EEXIST);
    bench_path(path, "bench.search");
    bench_path(names, "bench-names.tsv");
    bench_path(queries, "bench-queries.txt");
    words_read(w);
    int64_t began = clock_monotonic_us();
    image_make(w, n, path, names, peer_n);
    double build_s = (double)(clock_monotonic_us() - began) / 1e6, build_mb = bench_peak_mb();
    ENSURE(search_image_open(path, search_words_hash(), "bench", &im, &err) == RC_OK);
    fprintf(stderr, "bench: %zu sites, %zu words, %.1f MB, built in %.1f s, peak %.0f MB\n", im->sites, im->terms,
            (double)im->map.n / 1e6, build_s, build_mb);
    clients_run(im, w, n, &p50, &p99, &cpu_p99, queries);
    bool has_peer = peer_n > 0 && peer_run(names, queries, peer);
    bench_line("search_p50", "ms", p50, has_peer ? "fts5 trigram" : NULL, peer[0]);
    bench_line("search_p99", "ms", p99, has_peer ? "fts5 trigram" : NULL, peer[1]);
    bench_line("search_p99_cpu", "ms", cpu_p99, NULL, 0);
    bench_line("search_build", "s", build_s, has_peer ? "fts5 trigram" : NULL, peer[2]);
    bench_line("search_file", "MB", (double)im->map.n / 1e6, has_peer ? "fts5 trigram" : NULL, peer[3]);
    bench_line("search_peak", "MB", bench_peak_mb(), NULL, 0);
    if (has_peer && peer_n != n)
        fprintf(stderr, "bench: the peer's are of %zu sites, ours of %zu\n", peer_n, n);
    search_image_close(im);
    return 0;
}
