/**
 * The store's tables:
 * - `bodies`: one row for each file in `bodies/`, with the checksums of its blocks.
 * - `responses`: what is kept under a key; several keys may have one body.
 * - `partials`: transfers under way or broken off, one row for each file in `partial/` that could be continued. From the
 *   moment that one is complete until its response is kept, `completion` says what it is going to be.
 * - `digests`: what keys had that are no longer kept.
 */
export const storeTables = `
CREATE TABLE IF NOT EXISTS bodies (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sha256 TEXT NOT NULL UNIQUE,
  length INTEGER NOT NULL,
  sums BLOB NOT NULL,
  fetch_ms REAL NOT NULL,
  uses INTEGER NOT NULL,
  value REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS bodies_by_value ON bodies (value);
CREATE TABLE IF NOT EXISTS responses (
  key TEXT PRIMARY KEY,
  body INTEGER NOT NULL REFERENCES bodies (id),
  status INTEGER NOT NULL,
  headers TEXT NOT NULL,
  validated_at REAL NOT NULL,
  stored_at REAL NOT NULL,
  used_at REAL NOT NULL,
  uses INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS responses_by_body ON responses (body);
CREATE TABLE IF NOT EXISTS partials (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  head TEXT NOT NULL,
  suspended_at REAL NOT NULL,
  bytes INTEGER NOT NULL,
  completion TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS partials_by_key ON partials (key);
CREATE TABLE IF NOT EXISTS pins (
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pins_by_name ON pins (name);
CREATE TABLE IF NOT EXISTS digests (
  noted INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  sha256 TEXT NOT NULL
);
`
