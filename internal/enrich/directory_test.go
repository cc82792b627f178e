package enrich

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/signature"
)

var botSeed = []byte(strings.Repeat("b", ed25519.SeedSize))

func botPublic() ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(botSeed).Public().(ed25519.PublicKey) //nolint:errcheck // it is one
}

func keySetOf(more string) string {
	return fmt.Sprintf(`{"keys":[{"kty":"RSA","n":"x"},{"kty":"OKP","crv":"Ed25519","x":"%s"%s}]}`, base64.RawURLEncoding.EncodeToString(botPublic()), more)
}

// signedBy is a request as a program signs it.
func signedBy(agent, host string, created time.Time) *signature.Request {
	params := fmt.Sprintf(`("@authority" "signature-agent");created=%d;expires=%d;keyid="%s";tag="web-bot-auth"`,
		created.Unix(), created.Unix()+60, signature.Thumbprint(botPublic()))
	base := fmt.Sprintf("\"@authority\": %s\n\"signature-agent\": %q\n\"@signature-params\": %s", host, agent, params)
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(botSeed), []byte(base))
	return &signature.Request{Method: "GET", Scheme: "https", Authority: host, Target: "/", Fields: []signature.Field{
		{Name: "Signature-Agent", Value: fmt.Sprintf("%q", agent)}, {Name: "Signature-Input", Value: "sig1=" + params},
		{Name: "Signature", Value: "sig1=:" + base64.StdEncoding.EncodeToString(sig) + ":"}}}
}

func TestSignedPrograms(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bot.json")
	write(t, file, keySetOf(`,"nbf":1700000000,"exp":1900000000`))
	e := open(t, Config{Dir: dir, Keys: []KeyFile{{"https://bot.example", file}}})
	now := time.Unix(1_800_000_000, 0)
	visit := func(r *signature.Request, at time.Time) Visit {
		return Visit{Time: at.UnixMicro(), IP: addr("192.0.2.1"), Agent: "Mozilla/5.0 (compatible; ExampleBot/1.0)", Request: func() *signature.Request { return r }}
	}
	for name, c := range map[string]struct {
		r     *signature.Request
		at    time.Time
		state string
		agent string
	}{
		"genuine": {signedBy("https://bot.example", "shop.example", now), now, "verified", "bot.example"},
		"elsewhere": {func() *signature.Request {
			r := signedBy("https://bot.example", "shop.example", now)
			r.Authority = "other.example"
			return r
		}(), now, "impostor", "bot.example"},
		"expired":        {signedBy("https://bot.example", "shop.example", now), now.Add(time.Hour), "impostor", "bot.example"},
		"unknown agent":  {signedBy("https://other.example", "shop.example", now), now, "unknown", "other.example"},
		"before the key": {signedBy("https://bot.example", "shop.example", time.Unix(1_600_000_000, 0)), time.Unix(1_600_000_000, 0), "unknown", "bot.example"},
		"after the key":  {signedBy("https://bot.example", "shop.example", time.Unix(1_900_000_000, 0)), time.Unix(1_900_000_000, 0), "unknown", "bot.example"},
		"no signature":   {&signature.Request{Fields: []signature.Field{{Name: "Signature-Input", Value: `s=("@path");tag="x"`}}}, now, "", ""},
		"malformed":      {&signature.Request{Fields: []signature.Field{{Name: "Signature-Input", Value: `s=("@path";tag="web-bot-auth"`}}}, now, "unknown", ""},
	} {
		_, by := ask(e, visit(c.r, c.at))
		proof := ""
		if c.state == "verified" || c.state == "impostor" {
			proof = "signature"
		}
		if by["bot_verified"] != c.state || by["signature_agent"] != c.agent || by["bot_proof"] != proof {
			t.Errorf("%s: %q %q %q", name, by["bot_verified"], by["signature_agent"], by["bot_proof"])
		}
	}
}

func TestDirectories(t *testing.T) {
	if set, err := parseDirectory("d", []byte(keySetOf(""))); err != nil || len(set) != 1 {
		t.Errorf("%v %v", set, err)
	}
	for text, want := range map[string]string{
		"":                               "d:1: no key set",
		"{\n\"keys\": [\n{\"kty\": 1}]}": "d:3: no key set",
		`{"keys":[]}`:                    "no ed25519 key",
		`{"keys":[{"kty":"RSA"}]}`:       "no ed25519 key",
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`:                    "keys[0].x is no ed25519 key",
		keySetOf(`,"d":"secret"`):                                              "private part",
		keySetOf("") + "{}":                                                    "something follows",
		`{"keys":[` + strings.Repeat(`{"kty":"RSA"},`, 64) + `{"kty":"RSA"}]}`: "65 keys",
		strings.Repeat(" ", maxDirectory+1):                                    "longer than",
	} {
		if _, err := parseDirectory("d", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// TestDirectoriesAreFetched asks a server by TLS, beside the requests.
func TestDirectoriesAreFetched(t *testing.T) {
	var now, asked atomic.Int64
	var mode atomic.Pointer[string]
	say := func(s string) { mode.Store(&s) }
	say("good")
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != directory {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/http-message-signatures-directory+json")
		switch *mode.Load() {
		case "good":
			_, _ = w.Write([]byte(keySetOf("")))
		case "long":
			_, _ = w.Write([]byte(strings.Repeat(" ", maxDirectory) + keySetOf("")))
		case "html":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(keySetOf("")))
		case "elsewhere":
			http.Redirect(w, r, "/other", http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	client := s.Client()
	client.CheckRedirect = guarded().CheckRedirect
	f := newFetcher(client, func() time.Time { return time.Unix(now.Load(), 0) })
	defer f.close()
	// until asks, as requests do, until the server was asked and has been heard.
	until := func(times int64) keySet {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			k := f.keys(s.URL)
			f.mu.Lock()
			waits := len(f.waiting)
			f.mu.Unlock()
			if asked.Load() >= times && waits == 0 {
				return k
			}
		}
		t.Fatalf("asked %d times, want %d", asked.Load(), times)
		return nil
	}
	if k := f.keys(s.URL); k != nil {
		t.Error("the first request waited for keys")
	}
	until(1)
	if k := until(1); len(k) != 1 || f.status().State != OK {
		t.Fatalf("%v %+v", k, f.status())
	}
	for i, bad := range []string{"long", "html", "elsewhere", "gone"} {
		say(bad)
		now.Add(3601)
		until(int64(2 + i))
		if st := f.status(); st.State != Damaged {
			t.Errorf("%s: %+v", bad, st)
		}
	}
	if k := until(5); len(k) != 0 {
		t.Error("keys of hours ago are still good")
	}
	for i := range 2 * maxAgents {
		f.mu.Lock()
		if len(f.known) >= maxAgents {
			f.forget()
		}
		f.known[fmt.Sprint(i)] = fetched{}
		f.mu.Unlock()
	}
	if len(f.known) > maxAgents {
		t.Errorf("%d are kept", len(f.known))
	}
}

// TestTheGuard reaches no address that is not public.
func TestTheGuard(t *testing.T) {
	for ip, want := range map[string]bool{"127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "172.16.0.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false, "2001:db8::1": false, "8.8.8.8": true, "2606:4700::1111": true, "172.32.0.1": true} {
		if public(netip.MustParseAddr(ip)) != want {
			t.Errorf("%s: %v", ip, !want)
		}
	}
	reached := false
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer s.Close()
	if _, err := guarded().Get(s.URL); err == nil || !strings.Contains(err.Error(), "no public address") || reached { //nolint:bodyclose // there is none
		t.Errorf("%v, reached %v", err, reached)
	}
}
