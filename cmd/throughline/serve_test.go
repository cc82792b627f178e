package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/hub"
)

// shopOrigin answers everything, and 401 to a login as mallory.
func shopOrigin(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.FormValue("user") == "mallory" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(s.Close)
	return s
}

// visit asks for a page as the visitor with this cookie.
func visit(base, path, sid string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, base+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Cookie", "sid="+sid)
	req.Header.Set("User-Agent", "test")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errorsJoin(err, resp.Body.Close())
}

func errorsJoin(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

const sidOf = "visitor-%06d-long-enough"

// TestKillDuringTraffic kills the process with SIGKILL while visitors come, and
// starts it again: every Event the journal had acknowledged is searchable once,
// sessions go on, and so do counters.
func TestKillDuringTraffic(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	s.start(t)
	ann := fmt.Sprintf(sidOf, 1)
	for range 60 {
		if code, err := visit(s.site, "/before", ann); code != 200 || err != nil {
			t.Fatalf("%d %v", code, err)
		}
	}
	eventually(t, "sixty events are searchable", func() bool { return s.events(t) >= 60 })
	var before hub.SessionList
	s.get(t, "/api/v1/sessions", &before)
	if len(before.Sessions) != 1 || before.Sessions[0].Events != 60 {
		t.Fatalf("before: %+v", before.Sessions)
	}

	var done atomic.Bool
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; !done.Load(); n++ {
				_, _ = visit(s.site, "/during", fmt.Sprintf(sidOf, 100+i))
			}
		})
	}
	eventually(t, "traffic flows", func() bool { return s.events(t) >= 300 })
	var acked hub.Status
	s.get(t, "/api/v1/status", &acked)
	s.signal(t, syscall.SIGKILL)
	done.Store(true)
	wg.Wait()

	s.start(t)
	eventually(t, "the warehouse has caught up", func() bool {
		var st hub.Status
		s.get(t, "/api/v1/status", &st)
		return st.Warehouse.Lag == 0 && st.Journal.Entries >= acked.Journal.Entries
	})
	// Forty more pages of the first visitor: the hundredth places the label, which
	// only a counter that went on can know.
	for range 40 {
		if code, err := visit(s.site, "/after", ann); code != 200 || err != nil {
			t.Fatalf("%d %v", code, err)
		}
	}
	eventually(t, "the first session has a hundred events", func() bool {
		var one hub.SessionDetail
		s.get(t, "/api/v1/sessions/"+before.Sessions[0].ID, &one)
		return one.Events == 100 && one.Rating == "suspicious" && one.Labels[0].ID == "hundred_pages"
	})
	// Each session counts exactly the Events that are there: none lost, none doubled.
	var all hub.SessionList
	s.get(t, "/api/v1/sessions?limit=100", &all)
	total := 0
	for _, one := range all.Sessions {
		var list hub.EventList
		s.get(t, "/api/v1/sessions/"+one.ID+"/events?limit=1", &list)
		if int64(one.Events) != list.Total {
			t.Errorf("session %s counts %d events, %d are there", one.ID, one.Events, list.Total)
		}
		total += one.Events
	}
	if total < int(acked.Warehouse.Events)+40 {
		t.Errorf("%d events after the kill, %d were visible before it", total, acked.Warehouse.Events)
	}
}

func (s *server) events(t *testing.T) int64 {
	t.Helper()
	var st hub.Status
	s.get(t, "/api/v1/status", &st)
	return st.Warehouse.Events
}

