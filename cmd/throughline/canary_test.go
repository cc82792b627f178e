package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
	_ "modernc.org/sqlite"

	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/inventory"
	"github.com/throughline/throughline/internal/journal"
)

// canaries are values that nobody else uses: whether one came through is decided by
// searching for it.
type canaries struct {
	mu   sync.Mutex
	n    int
	what map[string]string // value to where it was put; nothing of it may be found
	kept map[string]string // mapped in plain: these must be found
}

// at makes a value for a place from which nothing is collected.
func (c *canaries) at(place string) string { return c.make(c.what, place) }

// mapped makes one for a place that the policy collects in plain. Finding it shows
// that the search finds.
func (c *canaries) mapped(place string) string { return c.make(c.kept, place) }

func (c *canaries) make(in map[string]string, place string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	v := fmt.Sprintf("cnry%04dq%08x", c.n, uint32(c.n)*2654435761)
	in[v] = place
	return v
}

// forbid adds a value of a form of its own.
func (c *canaries) forbid(place string, values ...string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range values {
		c.what[strings.ToLower(v)] = place
	}
	return values[0]
}

// search reports what is found in a text, in the clear, in base64 or in hex.
func (c *canaries) search(t *testing.T, where string, text []byte) (found map[string]bool) {
	t.Helper()
	found = map[string]bool{}
	low := bytes.ToLower(text)
	for v, place := range c.what {
		if bytes.Contains(low, []byte(v)) {
			t.Errorf("%s holds the value of %s", where, place)
		}
		for skip := range 3 { // however it lies in the groups of three
			b := base64.StdEncoding.EncodeToString(append(make([]byte, skip), v...))
			b = b[(skip*8+5)/6 : (skip+len(v))*8/6]
			if bytes.Contains(text, []byte(b)) {
				t.Errorf("%s holds the value of %s in base64", where, place)
			}
		}
		if bytes.Contains(low, fmt.Appendf(nil, "%x", v)) {
			t.Errorf("%s holds the value of %s in hex", where, place)
		}
	}
	for v := range c.kept {
		found[v] = bytes.Contains(low, []byte(v))
	}
	return found
}

// must wants everything mapped to be there: else the search is blind.
func (c *canaries) must(t *testing.T, where string, found map[string]bool) {
	t.Helper()
	for v, place := range c.kept {
		if !found[v] {
			t.Errorf("%s lacks the value of %s, which is mapped: the search sees nothing", where, place)
		}
	}
}

const canaryPolicy = `
kind: spec
name: Canary JSON
type: transaction
match: {method: POST, path: "/canary/{part}/json/*", content_type: application/json}
processing: sync
request: {json $.note: product_name, json $.card: card_number, json $.ssn: ssn, json $.password: password, json $.email: email}
response: {json $.note: failure_reason}
outcome: [{is: failure, body: declined}]
---
kind: spec
name: Canary form
type: transaction
match: {method: POST, path: /canary/form, content_type: application/x-www-form-urlencoded}
request: {form.note: product_name, form.card: card_number, form.ssn: ssn, form.password: password}
---
kind: spec
name: Canary multipart
type: support_contact
match: {method: POST, path: /canary/multipart, content_type: multipart/form-data}
request: {header.X-Note: product_name}
---
kind: spec
name: Canary page
type: search
match: {method: GET, path: "/canary/{part}/page"}
request: {query.q: search_query}
---
kind: label
id: canary
title: Looks at what is mapped
severity: low
points: 1
on: [transaction]
when: entity("card_number").count() >= 1 || value("product_name").contains("zzz") || session.distinct("password") > 5
`

