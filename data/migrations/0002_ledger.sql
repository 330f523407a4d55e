-- The ledger: entries (their bytes never change), the state of the tree they form, signed checkpoints of it.
-- seq and chain are null until the sequencer has put the entry in its place. The other columns repeat what stands in
-- bytes, to be searched; verify holds them to it.
CREATE TABLE ledger_entry (
    id {blob} NOT NULL PRIMARY KEY,
    seq {int64},
    at_us {int64} NOT NULL,
    action {text} NOT NULL,
    actor {blob},
    object_kind {text} NOT NULL,
    object {blob} NOT NULL,
    digest {blob},
    bytes {text} NOT NULL,
    leaf {blob} NOT NULL,
    chain {blob}
) {strict};
CREATE UNIQUE INDEX ledger_entry_seq ON ledger_entry (seq);
CREATE INDEX ledger_entry_object ON ledger_entry (object);

-- One row, id 1: how many entries are in the tree, the last chain hash, the roots of its full subtrees.
CREATE TABLE ledger_state (
    id {int64} NOT NULL PRIMARY KEY,
    size {int64} NOT NULL,
    chain {blob} NOT NULL,
    frontier {blob} NOT NULL
) {strict};

CREATE TABLE ledger_checkpoint (
    size {int64} NOT NULL PRIMARY KEY,
    note {text} NOT NULL
) {strict};