// TestBackupWhileRunningAndRestore takes a backup under traffic, restores it
// elsewhere and finds the same sessions there.
func TestBackupWhileRunningAndRestore(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	s.start(t)
	for i := range 30 {
		if _, err := visit(s.site, "/p", fmt.Sprintf(sidOf, i%3)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "thirty events are searchable", func() bool { return s.events(t) == 30 })
	to := filepath.Join(s.dir, "backup.tar")
	mustTool(t, "", "backup", "--data", s.data, "--to", to)
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if out, err := tool(t, "", "restore", "--data", s.data, "--from", to); err == nil || !strings.Contains(out, "not empty") {
		t.Fatalf("restore over data: %v %s", err, out)
	}
	var want hub.SessionList
	s.get(t, "/api/v1/sessions?sort=start", &want)

	other := newServer(t, shopOrigin(t).URL)
	if err := os.RemoveAll(other.data); err != nil {
		t.Fatal(err)
	}
	mustTool(t, "", "restore", "--data", other.data, "--from", to)
	other.token = s.token // the tokens came along
	other.start(t)
	var got hub.SessionList
	other.get(t, "/api/v1/sessions?sort=start", &got)
	if len(got.Sessions) != 3 || len(want.Sessions) != 3 {
		t.Fatalf("%d sessions restored of %d", len(got.Sessions), len(want.Sessions))
	}
	for i := range got.Sessions {
		if got.Sessions[i].ID != want.Sessions[i].ID || got.Sessions[i].Events != 10 {
			t.Errorf("%+v, want %+v", got.Sessions[i], want.Sessions[i])
		}
	}
	// The restored judge knows the visitors: the next page joins, not begins.
	if _, err := visit(other.site, "/p", fmt.Sprintf(sidOf, 0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the restored session goes on", func() bool { return other.events(t) == 31 })
	other.get(t, "/api/v1/sessions", &got)
	if got.Total != 3 {
		t.Errorf("%d sessions after the next page, want 3", got.Total)
	}
	s.signal(t, syscall.SIGTERM)
	mustTool(t, "", "backup", "--data", s.data, "--to", filepath.Join(s.dir, "stopped.tar"))
}

// TestAFaultyPolicyIsRefusedAndTheRunningOneStays changes the folder under a
// running process.
func TestAFaultyPolicyIsRefusedAndTheRunningOneStays(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	s.start(t)
	var before, after hub.Status
	s.get(t, "/api/v1/status", &before)
	bad := "kind: spec\nname: x\ntype: nope\nmatch: {path: nope}\n---\nkind: label\nid: A B\ntitle: t\nseverity: loud\nwhen: 1 +\n"
	write(t, filepath.Join(s.dir, "policy", "more.yaml"), bad)
	out, err := tool(t, "", "policy", "check", filepath.Join(s.dir, "policy"))
	if n := strings.Count(out, "\n"); err == nil || n != 5 {
		t.Fatalf("five faults make %d lines: %v\n%s", n, err, out)
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !strings.HasPrefix(line, "more.yaml:") {
			t.Errorf("a line does not say where: %s", line)
		}
	}
	eventually(t, "the refusal is shown", func() bool {
		s.get(t, "/api/v1/status", &after)
		return len(after.Policy.Faults) == 5
	})
	if after.Policy.Revision != before.Policy.Revision {
		t.Fatalf("revision %s became %s", before.Policy.Revision, after.Policy.Revision)
	}
	good := "kind: list\nname: l\nvalues: [a]\n"
	write(t, filepath.Join(s.dir, "policy", "more.yaml"), good)
	eventually(t, "the mended policy is in force", func() bool {
		s.get(t, "/api/v1/status", &after)
		return after.Policy.Revision != before.Policy.Revision && len(after.Policy.Faults) == 0
	})
}

// TestBlockedBySignature shows a sync route answered by the engine.
func TestBlockedOnASyncRoute(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	s.start(t)
	login := func() (int, string) {
		req, err := http.NewRequest(http.MethodPost, s.site+"/login", strings.NewReader(url.Values{"user": {"mallory"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", "sid=mallory-mallory-mallory")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if code, _ := login(); code != 401 {
		t.Fatalf("first login: %d", code)
	}
	if code, body := login(); code != 403 || body != "stopped" {
		t.Fatalf("second login: %d %q", code, body)
	}
	eventually(t, "both are searchable", func() bool { return s.events(t) == 2 })
	var list hub.SessionList
	s.get(t, "/api/v1/sessions?rating=malicious", &list)
	if list.Total != 1 || list.Sessions[0].Actions[0].Name != "stop" || !list.Sessions[0].Actions[0].Enforced {
		t.Fatalf("%+v", list)
	}
	var one hub.SessionDetail
	s.get(t, "/api/v1/sessions/"+list.Sessions[0].ID, &one)
	if len(one.Turns) != 1 || one.Turns[0].To != "malicious" || one.Labels[0].Evidence[0].Value != "failure" {
		t.Fatalf("turns %+v labels %+v", one.Turns, one.Labels)
	}
}

// TestFirstStartPrintsASetUpLinkAndRefusesASecondProcess covers the beginning.
func TestFirstStart(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	s.start(t)
	eventually(t, "the set-up link is printed", func() bool { return strings.Contains(s.log.String(), "/setup?token=") })
	out, err := tool(t, "", "serve", "--config", filepath.Join(s.dir, "throughline.yaml"))
	if err == nil || !strings.Contains(out, "in use by process") {
		t.Fatalf("a second process on the same data: %v\n%s", err, out)
	}
	mustTool(t, "a long enough passphrase\n", "user", "add", "ann", "--role", "admin", "--data", s.data)
	if out, err := tool(t, "short\n", "user", "add", "bob", "--data", s.data); err == nil {
		t.Fatalf("a short password was taken: %s", out)
	}
	if out := mustTool(t, "", "user", "list", "--data", s.data, "--json"); !strings.Contains(out, `"name": "ann"`) {
		t.Fatal(out)
	}
	start := time.Now()
	s.signal(t, syscall.SIGTERM)
	if !strings.Contains(s.log.String(), `"stopped"`) {
		t.Fatalf("it did not stop cleanly after %v:\n%s", time.Since(start), s.log)
	}
}
