package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// Authenticate recognises who sends a request: by API token when there is an
// Authorization header, else by session cookie. It answers ErrUnknown.
func (s *Service) Authenticate(r *http.Request) (Principal, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		return s.byToken(r.Context(), h)
	}
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return Principal{}, ErrUnknown
	}
	return s.byCookie(r.Context(), c.Value)
}

func (s *Service) byToken(ctx context.Context, header string) (Principal, error) {
	scheme, secret, _ := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(secret, tokenPrefix) {
		return Principal{}, ErrUnknown
	}
	// Found by its hash: how long that takes tells nothing of the secret.
	t, err := s.store.Token(ctx, hashOf(secret))
	if errors.Is(err, control.ErrNotFound) {
		return Principal{}, ErrUnknown
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.clock()
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Principal{}, ErrUnknown
	}
	if now.Sub(t.LastUsed) >= touchEvery {
		if err := s.store.TouchToken(ctx, t.Hash, now); err != nil && !errors.Is(err, control.ErrNotFound) {
			return Principal{}, err
		}
	}
	return Principal{Name: t.Name, Role: t.Role, Kind: ByToken, session: t.Hash}, nil
}

func (s *Service) byCookie(ctx context.Context, token string) (Principal, error) {
	v, u, err := s.store.Session(ctx, hashOf(token))
	if errors.Is(err, control.ErrNotFound) {
		return Principal{}, ErrUnknown
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.clock()
	if !alive(v, u, now) {
		return Principal{}, ErrUnknown // purged at the next sign-in
	}
	if now.Sub(v.LastSeen) >= touchEvery {
		if err := s.store.TouchSession(ctx, v.Hash, now); err != nil && !errors.Is(err, control.ErrNotFound) {
			return Principal{}, err
		}
	}
	return Principal{Name: u.Name, Role: u.Role, Kind: ByCookie, CSRF: csrfOf(token), session: v.Hash}, nil
}

// Recheck answers ErrUnknown once a principal's session or token has ended, for
// requests that last. It doesn't count as use.
func (s *Service) Recheck(ctx context.Context, p Principal) error {
	now := s.clock()
	switch p.Kind {
	case ByToken:
		t, err := s.store.Token(ctx, p.session)
		if err == nil && (t.Expires.IsZero() || now.Before(t.Expires)) {
			return nil
		}
	case ByCookie:
		v, u, err := s.store.Session(ctx, p.session)
		if err == nil && alive(v, u, now) && u.Role == p.Role {
			return nil
		}
	}
	return ErrUnknown
}

func alive(v control.Session, u control.User, now time.Time) bool {
	return !u.Disabled && now.Before(v.Expires) && now.Sub(v.LastSeen) < sessionIdle
}

// cookieName: the __Host- prefix makes browsers refuse a cookie that another
// host or a plain connection tries to plant.
func (s *Service) cookieName() string {
	if s.secure {
		return "__Host-tl"
	}
	return "tl_session"
}

func (s *Service) cookie(token string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(), Value: token, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode}
}

// csrfOf derives the CSRF token from the session's own secret, which pages
// cannot read and the store doesn't know.
func csrfOf(token string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("throughline csrf"))
	return base64url(m.Sum(nil))
}

// CheckForgery refuses a change that a page of another site may have sent. A
// request by cookie must name our origin and carry the session's CSRF token; one
// by API token cannot be forged; a public one (the zero Principal) must not name
// another origin.
func (s *Service) CheckForgery(r *http.Request, p Principal) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if p.Kind == ByToken {
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" && p.Kind == ByCookie {
		return fmt.Errorf("%w: no Origin header", ErrForgery)
	}
	if origin != "" && !s.sameOrigin(origin, r.Host) {
		return fmt.Errorf("%w: the Origin header names another site", ErrForgery)
	}
	if p.Kind != ByCookie {
		return nil
	}
	if !hmac.Equal([]byte(r.Header.Get("X-CSRF-Token")), []byte(p.CSRF)) {
		return fmt.Errorf("%w: X-CSRF-Token is missing or not this session's", ErrForgery)
	}
	return nil
}

func (s *Service) sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	scheme, port := "http", ":80"
	if s.secure {
		scheme, port = "https", ":443"
	}
	// Browsers leave the default port out; a proxy may have put it into Host.
	return u.Scheme == scheme && strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}
