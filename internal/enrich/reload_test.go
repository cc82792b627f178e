package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestReload changes files under lookups from many sides: each answers with the
// old data or the new, never with none.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	places, tor := filepath.Join(dir, "p.csv"), filepath.Join(dir, "tor.txt")
	write(t, places, "192.0.2.0,192.0.2.255,DE\n")
	write(t, tor, "192.0.2.9\n")
	e := open(t, Config{Dir: dir, Networks: []NetworkList{{Tor, tor}}})
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				if p := e.Locate(addr("192.0.2.9")); p.Country != "DE" && p.Country != "FR" || p.Kind != Tor {
					t.Errorf("%+v", p)
					return
				}
			}
		})
	}
	for i := range 50 {
		write(t, places, fmt.Sprintf("192.0.2.0,192.0.2.255,%s\n", []string{"DE", "FR"}[i%2])+strings.Repeat("\n", i))
		e.Reload()
	}
	write(t, places, "192.0.2.0,192.0.2.255,FR\nnonsense\n")
	write(t, tor, "192.0.2.9\nnonsense\n")
	e.refresh() // it notices by itself
	if p := e.Locate(addr("192.0.2.9")); p.Country != "FR" || p.Kind != Tor {
		t.Errorf("what was read before is lost: %+v", p)
	}
	stop.Store(true)
	wg.Wait()
	for _, s := range e.Status() {
		if s.State != Damaged || !strings.Contains(s.Detail, ":2: ") || !strings.Contains(s.Detail, "stays in use") {
			t.Errorf("%+v", s)
		}
	}
	write(t, tor, "192.0.2.10\n")
	write(t, places, "192.0.2.0,192.0.2.255,IT\n")
	write(t, places+".licence", "CC0-1.0, somebody")
	e.refresh()
	if p := e.Locate(addr("192.0.2.9")); p.Country != "IT" || p.Kind != Unknown {
		t.Errorf("%+v", p)
	}
	if s := e.Status(); s[0].State != OK || s[0].Licence != "CC0-1.0, somebody" {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(tor); err != nil {
		t.Fatal(err)
	}
	e.refresh()
	if p := e.Locate(addr("192.0.2.10")); p.Kind != Tor || e.Status()[1].State != Missing {
		t.Errorf("%+v %+v", p, e.Status())
	}
	// A file that comes is read, one that is named no more is not.
	write(t, filepath.Join(dir, "a.csv"), "192.0.2.0,192.0.2.255,64500,Example\n")
	e.Load(Config{Dir: dir})
	if p := e.Locate(addr("192.0.2.10")); p.Kind != Unknown || p.ASN != 64500 || p.Country != "IT" {
		t.Errorf("%+v", p)
	}
}

// TestItNoticesByItself waits for the background to look.
func TestItNoticesByItself(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Config{Dir: dir})
	write(t, filepath.Join(dir, "p.csv"), "192.0.2.0,192.0.2.255,DE\n")
	for end := time.Now().Add(time.Minute); e.Locate(addr("192.0.2.1")).Country != "DE"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new file was never read")
		}
	}
}

func TestThePlacesKeptAreBounded(t *testing.T) {
	c := placeCache{}
	asked := 0
	for i := range 3 * maxCached {
		ip := addr("10.0.0.0")
		b := ip.As4()
		b[1], b[2], b[3] = byte(i>>16), byte(i>>8), byte(i)
		ip = addr(fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3]))
		for range 2 {
			c.get(ip, func(netip.Addr) Place { asked++; return Place{Country: "DE"} })
		}
	}
	if len(c.young) > maxCached || len(c.old) > maxCached {
		t.Errorf("%d and %d are kept", len(c.young), len(c.old))
	}
	if asked != 3*maxCached {
		t.Errorf("asked %d times", asked)
	}
}