// TestNothingUnmappedLeavesTraces sends traffic whose every place carries a value
// of its own, through the shop's policy and Specs that map a little, and searches
// everything that is written down: only what is mapped is there, and of sensitive
// values only keyed hashes and safe parts.
func TestNothingUnmappedLeavesTraces(t *testing.T) {
	c := &canaries{what: map[string]string{}, kept: map[string]string{}}
	s, admin, secure := canaryServer(t, c)
	s.start(t)
	s.site = "http://" + s.configured("listen")
	live := follow(t, s)
	answers := canaryTraffic(t, c, s.site, secure)
	if answers < 20 {
		t.Fatalf("only %d exchanges", answers)
	}
	eventually(t, "the events are searchable", func() bool { return s.events(t) >= 13 })

	var api bytes.Buffer
	ids := canaryAPI(t, s, &api)
	c.must(t, "the Hub's API", c.search(t, "the Hub's API", api.Bytes()))
	eventually(t, "the live stream told", func() bool { return strings.Contains(live.String(), "Canary") })
	c.search(t, "the live stream", []byte(live.String()))
	c.search(t, "the metrics", canaryGet(t, "http://"+admin+"/metrics", ""))
	c.search(t, "health", canaryGet(t, "http://"+admin+"/readyz", ""))
	onlyListed(t, s, ids)

	archive := filepath.Join(s.dir, "canary.tar")
	mustTool(t, "", "backup", "--data", s.data, "--to", archive)
	restored := filepath.Join(s.dir, "restored")
	mustTool(t, "", "restore", "--data", restored, "--from", archive)
	text, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	c.search(t, "the backup archive", text)
	c.stores(t, "the restored backup", restored)

	c.files(t, "while it runs, ", s.data) // the warehouse's log among them
	s.signal(t, syscall.SIGTERM)
	c.files(t, "", s.data)
	c.stores(t, "the data folder", s.data)
	logs := s.log.String()
	if !strings.Contains(logs, `"level":"DEBUG"`) {
		t.Error("nothing was logged at debug level: the search of the logs says little")
	}
	c.search(t, "the log", []byte(logs))
}

// files searches every file as it lies on disk.
func (c *canaries) files(t *testing.T, when, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // files come and go in a running process
		}
		text, err := os.ReadFile(path)
		if err == nil {
			c.search(t, when+"file "+path, text)
			n++
		}
		return nil
	})
	if err != nil || n < 5 {
		t.Errorf("%d files searched: %v", n, err)
	}
}

