package capture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

const randomish = "0123456789abcdef"

// junk is a Cookie header's worth of cookies that could be session keys.
func junk(n int, name string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s=%s%d; ", strings.ReplaceAll(name, "%d", strconv.Itoa(i)), randomish, i)
	}
	return b.String()
}

// TestJunkHidesNoSession sends the session's cookie among as many others as a head
// has room for, before it, behind it and in a header of their own.
func TestJunkHidesNoSession(t *testing.T) {
	learned := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n")
	named := compile(t, "kind: session\ncookies: [basket, auth]\n---\nkind: spec\nname: S\ntype: other\nmatch: {path: /x}\n")
	taught := capturer(t)
	taught.Learned(learned, &wire.Exchange{Response: wire.Head{Fields: []wire.Field{{Name: "Set-Cookie", Value: "auth=" + randomish + randomish + "; HttpOnly"}}}})
	for _, c := range []struct {
		what     string
		capturer *Capturer
		snap     *policy.Snapshot
		cookie   string
	}{
		{"configured", capturer(t), named, "basket"},
		{"second of the configured", capturer(t), named, "auth"},
		{"a framework's", capturer(t), learned, "connect.sid"},
		{"a framework's, prefixed", capturer(t), learned, "__Host-session"},
		{"learned of the origin", taught, learned, "auth"},
	} {
		real := c.cookie + "=" + randomish + "real"
		want := c.capturer.Keys(c.snap, head("GET", "/", "Cookie", real))
		if len(want) != 1 {
			t.Fatalf("%s: alone: %v", c.what, want)
		}
		for _, spelling := range []string{"x%d", "session%d", "s%d_sid"} {
			j := junk(1000, spelling)
			same := strings.Repeat(c.cookie+"="+randomish+"junk; ", 40)
			for place, fields := range map[string][]string{
				"behind": {"Cookie", j + real}, "before": {"Cookie", real + "; " + j}, "in a header of its own": {"Cookie", j, "cookie", real},
				"first of its name": {"Cookie", real + "; " + j + same}, "last of its name": {"Cookie", same + j + real},
			} {
				got := c.capturer.Keys(c.snap, head("GET", "/", fields...))
				if !slices.Contains(got, want[0]) {
					t.Errorf("%s %s %s: the session's key is not among %d", c.what, place, spelling, len(got))
				}
				if len(got) > maxKeys+4 {
					t.Errorf("%s %s: %d keys", c.what, place, len(got))
				}
			}
		}
	}
}

// TestRepeatedCookie has two values where origins differ on which counts.
func TestRepeatedCookie(t *testing.T) {
	snap := compile(t, "kind: session\ncookies: [sid]\n---\nkind: spec\nname: S\ntype: other\nmatch: {path: /x}\n")
	c := capturer(t)
	key := func(v string) journey.Key { return c.Keys(snap, head("GET", "/", "Cookie", "sid="+randomish+v))[0] }
	for cookies, want := range map[string][]journey.Key{
		"1":       {key("1")},
		"1 1":     {key("1")},
		"1 2":     {key("1"), key("2")},
		"1 2 3":   {key("1"), key("3")},
		"1 2 1":   {key("1")},
		"1 2 1 4": {key("1"), key("4")},
	} {
		var all []string
		for _, v := range strings.Fields(cookies) {
			all = append(all, "sid="+randomish+v, "other="+randomish+v, "sid=short")
		}
		if got := c.Keys(snap, head("GET", "/", "Cookie", strings.Join(all, "; "))); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", cookies, got, want)
		}
	}
}

// TestANameSetToAllStays lets an origin make up a name for every answer.
func TestANameSetToAllStays(t *testing.T) {
	var n cookieNames
	for i := range 20 * maxNames {
		n.saw("auth")
		n.saw(fmt.Sprint("nonce.", i))
	}
	if len(n.seen) != maxNames || !n.holds("auth") || n.holds("nonce.0") {
		t.Errorf("%d names, auth %v", len(n.seen), n.holds("auth"))
	}
	if n.saw(strings.Repeat("x", maxNameLen+1)); n.holds(strings.Repeat("x", maxNameLen+1)) {
		t.Error("a name beyond its bound is kept")
	}
}
