package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemoFindsWhatThereIs runs the demo to its end and holds its score against
// what a first version must reach: all ratings there, nearly all abuse found,
// good customers left alone.
func TestDemoFindsWhatThereIs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute; left out by -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary(t), "demo", "--headless", "--json", "--duration", "45s", "--listen", "127.0.0.1:0", "--hub", "127.0.0.1:0")
	c.Dir = filepath.Join("..", "..")
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var rows []struct {
		Scenario          string
		Good              bool
		Actors, TP, FP    int
		Malicious         int
		Precision, Recall float64
	}
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.Scenario] = true
		if r.Good {
			if r.Actors == 0 {
				t.Errorf("nobody came as %s", r.Scenario)
			}
			continue
		}
		if r.Actors == 0 || r.Recall < 0.6 || r.Precision < 0.8 {
			t.Errorf("%s: %d actors, precision %.2f, recall %.2f", r.Scenario, r.Actors, r.Precision, r.Recall)
		}
		if r.Scenario == "all abuse" && (r.Recall < 0.85 || r.Precision < 0.9 || r.Malicious == 0 || r.Malicious == r.TP) {
			t.Errorf("all abuse: %+v", r)
		}
	}
	for _, want := range []string{"credential_stuffing", "card_testing", "refund_abuse", "promo_abuse", "account_takeover", "scraping", "all abuse", "office_nat"} {
		if !seen[want] {
			t.Errorf("no row for %s", want)
		}
	}
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("errors in the log:\n%s", log.String())
	}
}

// TestHubPages opens the Hub of a running demo in a real Chromium: every page, at
// both widths, held against the API.
func TestHubPages(t *testing.T) {
	if chromium() == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium: in CI the page tests must run")
		}
		t.Skip("no Chromium: the page tests are left out")
	}
	d := exec.Command(binary(t), "demo", "--listen", "127.0.0.1:0", "--hub", "127.0.0.1:0")
	d.Dir = filepath.Join("..", "..")
	out, log := &safeBuffer{}, &safeBuffer{}
	d.Stdout, d.Stderr = out, log
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Wait() }()
	defer func() { _ = d.Process.Kill(); <-ended }()
	value := func(key string) string {
		for _, l := range strings.Split(out.String(), "\n") {
			if v, ok := strings.CutPrefix(l, key+": "); ok {
				return v
			}
		}
		return ""
	}
	eventually(t, "the demo says how to sign in", func() bool { return value("password") != "" })
	s := &server{hub: value("hub")}
	// The pages need all three ratings; the first attacks come after some seconds.
	wait := time.Now().Add(60 * time.Second)
	for !strings.Contains(out.String(), "malicious\n") || strings.HasSuffix(strings.TrimSpace(out.String()), ", 0 malicious") {
		if time.Now().After(wait) {
			t.Fatalf("no malicious session in a minute\n%s\n%s", out.String(), log.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(10 * time.Second) // the first wave is over
	shop, _, _ := strings.Cut(value("shop"), " ")
	visitUnnamed(t, shop)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "npm", "run", "--silent", "e2e")
	c.Dir = filepath.Join("..", "..", "web")
	c.Env = append(os.Environ(), "TL_HUB_URL="+s.hub, "TL_USER=demo", "TL_PASSWORD="+value("password"), "TL_CHROMIUM="+chromium())
	text, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Logf("%s", text)
	if err := d.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("the demo did not stop cleanly: %v\n%s", err, log.String())
	}
	ended <- nil
	if !strings.Contains(out.String(), "all abuse") {
		t.Fatalf("no score at the end:\n%s", out.String())
	}
}

// visitUnnamed sends what no Spec of the demo names, from as many addresses as
// discovery asks for.
func visitUnnamed(t *testing.T, shop string) {
	t.Helper()
	for n := range 8 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop+"/api/me/password", strings.NewReader(`{"password": "a", "new_password": "b"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = demoHost
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n+1))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}
