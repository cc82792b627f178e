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
