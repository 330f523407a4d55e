/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Clean copies: what is seen stays, what is not seen goes; damage and bombs are refused. Pictures are made here by the
 * libraries' own writers, in four quarters of four colours, so that turning and mirroring can be told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

#include "base/rng.h"
#include "picture/picture.h"

struct rgb {
    uint8_t r, g, b;
};
static const struct rgb QUARTERS[4] = {{220, 30, 30}, {30, 200, 40}, {40, 50, 210}, {240, 240, 60}};

/* 0 1
 * 2 3 */
static uint8_t *quarters(int w, int h, int channels)
{
    uint8_t *p = malloc((size_t)w * (size_t)h * (size_t)channels), *to = p;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, to += channels) {
            const struct rgb *c = &QUARTERS[(y >= h / 2) * 2 + (x >= w / 2)];
            const uint8_t bytes[4] = {c->r, c->g, c->b, x < w / 2 ? 255 : 0};
            memcpy(to, bytes, (size_t)channels);
        }
    return p;
}

static struct str jpeg_of(struct arena *mem, int w, int h, bool is_progressive, J_COLOR_SPACE space)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    int channels = space == JCS_CMYK ? 4 : space == JCS_GRAYSCALE ? 1 : 3;
    uint8_t *p = quarters(w, h, channels);
    c.err = jpeg_std_error(&e);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &n);
    c.image_width = (JDIMENSION)w;
    c.image_height = (JDIMENSION)h;
    c.input_components = channels;
    c.in_color_space = space;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    if (is_progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < h; y++) {
        JSAMPROW row = p + (size_t)y * (size_t)w * (size_t)channels;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    struct str out = str_copy(mem, (struct str){(const char *)bytes, n});
    free(bytes);
    free(p);
    return out;
}

static struct str png_of(struct arena *mem, int w, int h, png_uint_32 format)
{
    int channels = (int)PNG_IMAGE_PIXEL_CHANNELS(format);
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = (png_uint_32)w, .height = (png_uint_32)h, .format = format};
    uint8_t *p = quarters(w, h, channels);
    png_alloc_size_t n = 0;
    assert_true(png_image_write_to_memory(&image, NULL, &n, 0, p, 0, NULL));
    char *bytes = arena_alloc(mem, n);
    assert_true(png_image_write_to_memory(&image, bytes, &n, 0, p, 0, NULL));
    free(p);
    return (struct str){bytes, n};
}

static struct str webp_of(struct arena *mem, int w, int h, bool has_alpha)
{
    uint8_t *p = quarters(w, h, has_alpha ? 4 : 3), *bytes = NULL;
    size_t n =
        has_alpha ? WebPEncodeLosslessRGBA(p, w, h, w * 4, &bytes) : WebPEncodeLosslessRGB(p, w, h, w * 3, &bytes);
    assert_true(n > 0);
    struct str out = str_copy(mem, (struct str){(const char *)bytes, n});
    WebPFree(bytes);
    free(p);
    return out;
}

/* The colour in the middle of a quarter of a JPEG. */
static struct rgb seen(struct str jpeg, int quarter)
{
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr e;
    struct rgb out = {0};
    d.err = jpeg_std_error(&e);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, (const unsigned char *)jpeg.p, jpeg.n);
    jpeg_read_header(&d, TRUE);
    jpeg_start_decompress(&d);
    unsigned x = d.output_width * (quarter % 2 ? 3 : 1) / 4, y = d.output_height * (quarter / 2 ? 3 : 1) / 4;
    uint8_t *row = malloc((size_t)d.output_width * 3);
    while (d.output_scanline < d.output_height) {
        JSAMPROW r = row;
        jpeg_read_scanlines(&d, &r, 1);
        if (d.output_scanline == y + 1)
            out = (struct rgb){row[x * 3], row[x * 3 + 1], row[x * 3 + 2]};
    }
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    free(row);
    return out;
}

static bool is_near(struct rgb a, struct rgb b)
{
    return abs(a.r - b.r) < 14 && abs(a.g - b.g) < 14 && abs(a.b - b.b) < 14;
}

/* order: which quarter of the maker's is seen in each quarter. */
static void sees(struct str jpeg, const int order[4])
{
    for (int q = 0; q < 4; q++) {
        struct rgb c = seen(jpeg, q);
        if (!is_near(c, QUARTERS[order[q]]))
            fail_msg("quarter %d is %d %d %d", q, c.r, c.g, c.b);
    }
}

