package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// SignIn is a fresh sign-in: who, and the cookie to set.
type SignIn struct {
	Principal Principal
	Cookie    *http.Cookie
}

// Login checks a name and password. It takes the same time for a name that
// doesn't exist, and answers ErrCredentials or *Throttled.
func (s *Service) Login(ctx context.Context, name, password, ip string) (SignIn, error) {
	name = canonicalName(name)
	if wait := s.throttle.begin(ip, name, s.clock()); wait > 0 {
		// Not audited: the failures that led here were, and this costs nothing to repeat.
		return SignIn{}, &Throttled{RetryAfter: roundUp(wait)}
	}
	u, err := s.store.User(ctx, name)
	known := err == nil
	if errors.Is(err, control.ErrNotFound) {
		u, err = control.User{Password: s.dummy}, nil
	}
	if err != nil {
		return SignIn{}, err
	}
	ok, stale, err := s.verify(ctx, u.Password, password)
	if err != nil {
		return SignIn{}, err
	}
	if !ok || !known || u.Disabled {
		if err := s.Record(ctx, By{IP: ip}, "session.refuse", name, "wrong name or password"); err != nil {
			return SignIn{}, err
		}
		return SignIn{}, ErrCredentials
	}
	s.throttle.succeeded(ip, name)
	if stale {
		if err := s.rehash(ctx, u, password); err != nil {
			return SignIn{}, err
		}
	}
	return s.open(ctx, u, ip)
}

func (s *Service) rehash(ctx context.Context, u control.User, password string) error {
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Rehash(ctx, u.Name, u.Password, hash)
}

// open begins a session for a user who has proved to be one.
func (s *Service) open(ctx context.Context, u control.User, ip string) (SignIn, error) {
	now := s.clock()
	if err := s.store.PurgeSessions(ctx, now, now.Add(-sessionIdle)); err != nil {
		return SignIn{}, err
	}
	token := newSecret()
	v := control.Session{Hash: hashOf(token), User: u.Name, Created: now, LastSeen: now, Expires: now.Add(sessionLife)}
	if err := s.store.CreateSession(ctx, v); err != nil {
		return SignIn{}, err
	}
	p := Principal{Name: u.Name, Role: u.Role, Kind: ByCookie, CSRF: csrfOf(token), session: v.Hash}
	if err := s.Record(ctx, By{u.Name, ip}, "session.create", u.Name, ""); err != nil {
		return SignIn{}, err
	}
	return SignIn{Principal: p, Cookie: s.cookie(token, int(sessionLife/time.Second))}, nil
}

// Logout ends the principal's session and answers the cookie that clears it.
func (s *Service) Logout(ctx context.Context, p Principal, ip string) (*http.Cookie, error) {
	if err := s.store.DeleteSession(ctx, p.session); err != nil && !errors.Is(err, control.ErrNotFound) {
		return nil, err
	}
	return s.cookie("", -1), s.Record(ctx, By{p.Actor(), ip}, "session.delete", p.Name, "")
}

// ChangePassword replaces one's own password and ends one's other sessions.
func (s *Service) ChangePassword(ctx context.Context, p Principal, current, fresh, ip string) error {
	if wait := s.throttle.begin(ip, p.Name, s.clock()); wait > 0 {
		return &Throttled{RetryAfter: roundUp(wait)}
	}
	u, err := s.store.User(ctx, p.Name)
	if err != nil {
		return err
	}
	ok, _, err := s.verify(ctx, u.Password, current)
	if err != nil {
		return err
	}
	by := By{p.Actor(), ip}
	if !ok {
		if err := s.Record(ctx, by, "user.password.refuse", p.Name, "wrong current password"); err != nil {
			return err
		}
		return Faults{{"current", "is wrong"}}
	}
	s.throttle.succeeded(ip, p.Name)
	if wrong := passwordFault(p.Name, fresh); wrong != "" {
		return Faults{{"new", wrong}}
	}
	hash, err := s.hash(ctx, fresh)
	if err != nil {
		return err
	}
	if err := s.store.SetPassword(ctx, p.Name, hash, p.session); err != nil {
		return err
	}
	return s.Record(ctx, by, "user.password", p.Name, "by the user")
}

// NeedsSetup tells whether there is no user yet.
func (s *Service) NeedsSetup(ctx context.Context) (bool, error) {
	us, err := s.store.Users(ctx)
	return len(us) == 0, err
}

// SetupLink makes a link, good once and for an hour, that creates the first
// user. It replaces earlier links. base is the Hub's address, as
// http://host:8090. Whoever reads the link owns the Hub: print it, keep it nowhere.
func (s *Service) SetupLink(ctx context.Context, base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("set-up link: address %q: want http://host:port", base)
	}
	token := newSecret()
	if err := s.store.CreateSetupLink(ctx, hashOf(token), s.clock().Add(setupLinkLife)); err != nil {
		return "", err
	}
	u = u.JoinPath("setup")
	u.RawQuery = url.Values{"token": {token}}.Encode()
	return u.String(), nil
}

// Setup uses a set-up link up and signs its new admin in. It answers Faults,
// control.ErrSpent or *Throttled; a faulty name or password leaves the link good.
func (s *Service) Setup(ctx context.Context, token, name, password, ip string) (SignIn, error) {
	const throttled = "set-up" // no user can be called so while nobody is set up
	if wait := s.throttle.begin(ip, throttled, s.clock()); wait > 0 {
		return SignIn{}, &Throttled{RetryAfter: roundUp(wait)}
	}
	name = canonicalName(name)
	u := control.User{Name: name, Role: control.Admin, Created: s.clock()}
	if faults := userFaults(u, password); faults != nil {
		return SignIn{}, faults
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return SignIn{}, err
	}
	u.Password = hash
	if err := s.store.RedeemSetupLink(ctx, hashOf(token), s.clock(), u); err != nil {
		if errors.Is(err, control.ErrSpent) {
			return SignIn{}, errors.Join(control.ErrSpent, s.Record(ctx, By{IP: ip}, "setup.refuse", name, "link unknown, used or expired"))
		}
		return SignIn{}, err
	}
	s.throttle.succeeded(ip, throttled)
	if err := s.Record(ctx, By{u.Name, ip}, "user.create", u.Name, "role admin, by set-up link"); err != nil {
		return SignIn{}, err
	}
	return s.open(ctx, u, ip)
}

func canonicalName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func roundUp(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }
