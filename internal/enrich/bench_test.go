package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
)

const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// world opens MaxMind's test files and lists, as a deployment has them.
func world(b *testing.B) *Enricher {
	dir := b.TempDir()
	for _, name := range []string{"GeoLite2-City-Test.mmdb", "GeoLite2-ASN-Test.mmdb", "GeoIP2-Anonymous-IP-Test.mmdb"} {
		text, err := os.ReadFile("testdata/maxmind/" + name)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	e := Open(Config{Dir: dir, Crawlers: Known()})
	b.Cleanup(func() { _ = e.Close() })
	return e
}

func BenchmarkEnrichVisit(b *testing.B) {
	e := world(b)
	v := Visit{IP: addr("89.160.20.113"), Agent: chrome}
	b.ReportAllocs()
	for b.Loop() {
		e.Describe(v)
	}
}

func BenchmarkEnrichCrawler(b *testing.B) {
	e := world(b)
	v := Visit{IP: addr("89.160.20.113"), Agent: google}
	b.ReportAllocs()
	for b.Loop() {
		e.Describe(v)
	}
}

func BenchmarkEnrichAddressKnown(b *testing.B) {
	e := world(b)
	ip := addr("89.160.20.113")
	b.ReportAllocs()
	for b.Loop() {
		e.Locate(ip)
	}
}

func BenchmarkEnrichAddressNew(b *testing.B) {
	d := world(b).data.Load()
	ip := addr("89.160.20.113")
	b.ReportAllocs()
	for b.Loop() {
		d.locate(ip)
	}
}

// BenchmarkEnrichSpreadsheet finds addresses among half a million ranges.
func BenchmarkEnrichSpreadsheet(b *testing.B) {
	var s spreadsheet
	for i := range uint32(500_000) {
		from := netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 0})
		_ = s.add(from, from, i%1000)
	}
	s.seal()
	s.places = make([]Place, 1000)
	for i := range s.places {
		s.places[i] = Place{ASN: uint64(i), Owner: fmt.Sprint("owner ", i)}
	}
	ip := netip.AddrFrom4([4]byte{5, 6, 7, 0})
	b.ReportAllocs()
	for b.Loop() {
		if p, _ := s.locate(ip); p.Owner == "" {
			b.Fatal("not found")
		}
	}
}

func BenchmarkEnrichNetworks(b *testing.B) {
	n := &networks{}
	for i := range uint32(500_000) {
		from := netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 0})
		_ = n.add(from, from, 1)
	}
	n.seal()
	ip := netip.AddrFrom4([4]byte{5, 6, 7, 0})
	b.ReportAllocs()
	for b.Loop() {
		n.has(ip, 0)
	}
}
