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
	maxKeys   = 64 // of those with a session's name, and of all others
	minKeyLen = 16 // characters of a value that can hold enough randomness
)

// Keys returns the session keys a request carries, as keyed hashes: bearer token
// first, then cookies with a session's name, then others. However many cookies a
// visitor makes up, they don't displace those with a session's name; of too many
// of one sort the first and the last stay, since an origin reads either.
func (c *Capturer) Keys(snap *policy.Snapshot, h *wire.Head) []journey.Key {
	var out []journey.Key
	if scheme, token, ok := strings.Cut(h.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if token = strings.TrimSpace(token); len(token) >= minKeyLen {
			out = append(out, journey.Key{Kind: "bearer", Hash: c.opt.Hasher.Key("bearer", token), Named: true})
		}
	}
	var named, others pairs
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Cookie") {
			continue
		}
		for pair := range strings.SplitSeq(h.Fields[i].Value, ";") {
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			switch {
			case !ok || len(value) < minKeyLen:
			case sessionName(snap.Session.Cookies, name):
				named.add(name, value)
			case len(snap.Session.Cookies) == 0:
				others.add(name, value)
			}
		}
	}
	for _, p := range named.list {
		out = append(out, c.cookieKey(p[0], p[1], true))
	}
	for _, p := range others.list {
		out = append(out, c.cookieKey(p[0], p[1], false))
	}
	return out
}

// pairs keeps the first and the last cookies of many.
type pairs struct {
	list [][2]string
	seen int
}

func (p *pairs) add(name, value string) {
	if p.seen < maxKeys {
		p.list = append(p.list, [2]string{name, value})
	} else {
		p.list[maxKeys/2+p.seen%(maxKeys/2)] = [2]string{name, value}
	}
	p.seen++
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
		out = append(out, c.cookieKey(name, value, named))
	}
	return out
}

func (c *Capturer) cookieKey(name, value string, named bool) journey.Key {
	return journey.Key{Kind: "cookie", Hash: c.opt.Hasher.Key("cookie", name+"="+strings.Trim(value, `"`)), Named: named}
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
