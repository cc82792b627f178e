package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/inventory"
	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

const keysPolicy = `kind: session
cookies: [sid]
device_cookies: [visitor]
tokens: [json $.token]
---
kind: spec
name: Page
type: page_view
match: {method: GET, path: "/**"}
request: {path: url_path, client.device: device_fingerprint}
`

// TestKeysOfConnectionsInTheJournal runs the binary with TLS, and again with the same
// ticket keys, and then says that whoever comes is a proxy.
func TestKeysOfConnectionsInTheJournal(t *testing.T) {
	const value = "tok-0123456789abcdef"
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "visitor=0123456789abcdef; Max-Age=31536000")
		_, _ = io.WriteString(w, `{"token": "`+value+`"}`)
	}))
	t.Cleanup(origin.Close)
	s := newServer(t, origin.URL)
	secure := freePort(t)
	set := settings{Config: Config{Data: s.dir}}
	if _, err := demoCertificate(&set); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "policy", "policy.yaml"), keysPolicy)
	if err := os.WriteFile(filepath.Join(s.dir, "ticket.keys"), []byte(strings.Repeat("0123456789abcdef", 4)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	configure := func(more string) {
		write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\npolicy: policy\ndrain: 5s\n"+
			"tls: {listen: %q, cert: demo-cert.pem, key: demo-key.pem}\nfingerprint: {ticket_id: true, ticket_keys: ticket.keys}\n%s"+
			"sites: [{name: shop, hosts: [\"*\"], origin: %q}]\n", secure, more, origin.URL))
	}
	client := func() (*http.Transport, *net.Dialer) {
		d := &net.Dialer{}
		tr := &http.Transport{ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", secure) },
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", ClientSessionCache: tls.NewLRUClientSessionCache(4)}} //nolint:gosec // our own
		t.Cleanup(tr.CloseIdleConnections)
		return tr, d
	}
	ask := func(tr *http.Transport, path string, set ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://shop.example"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(set); i += 2 {
			r.Header.Set(set[i], set[i+1])
		}
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	me, from := client()
	other, _ := client()
	configure("")
	s.start(t)
	ask(me, "/first")
	ask(me, "/same", "Authorization", "Bearer "+value)
	me.CloseIdleConnections()
	from.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)}
	ask(me, "/resumed", "Cookie", "visitor=0123456789abcdef")
	ask(other, "/fresh")
	s.signal(t, syscall.SIGTERM)
	me.CloseIdleConnections()
	s.start(t)
	ask(me, "/restarted")
	s.signal(t, syscall.SIGTERM)
	me.CloseIdleConnections()
	configure("trusted_proxies: [127.0.0.0/8]\n")
	s.start(t)
	ask(me, "/proxied", "X-Forwarded-For", "192.0.2.7")
	s.signal(t, syscall.SIGTERM)

	seen, asked := map[string]*journey.Observation{}, map[uint64]*journey.Observation{}
	for _, o := range observationsOf(t, s.data) {
		if q := asked[o.Exchange]; q != nil { // what its response's body taught
			q.Learned = append(q.Learned, o.Learned...)
			continue
		}
		asked[o.Exchange], seen[elementOf(o, "url_path")] = o, o
	}
	keys := func(path string) map[string]uint64 {
		out := map[string]uint64{}
		if seen[path] == nil {
			t.Fatalf("%s is not in the journal, %d others are", path, len(seen))
		}
		for side, list := range map[string][]journey.Key{"": seen[path].Keys, "learned ": seen[path].Learned} {
			for _, k := range list {
				out[side+k.Kind] = k.Hash
			}
		}
		return out
	}
	first, same, resumed, fresh, restarted, proxied := keys("/first"), keys("/same"), keys("/resumed"), keys("/fresh"), keys("/restarted"), keys("/proxied")
	for what, fits := range map[string]bool{
		"a connection is one key":                 first["connection"] != 0 && same["connection"] == first["connection"],
		"its ticket is learned as it is given":    first["learned ticket"] != 0 && first["ticket"] == 0 && same["learned ticket"] == first["learned ticket"],
		"resumed, it is another connection":       resumed["connection"] != 0 && resumed["connection"] != first["connection"],
		"that carries the ticket":                 resumed["ticket"] == first["learned ticket"] && resumed["learned ticket"] == 0 && seen["/resumed"].IP == "127.0.0.7",
		"somebody else has nothing of it":         fresh["connection"] != 0 && fresh["connection"] != resumed["connection"] && fresh["ticket"] == 0 && fresh["learned ticket"] != first["learned ticket"],
		"another process knows the ticket":        restarted["ticket"] == first["learned ticket"],
		"and gives no connection's key again":     restarted["connection"] != 0 && restarted["connection"] != first["connection"] && restarted["connection"] != resumed["connection"],
		"a proxy's connection is nobody's":        proxied["connection"] == 0 && proxied["ticket"] == 0 && proxied["learned ticket"] == 0,
		"a token comes back as a bearer token":    first["learned bearer"] != 0 && same["bearer"] == first["learned bearer"],
		"a cookie that lasts comes back":          first["learned device"] != 0 && resumed["device"] == first["learned device"],
		"all are one class of devices":            seen["/first"].Device != 0 && seen["/resumed"].Device == seen["/first"].Device && seen["/fresh"].Device == seen["/first"].Device,
		"behind a proxy it is what is told":       seen["/proxied"].Device != seen["/first"].Device,
		"the element is the class that is judged": elementOf(seen["/first"], "device_fingerprint") == fmt.Sprintf("%016x", seen["/first"].Device),
	} {
		if !fits {
			t.Errorf("not so: %s\nfirst %v\nsame %v\nresumed %v\nfresh %v\nrestarted %v\nproxied %v", what, first, same, resumed, fresh, restarted, proxied)
		}
	}
}

