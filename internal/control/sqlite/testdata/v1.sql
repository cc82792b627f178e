-- A control file of version 1, as it was made by that version.
CREATE TABLE users (
	name     TEXT PRIMARY KEY,
	role     TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
	password TEXT NOT NULL,
	created  INTEGER NOT NULL,
	disabled INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	hash      BLOB PRIMARY KEY,
	user      TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	created   INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);

CREATE TABLE tokens (
	name      TEXT PRIMARY KEY,
	role      TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
	hash      BLOB NOT NULL UNIQUE,
	prefix    TEXT NOT NULL,
	created   INTEGER NOT NULL,
	last_used INTEGER NOT NULL DEFAULT 0,
	expires   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE setup_links (
	hash    BLOB PRIMARY KEY,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	time   INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	detail TEXT NOT NULL,
	ip     TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_keeps_entries BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

CREATE TABLE settings (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO users VALUES ('ann', 'admin', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA', 1767225600000000, 0);
INSERT INTO sessions VALUES (CAST('ssssssssssssssssssssssssssssssss' AS BLOB), 'ann', 1767225600000000, 1767225600000000, 1767830400000000);
INSERT INTO tokens VALUES ('ci', 'viewer', CAST('tttttttttttttttttttttttttttttttt' AS BLOB), 'tl_abcd', 1767225600000000, 0, 0);
INSERT INTO setup_links VALUES (CAST('llllllllllllllllllllllllllllllll' AS BLOB), 1767229200000000);
INSERT INTO audit (time, actor, action, target, detail, ip) VALUES (1767225600000000, 'cli', 'user.create', 'ann', 'role admin', '');
INSERT INTO settings VALUES ('bypass.shop', 'on');
