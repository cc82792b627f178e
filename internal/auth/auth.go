// Package auth says who is asking the Hub and what they may do: passwords,
// sign-in sessions, API tokens, the one-time set-up link, and the one table of
// permissions. The hub calls it on every request, cmd for its user and token
// commands. Every change and every attempt to sign in is written to the audit
// log. Secrets are only ever kept as hashes and compared in constant time.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// Errors that a caller tells apart.
var (
	ErrCredentials = errors.New("name or password is wrong")
	ErrUnknown     = errors.New("not signed in")
	ErrForgery     = errors.New("refused as possible cross-site request forgery")
)

// Throttled says that too many attempts failed.
type Throttled struct{ RetryAfter time.Duration }

func (e *Throttled) Error() string {
	return fmt.Sprintf("too many attempts; try again in %s", e.RetryAfter)
}

// Fault is one thing wrong with what was asked for.
type Fault struct{ Field, Message string }

// Faults are all of them. It is an error.
type Faults []Fault

func (f Faults) Error() string {
	parts := make([]string, len(f))
	for i, x := range f {
		parts[i] = x.Field + ": " + x.Message
	}
	return strings.Join(parts, "; ")
}

// Store is what auth keeps.
type Store interface {
	control.Users
	control.Sessions
	control.Tokens
	control.SetupLinks
	control.Audit
}

// Lifetimes.
const (
	sessionIdle   = 12 * time.Hour
	sessionLife   = 7 * 24 * time.Hour
	setupLinkLife = time.Hour
	// touchEvery bounds how often "last seen" is written.
	touchEvery = time.Minute
)

// Config is what a Service needs.
type Config struct {
	Store Store
	// Secure says that browsers reach the Hub by https, directly or through a proxy.
	Secure bool
	// Clock is the time now; time.Now if nil.
	Clock func() time.Time
}

// Service answers all questions of this package. Safe for concurrent use.
type Service struct {
	store    Store
	secure   bool
	clock    func() time.Time
	throttle *throttle
	// hashing bounds how many passwords are hashed at once: each takes 19 MiB.
	hashing chan struct{}
	dummy   string
}

// New builds a Service.
func New(c Config) (*Service, error) {
	if c.Store == nil {
		return nil, errors.New("auth: no store")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	s := &Service{store: c.Store, secure: c.Secure, clock: c.Clock, throttle: newThrottle(),
		hashing: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	s.dummy = hashPassword(newSecret())
	return s, nil
}

// Kind says how somebody was recognised.
type Kind uint8

// Kinds.
const (
	ByCookie Kind = iota + 1
	ByToken
)

// Principal is who asks.
type Principal struct {
	Name string
	Role control.Role
	Kind Kind
	// CSRF is what a change by cookie must carry in X-CSRF-Token.
	CSRF    string
	session control.Hash // or the token's
}

// Actor is the principal's name in the audit log.
func (p Principal) Actor() string {
	if p.Kind == ByToken {
		return "token:" + p.Name
	}
	return p.Name
}

// By is who makes a change, for the audit log.
type By struct{ Actor, IP string }

// Record writes a line of the audit log.
func (s *Service) Record(ctx context.Context, by By, action, target, detail string) error {
	return s.store.AppendAudit(ctx, control.AuditEntry{Time: s.clock(), Actor: by.Actor, Action: action,
		Target: clip(target), Detail: clip(detail), IP: by.IP})
}

// clip bounds what strangers can write into the audit log.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// newSecret is 256 random bits in base64url.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64url(b[:])
}

func hashOf(secret string) control.Hash { return sha256.Sum256([]byte(secret)) }
