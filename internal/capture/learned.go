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

// lasts is from what lifetime on a cookie stands for a device rather than a
// session; slack is what an Expires may lack of it, since it is as of another clock
// and some time ago.
const (
	lasts = 30 * 24 * time.Hour
	slack = time.Hour
)

// Learned returns the session keys the head of a response sets: cookies that the
// policy or a well-known name calls a session; cookies that last, which stand for
// the device; cookies no script may read whose value is long enough to be random;
// and the tokens in headers that the policy names. A cookie that is being deleted
// teaches nothing.
func (c *Capturer) Learned(snap *policy.Snapshot, x *wire.Exchange) []journey.Key {
	var out []journey.Key
	session, device := snap.Session.Cookies, snap.Session.DeviceCookies
	for i := range x.Response.Fields {
		if !strings.EqualFold(x.Response.Fields[i].Name, "Set-Cookie") || len(out) >= maxKeys {
			continue
		}
		first, attrs, _ := strings.Cut(x.Response.Fields[i].Value, ";")
		name, value, ok := strings.Cut(first, "=")
		name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
		if !ok || len(value) < minKeyLen {
			continue
		}
		a := attributes(attrs, x.RespTime)
		named := sessionName(session, name)
		switch {
		case a.deleted:
		case slices.Contains(device, name):
			out = append(out, c.cookieKey(journey.KeyDevice, name, value, true))
		case named:
			if len(session) == 0 {
				c.names.saw(name)
			}
			out = append(out, c.cookieKey(journey.KeyCookie, name, value, true))
		case c.alike(session, name, value, a, x):
		case a.lasting && len(device) == 0:
			if telling(value) {
				c.lasting.saw(name)
				out = append(out, c.cookieKey(journey.KeyDevice, name, value, false))
			}
		case len(session) == 0 && a.httpOnly:
			c.names.saw(name)
			out = append(out, c.cookieKey(journey.KeyCookie, name, value, false))
		}
	}
	return c.headerTokens(out, snap.Session.Headers, &x.Response, true)
}

// Teaches tells whether a response may teach session keys: without a word of what
// Learned and ResponseTokens read, it does not.
func (p *Plan) Teaches(snap *policy.Snapshot, x *wire.Exchange) bool {
	if len(p.responseTokens.maps) > 0 {
		return true
	}
	for i := range x.Response.Fields {
		name := x.Response.Fields[i].Name
		if strings.EqualFold(name, "Set-Cookie") {
			return true
		}
		for _, token := range snap.Session.Headers {
			if strings.EqualFold(name, token) {
				return true
			}
		}
	}
	return false
}

// alike watches a cookie that nobody calls a key, and tells whether it is strangers'
// alike.
func (c *Capturer) alike(session []string, name, value string, a attribute, x *wire.Exchange) bool {
	if !a.lasting && (!a.httpOnly || len(session) > 0) {
		return true // nor does it look like one
	}
	c.shared.saw(name, value, x)
	return c.shared.holds(name)
}

// telling tells whether a value can tell visitors apart, unlike what they chose:
// a language, a consent, the layout of a page. It has four digits, or its letters
// change between capitals and small ones more often than those of words.
func telling(value string) bool {
	digits, changes, lower := 0, 0, true
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '%' && i+2 < len(value):
			i += 2 // an escape is not of its making
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z' && !lower, 'A' <= c && c <= 'Z' && lower:
			changes++
			lower = !lower
		}
	}
	return digits >= 4 || changes >= 9
}

// attribute is what counts of a Set-Cookie's attributes.
type attribute struct{ httpOnly, deleted, lasting bool }

// attributes reads what follows the value. now is in micros. Where Max-Age and
// Expires both stand, Max-Age says how long it lasts (RFC 6265 5.3).
func attributes(s string, now int64) (out attribute) {
	aged := false
	for s != "" {
		var a string
		a, s, _ = strings.Cut(s, ";")
		k, v, _ := strings.Cut(strings.TrimSpace(a), "=")
		v = strings.TrimSpace(v)
		switch {
		case strings.EqualFold(k, "HttpOnly"):
			out.httpOnly = true
		case strings.EqualFold(k, "Max-Age"):
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				aged = true
				out.deleted = out.deleted || n <= 0
				out.lasting = n >= int64(lasts/time.Second)
			}
		case strings.EqualFold(k, "Expires"):
			at, ok := date(v)
			out.deleted = out.deleted || ok && at.Year() < 2010 // the dates that frameworks delete by: 1970, 1980, 1999
			if ok && !aged {
				out.lasting = at.Sub(time.UnixMicro(now)) >= lasts-slack
			}
		}
	}
	return out
}

// date reads the forms in which frameworks write Expires.
func date(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", time.ANSIC} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