func elementOf(o *journey.Observation, id string) string {
	for _, e := range o.Elements {
		if e.ID == id {
			return e.Value
		}
	}
	return ""
}

// observationsOf reads a journal that nobody has open.
func observationsOf(t *testing.T, data string) (out []*journey.Observation) {
	t.Helper()
	j, err := journal.Open(journal.Config{Dir: filepath.Join(data, "journal"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
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
				if o := batch[i].Entry.Input.Observation; o != nil {
					out = append(out, o)
				}
			}
		}
		_ = r.Close()
	}
	return out
}

// TestSwitchesOfKeys reads them for all sites and for one.
func TestSwitchesOfKeys(t *testing.T) {
	read := func(text string) settings {
		t.Helper()
		c, faults := loadConfig(writeFiles(t, map[string]string{"throughline.yaml": text}))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		set, faults := c.check(flagFault)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return set
	}
	const sites = "sites:\n- {name: a, hosts: [a.example], origin: \"http://127.0.0.1:1\"}\n" +
		"- {name: b, hosts: [b.example], origin: \"http://127.0.0.1:1\", fingerprint: {connections: false}}\n" +
		"- {name: c, hosts: [c.example], origin: \"http://127.0.0.1:1\", fingerprint: {connections: true, tickets: false}}\n"
	set := read(sites)
	var conf edge.Config
	if err := set.Fingerprint.apply(&conf, nil); err != nil || conf.Fingerprint.NoConnections || conf.Fingerprint.Tickets != nil {
		t.Errorf("by default: %v %+v", err, conf.Fingerprint)
	}
	got := ""
	for _, s := range set.sites {
		got += fmt.Sprintf("%s %v %v, ", s.Name, s.SharedConnections, s.SharedTickets)
	}
	if got != "a false false, b true false, c false true, " {
		t.Error(got)
	}
	set = read("fingerprint: {connections: false}\n" + sites)
	if err := set.Fingerprint.apply(&conf, nil); err != nil || !conf.Fingerprint.NoConnections {
		t.Errorf("off: %v %+v", err, conf.Fingerprint)
	}
	if keyNames(set) != (inventory.Connections{}) {
		t.Error("the audit lists connections that are none")
	}
}