// stores searches what the stores hold once they are read as they are meant to be:
// on disk it may be compressed.
func (c *canaries) stores(t *testing.T, where, data string) {
	t.Helper()
	c.must(t, where+": journal", c.search(t, where+": journal", journalText(t, data)))
	c.must(t, where+": warehouse", c.search(t, where+": warehouse", duckText(t, filepath.Join(data, "warehouse.duckdb"))))
	db, err := sql.Open("sqlite", filepath.Join(data, "control.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	c.search(t, where+": control data", tables(t, db, `SELECT name FROM sqlite_master WHERE type = 'table'`))
}

func journalText(t *testing.T, data string) []byte {
	t.Helper()
	j, err := journal.Open(journal.Config{Dir: filepath.Join(data, "journal"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	var out bytes.Buffer
	snapshots := 0
	for _, p := range j.Partitions() {
		last, err := j.Last(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		r, err := j.Reader(t.Context(), p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := uint64(0); at < last; {
			batch, err := r.Batch(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			for i := range batch {
				at = batch[i].Sequence
				if err := json.NewEncoder(&out).Encode(batch[i].Entry); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = r.Close()
		if _, snap, ok, err := j.LoadSnapshot(p); err != nil {
			t.Fatal(err)
		} else if ok {
			snapshots++
			if _, err := io.Copy(&out, snap); err != nil {
				t.Fatal(err)
			}
			_ = snap.Close()
		}
	}
	if snapshots == 0 && !strings.Contains(data, "restored") {
		t.Error("no snapshot to search")
	}
	return out.Bytes()
}

func duckText(t *testing.T, path string) []byte {
	t.Helper()
	connector, err := duckdb.NewConnector(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	return tables(t, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'`)
}

// tables dumps every table as text.
func tables(t *testing.T, db *sql.DB, list string) []byte {
	t.Helper()
	var out bytes.Buffer
	each := func(query string, use func(*sql.Rows) error) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := use(rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	each(list, func(r *sql.Rows) error {
		var n string
		err := r.Scan(&n)
		names = append(names, n)
		return err
	})
	if len(names) < 4 {
		t.Fatalf("tables %v", names)
	}
	for _, n := range names {
		each(`SELECT * FROM "`+n+`"`, func(r *sql.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			row := make([]any, len(columns))
			for i := range row {
				row[i] = new(any)
			}
			if err := r.Scan(row...); err != nil {
				return err
			}
			for i := range row {
				v := *row[i].(*any)
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				fmt.Fprintf(&out, "%s.%s=%v\n", n, columns[i], v)
			}
			return nil
		})
	}
	return out.Bytes()
}

// canaryAPI reads everything that the Hub tells, and returns the Events' IDs.
func canaryAPI(t *testing.T, s *server, out *bytes.Buffer) (events []string) {
	t.Helper()
	get := func(path string) {
		out.Write(canaryGet(t, s.hub+path, s.token))
		out.WriteByte('\n')
	}
	for _, path := range []string{"/api/openapi.json", "/api/v1/status", "/api/v1/policy", "/api/v1/elements", "/api/v1/audit", "/api/v1/users", "/api/v1/tokens", "/api/v1/me"} {
		get(path)
	}
	var list hub.SessionList
	s.get(t, "/api/v1/sessions?limit=200", &list)
	get("/api/v1/sessions?limit=200")
	for _, one := range list.Sessions {
		get("/api/v1/sessions/" + one.ID)
		var evs hub.EventList
		s.get(t, "/api/v1/sessions/"+one.ID+"/events?limit=200", &evs)
		for _, e := range evs.Events {
			events = append(events, e.ID)
			get("/api/v1/events/" + e.ID)
		}
	}
	for _, id := range regexp.MustCompile(`"e[0-9a-f]{16}"`).FindAllString(out.String(), 60) {
		get("/api/v1/entities/" + strings.Trim(id, `"`))
	}
	return events
}

func canaryGet(t *testing.T, url, token string) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 500 && !strings.HasSuffix(url, "/readyz") {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, err)
	}
	return text
}

// follow reads the live stream.
func follow(t *testing.T, s *server) *safeBuffer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.hub+"/api/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	out := &safeBuffer{}
	go func() {
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(out, resp.Body)
	}()
	return out
}

// onlyListed holds every Event's Elements against what the audit of this policy
// lists for its Spec: nothing is collected that it does not name.
func onlyListed(t *testing.T, s *server, events []string) {
	t.Helper()
	var v inventory.Inventory
	out, err := exec.Command(binary(t), "policy", "audit", "--config", filepath.Join(s.dir, "throughline.yaml"), "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]inventory.Element{}
	for _, e := range v.Enrichment.Elements {
		listed[e.ID] = e
	}
	of := map[string]map[string]inventory.Element{}
	for _, x := range v.Specs {
		of[x.Name] = map[string]inventory.Element{}
		for _, e := range x.Elements {
			of[x.Name][e.ID] = e
		}
	}
	seen := 0
	for _, id := range events {
		var e hub.Event
		s.get(t, "/api/v1/events/"+id, &e)
		for _, el := range e.Elements {
			seen++
			row, known := of[e.Name][el.ID]
			if !known {
				row, known = listed[el.ID]
			}
			if !known {
				t.Errorf("an Event of %s has %s, which the audit does not list", e.Name, el.ID)
			}
			if row.Form == inventory.Hashed && el.Value != "" && !strings.HasPrefix(el.Value, "h:") {
				t.Errorf("%s of %s is not the keyed hash that the audit promises", el.ID, e.Name)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d elements looked at", seen)
	}
}

// waitFor bounds what a test waits for.
const waitFor = 20 * time.Second
