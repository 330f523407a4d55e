-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Pictures of sites, as clean copies (lib/picture). What was taken away keeps its row with who, when and why; the bytes go.
CREATE TABLE site_picture (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    site {blob} NOT NULL,
    added_us {int64} NOT NULL,
    added_by {blob} NOT NULL,
    licence {text} NOT NULL,
    credit {text} NOT NULL,
    source_url {text} NOT NULL,
    alt {text} NOT NULL,
    alt_lang {text} NOT NULL,
    width {int64} NOT NULL,
    height {int64} NOT NULL,
    small_width {int64} NOT NULL,
    small_height {int64} NOT NULL,
    digest {blob} NOT NULL,
    small_digest {blob} NOT NULL,
    removed_us {int64},
    removed_by {blob},
    reason {text} NOT NULL
) {strict};
CREATE INDEX site_picture_site ON site_picture (site, added_us, id);

-- size: 0 whole, 1 small. Apart from the rows, which lists read. SHA-256 of the bytes stands there.
CREATE TABLE site_picture_bytes (
    picture {blob} NOT NULL,
    size {int64} NOT NULL,
    jpeg {blob} NOT NULL,
    PRIMARY KEY (picture, size)
) {strict};
