package hub

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
)

// patterns are all routes below /api that a Hub really serves.
func patterns(t *testing.T, h *Hub) []string {
	t.Helper()
	_, all, err := h.mux()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(p string) bool { return p == "/api/" || p == "/" })
}

func TestEveryRouteIsInThePermissionTable(t *testing.T) {
	s := newStand(t)
	served := patterns(t, s.hub)
	for _, p := range served {
		method, path, _ := strings.Cut(p, " ")
		if _, ok := auth.Required(method, path); !ok {
			t.Errorf("%s is served but not in the permission table", p)
		}
	}
	for _, r := range auth.Routes() {
		if !slices.Contains(served, r) {
			t.Errorf("%s is in the permission table but not served", r)
		}
	}
}

// What each role may do, said a second time, so that a slip in the table shows.
func TestEveryRoleOnEveryRoute(t *testing.T) {
	s := newStand(t)
	viewer := []string{
		"GET /api/v1/me", "POST /api/v1/me/password", "POST /api/v1/logout",
		"GET /api/v1/sessions", "GET /api/v1/sessions/{id}", "GET /api/v1/sessions/{id}/events", "GET /api/v1/events/{id}",
		"GET /api/v1/entities/{id}", "GET /api/v1/spec-ids/{id}", "POST /api/v1/entities/lookup", "GET /api/v1/elements", "GET /api/v1/live", "GET /api/v1/identity/report", "GET /api/v1/status",
	}
	analyst := append(slices.Clone(viewer), "GET /api/v1/policy", "GET /api/v1/discovery")
	admin := append(slices.Clone(analyst), "POST /api/v1/discovery/accept", "POST /api/v1/discovery/forget", "POST /api/v1/sites/{name}/mode", "GET /api/v1/users", "POST /api/v1/users",
		"DELETE /api/v1/users/{name}", "GET /api/v1/tokens", "POST /api/v1/tokens", "DELETE /api/v1/tokens/{name}", "GET /api/v1/audit")
	public := []string{"GET /api/openapi.json", "GET /api/v1/setup", "POST /api/v1/setup", "POST /api/v1/login"}
	ownAccount := []string{"POST /api/v1/me/password", "POST /api/v1/logout"}
	bodies := map[string]any{
		"POST /api/v1/setup":             FirstUser{Token: "x", Name: "eve", Password: goodPassword},
		"POST /api/v1/login":             Login{Name: "eve", Password: "x"},
		"POST /api/v1/me/password":       NewPassword{Current: goodPassword, New: "short"},
		"POST /api/v1/entities/lookup":   Lookup{Element: "email", Value: "ann@example.com"},
		"POST /api/v1/sites/{name}/mode": SwitchMode{Mode: "bypass"},
		"POST /api/v1/discovery/accept":  AcceptProposals{IDs: []string{"none"}},
		"POST /api/v1/users":             NewUser{Name: "A B", Role: "viewer", Password: goodPassword},
		"POST /api/v1/tokens":            NewToken{Name: "A B", Role: "viewer"},
	}
	// Public routes may answer 401 or 403 of their own: not for lack of a permission.
	refused := func(code int, body string) bool {
		return code == 401 && strings.Contains(body, "sign in, or send") || code == 403 && (strings.Contains(body, "needs the permission") || strings.Contains(body, "forgery"))
	}
	for role, may := range map[control.Role][]string{"": nil, control.Viewer: viewer, control.Analyst: analyst, control.Admin: admin} {
		var cookie, token *user
		if role != "" {
			cookie, token = s.signIn("u-"+string(role), role), s.withToken(role)
		}
		for _, byToken := range []bool{false, true} {
			for _, route := range patterns(t, s.hub) {
				var u *user
				switch {
				case role == "" && byToken:
					u = &user{s: s, token: "tl_made-up"}
				case role == "":
					u = s.nobody()
				case byToken:
					u = token
				default:
					u = cookie
				}
				method, path, _ := strings.Cut(route, " ")
				path = strings.NewReplacer("entities/{id}", "entities/e0000000000000001", "{id}", "1", "{name}", "nobody").Replace(path)
				want := slices.Contains(public, route) || slices.Contains(may, route) && !(byToken && slices.Contains(ownAccount, route))
				code, body := answerOf(u, method, path, bodies[route])
				if refused(code, body) == want {
					t.Errorf("role %q, by token %v, %s: %d %s, want it allowed: %v", role, byToken, route, code, body, want)
				}
				if route == "POST /api/v1/logout" && u == cookie && cookie != nil {
					cookie = s.signIn("u-"+string(role), role)
				}
				if !want && role == "" && code != http.StatusUnauthorized {
					t.Errorf("%s asked by nobody: %d, want 401", route, code)
				}
			}
		}
	}
}

// answerOf doesn't wait for the end of a stream.
func answerOf(u *user, method, path string, body any) (int, string) {
	if path == "/api/v1/live" {
		resp, err := u.s.server.Client().Do(u.request(method, path, body))
		if err != nil {
			u.s.t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 1000)
		n, _ := resp.Body.Read(b)
		return resp.StatusCode, string(b[:n])
	}
	resp, text := u.send(u.request(method, path, body))
	return resp.StatusCode, text
}

// otherFirst differs from s in its first character only, whichever that is.
func otherFirst(s string) string {
	if s[0] == 'x' {
		return "y" + s[1:]
	}
	return "x" + s[1:]
}

func TestForgedChangesAreRefused(t *testing.T) {
	s := newStand(t)
	admin := s.signIn("ann", control.Admin)
	forge := func(change func(http.Header)) int {
		r := admin.request("POST", "/api/v1/sites/shop/mode", SwitchMode{"bypass"})
		change(r.Header)
		resp, _ := admin.send(r)
		return resp.StatusCode
	}
	for name, change := range map[string]func(http.Header){
		"no CSRF token":    func(h http.Header) { h.Del("X-CSRF-Token") },
		"wrong CSRF token": func(h http.Header) { h.Set("X-CSRF-Token", otherFirst(admin.csrf)) },
		"no origin":        func(h http.Header) { h.Del("Origin") },
		"other origin":     func(h http.Header) { h.Set("Origin", "http://evil.example") },
		"null origin":      func(h http.Header) { h.Set("Origin", "null") },
	} {
		if code := forge(change); code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
	}
	if s.sites.mode["shop"] != "active" {
		t.Fatal("a forged request switched the mode")
	}
	if code := forge(func(http.Header) {}); code != http.StatusOK || s.sites.mode["shop"] != "bypass" {
		t.Fatalf("the true request: %d", code)
	}
	r := s.nobody().request("POST", "/api/v1/login", Login{Name: "ann", Password: goodPassword})
	r.Header.Set("Origin", "http://evil.example")
	if resp, _ := s.nobody().send(r); resp.StatusCode != http.StatusForbidden {
		t.Errorf("sign-in sent by another site's page: %d", resp.StatusCode)
	}
}

func TestHostsThatAreNotOursAreRefused(t *testing.T) {
	s := newStand(t, func(c *Config) { c.Hosts = []string{"hub.example.com", "*.corp.example"} })
	for host, want := range map[string]int{
		"localhost:8090": 200, "hub.localhost": 200, "127.0.0.1:8090": 200, "[::1]:8090": 200, "192.168.1.5": 200, "Hub.Example.com.": 200,
		"a.corp.example:8090": 200, "corp.example": 421, "evil.example": 421, "hub.example.com.evil.example": 421, "127.0.0.1.evil.example": 421, "": 421,
	} {
		r := httptest.NewRequest("GET", "/api/v1/setup", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.hub.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}
