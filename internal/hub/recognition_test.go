package hub

import (
	"strings"
	"sync"
	"testing"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/recognition"
)

// known answers as it is told, and remembers what it was asked.
type known struct {
	mu     sync.Mutex
	asked  []recognition.Question
	answer recognition.Answer
	err    error
}

func (k *known) Ask(q recognition.Question) (recognition.Answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, q)
	return k.answer, k.err
}

func TestIdentityReport(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("vic", control.Viewer)
	s.known.answer = recognition.Answer{State: recognition.Running, Progress: 0.25}
	var got recognition.Answer
	if text := viewer.do("GET", "/api/v1/identity/report", nil, 200, &got); strings.Contains(text, "report") || strings.Contains(text, "measured") {
		t.Errorf("a report before there is one: %s", text)
	}
	if got.State != recognition.Running || got.Progress != 0.25 {
		t.Errorf("%+v", got)
	}

	report, at := recognition.NewTally(recognition.Caps{}).Report(), day.UTC()
	s.known.answer = recognition.Answer{State: recognition.Ready, Progress: 1, Report: &report, Measured: &at}
	viewer.do("GET", "/api/v1/identity/report?days=30&site=shop", nil, 200, &got) // looks for nulls, too
	if got.Report == nil || len(got.Report.Notes) != 1 || len(got.Report.Kinds) != 6 || !got.Measured.Equal(day) {
		t.Errorf("%+v", got.Report)
	}
	want := []recognition.Question{{Days: 7}, {Site: "shop", Days: 30}}
	if len(s.known.asked) != 2 || s.known.asked[0] != want[0] || s.known.asked[1] != want[1] {
		t.Errorf("asked %+v, want %+v", s.known.asked, want)
	}

	for _, query := range []string{"days=0", "days=91", "days=x", "site=" + strings.Repeat("s", 129), "week=1"} {
		viewer.do("GET", "/api/v1/identity/report?"+query, nil, 422, nil)
	}
	s.known.err = recognition.ErrNoSite
	viewer.do("GET", "/api/v1/identity/report?site=other", nil, 404, nil)
	s.known.err = recognition.ErrBusy
	resp, text := viewer.send(viewer.request("GET", "/api/v1/identity/report", nil))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, recognition.ErrBusy.Error()) {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, text)
	}
	s.nobody().do("GET", "/api/v1/identity/report", nil, 401, nil)
}
