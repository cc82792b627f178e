// Package control holds the Hub's own records as plain data, and the interfaces
// to keep them: users, sign-in sessions, API tokens, set-up links, the audit log
// and settings. auth and hub ask for the interfaces they need; control/sqlite
// keeps them in one file, and controltest says what every store must do.
//
// Secrets never come here: passwords arrive as Argon2id strings, tokens as
// SHA-256 hashes. Times are kept to the microsecond.
package control

import (
	"context"
	"errors"
	"time"
)

// What a store answers besides success.
var (
	ErrNotFound  = errors.New("control: not found")
	ErrExists    = errors.New("control: name is taken")
	ErrLastAdmin = errors.New("control: the last admin must stay")
	ErrSpent     = errors.New("control: set-up link is unknown, used or expired, or a user exists already")
)

// Role is what a user or token may do; auth says what that is.
type Role string

// Roles.
const (
	Admin   Role = "admin"
	Analyst Role = "analyst"
	Viewer  Role = "viewer"
)

// Roles lists all roles, mightiest first.
func Roles() []Role { return []Role{Admin, Analyst, Viewer} }

// Valid tells whether r is one of Roles.
func (r Role) Valid() bool { return r == Admin || r == Analyst || r == Viewer }

// Hash is the SHA-256 of a secret that is random enough to need no salt.
type Hash [32]byte

// User is somebody who may sign in.
type User struct {
	Name     string
	Role     Role
	Password string // Argon2id, PHC string
	Created  time.Time
	Disabled bool
}

// Session is a sign-in.
type Session struct {
	Hash     Hash // of the cookie's token
	User     string
	Created  time.Time
	LastSeen time.Time
	Expires  time.Time // at the latest, however busy
}

// Token is an API token.
type Token struct {
	Name     string
	Role     Role
	Hash     Hash
	Prefix   string // first characters of the secret, to tell it by
	Created  time.Time
	LastUsed time.Time // zero: never
	Expires  time.Time // zero: never
}

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	ID     int64 // given by the store, rising
	Time   time.Time
	Actor  string // user, "token:name", "cli", or "" for nobody known
	Action string // e.g. user.create
	Target string
	Detail string
	IP     string
}

// Users keeps users by name.
type Users interface {
	// CreateUser answers ErrExists when the name is taken.
	CreateUser(ctx context.Context, u User) error
	User(ctx context.Context, name string) (User, error)
	// Users lists all by name.
	Users(ctx context.Context) ([]User, error)
	// SetPassword replaces the hash and ends the user's sessions except keep.
	SetPassword(ctx context.Context, name, hash string, keep Hash) error
	// Rehash replaces the hash of an unchanged password, only while it still is
	// old, so that it never undoes a change made meanwhile.
	Rehash(ctx context.Context, name, old, hash string) error
	// DeleteUser also ends the user's sessions. It answers ErrLastAdmin rather
	// than leave nobody who may administer.
	DeleteUser(ctx context.Context, name string) error
}

// Sessions keeps sign-ins by the hash of their token.
type Sessions interface {
	// CreateSession answers ErrNotFound when the user is gone.
	CreateSession(ctx context.Context, s Session) error
	// Session answers the session and its user.
	Session(ctx context.Context, h Hash) (Session, User, error)
	TouchSession(ctx context.Context, h Hash, seen time.Time) error
	DeleteSession(ctx context.Context, h Hash) error
	// PurgeSessions deletes those expired, and those not seen since idle.
	PurgeSessions(ctx context.Context, now, idle time.Time) error
}

// Tokens keeps API tokens.
type Tokens interface {
	CreateToken(ctx context.Context, t Token) error
	Token(ctx context.Context, h Hash) (Token, error)
	Tokens(ctx context.Context) ([]Token, error)
	TouchToken(ctx context.Context, h Hash, used time.Time) error
	DeleteToken(ctx context.Context, name string) error
}

// SetupLinks keeps the one-time link that makes the first user.
type SetupLinks interface {
	// CreateSetupLink replaces every earlier link.
	CreateSetupLink(ctx context.Context, h Hash, expires time.Time) error
	// RedeemSetupLink uses the link up and creates the user, both or neither.
	// It answers ErrSpent when the link is no good or any user exists.
	RedeemSetupLink(ctx context.Context, h Hash, now time.Time, u User) error
}

// Audit is the append-only audit log.
type Audit interface {
	AppendAudit(ctx context.Context, e AuditEntry) error
	// AuditLog lists entries with an ID below before (0: all), newest first.
	AuditLog(ctx context.Context, before int64, limit int) ([]AuditEntry, error)
}

// Settings keeps small switches over restarts, such as "bypass.<site>".
type Settings interface {
	// Setting answers "" for one that was never set.
	Setting(ctx context.Context, key string) (string, error)
	SetSetting(ctx context.Context, key, value string) error
	// Settings lists all whose key begins with prefix.
	Settings(ctx context.Context, prefix string) (map[string]string, error)
}

// Store is everything.
type Store interface {
	Users
	Sessions
	Tokens
	SetupLinks
	Audit
	Settings
	// Backup writes a consistent copy to a file that doesn't exist yet.
	Backup(ctx context.Context, path string) error
	Close() error
}
