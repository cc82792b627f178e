package population

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
	"github.com/throughline/throughline/internal/demo/shop"
)

// witness serves a shop and notes what came.
type witness struct {
	mu       sync.Mutex
	shop     http.Handler
	requests int
	hits     map[string]int // "scenario-ish" key: method, path with ids removed, status
	byIP     map[string]map[string]bool
}

var ids = regexp.MustCompile(`/(p|orders/)\d+`)

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: rw, status: 200}
	w.shop.ServeHTTP(rec, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	ip := r.Header.Get("X-Forwarded-For")
	key := r.Method + " " + ids.ReplaceAllString(r.URL.Path, "/$1") + " " + http.StatusText(rec.status)
	w.hits[key]++
	if w.byIP[ip] == nil {
		w.byIP[ip] = map[string]bool{}
	}
	w.byIP[ip][r.UserAgent()] = true
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(s int) { r.status = s; r.ResponseWriter.WriteHeader(s) }

func TestPopulationPlaysEveryScenario(t *testing.T) {
	const seed = 11
	w := &witness{shop: shop.New(seed), hits: map[string]int{}, byIP: map[string]map[string]bool{}}
	server := httptest.NewServer(w)
	defer server.Close()
	truth, err := Run(context.Background(), Config{Base: server.URL, Host: "shop.example", Duration: 8 * time.Second, Seed: seed, Speed: 60, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	count, acted := map[Scenario]int{}, map[Scenario]int{}
	for _, a := range truth.Actors() {
		count[a.Scenario]++
		if a.Acted {
			acted[a.Scenario]++
		}
		if a.Requests == 0 && a.Windows[0].From.Before(time.Now().Add(-2*time.Second)) {
			t.Errorf("%s made no request", a.ID)
		}
		for _, ip := range a.IPs {
			if p := netip.MustParseAddr(ip); p.IsPrivate() || p.IsLoopback() {
				t.Errorf("%s comes from %s", a.ID, ip)
			}
			if a.Requests > 0 && !w.byIP[ip][a.UserAgent] {
				t.Errorf("%s never reached the shop from %s", a.ID, ip)
			}
		}
	}
	for _, s := range GoodScenarios() {
		if s != RealBrowser && count[s] == 0 {
			t.Errorf("nobody played %s", s)
		}
	}
	for _, s := range Abuse() {
		if acted[s] == 0 {
			t.Errorf("nobody got to act in %s (%d came)", s, count[s])
		}
	}
	// How many get to act before the time is up depends on the machine; that most
	// of a wave does is what the demo lives by.
	if acted[CredentialStuffing] < 6 || acted[RefundAbuse] < 2 || acted[PromoAbuse] < 3 || acted[AccountTakeover] < 1 {
		t.Errorf("acted: %v of %v", acted, count)
	}
	for _, want := range []string{
		"POST /login See Other", "POST /login Unprocessable Entity", "POST /api/login OK", "POST /api/login Unauthorized",
		"POST /signup See Other", "POST /cart/add See Other", "POST /cart/promo See Other", "POST /checkout See Other",
		"POST /checkout Payment Required", "POST /api/checkout Payment Required", "POST /api/checkout Created",
		"POST /orders//refund See Other", "POST /account/email See Other", "POST /account/address See Other",
		"POST /support See Other", "POST /logout See Other", "GET /robots.txt OK", "GET /api/products/p OK", "GET /static/shop.css OK",
	} {
		if w.hits[want] == 0 {
			t.Errorf("no %q", want)
		}
	}
	// What should never happen to anybody: tokens lost, forms unreadable, pages
	// missing, the shop breaking.
	for key := range w.hits {
		if strings.HasSuffix(key, "Forbidden") || strings.HasSuffix(key, "Bad Request") || strings.HasSuffix(key, "Error") || strings.HasSuffix(key, "Not Found") {
			t.Errorf("%q happened %d times", key, w.hits[key])
		}
	}
	t.Logf("%d requests, %d actors", w.requests, len(truth.Actors()))
}

func TestSameSeedSameVisitors(t *testing.T) {
	identity := func() []string {
		server := httptest.NewServer(shop.New(3))
		defer server.Close()
		truth, err := Run(context.Background(), Config{Base: server.URL, Duration: 2 * time.Second, Seed: 3, Speed: 100})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, a := range truth.Actors() {
			out = append(out, a.ID+" "+a.IPs[0]+" "+a.UserAgent)
		}
		slices.Sort(out)
		return out
	}
	a, b := identity(), identity()
	both := 0
	for _, s := range a {
		if slices.Contains(b, s) {
			both++
		}
	}
	// How many come in two seconds depends on the clock; who they are does not.
	if both < min(len(a), len(b))-2 || both < 10 {
		t.Errorf("%d and %d visitors, %d the same", len(a), len(b), both)
	}
}

func TestSpeaksTLSToItsOwnCAOnly(t *testing.T) {
	server := httptest.NewUnstartedServer(shop.New(1))
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError)
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	requests := func(pool *x509.CertPool) (n int) {
		truth, err := Run(context.Background(), Config{Base: server.URL, Host: "example.com", RootCAs: pool, Duration: time.Second, Seed: 1, Speed: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range truth.Actors() {
			n += a.Requests
		}
		return n
	}
	if requests(pool) == 0 {
		t.Error("no requests with the right CA")
	}
	if n := requests(x509.NewCertPool()); n != 0 {
		t.Errorf("%d requests with a stranger's certificate", n)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{Base: "127.0.0.1:80"}, {Base: "ftp://x"}, {Base: "http://x", Speed: -1}, {Base: "http://x", Duration: -1}} {
		if _, err := Run(context.Background(), c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestHeadersAreOrderedAsTheBrowserDoes(t *testing.T) {
	var truth Truth
	p := &run{cfg: Config{Host: "shop.example", Truth: &truth}}
	p.target = mustParse("http://127.0.0.1:1")
	v := p.arrive(context.Background(), seat{scenario: Buyer, id: "x", agent: chromeOn(143, "X11; Linux x86_64", "Linux", false), ip: "73.1.2.3", country: "US"})
	v.keep(&http.Cookie{Name: "shop_sid", Value: "abc"})
	got := string(v.head(fetch{method: "POST", path: "/login", kind: navigate, contentType: "application/x-www-form-urlencoded", body: []byte("a=b"), referer: "/login"}))
	var names []string
	lines := strings.Split(strings.Split(got, "\r\n\r\n")[0], "\r\n")
	for _, l := range lines[1:] {
		names = append(names, strings.SplitN(l, ":", 2)[0])
	}
	want := []string{"Host", "Connection", "Content-Length", "Cache-Control", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "Origin",
		"Content-Type", "Upgrade-Insecure-Requests", "User-Agent", "Accept", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-User", "Sec-Fetch-Dest",
		"Referer", "Accept-Encoding", "Accept-Language", "Cookie", "X-Forwarded-For"}
	if !slices.Equal(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
	if !strings.HasSuffix(got, "\r\n\r\na=b") || !strings.Contains(got, "Cookie: shop_sid=abc\r\n") {
		t.Errorf("request:\n%s", got)
	}
}

func TestRealBrowser(t *testing.T) {
	const binary = "/usr/bin/chromium"
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must have Chromium: ", err)
		}
		t.Skip("no Chromium here")
	}
	w := &witness{shop: shop.New(1), hits: map[string]int{}, byIP: map[string]map[string]bool{}}
	server := httptest.NewServer(w)
	defer server.Close()
	p := &run{cfg: Config{Host: "shop.example", Speed: 1000, Seed: 1, Chromium: binary, Truth: &Truth{}, Logger: quiet()},
		target: mustParse(server.URL), seats: make(chan struct{}, 1), customers: people.Customers(1, 1)}
	p.chromium(context.Background(), 0)
	p.visitors.Wait()
	a := p.cfg.Truth.Actors()[0]
	if a.Requests != 5 {
		t.Errorf("%d pages", a.Requests)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.byIP[a.IPs[0]][a.UserAgent] || w.hits["GET /static/shop.css OK"] == 0 {
		t.Errorf("the shop saw %v, %v", w.byIP, w.hits)
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
