package capture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// said is a list of keys in words: kind, ! where it joins by itself.
func said(keys []journey.Key) string {
	var out []string
	for _, k := range keys {
		s := k.Kind
		if k.Named {
			s += "!"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

const oneSpec = "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n"

func withSession(t testing.TB, session string) (*policy.Snapshot, *Plan) {
	t.Helper()
	text := oneSpec
	if session != "" {
		text = "kind: session\n" + session + "\n---\n" + oneSpec
	}
	snap := compile(t, text)
	return snap, NewPlan(snap.Specs[0])
}

func set(pairs ...string) *wire.Exchange {
	x := exchange(head("GET", "/x"), "")
	x.RespTime = 1_767_607_200_000_000 // 2026-01-05
	x.Response = wire.Head{Status: 200}
	for i := 0; i < len(pairs); i += 2 {
		x.Response.Fields = append(x.Response.Fields, wire.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return x
}

// TestKeysOfConnections has what the edge says of a connection come out as keys.
func TestKeysOfConnections(t *testing.T) {
	c := capturer(t)
	snap, p := withSession(t, "")
	for _, q := range []struct {
		conn        wire.Conn
		keys, given string
	}{
		{wire.Conn{}, "cookie! bearer!", ""},
		{wire.Conn{ID: "1"}, "connection! cookie! bearer!", ""},
		{wire.Conn{ID: "1", Ticket: "aa"}, "connection! cookie! bearer!", "ticket!"},
		{wire.Conn{ID: "1", Ticket: "aa", Resumed: true}, "connection! cookie! bearer! ticket!", ""},
		{wire.Conn{Ticket: "aa", Resumed: true}, "cookie! bearer! ticket!", ""},
	} {
		x := exchange(head("GET", "/x", "Authorization", "Bearer "+randomish, "Cookie", "sid="+randomish), "")
		x.Conn = q.conn
		keys, given := c.Visitor(snap, p, x)
		if said(keys) != q.keys || said(given) != q.given {
			t.Errorf("%+v: %q and %q, want %q and %q", q.conn, said(keys), said(given), q.keys, q.given)
		}
	}
	// A ticket is the same key when it is given and when it comes back, and no other's.
	hash := func(conn wire.Conn) uint64 {
		x := exchange(head("GET", "/x"), "")
		x.Conn = conn
		keys, given := c.Visitor(snap, p, x)
		return append(keys, given...)[0].Hash
	}
	if given := hash(wire.Conn{Ticket: "aa"}); given != hash(wire.Conn{Ticket: "aa", Resumed: true}) || given == hash(wire.Conn{Ticket: "ab"}) || given == hash(wire.Conn{ID: "aa"}) {
		t.Error("the ticket's key is not its own")
	}
}

// TestCookiesThatLast tells the ones that stand for a device from a session's, and
// from what visitors chose.
func TestCookiesThatLast(t *testing.T) {
	const id = "0123456789abcdef"
	for _, q := range []struct{ session, cookie, want string }{
		{"", "visitor=" + id + "; Max-Age=2592000", "device"},
		{"", "visitor=" + id + "; max-age=2591999", ""},
		{"", "visitor=" + id + "; Max-Age=2591999; HttpOnly", "cookie"},
		{"", "visitor=" + id + "; Max-Age=31536000; HttpOnly", "device"},
		{"", "visitor=" + id + "; Expires=Wed, 04 Feb 2026 10:00:00 GMT", "device"},
		{"", "visitor=" + id + "; Expires=Wed, 04 Feb 2026 09:59:58 GMT", "device"}, // some time has passed since
		{"", "visitor=" + id + "; Expires=Tue, 03 Feb 2026 10:00:00 GMT", ""},
		{"", "visitor=" + id + "; Expires=Wed, 04 Feb 2036 10:00:00 GMT; Max-Age=60", ""},
		{"", "visitor=" + id + "; Max-Age=60; Expires=Wed, 04 Feb 2036 10:00:00 GMT", ""},
		{"", "visitor=" + id + "; Max-Age=x; Expires=Wed, 04 Feb 2036 10:00:00 GMT", "device"},
		{"", "visitor=" + id + "; Max-Age=0; Expires=Wed, 04 Feb 2036 10:00:00 GMT", ""},
		{"", "visitor=short1234; Max-Age=31536000", ""},
		{"", "session=" + id + "; Max-Age=31536000", "cookie!"},
		{"", "visitor=kXvPqRzTbNmWcYhJ; Max-Age=31536000", "device"},
		{"", "consent=accepted-all-cookies-v2; Max-Age=31536000", ""},
		{"", "consent=%7B%22necessary%22%3Atrue%2C%22analytics%22%3Afalse%7D; Max-Age=31536000", ""},
		{"", "layout=TwoColumnsAndAFooter; Max-Age=31536000", ""},
		{"cookies: [basket]", "visitor=" + id + "; Max-Age=31536000", "device"},
		{"cookies: [basket]", "visitor=" + id + "; HttpOnly", ""},
		{"cookies: [visitor]", "visitor=" + id + "; Max-Age=31536000", "cookie!"},
		{"device_cookies: [me]", "visitor=" + id + "; Max-Age=31536000", ""},
		{"device_cookies: [me]", "visitor=" + id + "; Max-Age=31536000; HttpOnly", "cookie"},
		{"device_cookies: [me]", "me=" + id, "device!"},
		{"device_cookies: [me]", "me=" + id + "; Max-Age=0", ""},
		{"device_cookies: [session_of_all]", "session_of_all=" + id, "device!"},
	} {
		c := capturer(t)
		snap, _ := withSession(t, q.session)
		if got := said(c.Learned(snap, set("Set-Cookie", q.cookie))); got != q.want {
			t.Errorf("%s | %s: %q, want %q", q.session, q.cookie, got, q.want)
		}
	}
}

// TestADeviceCookieIsOneKey comes back under the key it was learned by: before its
// name is known, after that, and where the policy names it.
func TestADeviceCookieIsOneKey(t *testing.T) {
	const cookie = "visitor=" + randomish
	snap, _ := withSession(t, "")
	named, _ := withSession(t, "device_cookies: [visitor]")
	c := capturer(t)
	request := head("GET", "/x", "Cookie", junk(40, "x%d")+cookie)
	small := head("GET", "/x", "Cookie", cookie)
	before := c.Keys(snap, small)
	learned := c.Learned(snap, set("Set-Cookie", cookie+"; Max-Age=31536000"))
	after := c.Keys(snap, request)
	if said(before) != "cookie" || said(learned) != "device" || before[0].Hash != learned[0].Hash {
		t.Fatalf("%v, then %v", before, learned)
	}
	if !slices.Contains(after, learned[0]) {
		t.Errorf("junk hides it: %v", after)
	}
	if got := c.Keys(named, request); !slices.ContainsFunc(got, func(k journey.Key) bool { return k.Kind == journey.KeyDevice && k.Named && k.Hash == learned[0].Hash }) {
		t.Errorf("named: %v", got)
	}
	// Where the session's cookies are named, others are none but those that last.
	both, _ := withSession(t, "cookies: [basket]")
	if got := said(c.Keys(both, head("GET", "/x", "Cookie", cookie+"; basket="+randomish+"; other="+randomish))); got != "cookie! device" {
		t.Errorf("beside named sessions: %q", got)
	}
}

// TestTokens has one come back in every way it can.
func TestTokens(t *testing.T) {
	const value = "tok-0123456789abcdef"
	snap, p := withSession(t, "headers: [X-CSRF-Token, X-Auth]\ntokens: [json $.auth.token, header.X-Session, html.hidden.csrf, html.meta.csrf-token, set-cookie.XSRF, form.csrf, cookie.XSRF, query.t]")
	c := capturer(t)
	body := func(x *wire.Exchange, kind, text string) *wire.Exchange {
		x.Response.Fields = append(x.Response.Fields, wire.Field{Name: "Content-Type", Value: kind})
		x.RespBody.Bytes = []byte(text)
		return x
	}
	learn := func(x *wire.Exchange) []journey.Key { return append(c.Learned(snap, x), c.ResponseTokens(p, x)...) }
	carry := func(x *wire.Exchange) []journey.Key {
		keys, _ := c.Visitor(snap, p, x)
		return keys
	}
	gives := map[string]*wire.Exchange{
		"json":       body(set(), "application/json", `{"auth": {"token": "`+value+`", "other": "`+randomish+`"}, "token": "`+randomish+`"}`),
		"header":     set("x-session", value),
		"auth":       set("X-Auth", "Bearer "+value),
		"hidden":     body(set(), "text/html", `<form><input type=hidden name=csrf value="`+value+`"><input type=hidden name=other value="`+randomish+`">`),
		"meta":       body(set(), "text/html", `<meta name="csrf-token" content="`+value+`">`),
		"set-cookie": set("Set-Cookie", "XSRF=tok%2D0123456789abcdef; Path=/"),
	}
	brings := map[string]*wire.Exchange{
		"header":  exchange(head("GET", "/x", "x-csrf-token", value), ""),
		"session": exchange(head("GET", "/x", "X-Session", value), ""),
		"form":    exchange(head("POST", "/x", "Content-Type", "application/x-www-form-urlencoded"), "a=b&csrf="+value),
		"query":   exchange(head("GET", "/x?t="+value), ""),
		"json":    exchange(head("POST", "/x", "Content-Type", "application/json"), `{"auth": {"token": "`+value+`"}}`),
	}
	for from, x := range gives {
		learned := learn(x)
		want := "token!"
		if from == "json" || from == "header" || from == "auth" {
			want = "token! bearer!"
		}
		if said(learned) != want {
			t.Errorf("%s teaches %q, want %q", from, said(learned), want)
			continue
		}
		for to, y := range brings {
			if got := carry(y); len(got) != 1 || got[0] != learned[0] {
				t.Errorf("from %s to %s: %v, want %v", from, to, got, learned)
			}
		}
		if want == "token!" {
			continue
		}
		if got := carry(exchange(head("GET", "/x", "Authorization", "Bearer "+value), "")); len(got) != 1 || got[0] != learned[1] {
			t.Errorf("from %s to Authorization: %v, want %v", from, got, learned)
		}
	}
	if got := carry(exchange(head("GET", "/x", "Cookie", "XSRF=tok%2D0123456789abcdef"), "")); said(got) != "cookie token!" || got[1] != learn(gives["json"])[0] {
		t.Errorf("a cookie with escapes: %v", got)
	}
	out, _ := json.Marshal([]any{learn(gives["json"]), carry(brings["form"])})
	if strings.Contains(string(out), "0123456789") {
		t.Errorf("it came out: %s", out)
	}
}

// TestNoTokens reads nothing that is not named, and keeps to its bounds.
func TestNoTokens(t *testing.T) {
	c := capturer(t)
	snap, p := withSession(t, "")
	if req, resp := p.Needs(); req || resp {
		t.Error("bodies are wanted without a token in them")
	}
	x := set("X-CSRF-Token", randomish)
	x.RespBody.Bytes = []byte(`{"access_token": "` + randomish + `"}`)
	if got := append(c.Learned(snap, x), c.ResponseTokens(p, x)...); len(got) > 0 {
		t.Errorf("%v", got)
	}
	if got, _ := c.Visitor(snap, p, exchange(head("POST", "/x", "X-CSRF-Token", randomish, "Content-Type", "application/json"), `{"access_token": "`+randomish+`"}`)); len(got) > 0 {
		t.Errorf("%v", got)
	}
	snap, p = withSession(t, "headers: [x-a, authorization]\ntokens: ['json $.t[*]', form.t]")
	if req, resp := p.Needs(); !req || !resp {
		t.Error("no body is wanted")
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`"%s%d"`, randomish, i))
	}
	x.RespBody.Bytes = []byte(`{"t": [` + strings.Join(many, ",") + `]}`)
	if got := c.ResponseTokens(p, x); len(got) != 2*maxOneName {
		t.Errorf("of one source: %d", len(got))
	}
	var fields []string
	for i := range 100 {
		fields = append(fields, "X-A", fmt.Sprint(randomish, i))
	}
	if got := c.Keys(snap, head("GET", "/x", fields...)); len(got) != maxOneName {
		t.Errorf("of one header: %d", len(got))
	}
	for what, value := range map[string]string{"short": "0123456789abcde", "long": strings.Repeat("x", maxKeyLen+1), "none": ""} {
		if got := c.Keys(snap, head("GET", "/x", "X-A", value)); len(got) > 0 {
			t.Errorf("%s: %v", what, got)
		}
	}
	if got := said(c.Keys(snap, head("GET", "/x", "Authorization", "Bearer "+randomish))); got != "bearer!" {
		t.Errorf("a bearer token that a header names as well: %q", got)
	}
	if got := said(c.Keys(snap, head("GET", "/x", "Authorization", "Token "+randomish))); got != "token!" {
		t.Errorf("another scheme: %q", got)
	}
}

// TestEveryKindSurvivesAChangeOfTheHashKey has each key say what the former one made
// of it.
func TestEveryKindSurvivesAChangeOfTheHashKey(t *testing.T) {
	first, second := []byte(strings.Repeat("1", 32)), []byte(strings.Repeat("2", 32))
	h, err := element.NewHasher(first)
	if err != nil {
		t.Fatal(err)
	}
	c := New(h, "")
	snap, p := withSession(t, "cookies: [sid]\ndevice_cookies: [visitor]\nheaders: [x-csrf]")
	x := exchange(head("GET", "/x", "Cookie", "sid="+randomish+"; visitor="+randomish, "Authorization", "Bearer "+randomish, "X-CSRF", randomish), "")
	x.Conn.ID, x.Conn.Ticket, x.Conn.Resumed = "1", "2", true
	before, _ := c.Visitor(snap, p, x)
	if err := h.SetKeys(element.Keys{Current: second, Previous: first, Names: first}); err != nil {
		t.Fatal(err)
	}
	after, _ := c.Visitor(snap, p, x)
	if said(before) != "connection! cookie! bearer! token! ticket! device!" || said(after) != said(before) {
		t.Fatalf("%q, then %q", said(before), said(after))
	}
	for i := range before {
		if before[i].Former != 0 || after[i].Former != before[i].Hash || after[i].Hash == before[i].Hash {
			t.Errorf("%s: %+v, then %+v", before[i].Kind, before[i], after[i])
		}
	}
}

// TestDevice is the same for what a client keeps, and another for what makes it
// another kind of client.
func TestDevice(t *testing.T) {
	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	newer := strings.Replace(chrome, "130.0.0.0", "131.0.6778.86", 1)
	mac := strings.Replace(chrome, "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", 1)
	tls := &wire.Shown{TLS: "s13_0123456789abcdef", H2: "1:65536|15663105|0|m,a,s,p"}
	ja4 := "t13d1516h2_8daaf6152771_e5627efa2ab1"
	c := capturer(t)
	of := func(shown *wire.Shown, fields ...string) uint64 {
		x := exchange(head("GET", "/x", fields...), "")
		x.Conn.Shown = shown
		return c.Device(x)
	}
	base := of(tls, "User-Agent", chrome, "Accept-Language", "en-US")
	for what, same := range map[string]uint64{
		"another version":       of(tls, "User-Agent", newer, "Accept-Language", "en-US"),
		"another kind":          of(tls, "accept", "image/*", "accept-language", " en-US", "user-agent", chrome),
		"another SYN, JA4, JA3": of(&wire.Shown{TLS: tls.TLS, H2: tls.H2, SYN: "4:64", JA3: "x", JA4: ja4}, "User-Agent", chrome, "Accept-Language", "en-US"),
	} {
		if same != base {
			t.Errorf("%s makes it another class", what)
		}
	}
	seen := map[uint64]string{base: "the first"}
	for what, other := range map[string]uint64{
		"another system":   of(tls, "User-Agent", mac, "Accept-Language", "en-US"),
		"another language": of(tls, "User-Agent", chrome, "Accept-Language", "de"),
		"another TLS":      of(&wire.Shown{TLS: "s13_fedcba9876543210", H2: tls.H2}, "User-Agent", chrome, "Accept-Language", "en-US"),
		"another HTTP/2":   of(&wire.Shown{TLS: tls.TLS, H2: "x"}, "User-Agent", chrome, "Accept-Language", "en-US"),
		"told by a CDN":    of(&wire.Shown{JA4: ja4}, "User-Agent", chrome, "Accept-Language", "en-US"),
		"in the clear":     of(nil, "User-Agent", chrome, "Accept-Language", "en-US"),
		"of no family":     of(tls, "User-Agent", "Shop/3.2 (build 77)", "Accept-Language", "en-US"),
	} {
		if seen[other] != "" || other == 0 {
			t.Errorf("%s is the same class as %s", what, seen[other])
		}
		seen[other] = what
	}
	if got := of(nil); got != 0 {
		t.Errorf("of nothing known: %x", got)
	}
	resumed := "t13d1517h1_8daaf6152771_02713d6af862"
	if of(&wire.Shown{JA4: ja4, JA3: "a"}) != of(&wire.Shown{JA4: resumed, JA3: "b"}) || of(&wire.Shown{JA4: ja4}) == of(&wire.Shown{JA4: strings.Replace(ja4, "8daaf", "8dabf", 1)}) {
		t.Error("what a CDN tells is not reduced to what stays")
	}
	if of(nil, "User-Agent", "Shop/3.2 (build 77)") != of(nil, "User-Agent", "Shop/4.0 (build 81)") {
		t.Error("versions of a program of no known family count")
	}
}

// TestADeviceIsRememberedForItsConnection, as long as it calls itself the same.
func TestADeviceIsRememberedForItsConnection(t *testing.T) {
	c := capturer(t)
	memory := new(wire.Memory)
	of := func(agent string) *wire.Exchange {
		x := exchange(head("GET", "/x", "User-Agent", agent, "Accept-Language", "en"), "")
		x.Conn.Memory, x.Conn.Shown = memory, &wire.Shown{TLS: "s"}
		return x
	}
	one, two := c.Device(of("curl/8.1")), c.Device(of("Wget/1.21"))
	if one == two || c.Device(of("curl/8.1")) != one {
		t.Errorf("%x %x", one, two)
	}
	x := of("curl/8.1")
	if n := testing.AllocsPerRun(100, func() { c.Device(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDeviceIsASource maps it to the entity of the catalogue.
func TestDeviceIsASource(t *testing.T) {
	s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nrequest: {client.device: device_fingerprint}\n").Specs[0]
	c := capturer(t)
	x := exchange(head("GET", "/x", "User-Agent", "curl/8.1"), "")
	want := fmt.Sprintf("%016x", c.Device(x))
	if got := values(c.Request(NewPlan(s), x))["device_fingerprint"]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, has := values(c.Request(NewPlan(s), exchange(head("GET", "/x"), "")))["device_fingerprint"]; has {
		t.Errorf("of nothing known: %q", got)
	}
}

// FuzzLearned reads any Set-Cookie: what it teaches is a bounded number of hashes,
// the same each time, and what a request brings back of it is among them.
func FuzzLearned(f *testing.F) {
	for _, s := range []string{"sid=0123456789abcdef; HttpOnly", "v=0123456789abcdef; Max-Age=2592000", `v="0123456789abcdef"; Expires=Wed, 04 Feb 2036 10:00:00 GMT`,
		"=;=;Max-Age=;Expires=", "a=%%%2; max-age=99999999999999999999", "v=0123456789abcdef;Max-Age=-9223372036854775808"} {
		f.Add(s)
	}
	snap, _ := withSession(f, "")
	c := capturer(f)
	f.Fuzz(func(t *testing.T, s string) {
		x := set("Set-Cookie", s)
		first, second := c.Learned(snap, x), c.Learned(snap, x)
		if len(first) > 1 || !slices.Equal(first, second) {
			t.Fatalf("%v, then %v", first, second)
		}
		pair, _, _ := strings.Cut(s, ";")
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value) // as browsers send it back (RFC 6265 5.2)
		if len(first) == 0 || strings.ContainsAny(pair, "\r\n") {
			return
		}
		for _, k := range c.Keys(snap, head("GET", "/x", "Cookie", "a=b; "+name+"="+value+"; c=d")) {
			if k.Hash == first[0].Hash {
				return
			}
		}
		t.Fatalf("%q is learned and not known again", s)
	})
}
