package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/control/sqlite"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/insight/insighttest"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
)

const goodPassword = "heron quartz lamp"

// stand is a Hub over a real control store, served by a real server.
type stand struct {
	t      testing.TB
	hub    *Hub
	auth   *auth.Service
	store  *sqlite.Store
	server *httptest.Server
	feed   *feed
	sites  *sites
	known  *known
	clock  *clock
	log    *syncBuffer
}

type clock struct{ us atomic.Int64 }

func (c *clock) Now() time.Time       { return time.UnixMicro(c.us.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.us.Add(d.Microseconds()) }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type sites struct {
	mu   sync.Mutex
	mode map[string]site.Mode
	err  error
}

func (s *sites) SetMode(_ context.Context, name string, m site.Mode) (site.Mode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.mode[name]; !ok {
		return "", ErrNoSite
	}
	if m == "" {
		m = site.Active
	}
	s.mode[name] = m
	return m, s.err
}

// feed is a Live whose one channel the test fills.
type feed struct {
	mu      sync.Mutex
	readers map[chan LiveItem]struct{}
	dropped atomic.Int64
	joined  chan struct{}
	left    chan struct{}
}

func newFeed() *feed {
	return &feed{readers: map[chan LiveItem]struct{}{}, joined: make(chan struct{}, 1000), left: make(chan struct{}, 1000)}
}

func (f *feed) Subscribe(ctx context.Context) (<-chan LiveItem, func() int64) {
	ch := make(chan LiveItem, 16)
	f.mu.Lock()
	f.readers[ch] = struct{}{}
	f.mu.Unlock()
	f.joined <- struct{}{}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.readers, ch)
		close(ch)
		f.left <- struct{}{}
	})
	return ch, f.dropped.Load
}

func (f *feed) publish(item LiveItem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.readers {
		ch <- item
	}
}