static struct picture_copy whole, small;
static struct err err;

static void copies(struct str file, struct arena *mem)
{
    if (picture_copies(file, mem, &whole, &small, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static const int UPRIGHT[4] = {0, 1, 2, 3};

static void test_formats(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    const struct str files[] = {jpeg_of(&mem, 64, 48, false, JCS_RGB), jpeg_of(&mem, 64, 48, true, JCS_RGB),
                                png_of(&mem, 64, 48, PNG_FORMAT_RGB), webp_of(&mem, 64, 48, false)};
    for (size_t i = 0; i < 4; i++) {
        int w, h;
        assert_int_equal(picture_size(files[i], &w, &h, &err), RC_OK);
        assert_true(w == 64 && h == 48);
        copies(files[i], &mem);
        assert_true(whole.width == 64 && whole.height == 48 && small.width == 64 && small.height == 48);
        sees(whole.jpeg, UPRIGHT);
        sees(small.jpeg, UPRIGHT);
    }
    copies(jpeg_of(&mem, 64, 48, false, JCS_GRAYSCALE), &mem);
    assert_true(is_near(seen(whole.jpeg, 0), (struct rgb){220, 220, 220}));
    arena_fini(&mem);
}

/* Where it is transparent, white shows. */
static void test_transparent(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    const struct str files[] = {png_of(&mem, 64, 48, PNG_FORMAT_RGBA), webp_of(&mem, 64, 48, true)};
    for (size_t i = 0; i < 2; i++) {
        copies(files[i], &mem);
        assert_true(is_near(seen(whole.jpeg, 0), QUARTERS[0]) && is_near(seen(whole.jpeg, 2), QUARTERS[2]));
        assert_true(is_near(seen(whole.jpeg, 1), (struct rgb){255, 255, 255}));
    }
    arena_fini(&mem);
}

static void test_sizes(void **state)
{
    static const int SIDES[][6] = {/* of the file; of the whole; of the small one */
                                   {1600, 1200, 1600, 1200, 480, 360},
                                   {1601, 1200, 1600, 1199, 480, 360},
                                   {2400, 1800, 1600, 1200, 480, 360},
                                   {1800, 2400, 1200, 1600, 360, 480},
                                   {6400, 20, 1600, 5, 480, 2},
                                   {5000, 1, 1600, 1, 480, 1},
                                   {1, 1, 1, 1, 1, 1},
                                   {479, 3, 479, 3, 479, 3}};
    struct arena mem;
    (void)state;
    arena_init(&mem);
    for (size_t i = 0; i < sizeof SIDES / sizeof SIDES[0]; i++) {
        const int *s = SIDES[i];
        const struct str files[] = {jpeg_of(&mem, s[0], s[1], false, JCS_RGB),
                                    png_of(&mem, s[0], s[1], PNG_FORMAT_RGB)};
        for (size_t k = 0; k < 2; k++) {
            copies(files[k], &mem);
            assert_true(whole.width == s[2] && whole.height == s[3] && small.width == s[4] && small.height == s[5]);
            if (s[1] >= 1000)
                sees(small.jpeg, UPRIGHT);
        }
    }
    arena_fini(&mem);
}

/* A block of EXIF with orientation, a place and a camera, as cameras write it, behind the first marker. */
static struct str with_exif(struct arena *mem, struct str jpeg, int orientation, bool is_little)
{
    struct buf tiff, b;
    buf_init(&tiff, 0);
    buf_init(&b, 0);
#define U16(v)                                                                                                         \
    buf_add_char(&tiff, (char)(is_little ? (v)&255 : (v) >> 8)),                                                       \
        buf_add_char(&tiff, (char)(is_little ? (v) >> 8 : (v)&255))
#define U32(v) (is_little ? (U16((v)&0xffff), U16((v) >> 16)) : (U16((v) >> 16), U16((v)&0xffff)))
    buf_add_z(&tiff, is_little ? "II" : "MM");
    U16(42);
    U32(8);
    U16(3);                                                /* entries */
    U16(0x010f), U16(2), U32(13), U32(50);                 /* maker */
    U16(0x0112), U16(3), U32(1), U16(orientation), U16(0); /* orientation */
    U16(0x8825), U16(4), U32(1), U32(63);                  /* where the place begins */
    U32(0);                                                /* no more directories */
    buf_add_z(&tiff, "SECRETCAMERA");
    buf_add_char(&tiff, 0);
    U16(1);
    U16(1), U16(2), U32(2), buf_add(&tiff, "N\0\0\0", 4); /* north */
    U32(0);
    buf_add_z(&tiff, "GPS 33.5130N 36.2920E");
    buf_add(&b, jpeg.p, 2);
    buf_add(&b, "\xff\xe1", 2);
    buf_add_char(&b, (char)((tiff.n + 8) >> 8));
    buf_add_char(&b, (char)((tiff.n + 8) & 255));
    buf_add(&b, "Exif\0\0", 6);
    buf_add_str(&b, buf_str(&tiff));
    buf_add(&b, "\xff\xfe\0\x10SECRETCOMMENT!", 18);
    buf_add(&b, jpeg.p + 2, jpeg.n - 2);
    buf_add_z(&b, "SECRETTRAILER");
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    buf_fini(&tiff);
    return out;
}

static void test_exif(void **state)
{
    /* What stands in each quarter of the upright picture, for each way to turn it. */
    static const int ORDER[9][4] = {{0},          {0, 1, 2, 3}, {1, 0, 3, 2}, {3, 2, 1, 0}, {2, 3, 0, 1},
                                    {0, 2, 1, 3}, {2, 0, 3, 1}, {3, 1, 2, 0}, {1, 3, 0, 2}};
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct str plain = jpeg_of(&mem, 64, 48, false, JCS_RGB);
    for (int o = 1; o <= 8; o++)
        for (int little = 0; little < 2; little++) {
            struct str file = with_exif(&mem, plain, o, little);
            assert_true(str_contains(file, STR("SECRETCAMERA")) && str_contains(file, STR("GPS 33")));
            copies(file, &mem);
            assert_true(whole.width == (o >= 5 ? 48 : 64) && whole.height == (o >= 5 ? 64 : 48));
            sees(whole.jpeg, ORDER[o]);
            for (int k = 0; k < 2; k++) {
                struct str copy = k ? small.jpeg : whole.jpeg;
                assert_false(str_contains(copy, STR("SECRET")) || str_contains(copy, STR("GPS")) ||
                             str_contains(copy, STR("Exif")));
            }
        }
    copies(with_exif(&mem, plain, 9, true), &mem); /* no such way */
    sees(whole.jpeg, UPRIGHT);
    arena_fini(&mem);
}

/* However an EXIF block is cut or turned into something else, the picture itself is read, or refused in words. */
static void test_damaged_exif(void **state)
{
    struct arena mem;
    struct prng rng;
    (void)state;
    arena_init(&mem);
    prng_seed(&rng, 11);
    struct str plain = jpeg_of(&mem, 16, 16, false, JCS_RGB);
    for (int i = 0; i < 2000; i++) {
        struct arena one;
        arena_init(&one);
        struct str file = with_exif(&one, plain, 6, i % 2);
        char *p = str_z(&one, file);
        for (int k = 0; k < 3; k++)
            p[12 + prng_below(&rng, 60)] = (char)prng_below(&rng, 256);
        if (picture_copies((struct str){p, file.n}, &one, &whole, &small, &err) != RC_OK)
            assert_true(strlen(err.text) > 8);
        arena_fini(&one);
    }
    arena_fini(&mem);
}

static void test_cut(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    const struct str files[] = {jpeg_of(&mem, 40, 40, false, JCS_RGB), jpeg_of(&mem, 40, 40, true, JCS_RGB),
                                png_of(&mem, 40, 40, PNG_FORMAT_RGBA), webp_of(&mem, 40, 40, true)};
    for (size_t i = 0; i < 4; i++)
        for (size_t n = 0; n + 2 < files[i].n; n++) { /* a JPEG is whole without its last marker */
            struct arena one;
            arena_init(&one);
            struct str cut = str_copy(&one, str_slice(files[i], 0, n));
            assert_int_equal(picture_copies(cut, &one, &whole, &small, &err), RC_INVALID);
            assert_true(strlen(err.text) > 8);
            arena_fini(&one);
        }
    arena_fini(&mem);
}

static void refused(struct str file, enum rc rc, const char *why)
{
    struct arena mem;
    arena_init(&mem);
    assert_int_equal(picture_copies(file, &mem, &whole, &small, &err), rc);
    assert_non_null(strstr(err.text, why));
    arena_fini(&mem);
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    }
    return ~c;
}

/* Bombs: heads that promise more than is read, refused before memory is taken. */
static void test_bombs(void **state)
{
    struct arena mem;
    struct rusage before, after;
    (void)state;
    arena_init(&mem);
    getrusage(RUSAGE_SELF, &before);
    struct str p = png_of(&mem, 8, 8, PNG_FORMAT_RGB);
    char *png = str_z(&mem, p);
    memcpy(png + 16, "\0\0\x75\x30\0\0\x75\x30", 8); /* 30,000 by 30,000 */
    uint32_t crc = crc_of((uint8_t *)png + 12, 17);
    const uint8_t crc_bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    memcpy(png + 29, crc_bytes, 4);
    refused((struct str){png, p.n}, RC_TOO_LARGE, "at most 24 million");
    struct str j = jpeg_of(&mem, 8, 8, false, JCS_RGB);
    char *jpeg = str_z(&mem, j);
    for (size_t i = 0; i + 9 < j.n; i++)
        if ((uint8_t)jpeg[i] == 0xff && (uint8_t)jpeg[i + 1] == 0xc0) {
            memcpy(jpeg + i + 5, "\x75\x30\x75\x30", 4);
            break;
        }
    refused((struct str){jpeg, j.n}, RC_TOO_LARGE, "at most 64 million");
    struct str large = {arena_alloc(&mem, PICTURE_BYTES_MAX + 1), PICTURE_BYTES_MAX + 1};
    refused(large, RC_TOO_LARGE, "20 MB");
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
    arena_fini(&mem);
}

/* A JPEG that goes over the same picture again and again: its first scan, many times. */
static struct str of_many_scans(struct arena *mem, int scans)
{
    struct str j = jpeg_of(mem, 16, 16, true, JCS_RGB);
    size_t from = 0, to = 0;
    for (size_t i = 0; i + 1 < j.n && !to; i++)
        if ((uint8_t)j.p[i] == 0xff && (uint8_t)j.p[i + 1] == 0xda) {
            if (!from)
                from = i;
            else
                to = i;
        } else if (from && !to && (uint8_t)j.p[i] == 0xff && (uint8_t)j.p[i + 1] == 0xc4) {
            to = i;
        }
    assert_true(from && to > from);
    struct buf b;
    buf_init(&b, 0);
    buf_add(&b, j.p, from);
    for (int i = 0; i < scans; i++)
        buf_add(&b, j.p + from, to - from);
    buf_add(&b, j.p + to, j.n - to);
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void test_refused(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    refused(STR(""), RC_INVALID, "no JPEG, PNG or WebP");
    refused(STR("GIF89a and so on"), RC_INVALID, "no JPEG, PNG or WebP");
    refused(STR("<svg xmlns='http://www.w3.org/2000/svg'/>"), RC_INVALID, "no JPEG, PNG or WebP");
    refused(jpeg_of(&mem, 16, 16, false, JCS_CMYK), RC_INVALID, "CMYK");
    refused(of_many_scans(&mem, 200), RC_INVALID, "scans");
    copies(of_many_scans(&mem, 3), &mem);
    /* VP8X with the flag of animation, and no frames */
    struct str moving = {"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x07\0\0\x07\0\0", 30};
    refused(moving, RC_INVALID, "moves");
    arena_fini(&mem);
}

/* Any byte changed, anywhere: a copy or words, never a crash. */
static void test_turned_bytes(void **state)
{
    struct arena mem;
    struct prng rng;
    (void)state;
    arena_init(&mem);
    prng_seed(&rng, 3);
    const struct str files[] = {jpeg_of(&mem, 24, 24, true, JCS_RGB), png_of(&mem, 24, 24, PNG_FORMAT_RGBA),
                                webp_of(&mem, 24, 24, true)};
    for (int i = 0; i < 3000; i++) {
        struct arena one;
        int w, h;
        arena_init(&one);
        struct str f = files[i % 3];
        char *p = str_z(&one, f);
        p[prng_below(&rng, (uint32_t)f.n)] ^= (char)(1 << prng_below(&rng, 8));
        if (picture_size((struct str){p, f.n}, &w, &h, &err) == RC_OK && (int64_t)w * h < 1 << 20 &&
            picture_copies((struct str){p, f.n}, &one, &whole, &small, &err) == RC_OK)
            assert_true(whole.jpeg.n > 100);
        arena_fini(&one);
    }
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats), cmocka_unit_test(test_transparent),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_exif),    cmocka_unit_test(test_damaged_exif), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_bombs),   cmocka_unit_test(test_refused),      cmocka_unit_test(test_turned_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
