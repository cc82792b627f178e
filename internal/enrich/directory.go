package enrich

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/throughline/throughline/internal/signature"
)

// KeyFile is a directory of keys that lies in a file.
type KeyFile struct {
	Agent string // https://bot.example
	File  string
}

// keySet are the keys of a directory by their thumbprints.
type keySet map[string]botKey

type botKey struct {
	key         ed25519.PublicKey
	from, until time.Time // zero: unbounded
}

const (
	maxDirectory = 64 << 10 // bytes
	maxKeys      = 64
)

// parseDirectory reads a key set (RFC 7517) as a program publishes it. Keys of
// other kinds than ed25519 are passed over; there must be one that is.
func parseDirectory(name string, text []byte) (keySet, error) {
	if len(text) > maxDirectory {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, maxDirectory)
	}
	var doc struct {
		Keys []struct {
			Kty string `json:"kty"`
			Crv string `json:"crv"`
			X   string `json:"x"`
			D   string `json:"d"`
			Nbf int64  `json:"nbf"`
			Exp int64  `json:"exp"`
		} `json:"keys"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil {
		line := 1 + bytes.Count(text[:min(int(d.InputOffset()), len(text))], []byte("\n"))
		return nil, fmt.Errorf("%s:%d: no key set: %w", name, line, err)
	}
	if d.More() {
		return nil, fmt.Errorf("%s: something follows the key set", name)
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("%s: %d keys; want at most %d", name, len(doc.Keys), maxKeys)
	}
	set := keySet{}
	for i, k := range doc.Keys {
		if k.Kty != "OKP" || k.Crv != "Ed25519" {
			continue
		}
		if k.D != "" {
			return nil, fmt.Errorf("%s: keys[%d] has its private part in it; want x alone", name, i)
		}
		x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%s: keys[%d].x is no ed25519 key; want %d bytes in base64url", name, i, ed25519.PublicKeySize)
		}
		b := botKey{key: x}
		if k.Nbf > 0 {
			b.from = time.Unix(k.Nbf, 0)
		}
		if k.Exp > 0 {
			b.until = time.Unix(k.Exp, 0)
		}
		set[signature.Thumbprint(x)] = b
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("%s: no ed25519 key; want kty OKP, crv Ed25519 and x", name)
	}
	return set, nil
}

func (s keySet) at(id string, now time.Time) (ed25519.PublicKey, bool) {
	k, ok := s[id]
	if !ok || now.Before(k.from) || !k.until.IsZero() && !now.Before(k.until) {
		return nil, false
	}
	return k.key, true
}

// fetcher gets directories of programs that are allowed, beside the requests.
// Queue and memory are bounded.
type fetcher struct {
	client *http.Client
	clock  func() time.Time
	queue  chan string
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	known   map[string]fetched
	waiting map[string]struct{}
}

type fetched struct {
	keys  keySet
	got   time.Time // when they were
	err   error
	until time.Time // is not asked again before
}

const (
	maxFetches   = 64  // waiting
	maxAgents    = 512 // directories kept
	fetchTimeout = 5 * time.Second
	keysFor      = time.Hour
	failedFor    = 5 * time.Minute
	directory    = "/.well-known/http-message-signatures-directory"
)

func newFetcher(client *http.Client, clock func() time.Time) *fetcher {
	ctx, stop := context.WithCancel(context.Background())
	f := &fetcher{client: client, clock: clock, queue: make(chan string, maxFetches), stop: stop,
		known: map[string]fetched{}, waiting: map[string]struct{}{}}
	f.done.Go(func() { f.work(ctx) })
	return f
}

func (f *fetcher) close() {
	f.stop()
	f.done.Wait()
}

// keys answers what is known, and asks for what is not.
func (f *fetcher) keys(agent string) keySet {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, ok := f.known[agent]
	if ok && f.clock().Before(k.until) {
		return k.keys
	}
	if _, waits := f.waiting[agent]; !waits {
		select {
		case f.queue <- agent:
			f.waiting[agent] = struct{}{}
		default:
		}
	}
	return k.keys
}

func (f *fetcher) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case agent := <-f.queue:
			keys, err := f.fetch(ctx, agent)
			f.mu.Lock()
			delete(f.waiting, agent)
			if len(f.known) >= maxAgents {
				f.forget()
			}
			now := f.clock()
			if err == nil {
				f.known[agent] = fetched{keys: keys, got: now, until: now.Add(keysFor)}
			} else { // the keys of before are good for no longer than twice their time
				old := f.known[agent]
				if now.After(old.got.Add(2 * keysFor)) {
					old.keys = nil
				}
				f.known[agent] = fetched{keys: old.keys, got: old.got, err: err, until: now.Add(failedFor)}
			}
			f.mu.Unlock()
		}
	}
}

// forget drops the directory that would be asked for again first.
func (f *fetcher) forget() {
	var oldest string
	for a, k := range f.known {
		if o, ok := f.known[oldest]; !ok || k.until.Before(o.until) || k.until.Equal(o.until) && a < oldest {
			oldest = a
		}
	}
	delete(f.known, oldest)
}

func (f *fetcher) fetch(ctx context.Context, agent string) (keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, agent+directory, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/http-message-signatures-directory+json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %d", agent, resp.StatusCode)
	case kind != "application/http-message-signatures-directory+json" && kind != "application/json" && kind != "application/jwk-set+json":
		return nil, fmt.Errorf("%s answers %q; want a key set", agent, kind)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxDirectory+1))
	if err != nil {
		return nil, err
	}
	return parseDirectory(agent, text)
}

// status tells how many directories are known.
func (f *fetcher) status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{Name: "key directories", State: OK, Detail: fmt.Sprintf("%d fetched", len(f.known))}
	bad := []string{}
	for a, k := range f.known {
		if k.err != nil && (len(bad) == 0 || a < bad[0]) {
			bad = []string{a, k.err.Error()}
		}
	}
	if len(bad) > 0 {
		s.State, s.Detail = Damaged, s.Detail+"; "+bad[0]+": "+strings.ToValidUTF8(bad[1], "")
	}
	return s
}

// guarded is a client that reaches public addresses only, by TLS, without a proxy
// and without following elsewhere.
func guarded() *http.Client {
	dial := &net.Dialer{Timeout: fetchTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !public(a.Addr()) {
			return fmt.Errorf("%s is no public address", a.Addr())
		}
		return nil
	}}
	return &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it leads elsewhere") },
		Transport: &http.Transport{DialContext: dial.DialContext, TLSHandshakeTimeout: fetchTimeout, ResponseHeaderTimeout: fetchTimeout,
			MaxResponseHeaderBytes: 16 << 10, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
	}
}

// reserved are networks that nobody's public server is in.
func reserved() [15]netip.Prefix {
	return [...]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
		netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
	}
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, p := range reserved() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
