/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Signed notes (c2sp.org/signed-note) with Ed25519 signatures (type 0x01), and log checkpoints (c2sp.org/tlog-checkpoint)
 * as their text. Pure: keys come in, bytes go out.
 *   N1 a note that note_parse accepts is written back byte for byte by its parts: nothing in it goes unlooked at.
 *   N2 signatures of unknown keys are ignored; a failing signature of the known key rejects the note.
 */
#ifndef LEDGER_NOTE_H
#define LEDGER_NOTE_H

#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

enum {
    NOTE_SIZE_MAX = 256 * 1024,
    NOTE_SIGNATURES_MAX = 64, /* the specification asks for at least 16 */
    NOTE_NAME_MAX = 255
};

/* Who signs. name is borrowed. */
struct note_key {
    struct str name;
    uint32_t id;
    uint8_t public_key[32];
};

/* RC_INVALID when the name is empty, too long, not UTF-8, or holds a space, a control character or '+'. */
MUST_CHECK enum rc note_key_make(struct str name, const uint8_t public_key[32], struct note_key *out, struct err *err);
/* Verifier key text: NAME+hex(id)+base64(0x01 || public key). */
struct str note_key_format(struct arena *mem, const struct note_key *key);
MUST_CHECK enum rc note_key_parse(struct str text, struct arena *mem, struct note_key *out, struct err *err);

struct note_signature {
    struct str name;
    uint32_t id;
    struct str bytes; /* after the key id */
};
struct note {
    struct str text; /* with its final newline */
    struct note_signature signatures[NOTE_SIGNATURES_MAX];
    size_t signatures_n;
};

/* text must end in a newline and hold no control characters but newlines. secret_key is libsodium's 64 bytes. */
MUST_CHECK enum rc note_sign(struct str text, const struct note_key *key, const uint8_t secret_key[64],
                             struct arena *mem, struct str *out, struct err *err);
/* Form only; nothing is trusted yet. */
MUST_CHECK enum rc note_parse(struct str bytes, struct arena *mem, struct note *out, struct err *err);
/* RC_DAMAGED when no signature of this key is there or one fails. */
MUST_CHECK enum rc note_verify(const struct note *n, const struct note_key *key, struct err *err);

struct checkpoint {
    struct str origin;
    uint64_t size;
    struct sha256 root;
};
struct str checkpoint_format(struct arena *mem, const struct checkpoint *c); /* the note's text */
/* Extension lines are refused: nobody here writes them, and no verifier could audit them. */
MUST_CHECK enum rc checkpoint_parse(struct str text, struct arena *mem, struct checkpoint *out, struct err *err);

#endif
