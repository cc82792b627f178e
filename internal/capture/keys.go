package capture

import (
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Bounds of what can be a session key.
const (
	maxKeys   = 16      // guessed keys of one request, and keys one response teaches
	minKeyLen = 16      // characters of a value that can hold enough randomness
	maxKeyLen = 8 << 10 // of a token: longer ones are none
)

// Keys returns the session keys the head of a request carries, as keyed hashes:
// bearer token, cookies, the tokens in headers that the policy names. Which cookies
// count is decided by name over the whole head: the policy's names, or without any,
// the names the origin was seen to set and the ones frameworks use. What is left is
// guessed at, and only guesses are bounded in number, so that no amount of other
// cookies pushes the session's own out of sight. The surest of a kind come first.
func (c *Capturer) Keys(snap *policy.Snapshot, h *wire.Head) []journey.Key {
	out := c.bearers(h)
	out = c.headerTokens(out, snap.Session.Headers, h, false)
	session, device := snap.Session.Cookies, snap.Session.DeviceCookies
	var sure, lasting, framework, named, other carried
	eachCookie(h, func(name, value string) {
		switch {
		case slices.Contains(session, name), len(session) == 0 && c.names.holds(name) && (sessionName(nil, name) || !c.shared.holds(name)):
			sure.add(name, value)
		case slices.Contains(device, name), len(device) == 0 && c.lasting.holds(name) && !sessionName(session, name) && !c.shared.holds(name):
			lasting.add(name, value)
		case len(session) > 0, c.shared.holds(name): // all others are none
		case frameworkName(name):
			framework.add(name, value)
		case sessionName(nil, name):
			named.guess(name, value)
		default:
			other.guess(name, value)
		}
	})
	other.all = other.all[:min(len(other.all), maxKeys-len(named.all))]
	for _, l := range []*carried{&sure, &framework, &named, &other} {
		for _, k := range l.all {
			out = append(out, c.cookieKey(journey.KeyCookie, k.name, k.value, sessionName(session, k.name)))
		}
	}
	for _, k := range lasting.all {
		out = append(out, c.cookieKey(journey.KeyDevice, k.name, k.value, len(device) > 0))
	}
	return out
}

// bearers are the tokens in Authorization.
func (c *Capturer) bearers(h *wire.Head) (out []journey.Key) {
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
		out = append(out, c.key(journey.KeyBearer, k.value, true))
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

// cookieKey is a cookie's. One that lasts hashes like any other, so that it is the
// same key to those who don't know yet that it lasts.
func (c *Capturer) cookieKey(kind, name, value string, named bool) journey.Key {
	k := c.key(journey.KeyCookie, name+"="+value, named)
	k.Kind = kind
	return k
}

func (c *Capturer) key(kind, value string, named bool) journey.Key {
	h := c.opt.Hasher
	return journey.Key{Kind: kind, Hash: h.Key(kind, value), Former: h.Former(kind, value), Named: named}
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
