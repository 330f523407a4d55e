-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Which migrations this database has run. sha256 is of the file's bytes, before type words are replaced.
CREATE TABLE schema_migration (
    number     {int64} NOT NULL PRIMARY KEY,
    name       {text}  NOT NULL,
    sha256     {blob}  NOT NULL,
    applied_us {int64} NOT NULL
) {strict};

-- PostgreSQL only: the number of the last batch each writer committed, so that a writer whose connection broke while
-- COMMIT was on its way can find out on another one whether it happened.
CREATE TABLE store_writer (
    id    {blob}  NOT NULL PRIMARY KEY,
    batch {int64} NOT NULL,
    at_us {int64} NOT NULL
) {strict};
