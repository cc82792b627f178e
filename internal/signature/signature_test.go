package signature

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func key(id string) Key { return Key{ID: id, Secret: []byte(strings.Repeat(id, 32)[:32])} }

func signer(t *testing.T, keys ...Key) *Signer {
	t.Helper()
	s, err := NewSigner(keys, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verifier(t *testing.T, o VerifierOptions, keys ...Key) *Verifier {
	t.Helper()
	v, err := NewVerifier(keys, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signed is a request with a body as it arrives.
func signed(t *testing.T, s *Signer, body string) *Request {
	t.Helper()
	r := &Request{Method: "POST", Authority: "www.client.com", Target: "/login?next=%2F"}
	if body != "" {
		r.Fields = append(r.Fields, Field{"Content-Digest", Digest([]byte(body))})
	}
	lines, err := s.Sign(nil, r, at)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(lines), "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		r.Fields = append(r.Fields, Field{name, value})
	}
	return r
}

func field(r *Request, name string) *string {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return &r.Fields[i].Value
		}
	}
	return new(string)
}

func TestVerify(t *testing.T) {
	s := signer(t, key("new"), key("old"))
	for name, c := range map[string]struct {
		body   string
		change func(r *Request, body *string)
		after  time.Duration
		want   error
	}{
		"as signed":               {body: "a=1"},
		"without a body":          {},
		"another method":          {change: func(r *Request, _ *string) { r.Method = "PUT" }, want: ErrForged},
		"another host":            {change: func(r *Request, _ *string) { r.Authority = "client.com" }, want: ErrForged},
		"another path":            {change: func(r *Request, _ *string) { r.Target = "/admin?next=%2F" }, want: ErrForged},
		"another query":           {change: func(r *Request, _ *string) { r.Target += "&x" }, want: ErrForged},
		"query into path":         {change: func(r *Request, _ *string) { r.Target = "/login%3Fnext=%2F" }, want: ErrForged},
		"another body":            {body: "a=1", change: func(_ *Request, b *string) { *b = "a=2" }, want: ErrDigest},
		"no body any more":        {body: "a=1", change: func(_ *Request, b *string) { *b = "" }, want: ErrDigest},
		"a body nobody signed":    {change: func(_ *Request, b *string) { *b = "a=2" }, want: ErrCoverage},
		"body and digest changed": {body: "a=1", change: func(r *Request, b *string) { *b, *field(r, "Content-Digest") = "x", Digest([]byte("x")) }, want: ErrForged},
		"digest taken away":       {body: "a=1", change: func(r *Request, _ *string) { r.Fields = r.Fields[1:] }, want: ErrForged},
		"in its last second":      {after: 34 * time.Second},
		"expired":                 {after: 35 * time.Second, want: ErrExpired},
		"clock behind":            {after: -5 * time.Second},
		"from the future":         {after: -6 * time.Second, want: ErrEarly},
		"no signature":            {change: func(r *Request, _ *string) { r.Fields = nil }, want: ErrNone},
		"no Signature field":      {change: func(r *Request, _ *string) { r.Fields = r.Fields[:1] }, want: ErrNone},
		"another label":           {change: func(r *Request, _ *string) { edit(r, "Signature-Input", "spec=", "sig1=") }, want: ErrNone},
		"another signature":       {change: func(r *Request, _ *string) { *field(r, "Signature") = "spec=:" + strings.Repeat("A", 43) + "=:" }, want: ErrForged},
		"a short signature":       {change: func(r *Request, _ *string) { *field(r, "Signature") = "spec=:AAAA:" }, want: ErrMalformed},
		"a longer life":           {change: func(r *Request, _ *string) { edit(r, "Signature-Input", "expires=", "expires=9") }, want: ErrForged},
		"an unknown key":          {change: func(r *Request, _ *string) { edit(r, "Signature-Input", `"new"`, `"newer"`) }, want: ErrKey},
		"the other key's name":    {change: func(r *Request, _ *string) { edit(r, "Signature-Input", `"new"`, `"old"`) }, want: ErrForged},
		"another algorithm":       {change: func(r *Request, _ *string) { edit(r, "Signature-Input", "hmac-sha256", "none") }, want: ErrMalformed},
		"our label twice":         {change: func(r *Request, _ *string) { *field(r, "Signature") += ", spec=:AAAA:" }, want: ErrMalformed},
		"our label on two lines":  {change: func(r *Request, _ *string) { r.Fields = append(r.Fields, r.Fields...) }, want: ErrMalformed},
		"beside another's":        {change: func(r *Request, _ *string) { *field(r, "Signature-Input") += `, b=("@path");created=1` }},
	} {
		t.Run(name, func(t *testing.T) {
			r, body := signed(t, s, c.body), c.body
			if c.change != nil {
				c.change(r, &body)
			}
			v := verifier(t, VerifierOptions{Bodies: true}, key("old"), key("new"))
			if err := v.Verify(r, []byte(body), at.Add(c.after)); !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func edit(r *Request, name, from, to string) {
	f := field(r, name)
	*f = strings.Replace(*f, from, to, 1)
}

// A shared key does not make everything a signature of ours: what the profile
// binds must be bound, whoever has the key.
func TestVerifyWantsTheWholeProfile(t *testing.T) {
	k := key("k")
	good := `("@method" "@authority" "@path" "@query");created=1772366400;expires=1772366430;keyid="k";nonce="n";tag="spec-sidechain"`
	for name, c := range map[string]struct{ from, to string }{
		"all":        {},
		"no method":  {`"@method" `, ``},
		"no query":   {` "@query"`, ``},
		"no created": {`created=1772366400;`, ``},
		"no expiry":  {`expires=1772366430;`, ``},
		"no nonce":   {`nonce="n";`, ``},
		"no tag":     {`;tag="spec-sidechain"`, ``},
		"other tag":  {`tag="spec-sidechain"`, `tag="other"`},
		"years":      {`expires=1772366430`, `expires=2772366430`},
		"backwards":  {`expires=1772366430`, `expires=1772366399`},
	} {
		params := strings.Replace(good, c.from, c.to, 1)
		in, err := parseInput(params)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := &Request{Method: "GET", Authority: "a", Target: "/"}
		base, err := r.base(nil, in.covered, in.raw)
		if err != nil {
			t.Fatal(err)
		}
		r.Fields = []Field{{"signature-input", "spec=" + params}, {"signature", "spec=" + strings.TrimPrefix(Digest(nil), "sha-256=")}}
		sum := mac(k.Secret, base)
		r.Fields[1].Value = "spec=:" + encode(sum) + ":"
		err = verifier(t, VerifierOptions{}, k).Verify(r, nil, at)
		if want := map[bool]error{true: nil, false: ErrCoverage}[name == "all"]; !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestRotation(t *testing.T) {
	before, during, after := signer(t, key("old")), signer(t, key("new"), key("old")), signer(t, key("new"))
	both := verifier(t, VerifierOptions{}, key("old"), key("new"))
	for _, s := range []*Signer{before, during, after} {
		if err := both.Verify(signed(t, s, ""), nil, at); err != nil {
			t.Error(err)
		}
	}
	gone := verifier(t, VerifierOptions{}, key("new"))
	if err := gone.Verify(signed(t, before, ""), nil, at); !errors.Is(err, ErrKey) {
		t.Errorf("a key that was taken away: %v", err)
	}
	if err := gone.Verify(signed(t, during, ""), nil, at); err != nil {
		t.Errorf("the first key signs: %v", err)
	}
}

func TestReplays(t *testing.T) {
	s := signer(t, key("k"))
	seen := NewReplays(2)
	v := verifier(t, VerifierOptions{Replays: seen}, key("k"))
	a, b, c := signed(t, s, ""), signed(t, s, ""), signed(t, s, "")
	use := func(r *Request, after time.Duration, want error) {
		t.Helper()
		if err := v.Verify(r, nil, at.Add(after)); !errors.Is(err, want) || err != nil && want == nil {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	forged := *a
	forged.Method = "PUT"
	use(&forged, 0, ErrForged) // uses nothing up
	use(a, 0, nil)
	use(a, 0, ErrReplayed)
	use(a, 34*time.Second, ErrReplayed)
	use(a, 35*time.Second, ErrExpired)
	use(b, 0, nil)
	use(c, 0, nil) // the bound: a is forgotten
	use(b, 0, ErrReplayed)
	use(a, 0, nil)
	if n := seen.Forgotten(); n != 2 {
		t.Errorf("%d forgotten, want 2", n)
	}
	late := at.Add(time.Hour)
	if !seen.first("x", late.Add(time.Second), late) || len(seen.seen) != 1 || len(seen.order) != 1 || seen.Forgotten() != 2 {
		t.Error("what has expired is kept")
	}
}

func TestIssued(t *testing.T) {
	s := signer(t, key("new"), key("old"))
	old, other := signer(t, key("old")), signer(t, key("foreign"))
	ours := *field(signed(t, old, ""), "Signature-Input")
	for name, c := range map[string]struct {
		field string
		want  bool
	}{
		"ours":              {ours, true},
		"with another path": {strings.Replace(ours, `"@path"`, `"@x"`, 1), true},
		"behind another's":  {`a=("@path");nonce="abc", ` + ours, true},
		"cut":               {ours[:strings.Index(ours, `nonce="`)+20], false},
		"a foreign key's":   {*field(signed(t, other, ""), "Signature-Input"), false},
		"its nonce changed": {strings.Replace(ours, `nonce="`+nonceOf(ours)[:2], `nonce="__`, 1), false},
		"empty":             {"", false},
	} {
		if got := s.Issued(c.field); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func nonceOf(s string) string {
	_, s, _ = strings.Cut(s, `nonce="`)
	s, _, _ = strings.Cut(s, `"`)
	return s
}

func TestKeysAndLifetimesAreChecked(t *testing.T) {
	for want, keys := range map[string][]Key{
		"no key":     nil,
		"31 bytes":   {{"k", make([]byte, 31)}},
		"want an id": {{`k"`, make([]byte, 32)}},
		"twice":      {key("k"), key("k")},
	} {
		if _, err := NewVerifier(keys, VerifierOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, d := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, 6 * time.Minute} {
		if _, err := NewSigner([]Key{key("k")}, d); err == nil {
			t.Errorf("a lifetime of %v is taken", d)
		}
	}
}

func TestParseIsStrict(t *testing.T) {
	for _, raw := range []string{
		``, `(`, `()x`, `("@path"`, `( "@path")`, `("@path" )`, `("@path"  "@query")`, `("@path" "@path")`, `("@status")`, `("@Path")`,
		`("Date")`, `("date";sf)`, `("a\"b")`, `();created`, `();created=`, `();created=01`, `();created=-1`, `();created=1.5`,
		`();created=1234567890123456`, `();created=1;created=2`, `();keyid=k`, `();keyid="k`, `();x=1`, `(); created=1`, `();created=1,`, "(\"a\nb\")",
		`(` + strings.TrimSpace(strings.Repeat(`"a" `, 17)) + `)`,
	} {
		if in, err := parseInput(raw); err == nil {
			t.Errorf("%q is read as %+v", raw, in)
		}
	}
	for _, dict := range []string{`spec=("a`, `spec=("a"`, "spec=\x00", `a=)(, spec=(), x=(`, "spec=\"\u00e9\"", strings.Repeat("a,", maxInput)} {
		if v, err := member(dict, Label); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q is read as %q, %v", dict, v, err)
		}
	}
	if _, err := (&Request{Method: "A\nB"}).base(nil, []string{"@method"}, ""); !errors.Is(err, ErrMalformed) {
		t.Errorf("a line end: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	k := key("k")
	s, _ := NewSigner([]Key{k}, 30*time.Second)
	v, _ := NewVerifier([]Key{k}, VerifierOptions{})
	// Without chance, since the processes that fuzz must agree on it.
	const params = `("@method" "@authority" "@path" "@query");created=1772366400;expires=1772366430;keyid="k";nonce="n";tag="spec-sidechain"`
	good := Label + "=" + params
	base, _ := (&Request{Method: "GET", Authority: "a", Target: "/"}).base(nil, []string{"@method", "@authority", "@path", "@query"}, params)
	f.Add(good, Label+"=:"+encode(mac(k.Secret, base))+":")
	f.Add(`spec=("@method" "@authority");created=1;keyid="k"`, `spec=:AAAA:`)
	f.Add(`a=("x";sf "y"), spec=();tag="t"`, `a=1, spec=:AA==:`)
	f.Add(`spec="\"`, `spec=(((`)
	f.Fuzz(func(t *testing.T, input, value string) {
		r := &Request{Method: "GET", Authority: "a", Target: "/", Fields: []Field{{"Signature-Input", input}, {"Signature", value}}}
		s.Issued(input)
		err := v.Verify(r, nil, at)
		if err != nil {
			return
		}
		// Only what was signed is accepted, whatever stands beside it.
		got, _ := member(input, Label)
		want, _ := member(good, Label)
		if got != want {
			t.Fatalf("accepted %q", input)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`("@method" "@authority");created=1;expires=2;keyid="k";alg="hmac-sha256";nonce="n";tag="t"`)
	f.Add(`()`)
	f.Add(`("a";sf)`)
	f.Fuzz(func(t *testing.T, raw string) {
		in, err := parseInput(raw)
		if err != nil {
			return
		}
		// What is read can be written again in no other way.
		var b strings.Builder
		b.WriteByte('(')
		for i, c := range in.covered {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%q", c)
		}
		b.WriteByte(')')
		if !strings.HasPrefix(raw, b.String()) {
			t.Fatalf("%q was read as %+v", raw, in)
		}
		for _, p := range []string{in.key, in.nonce, in.tag, in.algorithm} {
			if !strings.Contains(raw, `"`+p+`"`) && p != "" {
				t.Fatalf("%q has no %q", raw, p)
			}
		}
	})
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
