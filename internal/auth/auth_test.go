package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/control/sqlite"
)

const good = "heron quartz lamp"

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newService(t *testing.T, secure bool) (*Service, *sqlite.Store, *clock) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s, err := New(Config{Store: store, Secure: secure, Clock: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s, store, c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addUser(t *testing.T, s *Service, name string, role control.Role) {
	t.Helper()
	_, err := s.CreateUser(t.Context(), By{Actor: "cli"}, name, role, good)
	must(t, err)
}

func signIn(t *testing.T, s *Service, name string) SignIn {
	t.Helper()
	in, err := s.Login(t.Context(), name, good, "192.0.2.1")
	must(t, err)
	return in
}

func withCookie(c *http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "http://hub.example/", nil)
	r.AddCookie(c)
	return r
}

func TestLogin(t *testing.T) {
	s, store, _ := newService(t, false)
	addUser(t, s, "ann", control.Analyst)
	in, err := s.Login(t.Context(), " Ann ", good, "192.0.2.1")
	must(t, err)
	p, err := s.Authenticate(withCookie(in.Cookie))
	must(t, err)
	if p.Name != "ann" || p.Role != control.Analyst || p.CSRF == "" || p.CSRF != in.Principal.CSRF {
		t.Errorf("principal %+v", p)
	}
	for _, try := range [][2]string{{"ann", good + "x"}, {"nobody", good}, {"ann", strings.Repeat("x", 1<<20)}} {
		if _, err := s.Login(t.Context(), try[0], try[1], "192.0.2.9"); !errors.Is(err, ErrCredentials) {
			t.Errorf("login as %s: %v", try[0], err)
		}
	}
	log, err := store.AuditLog(t.Context(), 0, 10)
	must(t, err)
	var actions []string
	for _, e := range log {
		actions = append(actions, e.Action+" "+e.Actor+">"+e.Target+" "+e.IP)
		if strings.Contains(fmt.Sprint(e), good) {
			t.Errorf("the password is in the audit log: %+v", e)
		}
	}
	want := "session.refuse >ann 192.0.2.9|session.refuse >nobody 192.0.2.9|session.refuse >ann 192.0.2.9|session.create ann>ann 192.0.2.1|user.create cli>ann "
	if got := strings.Join(actions, "|"); got != want {
		t.Errorf("audit log\n%s\nwant\n%s", got, want)
	}
}

func TestDisabledUserIsOut(t *testing.T) {
	s, store, _ := newService(t, false)
	must(t, store.CreateUser(t.Context(), control.User{Name: "out", Role: control.Admin, Password: hashPassword(good), Disabled: true}))
	if _, err := s.Login(t.Context(), "out", good, "192.0.2.1"); !errors.Is(err, ErrCredentials) {
		t.Fatalf("got %v", err)
	}
}

func TestSessionEnds(t *testing.T) {
	s, _, c := newService(t, false)
	addUser(t, s, "ann", control.Admin)
	known := func(in SignIn) bool {
		_, err := s.Authenticate(withCookie(in.Cookie))
		if err != nil && !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		return err == nil
	}

	idle := signIn(t, s, "ann")
	c.pass(sessionIdle - time.Second)
	if !known(idle) {
		t.Error("ended before it was idle for long enough")
	}
	c.pass(sessionIdle)
	if known(idle) {
		t.Error("outlived its idle time")
	}

	busy := signIn(t, s, "ann")
	for range 13 {
		c.pass(sessionIdle - time.Minute)
		if !known(busy) {
			t.Fatal("ended while in use")
		}
	}
	c.pass(sessionIdle - time.Minute)
	c.pass(2 * time.Minute)
	if known(busy) {
		t.Error("outlived its longest time")
	}

	out := signIn(t, s, "ann")
	p, err := s.Authenticate(withCookie(out.Cookie))
	must(t, err)
	clear, err := s.Logout(t.Context(), p, "192.0.2.1")
	must(t, err)
	if clear.MaxAge >= 0 || clear.Name != out.Cookie.Name || known(out) {
		t.Errorf("after logging out: cookie %v", clear)
	}
}

func TestChangePasswordEndsOtherSessions(t *testing.T) {
	s, _, _ := newService(t, false)
	addUser(t, s, "ann", control.Admin)
	here, there := signIn(t, s, "ann"), signIn(t, s, "ann")
	var faults Faults
	if err := s.ChangePassword(t.Context(), here.Principal, "wrong", "another fine one", "192.0.2.1"); !errors.As(err, &faults) || faults[0].Field != "current" {
		t.Fatalf("wrong current password: %v", err)
	}
	if err := s.ChangePassword(t.Context(), here.Principal, good, "short", "192.0.2.1"); !errors.As(err, &faults) || faults[0].Field != "new" {
		t.Fatalf("short password: %v", err)
	}
	must(t, s.ChangePassword(t.Context(), here.Principal, good, "another fine one", "192.0.2.1"))
	if _, err := s.Authenticate(withCookie(here.Cookie)); err != nil {
		t.Errorf("own session: %v", err)
	}
	if _, err := s.Authenticate(withCookie(there.Cookie)); !errors.Is(err, ErrUnknown) {
		t.Errorf("other session: %v", err)
	}
	must(t, s.SetPassword(t.Context(), By{Actor: "cli"}, "ann", good))
	if _, err := s.Authenticate(withCookie(here.Cookie)); !errors.Is(err, ErrUnknown) {
		t.Errorf("session after the password was set anew: %v", err)
	}
}

func TestWeakHashIsRenewed(t *testing.T) {
	s, store, _ := newService(t, false)
	weak := phcWith(argonParams{memory: 64, time: 1, threads: 1}, []byte("somesalt"), good)
	must(t, store.CreateUser(t.Context(), control.User{Name: "ann", Role: control.Admin, Password: weak}))
	signIn(t, s, "ann")
	u, err := store.User(t.Context(), "ann")
	must(t, err)
	if !strings.HasPrefix(u.Password, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("still %s", u.Password)
	}
	signIn(t, s, "ann")
}

func TestThrottle(t *testing.T) {
	s, _, c := newService(t, false)
	addUser(t, s, "ann", control.Admin)
	addUser(t, s, "bob", control.Admin)
	try := func(name, password, ip string) error {
		_, err := s.Login(t.Context(), name, password, ip)
		return err
	}
	for i := range freePerName {
		if err := try("ann", "wrong", "192.0.2.1"); !errors.Is(err, ErrCredentials) {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	var wait *Throttled
	if err := try("ann", good, "192.0.2.1"); !errors.As(err, &wait) || wait.RetryAfter != time.Second {
		t.Fatalf("the right password at once after %d wrong ones: %v", freePerName, err)
	}
	must(t, try("ann", good, "192.0.2.2")) // elsewhere: not locked out
	must(t, try("bob", good, "192.0.2.1"))

	for want := 2 * time.Second; want <= 64*time.Second; want *= 2 {
		c.pass(wait.RetryAfter)
		if err := try("ann", "wrong", "192.0.2.1"); !errors.Is(err, ErrCredentials) {
			t.Fatalf("after waiting: %v", err)
		}
		if err := try("ann", good, "192.0.2.1"); !errors.As(err, &wait) || wait.RetryAfter != want {
			t.Fatalf("got %v, want a wait of %s", err, want)
		}
	}
	c.pass(64 * time.Second)
	must(t, try("ann", good, "192.0.2.1"))
	if err := try("ann", "wrong", "192.0.2.1"); !errors.Is(err, ErrCredentials) {
		t.Fatalf("success did not reset the count: %v", err)
	}
}

func TestThrottleByAddress(t *testing.T) {
	th := newThrottle()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range freePerAddress {
		// One attacker changes the low half of its IPv6 address.
		if w := th.begin(fmt.Sprintf("2001:db8::%x", i+1), fmt.Sprint("u", i), now); w != 0 {
			t.Fatalf("attempt %d waits %s", i, w)
		}
	}
	if w := th.begin("2001:db8::ffff", "somebody", now); w != time.Second {
		t.Errorf("same network waits %s", w)
	}
	if w := th.begin("2001:db8:0:1::1", "somebody", now); w != 0 {
		t.Errorf("other network waits %s", w)
	}
	if w := th.begin("2001:db8::ffff", "somebody", now.Add(forgetAfter)); w != 0 {
		t.Errorf("after %s still waits %s", forgetAfter, w)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th := newThrottle()
	th.size = 100
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 5000 {
		th.begin(fmt.Sprintf("10.0.%d.%d", i/256, i%256), "ann", now)
	}
	if len(th.entries) != 100 || th.recent.Len() != 100 {
		t.Errorf("%d entries, %d in the list, want 100", len(th.entries), th.recent.Len())
	}
}

func TestThrottleCountsAtOnce(t *testing.T) {
	s, _, _ := newService(t, false)
	addUser(t, s, "ann", control.Admin)
	var mu sync.Mutex
	checked := 0
	var wg sync.WaitGroup
	for range 4 * freePerName {
		wg.Go(func() {
			_, err := s.Login(t.Context(), "ann", "wrong", "192.0.2.1")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, ErrCredentials) {
				checked++
			}
		})
	}
	wg.Wait()
	if checked != freePerName {
		t.Errorf("%d of the attempts made at once were checked, want %d", checked, freePerName)
	}
}

func TestSetup(t *testing.T) {
	s, _, _ := newService(t, false)
	ctx := t.Context()
	link, err := s.SetupLink(ctx, "http://127.0.0.1:8090")
	must(t, err)
	u, err := url.Parse(link)
	must(t, err)
	token := u.Query().Get("token")
	if u.Host != "127.0.0.1:8090" || u.Path != "/setup" || len(token) < 43 {
		t.Fatalf("link %s", link)
	}
	var faults Faults
	if _, err := s.Setup(ctx, token, "Ann@example.com", "short", "192.0.2.1"); !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("bad name and password: %v", err)
	}
	if _, err := s.Setup(ctx, token+"x", "ann", good, "192.0.2.1"); !errors.Is(err, control.ErrSpent) {
		t.Fatalf("wrong token: %v", err)
	}
	needs, err := s.NeedsSetup(ctx)
	must(t, err)
	if !needs {
		t.Error("set up before anybody was")
	}
	in, err := s.Setup(ctx, token, "ann", good, "192.0.2.1")
	must(t, err)
	p, err := s.Authenticate(withCookie(in.Cookie))
	must(t, err)
	if p.Role != control.Admin {
		t.Errorf("first user is %s", p.Role)
	}
	if _, err := s.Setup(ctx, token, "eve", good, "192.0.2.1"); !errors.Is(err, control.ErrSpent) {
		t.Errorf("second use: %v", err)
	}
	if needs, err = s.NeedsSetup(ctx); err != nil || needs {
		t.Errorf("still needs set-up: %v %v", needs, err)
	}

	late, _, c2 := newService(t, false)
	link, err = late.SetupLink(ctx, "http://localhost:8090/")
	must(t, err)
	u, err = url.Parse(link)
	must(t, err)
	c2.pass(setupLinkLife)
	if _, err := late.Setup(ctx, u.Query().Get("token"), "ann", good, "192.0.2.1"); !errors.Is(err, control.ErrSpent) {
		t.Errorf("after an hour: %v", err)
	}
	if _, err := late.SetupLink(ctx, "localhost"); err == nil {
		t.Error("a link without a host was made")
	}
}

func TestTokens(t *testing.T) {
	s, store, c := newService(t, false)
	ctx := t.Context()
	made, secret, err := s.CreateToken(ctx, By{Actor: "cli"}, "CI", control.Viewer, c.Now().Add(time.Hour))
	must(t, err)
	if !strings.HasPrefix(secret, "tl_") || !strings.HasPrefix(secret, made.Prefix) || len(secret) < 46 || len(made.Prefix) > 8 {
		t.Errorf("secret %s, prefix %s", secret, made.Prefix)
	}
	ask := func(header string) (Principal, error) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		return s.Authenticate(r)
	}
	p, err := ask("bearer " + secret)
	must(t, err)
	if p.Actor() != "token:ci" || p.Role != control.Viewer || p.May(OwnAccount) || !p.May(ReadJourneys) {
		t.Errorf("principal %+v", p)
	}
	all, err := store.Tokens(ctx)
	must(t, err)
	if !all[0].LastUsed.Equal(c.Now()) {
		t.Errorf("last used %s", all[0].LastUsed)
	}
	for _, bad := range []string{"Bearer " + secret + "x", "Basic " + secret, "Bearer", secret, "Bearer tl_"} {
		if _, err := ask(bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	c.pass(time.Hour)
	if _, err := ask("Bearer " + secret); !errors.Is(err, ErrUnknown) {
		t.Errorf("expired: %v", err)
	}
	var faults Faults
	if _, _, err := s.CreateToken(ctx, By{}, "a b", "root", c.Now()); !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("three faults: %v", err)
	}
}

// A cookie beside a bad token must not rescue the request: the caller meant the token.
func TestBadTokenDoesNotFallBackToCookie(t *testing.T) {
	s, _, _ := newService(t, false)
	addUser(t, s, "ann", control.Admin)
	r := withCookie(signIn(t, s, "ann").Cookie)
	r.Header.Set("Authorization", "Bearer tl_wrong")
	if _, err := s.Authenticate(r); !errors.Is(err, ErrUnknown) {
		t.Fatalf("got %v", err)
	}
}

func TestCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s, _, _ := newService(t, secure)
		addUser(t, s, "ann", control.Admin)
		c := signIn(t, s, "ann").Cookie
		name := map[bool]string{false: "tl_session", true: "__Host-tl"}[secure]
		if c.Name != name || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %+v", c)
		}
		if err := c.Valid(); err != nil {
			t.Error(err)
		}
	}
}

