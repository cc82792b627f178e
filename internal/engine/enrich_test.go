package engine

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// TestSignedRequestsAreRecognised sends one through the engine as a program signs
// it for https://Shop.example/page?a=b.
func TestSignedRequestsAreRecognised(t *testing.T) {
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("b", ed25519.SeedSize)))
	public, _ := key.Public().(ed25519.PublicKey)
	file := filepath.Join(t.TempDir(), "bot.json")
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"%s"}]}`, base64.RawURLEncoding.EncodeToString(public))
	if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	known := enrich.Open(enrich.Config{Dir: t.TempDir(), Keys: []enrich.KeyFile{{Agent: "https://bot.example", File: file}}})
	t.Cleanup(func() { _ = known.Close() })
	w.e.cfg.Enrich = known
	params := fmt.Sprintf(`("@method" "@target-uri" "@authority" "signature-agent");created=%d;expires=%d;keyid="%s";tag="web-bot-auth"`,
		noon/1_000_000, noon/1_000_000+60, signature.Thumbprint(public))
	base := "\"@method\": GET\n\"@target-uri\": https://shop.example/page?a=b\n\"@authority\": shop.example\n\"signature-agent\": \"https://bot.example\"\n\"@signature-params\": " + params
	signed := "s=:" + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(base))) + ":"
	for _, c := range []struct {
		host, target string
		tls          bool
		want         string
	}{
		{"Shop.example", "/page?a=b", true, "verified"}, {"shop.example:443", "/page?a=b", true, "verified"},
		{"shop.example", "/page?a=c", true, "impostor"}, {"other.example", "/page?a=b", true, "impostor"}, {"shop.example", "/page?a=b", false, "impostor"},
	} {
		w.judge.seen = nil
		x := w.exchange(site.Active, "GET", c.target, "Host", c.host, "User-Agent", "ExampleBot/1.0", "Signature-Agent", `"https://bot.example"`,
			"Signature-Input", "s="+params, "Signature", signed)
		x.Conn.TLS = c.tls
		w.e.Decide(x, wire.PhaseRequestHead)
		respond(x, 200)
		w.e.Decide(x, wire.PhaseResponseHead)
		w.e.Decide(x, wire.PhaseEnd)
		if len(w.judge.seen) != 1 {
			t.Fatalf("%d observed", len(w.judge.seen))
		}
		got := map[string]string{}
		for _, el := range w.judge.seen[0].Elements {
			got[el.ID] = el.Value
		}
		if got["bot_verified"] != c.want || got["signature_agent"] != "bot.example" || got["bot_proof"] != "signature" {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestValuesOfAResponseAreEnriched holds that what is known of a mail domain or card
// is told of a response's values as of a request's, on async and sync routes, once,
// and not where the response says it itself.
func TestValuesOfAResponseAreEnriched(t *testing.T) {
	dir := t.TempDir()
	domains, bins := filepath.Join(dir, "domains.txt"), filepath.Join(dir, "bins.txt")
	for file, text := range map[string]string{domains: "old.example,2025-01-05\nnew.example,2026-01-01\n", bins: "411111,FR,Example Bank,prepaid\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := enrich.Open(enrich.Config{Dir: dir, Domains: domains, BINs: bins, YoungDays: 30})
	t.Cleanup(func() { _ = known.Close() })
	for _, sync := range []string{"sync", "async"} {
		w := newWorld(t)
		w.e.cfg.Enrich = known
		snap, faults := policy.Compile(bundle("kind: spec\nname: Account\ntype: other\nmatch: {path: /account}\nprocessing: " + sync + `
request: {query.e: email}
response: {json $.email: email, json $.card: card_number, json $.issuer: card_issuer, json $.domain_age: email_domain_age}
`))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if err := w.e.SetPolicy(t.Context(), snap); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ target, body, want string }{
			{"/account", `{"email": "ann@new.example", "card": "4111111111111111"}`,
				"email_domain_age=4 email_domain_new=true card_country=FR card_issuer=Example Bank card_funding=prepaid"},
			{"/account", `{"email": "ann@old.example", "card": "4111111111111111", "issuer": "Own Bank"}`,
				"card_issuer=Own Bank email_domain_age=365 card_country=FR card_funding=prepaid"},
			{"/account", `{"email": "ann@old.example", "domain_age": 7}`, "email_domain_age=7"},
			{"/account?e=ann@old.example", `{"email": "ann@new.example"}`, "email_domain_age=365 email_domain_age=4 email_domain_new=true"},
		} {
			w.judge.seen = nil
			x := w.exchange(site.Active, "GET", c.target)
			w.e.Decide(x, wire.PhaseRequestHead)
			respond(x, 200, "Content-Type", "application/json")
			x.RespBody = wire.Body{Bytes: []byte(c.body), Seen: true}
			w.e.Decide(x, wire.PhaseResponseHead)
			w.e.Decide(x, wire.PhaseEnd)
			var got []string
			for _, o := range w.judge.seen {
				for _, el := range o.Elements {
					if strings.HasPrefix(el.ID, "email_domain_") || el.ID == "card_country" || el.ID == "card_issuer" || el.ID == "card_funding" {
						got = append(got, el.ID+"="+el.Value)
					}
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s %s %s: %v", sync, c.target, c.body, got)
			}
		}
	}
}

// TestAResponseIsReadByTheRequestBefore holds that the country of a request that was
// observed on its own still reads the phone number of its response.
func TestAResponseIsReadByTheRequestBefore(t *testing.T) {
	w := newWorld(t)
	snap, faults := policy.Compile(bundle("kind: spec\nname: Account\ntype: other\nmatch: {path: /account}\nprocessing: sync\nhold_response: true\n" +
		"request: {query.c: billing_country}\nresponse: {json $.phone: billing_phone}\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if err := w.e.SetPolicy(t.Context(), snap); err != nil {
		t.Fatal(err)
	}
	x := w.exchange(site.Active, "GET", "/account?c=DE")
	w.e.Decide(x, wire.PhaseRequestHead)
	respond(x, 200, "Content-Type", "application/json")
	x.RespBody = wire.Body{Bytes: []byte(`{"phone": "030 23125 000"}`), Seen: true}
	w.e.Decide(x, wire.PhaseResponseHead)
	w.e.Decide(x, wire.PhaseResponseBody)
	w.e.Decide(x, wire.PhaseEnd)
	n := 0
	for _, o := range w.judge.seen {
		for _, el := range o.Elements {
			if el.ID == "billing_phone" && el.Value == "+493023125000" {
				n++
			}
		}
	}
	if n != 2 || len(w.judge.seen) != 3 {
		t.Errorf("told %d times in %d observations: %+v", n, len(w.judge.seen), w.judge.seen)
	}
}
