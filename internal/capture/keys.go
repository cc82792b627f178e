package capture

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Bounds of what can be a session key.
const (
	maxKeys   = 16 // guessed keys of one request, and keys one response teaches
	minKeyLen = 16 // characters of a value that can hold enough randomness
)

// Keys returns the session keys a request carries, as keyed hashes: bearer token
// first, then cookies. Which cookies count is decided by name over the whole head:
// the policy's names, or without any, the names the origin was seen to set and the
// ones frameworks use. What is left is guessed at, and only guesses are bounded in
// number, so that no amount of other cookies pushes the session's own out of sight.
// The surest come first.
func (c *Capturer) Keys(snap *policy.Snapshot, h *wire.Head) []journey.Key {
	var out []journey.Key
	bearer := carried{}
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Authorization") {
			continue
		}
		if scheme, token, ok := strings.Cut(h.Fields[i].Value, " "); ok && strings.EqualFold(scheme, "Bearer") {
			if token = strings.TrimSpace(token); len(token) >= minKeyLen {
				bearer.add("", token)
			}
		}
	}
	for _, k := range bearer.all {
		out = append(out, c.key("bearer", k.value, true))
	}
	configured := snap.Session.Cookies
	known := carried{}
	if len(configured) > 0 {
		eachCookie(h, func(name, value string) {
			if slices.Contains(configured, name) {
				known.add(name, value)
			}
		})
		return c.cookieKeys(out, configured, known.all)
	}
	framework, named, other := carried{}, carried{}, carried{}
	eachCookie(h, func(name, value string) {
		switch {
		case c.names.holds(name):
			known.add(name, value)
		case frameworkName(name):
			framework.add(name, value)
		case sessionName(nil, name):
			named.guess(name, value)
		default:
			other.guess(name, value)
		}
	})
	out = c.cookieKeys(out, nil, known.all)
	out = c.cookieKeys(out, nil, framework.all)
	out = c.cookieKeys(out, nil, named.all)
	return c.cookieKeys(out, nil, other.all[:min(len(other.all), maxKeys-len(named.all))])
}

func (c *Capturer) cookieKeys(out []journey.Key, configured []string, cookies []cookiePair) []journey.Key {
	for _, k := range cookies {
		out = append(out, c.cookieKey(k.name, k.value, sessionName(configured, k.name)))
	}
	return out
}

// eachCookie calls for every cookie of a request whose value can be a key.
func eachCookie(h *wire.Head, use func(name, value string)) {
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Cookie") {
			continue
		}
		for rest := h.Fields[i].Value; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, ";")
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if value = strings.Trim(value, `"`); ok && len(value) >= minKeyLen {
				use(name, value)
			}
		}
	}
}

type cookiePair struct{ name, value string }

// carried collects cookies in order of appearance.
type carried struct{ all []cookiePair }

// add keeps the first and the last value of a name: origins take the one or the
// other, so that what stands between them is nobody's key.
func (l *carried) add(name, value string) {
	first := slices.IndexFunc(l.all, func(k cookiePair) bool { return k.name == name })
	switch {
	case first < 0:
		l.all = append(l.all, cookiePair{name, value})
	case l.all[first].value == value:
		// The last is the first again.
		if next := first + 1; next < len(l.all) && l.all[next].name == name {
			l.all = slices.Delete(l.all, next, next+1)
		}
	case first+1 < len(l.all) && l.all[first+1].name == name:
		l.all[first+1].value = value
	default:
		l.all = slices.Insert(l.all, first+1, cookiePair{name, value})
	}
}

// guess keeps what there is room for, each once.
func (l *carried) guess(name, value string) {
	if k := (cookiePair{name, value}); len(l.all) < maxKeys && !slices.Contains(l.all, k) {
		l.all = append(l.all, k)
	}
}

// Learned returns the session keys a response sets: cookies that the policy or a
// well-known name calls a session, and those no script may read whose value is
// long enough to be random. A cookie that is being deleted teaches nothing.
func (c *Capturer) Learned(snap *policy.Snapshot, h *wire.Head) []journey.Key {
	var out []journey.Key
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Set-Cookie") || len(out) >= maxKeys {
			continue
		}
		first, attrs, _ := strings.Cut(h.Fields[i].Value, ";")
		name, value, ok := strings.Cut(first, "=")
		name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
		if !ok || len(value) < minKeyLen {
			continue
		}
		httpOnly, deleted := attributes(attrs)
		named := sessionName(snap.Session.Cookies, name)
		if deleted || !named && (len(snap.Session.Cookies) > 0 || !httpOnly) {
			continue
		}
		if len(snap.Session.Cookies) == 0 {
			c.names.saw(name)
		}
		out = append(out, c.cookieKey(name, value, named))
	}
	return out
}

func (c *Capturer) cookieKey(name, value string, named bool) journey.Key {
	return c.key("cookie", name+"="+value, named)
}

func (c *Capturer) key(kind, value string, named bool) journey.Key {
	h := c.opt.Hasher
	return journey.Key{Kind: kind, Hash: h.Key(kind, value), Former: h.Former(kind, value), Named: named}
}

func attributes(s string) (httpOnly, deleted bool) {
	for s != "" {
		var a string
		a, s, _ = strings.Cut(s, ";")
		k, v, _ := strings.Cut(strings.TrimSpace(a), "=")
		switch {
		case strings.EqualFold(k, "HttpOnly"):
			httpOnly = true
		case strings.EqualFold(k, "Max-Age"):
			n, err := strconv.Atoi(strings.TrimSpace(v))
			deleted = deleted || err == nil && n <= 0
		case strings.EqualFold(k, "Expires"):
			deleted = deleted || longPast(v)
		}
	}
	return httpOnly, deleted
}

// longPast tells of the dates that frameworks write to delete a cookie: 1970, 1980,
// 1999. It needs no clock.
func longPast(date string) bool {
	for _, layout := range [...]string{time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", time.ANSIC} {
		if t, err := time.Parse(layout, strings.TrimSpace(date)); err == nil {
			return t.Year() < 2010
		}
	}
	return false
}

// frameworkName tells of the names that frameworks give their session cookie,
// spelt as they spell them: a list of any spelling would have room for junk.
func frameworkName(name string) bool {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "__Secure-")
	switch name {
	case "sid", "SID", "session", "sessionid", "session_id", "_session_id", "connect.sid", "PHPSESSID", "JSESSIONID",
		"ASP.NET_SessionId", "laravel_session", "CFID", "CFTOKEN":
		return true
	}
	return false
}

// sessionName tells whether a cookie's name is a session's: one of the policy's,
// or without any there, a name that frameworks use.
func sessionName(configured []string, name string) bool {
	if len(configured) > 0 {
		return slices.Contains(configured, name)
	}
	n := strings.ToLower(name)
	n = strings.TrimPrefix(strings.TrimPrefix(n, "__host-"), "__secure-")
	switch n {
	case "sid", "connect.sid", "phpsessid", "jsessionid", "asp.net_sessionid", "cfid", "cftoken":
		return true
	}
	return strings.Contains(n, "session") || strings.HasPrefix(n, "sess") || strings.HasSuffix(n, "_sid") || strings.HasSuffix(n, "-sid")
}
