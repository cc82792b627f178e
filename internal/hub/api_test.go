package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/insight"
)

func TestPublishedDocumentIsCurrent(t *testing.T) {
	published, err := os.ReadFile("../../web/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var current bytes.Buffer
	if err := WriteOpenAPI(&current); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, current.Bytes()) {
		t.Fatal("web/openapi.json is stale: go run ./internal/hub/openapigen > web/openapi.json, then generate the app's types anew")
	}
	s := newStand(t)
	if got := s.nobody().do("GET", "/api/openapi.json", nil, 200, nil); got != current.String() {
		t.Error("the Hub serves another document than it publishes")
	}
}

func TestSetUpAndSignIn(t *testing.T) {
	s := newStand(t)
	var setup Setup
	s.nobody().do("GET", "/api/v1/setup", nil, 200, &setup)
	if !setup.NeedsSetup || setup.Version != "1.2.3" {
		t.Fatalf("%+v", setup)
	}
	link, err := s.auth.SetupLink(t.Context(), s.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	first := FirstUser{Token: u.Query().Get("token"), Name: "Ann", Password: goodPassword}
	var problem huma.ErrorModel
	text := s.nobody().do("POST", "/api/v1/setup", FirstUser{Token: first.Token, Name: "a b", Password: "aha-secret"}, 422, &problem)
	if len(problem.Errors) != 2 || problem.Errors[0].Location != "body.name" || problem.Errors[1].Location != "body.password" {
		t.Errorf("faults: %s", text)
	}
	resp, text := s.nobody().send(s.nobody().request("POST", "/api/v1/setup", first))
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
	var me Me
	if err := json.Unmarshal([]byte(text), &me); err != nil {
		t.Fatal(err)
	}
	c := resp.Cookies()[0]
	ann := &user{s: s, cookie: c.Name + "=" + c.Value, csrf: me.CSRF}
	var again Me
	ann.do("GET", "/api/v1/me", nil, 200, &again)
	if again != me || me.Name != "ann" || me.Role != "admin" {
		t.Errorf("me %+v, then %+v", me, again)
	}
	s.nobody().do("POST", "/api/v1/setup", first, 403, nil)
	s.nobody().do("GET", "/api/v1/setup", nil, 200, &setup)
	if setup.NeedsSetup {
		t.Error("still asks for set-up")
	}
	ann.do("POST", "/api/v1/logout", nil, 204, nil)
	ann.do("GET", "/api/v1/me", nil, 401, nil)

	if text := s.nobody().do("POST", "/api/v1/login", Login{"ann", "wrong"}, 401, nil); !strings.Contains(text, "name or password is wrong") {
		t.Error(text)
	}
	for range 4 {
		s.nobody().do("POST", "/api/v1/login", Login{"ann", "wrong"}, 401, nil)
	}
	r := s.nobody().request("POST", "/api/v1/login", Login{"ann", goodPassword})
	if resp, text := s.nobody().send(r); resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("after five failures: %d %v %s", resp.StatusCode, resp.Header, text)
	}
	s.clock.pass(time.Second)
	s.nobody().do("POST", "/api/v1/login", Login{"ann", goodPassword}, 200, nil)
	for _, secret := range []string{first.Token, goodPassword, "aha-secret"} {
		if strings.Contains(s.log.String(), secret) || strings.Contains(text, secret) {
			t.Errorf("%q was logged or answered", secret)
		}
	}
}

