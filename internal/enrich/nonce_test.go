package enrich

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/signature"
)

// signedOnce is a request with a nonce.
func signedOnce(nonce string, created time.Time) *signature.Request {
	r := signedBy("https://bot.example", "shop.example", created)
	params := fmt.Sprintf(`("@authority" "signature-agent");created=%d;expires=%d;keyid="%s";nonce="%s";tag="web-bot-auth"`,
		created.Unix(), created.Unix()+60, signature.Thumbprint(botPublic()), nonce)
	base := "\"@authority\": shop.example\n\"signature-agent\": \"https://bot.example\"\n\"@signature-params\": " + params
	r.Fields[1].Value = "sig1=" + params
	r.Fields[2].Value = "sig1=:" + base64.StdEncoding.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(botSeed), []byte(base))) + ":"
	return r
}

// TestReplayedSignaturesAreTold holds that a nonce is good for one request, across
// a reload of the data, and that only a signature that is good uses one up.
func TestReplayedSignaturesAreTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bot.json")
	write(t, file, keySetOf(""))
	c := Config{Dir: dir, Keys: []KeyFile{{"https://bot.example", file}}}
	e := open(t, c)
	now := time.Unix(1_800_000_000, 0)
	says := func(r *signature.Request, at time.Time) string {
		_, by := ask(e, Visit{Time: at.UnixMicro(), IP: addr("192.0.2.1"), Agent: "ExampleBot/1.0", Request: func() *signature.Request { return r }})
		return strings.TrimSpace(by["bot_verified"] + " " + by["bot_reason"] + " " + by["bot_proof"])
	}
	forged := signedOnce("a", now)
	forged.Fields[2].Value = "sig1=:" + base64.StdEncoding.EncodeToString(make([]byte, 64)) + ":"
	for _, c := range []struct {
		r    *signature.Request
		at   time.Time
		want string
	}{
		{forged, now, "impostor forged signature"},
		{signedOnce("a", now), now, "verified  signature"}, // the forger did not spoil it
		{signedOnce("a", now), now.Add(time.Second), "unknown replayed"},
		{signedOnce("b", now), now.Add(time.Second), "verified  signature"},
		{signedOnce("a", now.Add(30*time.Second)), now.Add(30 * time.Second), "unknown replayed"}, // signed anew, but used
		{signedOnce("a", now), now.Add(2 * time.Minute), "impostor expired signature"},
		{signedOnce("a", now.Add(2*time.Minute)), now.Add(2 * time.Minute), "verified  signature"}, // its time is over
		{signedBy("https://bot.example", "shop.example", now), now, "verified  signature"},         // without one
		{signedBy("https://bot.example", "shop.example", now), now, "verified  signature"},
		{signedBy("https://bot.example", "shop.example", now.Add(time.Hour)), now, "impostor early signature"},
		{signedBy("https://other.example", "shop.example", now), now, "unknown unknown_key"},
	} {
		if got := says(c.r, c.at); got != c.want {
			t.Errorf("at %s: %q, want %q", c.at.Sub(now), got, c.want)
		}
	}
	c.YoungDays = 7
	e.Load(c)
	if got := says(signedOnce("a", now.Add(2*time.Minute)), now.Add(2*time.Minute+time.Second)); got != "unknown replayed" {
		t.Errorf("forgotten by a reload: %q", got)
	}
	for _, s := range e.Status() {
		if s.Name == "nonces of signed requests" {
			if s.Detail != "1 remembered, 0 forgotten early" {
				t.Errorf("status %+v", s)
			}
			return
		}
	}
	t.Error("the status does not tell of nonces")
}

// TestNoncesAreBounded holds the bounds, and that who sends most makes room.
func TestNoncesAreBounded(t *testing.T) {
	n := &nonces{most: 100, each: 80, signers: 3, by: map[string]*uses{}}
	held := func() (sum int) {
		for _, u := range n.by {
			if len(u.until) > len(u.order) || len(u.order) > n.each {
				t.Fatalf("%d nonces in an order of %d", len(u.until), len(u.order))
			}
			sum += len(u.order)
		}
		return sum
	}
	use := func(who string, i int, until, now int64) bool { return n.first(who, "k", fmt.Sprint(i), until, now) }
	for i := range 10 {
		use("small", i, 1000, 1)
	}
	for i := range 500 {
		if !use("large", i, 1000, 2) {
			t.Fatalf("%d is new", i)
		}
	}
	for i := range 40 {
		use("third", i, 1000, 3)
	}
	if n.held != held() || n.held != 100 || n.forgotten != 420+30 {
		t.Errorf("%d held, counted as %d, %d forgotten", held(), n.held, n.forgotten)
	}
	for i := range 10 {
		if use("small", i, 1000, 4) {
			t.Errorf("%d of the small one was forgotten", i)
		}
	}
	if use("large", 499, 1000, 4) {
		t.Error("the newest of the large one was forgotten")
	}
	use("fourth", 1, 1000, 5) // large was seen at 4, third at 3
	if n.by["third"] != nil || len(n.by) != 3 || n.held != held() {
		t.Errorf("%d signers, %d held, counted as %d", len(n.by), held(), n.held)
	}
	for i := range 20 {
		use("small", 100+i, 5000, 2000) // all before are over
	}
	if n.held != held() || len(n.by["small"].order) != 20 {
		t.Errorf("%d of the small one", len(n.by["small"].order))
	}
	if !use("small", 3, 6000, 2001) {
		t.Error("what is over still counts")
	}
}

// TestANonceIsGoodForOneOfMany asks at once.
func TestANonceIsGoodForOneOfMany(t *testing.T) {
	n := newNonces()
	var wait sync.WaitGroup
	good := make(chan int, 64)
	for range 64 {
		wait.Go(func() {
			if n.first("a", "k", "x", 1000, 1) {
				good <- 1
			}
		})
	}
	wait.Wait()
	if len(good) != 1 {
		t.Errorf("good %d times", len(good))
	}
}
