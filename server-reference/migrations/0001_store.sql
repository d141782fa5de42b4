-- Text of users, namespaces and instances is compared byte for byte. Times are milliseconds since 1970.

-- One row: made with the database, and gone with it.
CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL,
    -- The highest position of inboxes that were deleted: a new inbox begins behind it, so no position is given twice.
    position_floor INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE ledgers (
    ledger INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    namespace TEXT NOT NULL,
    instance TEXT NOT NULL,
    lowest INTEGER NOT NULL,
    used INTEGER NOT NULL,
    UNIQUE (user, namespace, instance)
) STRICT;
CREATE INDEX ledgers_used ON ledgers (used);

CREATE TABLE outcomes (
    ledger INTEGER NOT NULL REFERENCES ledgers ON DELETE CASCADE,
    id INTEGER NOT NULL,
    hash BLOB NOT NULL,
    -- Why it was rejected; NULL: it was done.
    code TEXT,
    ack TEXT NOT NULL,
    attachments BLOB,
    PRIMARY KEY (ledger, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE inboxes (
    inbox INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    namespace TEXT NOT NULL,
    -- Its first position is base + 1, its last one that was given is last.
    base INTEGER NOT NULL,
    last INTEGER NOT NULL,
    -- The highest position that a client of the user has reported.
    reported INTEGER NOT NULL,
    used INTEGER NOT NULL,
    UNIQUE (user, namespace)
) STRICT;
CREATE INDEX inboxes_used ON inboxes (used);

CREATE TABLE inbox_entries (
    inbox INTEGER NOT NULL REFERENCES inboxes ON DELETE CASCADE,
    position INTEGER NOT NULL,
    event TEXT NOT NULL,
    args TEXT NOT NULL,
    attachments BLOB,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (inbox, position)
) STRICT;
CREATE INDEX inbox_entries_expires ON inbox_entries (expires);