func TestSearchSessions(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("vera", control.Viewer)
	m := memory(t)
	ids := []string{m.Sessions[0].ID.String(), m.Sessions[1].ID.String(), m.Sessions[2].ID.String()}
	annID := insight.EntityID(hasher(t).Entity("email", "ann@example.com"))
	for query, want := range map[string][]int{
		"":                            {2, 1, 0},
		"sort=start":                  {0, 1, 2},
		"sort=-points":                {2, 1, 0},
		"sort=-rating":                {1, 2, 0},
		"rating=malicious":            {1},
		"rating=malicious,suspicious": {2, 1},
		"element=email&values=ANN@example.com%20":                     {2, 0},
		"element=email&values=ann@example.com,bob@example.com":        {2, 1, 0},
		"element=email&values=ann@example.com&values=bob@example.com": {2, 1, 0},
		"element=email&values=ann@example.com&values=,&rating=normal": {0},
		"entity=" + annID:                          {2, 0},
		"entity=e0000000000000001":                 {},
		"element=quantity&values=2":                {2, 1, 0},
		"from=1h":                                  {2},
		"from=2026-03-01T11:00:00Z":                {2},
		"to=2026-03-01T10:45:00%2B00:00":           {0},
		"from=2026-03-01T10:10:00Z&to=1h":          {1},
		"label=many_logins":                        {2, 1},
		"signature=stuffing&country=us":            {1},
		"ip=::ffff:198.51.100.2":                   {2, 1},
		"site=other":                               {},
		"spec_id=" + m.Sessions[0].SpecID.String(): {2, 0},
	} {
		var page SessionList
		viewer.do("GET", "/api/v1/sessions?"+query, nil, 200, &page)
		var got []string
		for _, v := range page.Sessions {
			got = append(got, v.ID)
		}
		var wanted []string
		for _, i := range want {
			wanted = append(wanted, ids[i])
		}
		if !slices.Equal(got, wanted) || page.Total != int64(len(want)) || page.Next != "" {
			t.Errorf("%s: %v of %d, want %v", query, got, page.Total, wanted)
		}
	}
	var page SessionList
	viewer.do("GET", "/api/v1/sessions?limit=2", nil, 200, &page)
	if len(page.Sessions) != 2 || page.Total != 3 || page.Next == "" {
		t.Fatalf("first page %+v", page)
	}
	viewer.do("GET", "/api/v1/sessions?limit=2&cursor="+url.QueryEscape(page.Next), nil, 200, &page)
	if len(page.Sessions) != 1 || page.Sessions[0].ID != ids[0] || page.Next != "" {
		t.Fatalf("second page %+v", page)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("ann", control.Admin)
	for path, want := range map[string]string{
		"/api/v1/sessions?from=soon&to=99y&rating=evil&spec_id=x&sort=colour&limit=0&element=email&values=a,b&ip=1.2.3&country=1A": "country from ip limit rating sort spec_id to values[0] values[1]",
		"/api/v1/sessions?element=shoe_size&values=1&limit=many":                                                                   "element limit",
		"/api/v1/sessions?values=1":                                                        "element",
		"/api/v1/sessions?element=email":                                                   "values",
		"/api/v1/sessions?entity=E1&element=email&values=a@b":                              "entity entity",
		"/api/v1/sessions?from=1h&to=2h":                                                   "to",
		"/api/v1/sessions?cursor=made-up":                                                  "cursor",
		"/api/v1/sessions/" + memory(t).Sessions[0].ID.String() + "/events?cursor=made-up": "cursor",
		"/api/v1/audit?cursor=x":                                                           "cursor",
		"/api/v1/sessions?cuntry=DE":                                                       "cuntry",
		"/api/v1/sessions/01":                                                              "id",
		"/api/v1/sessions/x/events?type=dance&rating=evil&order=random&limit=501":          "id limit order rating type",
		"/api/v1/events/-1":                                                                "id",
		"/api/v1/entities/ann@example.com":                                                 "id",
		"/api/v1/entities/e0000000000000000":                                               "id",
		"/api/v1/live?rating=x":                                                            "rating",
	} {
		r := viewer.request("GET", path, nil)
		resp, text := viewer.send(r)
		var p huma.ErrorModel
		if err := json.Unmarshal([]byte(text), &p); err != nil || resp.StatusCode != 422 || resp.Header.Get("Content-Type") != "application/problem+json" || p.Status != 422 {
			t.Errorf("%s: %d %v %s", path, resp.StatusCode, resp.Header.Get("Content-Type"), text)
			continue
		}
		var fields []string
		for _, d := range p.Errors {
			_, field, _ := strings.Cut(d.Location, ".")
			fields = append(fields, field)
		}
		slices.Sort(fields)
		if got := strings.Join(fields, " "); got != want {
			t.Errorf("%s: faults in %s, want %s: %s", path, got, want, text)
		}
	}
}

func TestSessionPage(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("vera", control.Viewer)
	m := memory(t)
	id := m.Sessions[2].ID.String()
	var d SessionDetail
	viewer.do("GET", "/api/v1/sessions/"+id, nil, 200, &d)
	turned := m.Events[8]
	if d.ID != id || d.Rating != "suspicious" || d.DurationMS != 60000 || d.Velocity != 2 || !d.Live || d.Start != "2026-03-01T11:30:00.000000Z" {
		t.Errorf("head %+v", d.Session)
	}
	if len(d.Turns) != 1 || d.Turns[0].EventID != turned.ID.String() || d.Turns[0].From != "normal" || d.Turns[0].To != "suspicious" {
		t.Errorf("turns %+v", d.Turns)
	}
	if len(d.Labels) != 1 || d.Labels[0].Evidence[0].Value != "27" || d.Labels[0].EventID != turned.ID.String() {
		t.Errorf("labels %+v", d.Labels)
	}
	if len(d.Entities) != 2 || d.Entities[0].Element != "email" || d.Entities[0].Sessions != 2 {
		t.Errorf("entities %+v", d.Entities)
	}
	if len(d.Related) != 1 || d.Related[0].ID != m.Sessions[0].ID.String() || d.Related[0].Live {
		t.Errorf("related %+v", d.Related)
	}
	var n int64
	for _, b := range d.Chart {
		n += b.Count
	}
	if n != 3 {
		t.Errorf("chart %+v", d.Chart)
	}

	var events EventList
	viewer.do("GET", "/api/v1/sessions/"+id+"/events", nil, 200, &events)
	if len(events.Events) != 3 || events.Events[0].ID != turned.ID.String() || events.Events[0].Change == nil || events.Events[1].TypeName != "Authentication attempt" {
		t.Errorf("events %+v", events)
	}
	viewer.do("GET", "/api/v1/sessions/"+id+"/events?type=authentication_attempt&order=oldest", nil, 200, &events)
	if len(events.Events) != 1 || events.Events[0].Elements[2].EntityID != insight.EntityID(hasher(t).Entity("email", "ann@example.com")) {
		t.Errorf("events %+v", events)
	}
	var e Event
	viewer.do("GET", "/api/v1/events/"+turned.ID.String(), nil, 200, &e)
	if e.SessionID != id || e.Rating != "suspicious" || e.Labels[0].ID != "many_logins" || e.Signatures[0].ID != "stuffing" {
		t.Errorf("event %+v", e)
	}
	for _, path := range []string{"/api/v1/sessions/1", "/api/v1/sessions/1/events", "/api/v1/events/1", "/api/v1/entities/e0000000000000001"} {
		viewer.do("GET", path, nil, 404, nil)
	}
}

func TestEntityPage(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("vera", control.Viewer)
	var found Lookedup
	viewer.do("POST", "/api/v1/entities/lookup", Lookup{"email", " Ann@Example.com"}, 200, &found)
	if !found.Known || found.Value != "ann@example.com" {
		t.Fatalf("%+v", found)
	}
	var e Entity
	viewer.do("GET", "/api/v1/entities/"+found.ID, nil, 200, &e)
	if e.ID != found.ID || e.Sessions != 2 || e.Ratings["normal"] != 1 || e.Ratings["suspicious"] != 1 || e.Countries["DE"] != 2 || len(e.Recent) != 2 || len(e.Linked) != 2 || e.LinkedEntities != 2 {
		t.Errorf("%+v", e)
	}
	viewer.do("POST", "/api/v1/entities/lookup", Lookup{"email", "eve@example.com"}, 200, &found)
	if found.Known || found.ID == e.ID {
		t.Errorf("%+v", found)
	}
	viewer.do("GET", "/api/v1/entities/"+found.ID, nil, 404, nil)
	for _, bad := range []Lookup{{"email", "nonsense"}, {"quantity", "2"}, {"shoe_size", "43"}} {
		if text := viewer.do("POST", "/api/v1/entities/lookup", bad, 422, nil); strings.Contains(text, bad.Value+`"`) {
			t.Errorf("echoed the value: %s", text)
		}
	}
}

func TestStatusPolicyAndModes(t *testing.T) {
	s := newStand(t)
	admin := s.signIn("ann", control.Admin)
	var st Status
	admin.do("GET", "/api/v1/status", nil, 200, &st)
	if st.Version != "1.2.3" || len(st.Sites) != 1 || st.Shed == nil {
		t.Errorf("%+v", st)
	}
	var p Policy
	admin.do("GET", "/api/v1/policy", nil, 200, &p)
	if p.Revision != "abc" || p.Files["spec.yaml"] != "kind: spec" {
		t.Errorf("%+v", p)
	}
	var b SiteMode
	admin.do("POST", "/api/v1/sites/shop/mode", SwitchMode{"configured"}, 200, &b)
	if b != (SiteMode{"shop", "active"}) {
		t.Errorf("the configured mode: %+v", b)
	}
	admin.do("POST", "/api/v1/sites/shop/mode", SwitchMode{"maintenance"}, 200, &b)
	kept, err := s.store.Setting(t.Context(), ModeSetting+"shop")
	if err != nil || kept != "maintenance" || s.sites.mode["shop"] != "maintenance" || b != (SiteMode{"shop", "maintenance"}) {
		t.Errorf("mode %+v, kept %q %v", b, kept, err)
	}
	admin.do("POST", "/api/v1/sites/nowhere/mode", SwitchMode{"bypass"}, 404, nil)
	admin.do("POST", "/api/v1/sites/shop/mode", SwitchMode{"off"}, 422, nil)
	var log AuditList
	admin.do("GET", "/api/v1/audit?limit=1", nil, 200, &log)
	if e := log.Entries[0]; e.Actor != "ann" || e.Action != "site.mode" || e.Target != "shop" || e.Detail != "maintenance" || e.IP != "127.0.0.1" || log.Next == "" {
		t.Errorf("audit %+v", log)
	}
}

// The switch is for emergencies: a full disk must not keep it from working.
func TestTheSwitchWorksWithoutTheStore(t *testing.T) {
	s := newStand(t, func(c *Config) { c.Settings = fullDisk{c.Settings} })
	admin := s.signIn("ann", control.Admin)
	text := admin.do("POST", "/api/v1/sites/shop/mode", SwitchMode{"bypass"}, 500, nil)
	if s.sites.mode["shop"] != "bypass" || !strings.Contains(text, "mode bypass is in force") || strings.Contains(text, "disk") {
		t.Errorf("%v %s", s.sites.mode, text)
	}
}

type (
	kept     = control.Settings
	fullDisk struct{ kept }
)

func (fullDisk) SetSetting(context.Context, string, string) error { return errors.New("disk is full") }

func TestManageUsersAndTokens(t *testing.T) {
	s := newStand(t)
	admin := s.signIn("ann", control.Admin)
	var u User
	admin.do("POST", "/api/v1/users", NewUser{"bob", "viewer", goodPassword}, 201, &u)
	admin.do("POST", "/api/v1/users", NewUser{"bob", "viewer", goodPassword}, 409, nil)
	admin.do("POST", "/api/v1/users", map[string]any{"name": "carl", "password": "hidden-in-errors", "rank": 1}, 422, nil)
	if text := admin.do("POST", "/api/v1/users", map[string]any{"password": "hidden-in-errors"}, 422, nil); strings.Contains(text, "hidden-in-errors") {
		t.Errorf("echoed a password: %s", text)
	}
	bob := s.signIn("bob", control.Viewer)
	bob.do("POST", "/api/v1/me/password", NewPassword{"wrong", goodPassword + "2"}, 422, nil)
	bob.do("POST", "/api/v1/me/password", NewPassword{goodPassword, goodPassword + "2"}, 204, nil)
	bob.do("GET", "/api/v1/me", nil, 200, nil)
	var users UserList
	admin.do("GET", "/api/v1/users", nil, 200, &users)
	if len(users.Users) != 2 || users.Users[1].Name != "bob" || users.Users[1].Role != "viewer" {
		t.Errorf("%+v", users)
	}
	admin.do("DELETE", "/api/v1/users/bob", nil, 204, nil)
	bob.do("GET", "/api/v1/me", nil, 401, nil)
	admin.do("DELETE", "/api/v1/users/bob", nil, 404, nil)
	admin.do("DELETE", "/api/v1/users/ann", nil, 409, nil)

	var made CreatedToken
	admin.do("POST", "/api/v1/tokens", NewToken{Name: "ci", Role: "viewer", Expires: "7d"}, 201, &made)
	if made.Expires != "2026-03-08T12:00:00.000000Z" || made.LastUsed != "" {
		t.Errorf("%+v", made)
	}
	ci := &user{s: s, token: made.Secret}
	ci.do("GET", "/api/v1/sessions", nil, 200, nil)
	var tokens TokenList
	text := admin.do("GET", "/api/v1/tokens", nil, 200, &tokens)
	if len(tokens.Tokens) != 1 || tokens.Tokens[0].LastUsed == "" || strings.Contains(text, made.Secret) {
		t.Errorf("%s", text)
	}
	admin.do("POST", "/api/v1/tokens", NewToken{Name: "x", Role: "viewer", Expires: "tomorrow"}, 422, nil)
	admin.do("DELETE", "/api/v1/tokens/ci", nil, 204, nil)
	ci.do("GET", "/api/v1/sessions", nil, 401, nil)

	var actions []string
	for next := ""; ; {
		var log AuditList
		admin.do("GET", "/api/v1/audit?limit=3&cursor="+next, nil, 200, &log)
		for _, e := range log.Entries {
			actions = append(actions, e.Action)
		}
		if next = log.Next; next == "" {
			break
		}
	}
	slices.Reverse(actions)
	want := "user.create session.create user.create session.create user.password.refuse user.password user.delete token.create token.delete"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("audit log\n%s\nwant\n%s", got, want)
	}
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	s := newStand(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/v1/nothing", 404, ""},
		{"GET", "/api/", 404, ""},
		{"DELETE", "/api/v1/setup", 405, "GET, POST"},
		{"PUT", "/api/v1/users/ann", 405, "DELETE"},
		{"POST", "/sessions", 405, "GET, HEAD"},
	} {
		resp, text := s.nobody().send(s.nobody().request(c.method, c.path, nil))
		if resp.StatusCode != c.status || strings.Join(resp.Header.Values("Allow"), ", ") != c.allow || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %v %s", c.method, c.path, resp.StatusCode, resp.Header, text)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := newStand(t)
	big := Login{Name: "ann", Password: strings.Repeat("x", 100<<10)}
	s.nobody().do("POST", "/api/v1/login", big, http.StatusRequestEntityTooLarge, nil)
}

func TestLogHoldsNoQuery(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("vera", control.Viewer)
	viewer.do("GET", "/api/v1/sessions?element=email&values=ann@example.com", nil, 200, nil)
	s.nobody().do("GET", "/setup?token=very-secret", nil, 200, nil)
	log := s.log.String()
	if strings.Contains(log, "ann@") || strings.Contains(log, "very-secret") {
		t.Error(log)
	}
	if !strings.Contains(log, `"path":"/api/v1/sessions"`) || !strings.Contains(log, `"actor":"vera"`) || !strings.Contains(log, `"path":"/setup"`) {
		t.Error(log)
	}
}
