/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Signed notes, checkpoints and verifier keys. What parses is written back as it was read.
 */
#include "ledger/note.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_note(struct str s, struct arena *mem)
{
    struct note *note = ARENA_NEW(mem, struct note);
    struct note_key key;
    struct checkpoint c;
    struct err err;
    if (note_parse(s, mem, note, &err) != RC_OK)
        return;
    ENSURE(note->signatures_n > 0 && note->text.n > 0 && note->text.p[note->text.n - 1] == '\n');
    if (note_key_parse(STR("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), mem, &key, &err) ==
            RC_OK &&
        note_verify(note, &key, &err) != RC_OK)
        ENSURE(err.rc == RC_DAMAGED);
    if (checkpoint_parse(note->text, mem, &c, &err) == RC_OK)
        ENSURE(str_is_equal(checkpoint_format(mem, &c), note->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena mem;
    struct note_key key;
    struct checkpoint c;
    struct err err;
    struct str s = {(const char *)data, n};
    arena_init(&mem);
    check_note(s, &mem);
    if (note_key_parse(s, &mem, &key, &err) == RC_OK)
        ENSURE(str_is_equal(note_key_format(&mem, &key), s));
    if (checkpoint_parse(s, &mem, &c, &err) == RC_OK)
        ENSURE(str_is_equal(checkpoint_format(&mem, &c), s));
    arena_fini(&mem);
    return 0;
}
