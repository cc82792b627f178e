package population

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

func mustParse(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

const (
	chromeWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
	edgeWindows   = chromeWindows + " Edg/143.0.0.0"
	safariMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"
)

func at(second int) time.Time { return time.Unix(1800000000+int64(second), 0) }

func actor(id string, s Scenario, good, acted bool, ip, ua string, from, to int, users ...string) Actor {
	return Actor{ID: id, Scenario: s, Good: good, Acted: acted, IPs: []string{ip}, UserAgent: ua, Usernames: users, Windows: []Window{{at(from), at(to)}}}
}

func TestScore(t *testing.T) {
	var truth Truth
	truth.Add(actor("b1", CredentialStuffing, false, true, "1.1.1.1", "python-requests/2.32.3", 0, 10))
	truth.Add(actor("b2", CredentialStuffing, false, true, "1.1.1.2", "python-requests/2.32.3", 0, 10))
	truth.Add(actor("b3", CredentialStuffing, false, true, "1.1.1.3", "python-requests/2.32.3", 0, 10))  // never seen
	truth.Add(actor("b4", CredentialStuffing, false, false, "1.1.1.4", "python-requests/2.32.3", 0, 10)) // cut off
	truth.Add(actor("o1", Office, true, false, "2.2.2.2", chromeWindows, 0, 30, "ann@x.org"))
	truth.Add(actor("o2", Office, true, false, "2.2.2.2", safariMac, 0, 30))
	truth.Add(actor("o3", Office, true, false, "2.2.2.2", edgeWindows, 0, 30))
	truth.Add(actor("c1", CardTesting, false, true, "2.2.2.2", chromeWindows, 500, 530)) // later, same address
	rows := Score(&truth, []SeenSession{
		{ID: "1", IP: "1.1.1.1", UserAgent: "python-requests 2.32", Start: at(1), Last: at(9), Rating: "malicious"},
		{ID: "2", IP: "9.9.9.9", IPs: []string{"1.1.1.2", "9.9.9.9"}, Start: at(1), Last: at(2), Rating: "normal"},
		{ID: "3", IP: "1.1.1.4", Start: at(1), Last: at(2), Rating: "suspicious"},
		{ID: "4", IP: "2.2.2.2", UserAgent: "Safari 18 on macOS", Start: at(3), Last: at(9), Rating: "suspicious", Signatures: []string{"credential_stuffing"}},
		{ID: "5", IP: "2.2.2.2", UserAgent: "Edge 143 on Windows", Start: at(3), Last: at(9), Rating: "normal"},
		{ID: "6", IP: "2.2.2.2", UserAgent: "Chrome 143 on Windows", Start: at(3), Last: at(9), Rating: "normal", Account: "ann@x.org"},
		{ID: "7", IP: "2.2.2.2", UserAgent: chromeWindows, Start: at(505), Last: at(520), Rating: "suspicious"},
		{ID: "8", IP: "8.8.8.8", Start: at(0), Last: at(600), Rating: "malicious"}, // nobody of ours
	})
	by := map[string]Row{}
	for _, r := range rows {
		by[r.Scenario] = r
	}
	want := map[string]Row{
		"credential_stuffing": {Scenario: "credential_stuffing", Actors: 3, Sessions: 2, TP: 1, FN: 2, FP: 1, Malicious: 1, Precision: .5, Recall: 1. / 3},
		"card_testing":        {Scenario: "card_testing", Actors: 1, Sessions: 1, TP: 1, Precision: 1, Recall: 1},
		"scraping":            {Scenario: "scraping", Precision: 1, Recall: 1},
		"office_nat":          {Scenario: "office_nat", Good: true, Actors: 3, Sessions: 3, FP: 1, Recall: 1},
		AllAbuse:              {Scenario: AllAbuse, Actors: 4, Sessions: 3, TP: 2, FP: 1, FN: 2, Malicious: 1, Precision: 2. / 3, Recall: .5},
	}
	for name, w := range want {
		if by[name] != w {
			t.Errorf("%s\n got %+v\nwant %+v", name, by[name], w)
		}
	}

	var table, raw bytes.Buffer
	if err := WriteTable(&table, rows); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "credential_stuffing") || !strings.Contains(table.String(), "33%") {
		t.Errorf("table:\n%s", table.String())
	}
	if err := WriteJSON(&raw, rows); err != nil {
		t.Fatal(err)
	}
	var back []Row
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil || len(back) != len(rows) || back[0] != rows[0] {
		t.Errorf("JSON %s: %v", raw.String(), err)
	}
}

func TestAgentFit(t *testing.T) {
	for _, c := range []struct {
		seen, full string
		fits       bool
	}{
		{"Chrome 143 on Windows", chromeWindows, true},
		{"Chrome 143 on Windows", edgeWindows, false},
		{"Safari 18 on macOS", chromeWindows, false},
		{"Safari 18 on macOS", safariMac, true},
		{"Mobile Safari 18 on iOS", safariOn("18.5", true).ua, true},
		{"Chrome 140 on Android", chromeOn(140, "Linux; Android 10; K", "Android", true).ua, true},
		{"Chrome 140 on Linux", chromeOn(140, "Linux; Android 10; K", "Android", true).ua, false},
		{googlebot().ua, googlebot().ua, true},
	} {
		if got := agentFit(c.seen, c.full) == 1; got != c.fits {
			t.Errorf("%q in %q: %v", c.seen, c.full, got)
		}
	}
}

func TestBrowsersOfOneHouseDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range browsers() {
		if seen[a.ua] {
			t.Errorf("%q twice", a.ua)
		}
		seen[a.ua] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d browsers", len(seen))
	}
}
