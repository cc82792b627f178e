package hub

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/control"
)

func TestSplitValues(t *testing.T) {
	for _, c := range []struct{ raw, want []string }{
		{nil, nil},
		{[]string{"a,b", "c"}, []string{"a", "b", "c"}},
		{[]string{`Smith\, John,Doe`}, []string{"Smith, John", "Doe"}},
		{[]string{`a\\,b`, `c\d`, `e\`}, []string{`a\`, "b", `c\d`, `e\`}},
		{[]string{",", " , "}, nil},
	} {
		if got := splitValues(c.raw); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.raw, got, c.want)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"90s": now.Add(-90 * time.Second), "90m": now.Add(-90 * time.Minute), "24h": now.Add(-24 * time.Hour), "7d": now.AddDate(0, 0, -7),
		"2w": now.AddDate(0, 0, -14), "0h": now, "2026-03-01T13:00:00+01:00": now, "2026-03-01T12:00:00.25Z": now.Add(250 * time.Millisecond),
	} {
		if got, err := parseTime(s, now); err != nil || got != want.UnixMicro() {
			t.Errorf("%s: %v %v, want %v", s, time.UnixMicro(got).UTC(), err, want)
		}
	}
	for _, s := range []string{"soon", "7", "d", "-7d", "+7d", "1.5h", "7 d", "99999d", "4294967295w", "2026-03-01", "1960-01-01T00:00:00Z", "٣d"} {
		if got, err := parseTime(s, now); err == nil {
			t.Errorf("%s: accepted as %v", s, time.UnixMicro(got).UTC())
		}
	}
}

// Whatever stands in a query, the answer is a page or a list of faults.
func FuzzSessionsQuery(f *testing.F) {
	for _, q := range []string{"", "element=email&values=a@b,c@d", "entity=e0000000000000001", "from=24h&to=1h&rating=malicious", "from=2026-03-01T12:00:00Z",
		"limit=0&sort=-rating&cursor=2", "values=%5C%2C&values=%00", "spec_id=9223372036854775807", "a=%zz;b", "rating=,,&label=%ff"} {
		f.Add(q)
	}
	viewer := newStand(f).signIn("vera", control.Viewer)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "http://localhost/api/v1/sessions", nil)
		r.URL = &url.URL{Path: "/api/v1/sessions", RawQuery: query}
		r.Header.Set("Cookie", viewer.cookie)
		w := httptest.NewRecorder()
		viewer.s.hub.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	})
}