func newStand(t testing.TB, change ...func(*Config)) *stand {
	t.Helper()
	s := &stand{t: t, feed: newFeed(), sites: &sites{mode: map[string]site.Mode{"shop": site.Active}}, clock: &clock{}, log: &syncBuffer{}, known: &known{}}
	s.clock.us.Store(day.Add(2 * time.Hour).UnixMicro())
	var err error
	if s.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "control.db")); err != nil {
		t.Fatal(err)
	}
	config := Config{
		Settings: s.store, Live: s.feed, Commands: s.sites, Recognition: s.known, Clock: s.clock.Now, Version: "1.2.3",
		Logger: slog.New(slog.NewJSONHandler(s.log, nil)),
		Status: func(context.Context) Status {
			return Status{Healthy: true, Sites: []SiteStatus{{Name: "shop"}}, Journal: JournalStatus{State: "ok"}, Warehouse: WarehouseStatus{State: "ok"}}
		},
		Policy:         func() Policy { return Policy{Revision: "abc", Files: map[string]string{"spec.yaml": "kind: spec"}} },
		SessionTimeout: func() time.Duration { return 30 * time.Minute },
		Assets: fstest.MapFS{
			"index.html":         {Data: []byte(`<script src="/assets/app-1234.js"></script>`)},
			"assets/app-1234.js": {Data: []byte("export {}")},
			"favicon.svg":        {Data: []byte("<svg/>")},
		},
	}
	for _, f := range change {
		f(&config)
	}
	if s.auth, err = auth.New(auth.Config{Store: s.store, Secure: config.Secure, Clock: s.clock.Now}); err != nil {
		t.Fatal(err)
	}
	m := memory(t)
	config.Auth = s.auth
	if config.Insight, err = insight.New(insight.Config{Reader: m, Linker: m, Charter: m, Registry: m, Visitors: m, Hasher: hasher(t), Clock: s.clock.Now}); err != nil {
		t.Fatal(err)
	}
	if s.hub, err = New(config); err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewUnstartedServer(nil)
	s.server.Config = NewServer(s.hub)
	s.server.Start()
	t.Cleanup(func() {
		s.hub.CloseStreams()
		s.server.Close()
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// user is somebody who sends requests: by cookie, by token, or as nobody.
type user struct {
	s      *stand
	cookie string
	csrf   string
	token  string
}

func (s *stand) nobody() *user { return &user{s: s} }

func (s *stand) signIn(name string, role control.Role) *user {
	s.t.Helper()
	if _, err := s.auth.CreateUser(s.t.Context(), auth.By{Actor: "cli"}, name, role, goodPassword); err != nil && !errors.Is(err, control.ErrExists) {
		s.t.Fatal(err)
	}
	in, err := s.auth.Login(s.t.Context(), name, goodPassword, "192.0.2.7")
	if err != nil {
		s.t.Fatal(err)
	}
	return &user{s: s, cookie: in.Cookie.Name + "=" + in.Cookie.Value, csrf: in.Principal.CSRF}
}

func (s *stand) withToken(role control.Role) *user {
	s.t.Helper()
	_, secret, err := s.auth.CreateToken(s.t.Context(), auth.By{Actor: "cli"}, "token-"+string(role), role, time.Time{})
	if err != nil {
		s.t.Fatal(err)
	}
	return &user{s: s, token: secret}
}

func (u *user) request(method, path string, body any) *http.Request {
	u.s.t.Helper()
	var b io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			u.s.t.Fatal(err)
		}
		b = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(u.s.t.Context(), method, u.s.server.URL+path, b)
	if err != nil {
		u.s.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if u.cookie != "" {
		r.Header.Set("Cookie", u.cookie)
		r.Header.Set("Origin", u.s.server.URL)
		r.Header.Set("X-CSRF-Token", u.csrf)
	}
	if u.token != "" {
		r.Header.Set("Authorization", "Bearer "+u.token)
	}
	return r
}

func (u *user) send(r *http.Request) (*http.Response, string) {
	u.s.t.Helper()
	resp, err := u.s.server.Client().Do(r)
	if err != nil {
		u.s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		u.s.t.Fatal(err)
	}
	return resp, string(text)
}

// do sends a request and reads the answer into out when it has the status wanted.
func (u *user) do(method, path string, body any, status int, out any) string {
	u.s.t.Helper()
	resp, text := u.send(u.request(method, path, body))
	if resp.StatusCode != status {
		u.s.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, text, status)
	}
	if strings.Contains(text, ":null") {
		u.s.t.Errorf("%s %s answers null: %s", method, path, text)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			u.s.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return text
}

// hasher has a key of its own, as a deployment would.
func hasher(t testing.TB) *element.Hasher {
	t.Helper()
	h, err := element.NewHasher(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var day = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// identify makes it known that a third Spec ID is Ann, and relates Bob to her.
func identify(m *insighttest.Memory) {
	ann, bob, third := m.Sessions[0].SpecID, m.Sessions[1].SpecID, journey.NewID(day.UnixMicro(), 0, 950)
	at := m.Sessions[2].Start
	m.Sessions[2].Recognised = journey.KeyCookie
	m.Sessions[1].Candidates = []journey.Candidate{{SpecID: third, Confidence: 61, Reasons: []string{"same address"}}, {SpecID: ann, Confidence: 7}}
	m.Changes = []journey.SpecChange{{Kind: journey.SpecMerged, From: third, Into: ann, Time: at, Reason: "one account"},
		{Kind: journey.SpecMerged, From: bob, Into: ann, Time: at + 1, Reason: "one cookie"}, {Kind: journey.SpecSplit, From: bob, Into: bob, Time: at + 2, Reason: "shared cookie"}}
	ip := m.Events[3].Elements[0]
	m.Shared = []journey.ActorLink{{A: third, B: bob, Element: "ip", Hash: ip.Hash, EventID: m.Events[3].ID, Time: at},
		{A: ann, B: bob, Element: "device_address", Hash: 5, EventID: m.Events[4].ID, Time: at}}
}

func memory(t testing.TB) *insighttest.Memory {
	m := &insighttest.Memory{}
	entity := func(id, v string) journey.Element {
		return journey.Element{ID: id, Value: v, Entity: true, Hash: hasher(t).Entity(id, v)}
	}
	for i, who := range []struct {
		email, ip, country string
		rating             journey.Rating
	}{
		{"ann@example.com", "198.51.100.1", "DE", journey.Normal},
		{"bob@example.com", "198.51.100.2", "US", journey.Malicious},
		{"ann@example.com", "198.51.100.2", "DE", journey.Suspicious},
	} {
		at := day.Add(time.Duration(i) * 45 * time.Minute).UnixMicro()
		s := journey.Session{ID: journey.NewID(at, 0, 1), SpecID: journey.NewID(day.UnixMicro(), 0, 900+i%2), Site: "shop", Start: at, Last: at + 60e6,
			Events: 3, Rating: who.rating, Points: i * 40, IP: who.ip, Country: who.country, Account: who.email}
		for j := range 3 {
			e := journey.Event{ID: journey.NewID(at+int64(j)*30e6, 0, 100+j), SessionID: s.ID, SpecID: s.SpecID, Site: "shop", Time: at + int64(j)*30e6,
				Name: "Page", Type: journey.PageView, Method: "GET", Status: 200, Outcome: journey.Success,
				Elements: []journey.Element{entity("ip", who.ip), {ID: "quantity", Value: "2"}}, JoinReason: "cookie", Revision: "abc"}
			if j == 1 {
				e.Name, e.Type = "Login through API", journey.AuthenticationAttempt
				e.Elements = append(e.Elements, entity("email", who.email))
			}
			if j == 2 {
				e.Rating, e.Points = who.rating, s.Points
				if who.rating != journey.Normal {
					l := journey.Label{ID: "many_logins", Title: "Many logins", Severity: "high", Points: s.Points, EventID: e.ID, Time: e.Time,
						Evidence: []journey.Evidence{{What: `entity("ip").count("authentication_attempt", "10m")`, Value: "27"}}}
					e.Labels, s.Labels = []journey.Label{l}, []journey.Label{l}
					e.RatingChange = &journey.RatingChange{From: journey.Normal, To: who.rating, Reason: "points"}
					e.Signatures = []journey.Signature{{ID: "stuffing", Title: "Stuffing", Rating: who.rating, Time: e.Time}}
					s.Signatures = e.Signatures
				}
			}
			m.Events = append(m.Events, e)
		}
		m.Sessions = append(m.Sessions, s)
	}
	identify(m)
	return m
}
