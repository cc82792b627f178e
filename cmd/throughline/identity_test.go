package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/recognition"
)

// logIn signs in as the visitor with this cookie.
func logIn(t *testing.T, s *server, sid, user string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.site+"/login", strings.NewReader(url.Values{"user": {user}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Cookie", "sid="+sid)
	req.Header.Set("User-Agent", "test")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// TestIdentityReport measures the same by the API, by the command beside the running
// process, and by the command alone.
func TestIdentityReport(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	if out, err := tool(t, "", "identity", "report", "--data", s.data); err == nil || !strings.Contains(out, "no data folder") {
		t.Errorf("before the first start: %s", out)
	}
	s.start(t)
	cookie := func(n int) string { return fmt.Sprintf(sidOf, n) }
	for _, v := range []struct {
		sid  int
		user string
	}{{1, "ann"}, {1, "ann"}, {2, "ann"}, {3, "bob"}, {4, "carl"}, {4, "dora"}, {5, "mallory"}} {
		logIn(t, s, cookie(v.sid), v.user)
	}
	if _, err := visit(s.site, "/", cookie(6)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is searchable", func() bool { return s.events(t) == 8 })

	read := func() recognition.Report {
		t.Helper()
		var r recognition.Report
		if err := json.Unmarshal([]byte(mustTool(t, "", "identity", "report", "--data", s.data, "--json")), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	live := read()
	if live.Sessions != 6 || live.Labelled != 3 || live.Accounts != 2 || live.SpecIDs != 3 || live.LeftOut.SeveralAccounts != 1 || live.LeftOut.Unlabelled != 2 {
		t.Fatalf("%+v", live)
	}
	if q := live.Overall; q.PairRecall.Of != 2 || q.PairRecall.Hits != 0 || q.CubedPrecision.Share != 1 || live.First.Returning != 1 || live.First.Strong.Hits != 0 || live.First.StrongWrong != 0 {
		t.Errorf("%+v", live)
	}

	var answer recognition.Answer
	eventually(t, "the API has it, too", func() bool {
		s.get(t, "/api/v1/identity/report", &answer)
		return answer.State == recognition.Ready
	})
	if !alike(*answer.Report, live) {
		t.Errorf("the API says %+v, the command %+v", *answer.Report, live)
	}
	text := mustTool(t, "", "identity", "report", "--data", s.data, "--site", "shop", "--days", "1")
	for _, want := range []string{"site shop", "6 sessions; 3 with a log-in, of 2 accounts, under 3 Spec IDs", "By browser family", "By key of the first request",
		"1 session of several accounts", "2 sessions without a log-in", "1 session left out: more than one account signed in", "Only 3 labelled sessions"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for args, want := range map[string]string{"--days=0": "want 1 to 90", "--days=91": "want 1 to 90", "--site=other": "no such site", "--data=/nowhere": "no data folder"} {
		if out, err := tool(t, "", "identity", "report", "--data", s.data, args); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %s", args, out)
		}
	}
	if err := s.tryGet("/api/v1/identity/report?site=other", &answer); err == nil || !strings.Contains(err.Error(), "no such site") {
		t.Errorf("%v", err)
	}

	s.signal(t, syscall.SIGTERM)
	if alone := read(); !alike(alone, live) {
		t.Errorf("alone %+v, beside the process %+v", alone, live)
	}
	if out, err := tool(t, "", "identity", "report", "--data", s.data, "--site", "other"); err == nil || !strings.Contains(out, "no such site") {
		t.Errorf("%s", out)
	}
}

// alike leaves out how much was read: time goes on.
func alike(a, b recognition.Report) bool {
	a.Entries, b.Entries, a.From, b.From, a.To, b.To = 0, 0, nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}
