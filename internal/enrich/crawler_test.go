package enrich

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

const (
	google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	bing   = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
)

// zone answers from a table; hold keeps answers back until it is closed.
type zone struct {
	mu      sync.Mutex
	names   map[string][]string
	addrs   map[string][]string
	fails   error
	asked   int
	hold    chan struct{}
	forward atomic.Int64
}

func (z *zone) LookupAddr(ctx context.Context, ip string) ([]string, error) {
	z.mu.Lock()
	z.asked++
	names, err := z.names[ip], z.fails
	z.mu.Unlock()
	if z.hold != nil {
		select {
		case <-z.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	if names == nil {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return names, nil
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) (out []netip.Addr, err error) {
	z.forward.Add(1)
	for _, a := range z.addrs[host] {
		out = append(out, addr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return out, nil
}

// until asks again and again, as requests do, until the answer is there.
func until(t *testing.T, e *Enricher, v Visit, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		_, by := ask(e, v)
		if got = by["bot_verified"]; got == want {
			return
		}
	}
	t.Fatalf("%s as %.30s is %q, want %q", v.IP, v.Agent, got, want)
}

func TestCrawlersByDNS(t *testing.T) {
	z := &zone{hold: make(chan struct{}),
		names: map[string][]string{"66.249.66.1": {"crawl-66-249-66-1.googlebot.com."}, "203.0.113.5": {"crawl.googlebot.com."},
			"203.0.113.6": {"googlebot.com.evil.example.", "evilgooglebot.com."}, "2001:db8::1": {"MSNBOT.search.MSN.com."}},
		addrs: map[string][]string{"crawl-66-249-66-1.googlebot.com": {"192.0.2.1", "66.249.66.1"}, "crawl.googlebot.com": {"66.249.66.2"},
			"msnbot.search.msn.com": {"2001:db8::1"}, "evilgooglebot.com": {"203.0.113.6"}}}
	e := open(t, Config{Dir: t.TempDir(), Resolver: z, Crawlers: Known()})
	for range 3 { // no request waits, and one question is put for all of them
		if _, by := ask(e, Visit{IP: addr("66.249.66.1"), Agent: google}); by["bot_verified"] != "unknown" || by["bot_proof"] != "" {
			t.Fatalf("%v", by)
		}
	}
	close(z.hold)
	until(t, e, Visit{IP: addr("66.249.66.1"), Agent: google}, "verified")
	if _, by := ask(e, Visit{IP: addr("66.249.66.1"), Agent: google}); by["bot_proof"] != "dns" {
		t.Errorf("%v", by)
	}
	until(t, e, Visit{IP: addr("2001:db8::1"), Agent: bing}, "verified")
	for _, ip := range []string{"203.0.113.5", "203.0.113.6", "203.0.113.7"} { // forward elsewhere, another's domain, no name
		until(t, e, Visit{IP: addr(ip), Agent: google}, "impostor")
	}
	until(t, e, Visit{IP: addr("66.249.66.1"), Agent: bing}, "impostor") // a genuine one under another's name
	z.mu.Lock()
	if z.asked != 6 {
		t.Errorf("asked %d times", z.asked)
	}
	z.mu.Unlock()
	for _, agent := range []string{"curl/8.0", "Mozilla/5.0 (compatible; SomeOtherBot/1.0)", ""} {
		if _, by := ask(e, Visit{IP: addr("203.0.113.5"), Agent: agent}); by["bot_verified"] != "" {
			t.Errorf("%q: %v", agent, by)
		}
	}
	// Without a resolver nobody can tell.
	e.Load(Config{Dir: t.TempDir(), Crawlers: Known()})
	if _, by := ask(e, Visit{IP: addr("203.0.113.5"), Agent: google}); by["bot_verified"] != "" {
		t.Errorf("%v", by)
	}
}

// TestDNSWithoutAnswer accuses nobody, and asks again later.
func TestDNSWithoutAnswer(t *testing.T) {
	for _, err := range []error{errors.New("broken"), context.DeadlineExceeded, &net.DNSError{IsTimeout: true}, &net.DNSError{IsTemporary: true, IsNotFound: true}} {
		z := &zone{fails: err, names: map[string][]string{"66.249.66.1": {"c.googlebot.com"}}, addrs: map[string][]string{"c.googlebot.com": {"66.249.66.1"}}}
		var now atomic.Int64
		n := newNamer(z, func() time.Time { return time.Unix(now.Load(), 0) })
		c := &crawler{name: "g", domains: []string{".googlebot.com"}}
		times := func() int { z.mu.Lock(); defer z.mu.Unlock(); return z.asked }
		wait := func(want int) {
			for end := time.Now().Add(20 * time.Second); times() < want && time.Now().Before(end); time.Sleep(time.Millisecond) {
				if v := n.check(addr("66.249.66.1"), c); v != Unverified {
					t.Fatalf("%v: %q", err, v)
				}
			}
			if times() != want {
				t.Fatalf("%v: asked %d times, want %d", err, times(), want)
			}
		}
		wait(1)
		z.mu.Lock()
		z.fails = nil
		z.mu.Unlock()
		now.Add(61)
		for end := time.Now().Add(20 * time.Second); n.check(addr("66.249.66.1"), c) != Verified; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("never asked again")
			}
			now.Add(61)
		}
		n.close()
	}
}

// TestAFloodOfCrawlersIsBounded sends more addresses than are kept or queued while
// the resolver hangs.
func TestAFloodOfCrawlersIsBounded(t *testing.T) {
	z := &zone{hold: make(chan struct{})}
	n := newNamer(z, time.Now)
	c := &crawler{name: "g", domains: []string{".googlebot.com"}}
	for i := range 5 * maxQueries {
		if v := n.check(netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)}), c); v != Unverified {
			t.Fatal(v)
		}
	}
	n.mu.Lock()
	if len(n.waiting) > maxQueries+namers {
		t.Errorf("%d wait", len(n.waiting))
	}
	for i := range 3 * maxAnswers {
		n.keep(asked{netip.AddrFrom4([4]byte{8, byte(i >> 16), byte(i >> 8), byte(i)}), "g"}, answer{Verified, time.Now().Add(time.Hour)})
	}
	if len(n.young) > maxAnswers || len(n.old) > maxAnswers {
		t.Errorf("%d and %d are kept", len(n.young), len(n.old))
	}
	n.mu.Unlock()
	n.close() // which does not wait for the resolver
}

func TestCrawlersByRanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gptbot.json")
	if err := os.WriteFile(file, []byte(`{"creationTime": "2026-01-01", "prefixes": [{"ipv4Prefix": "192.0.2.0/28"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	e := open(t, Config{Dir: dir, Crawlers: []Crawler{{Name: "GPTBot", Ranges: []string{file}}}})
	const agent = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; +https://openai.com/gptbot"
	if _, by := ask(e, Visit{IP: addr("192.0.2.3"), Agent: agent}); by["bot_verified"] != "verified" || by["bot_proof"] != "ranges" {
		t.Errorf("%v", by)
	}
	if _, by := ask(e, Visit{IP: addr("192.0.2.30"), Agent: agent}); by["bot_verified"] != "impostor" {
		t.Errorf("%v", by)
	}
	if s := e.Status(); !strings.Contains(s[len(s)-1].Detail, "1 networks") {
		t.Errorf("%+v", s)
	}
}

func TestMappedValues(t *testing.T) {
	dir := t.TempDir()
	c := Config{Dir: dir, Domains: filepath.Join(dir, "d.txt"), BINs: filepath.Join(dir, "b.txt"), YoungDays: 30}
	write(t, c.Domains, "young.example,2026-01-01\nold.example,2001-01-01\nlisted.example\nfuture.example,2027-01-01\n")
	write(t, c.BINs, "411111,US,Example Bank,debit\n51234567,DE\n")
	e := open(t, c)
	when := time.Date(2026, 1, 13, 5, 0, 0, 0, time.UTC).UnixMicro()
	for domain, want := range map[string]string{"young.example": "12 true", "mail.young.example": "12 true", "old.example": "9143 ", "listed.example": " true", "future.example": " true", "other.example": " "} {
		_, by := ask(e, Visit{Time: when, Mapped: elements("email", "x@"+domain, "email_domain", domain)})
		if got := by["email_domain_age"] + " " + by["email_domain_new"]; got != want {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
	for bin, want := range map[string]string{"411111": "US Example Bank debit", "41111199": "US Example Bank debit", "51234567": "DE  ", "512345": "  ", "": "  "} {
		_, by := ask(e, Visit{Time: when, Mapped: elements("card_bin", bin)})
		if got := by["card_country"] + " " + by["card_issuer"] + " " + by["card_funding"]; got != want {
			t.Errorf("%s: %q, want %q", bin, got, want)
		}
	}
}

func elements(pairs ...string) (out []journey.Element) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, journey.Element{ID: pairs[i], Value: pairs[i+1]})
	}
	return out
}