func TestForgery(t *testing.T) {
	s, _, _ := newService(t, false)
	safe, _, _ := newService(t, true)
	addUser(t, s, "ann", control.Admin)
	addUser(t, s, "bob", control.Admin)
	ann, bob := signIn(t, s, "ann").Principal, signIn(t, s, "bob").Principal
	token := Principal{Name: "ci", Role: control.Admin, Kind: ByToken}
	for _, c := range []struct {
		name          string
		s             *Service
		p             Principal
		method, csrf  string
		origin, host  string
		wantForbidden bool
	}{
		{"own page", s, ann, "POST", ann.CSRF, "http://hub.example:8090", "hub.example:8090", false},
		{"default port", s, ann, "POST", ann.CSRF, "http://hub.example", "hub.example:80", false},
		{"behind TLS", safe, ann, "DELETE", ann.CSRF, "https://hub.example", "hub.example", false},
		{"downgraded page", safe, ann, "POST", ann.CSRF, "http://hub.example", "hub.example", true},
		{"read", s, ann, "GET", "", "", "hub.example", false},
		{"no csrf token", s, ann, "POST", "", "http://hub.example", "hub.example", true},
		{"another's csrf token", s, ann, "POST", bob.CSRF, "http://hub.example", "hub.example", true},
		{"no origin", s, ann, "POST", ann.CSRF, "", "hub.example", true},
		{"null origin", s, ann, "POST", ann.CSRF, "null", "hub.example", true},
		{"other origin", s, ann, "PUT", ann.CSRF, "http://evil.example", "hub.example", true},
		{"other port", s, ann, "POST", ann.CSRF, "http://hub.example:81", "hub.example:80", true},
		{"by API token", s, token, "POST", "", "", "hub.example", false},
		{"signing in by program", s, Principal{}, "POST", "", "", "hub.example", false},
		{"signing in from our page", s, Principal{}, "POST", "", "http://hub.example", "hub.example", false},
		{"signing in from elsewhere", s, Principal{}, "POST", "", "http://evil.example", "hub.example", true},
	} {
		r := httptest.NewRequest(c.method, "/api/v1/users", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.csrf != "" {
			r.Header.Set("X-CSRF-Token", c.csrf)
		}
		err := c.s.CheckForgery(r, c.p)
		if errors.Is(err, ErrForgery) != c.wantForbidden {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNobodyMayWhatNoGrantSays(t *testing.T) {
	for _, p := range []Principal{{}, {Role: "root", Kind: ByCookie}} {
		for _, want := range routes {
			if p.May(want) && want != Public {
				t.Errorf("%+v may %s", p, want)
			}
		}
	}
}

func TestHashingIsBounded(t *testing.T) {
	s, _, _ := newService(t, false)
	for range cap(s.hashing) {
		s.hashing <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.hash(ctx, good); !errors.Is(err, context.Canceled) {
		t.Fatalf("hashed beyond the bound: %v", err)
	}
}
