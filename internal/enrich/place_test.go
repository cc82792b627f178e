package enrich

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, c Config) *Enricher {
	t.Helper()
	e := Open(c)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func ask(e *Enricher, v Visit) (string, map[string]string) {
	short, out := e.Describe(v)
	by := map[string]string{}
	for _, el := range out {
		by[el.ID] = el.Value
	}
	return short, by
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestLocate(t *testing.T) {
	e := open(t, Config{Dir: folder(t, map[string][]byte{
		"a-asn.mmdb": mmdb(map[string]object{
			"81.2.69.142": {"autonomous_system_number", uint32(64500), "autonomous_system_organization", "Example Net"}}),
		"b-flat.mmdb": mmdb(map[string]object{
			"81.2.69.142": {"country_code", "GB", "state1", "England", "city", "London", "latitude", 51.5, "longitude", -0.12},
			"81.2.69.143": {"country_code", "GB"}}),
		"c-maxmind.mmdb": mmdb(map[string]object{
			"81.2.69.142": {"country", object{"iso_code", "FR"}},
			"81.2.69.144": {"country", object{"iso_code", "DE"}, "city", object{"names", object{"en", "Berlin", "de", "Berlin"}},
				"subdivisions", []any{object{"names", object{"en", "Land Berlin"}}}, "location", object{"latitude", 52.5, "longitude", 13.4}},
			"10.0.0.1": {"country", object{"iso_code", "XX"}}}),
		"d.csv": []byte("81.2.69.144,81.2.69.145,24940,\"Hetzner \"\"Online\"\", GmbH\"\n2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,64501,Six\n"),
	})})
	london := Place{Country: "GB", Region: "England", City: "London", Latitude: 51.5, Longitude: -0.12, Located: true, ASN: 64500, Owner: "Example Net"}
	for ip, want := range map[string]Place{
		"81.2.69.142": london, "::ffff:81.2.69.142": london, "81.2.69.143": {Country: "GB"},
		"81.2.69.144": {Country: "DE", Region: "Land Berlin", City: "Berlin", Latitude: 52.5, Longitude: 13.4, Located: true,
			ASN: 24940, Owner: `Hetzner "Online", GmbH`, Kind: Hosting},
		"81.2.69.145": {ASN: 24940, Owner: `Hetzner "Online", GmbH`, Kind: Hosting}, "81.2.69.146": {},
		"2001:db8:1::7": {ASN: 64501, Owner: "Six"}, "2001:db8:2::": {},
		"10.0.0.1": {}, "127.0.0.1": {}, "169.254.1.1": {},
	} {
		for range 2 { // the second time it is remembered
			if got := e.Locate(addr(ip)); got != want {
				t.Errorf("%s: %+v, want %+v", ip, got, want)
			}
		}
	}
	if got := e.Locate(netip.Addr{}); got != (Place{}) {
		t.Errorf("no address: %+v", got)
	}
	if s := e.Status(); len(s) != 4 || s[0].State != OK || !strings.Contains(s[0].Detail, "Test, built 2026-01-01") ||
		!strings.Contains(s[3].Detail, "autonomous systems of 2 ranges") {
		t.Errorf("status %+v", s)
	}
	short, by := ask(e, Visit{IP: addr("81.2.69.142"), Agent: "curl/8.1"})
	if short != "curl 8" || by["country"] != "GB" || by["asn"] != "64500" || by["latitude"] != "51.5000" || by["device_class"] != "tool" || by["user_agent"] != "curl/8.1" {
		t.Errorf("%q %v", short, by)
	}
	if _, by = ask(e, Visit{IP: addr("81.2.69.144")}); by["network_kind"] != "hosting" {
		t.Errorf("%v", by)
	}
}

// TestMaxMindsOwn reads MaxMind's test files, each alone.
func TestMaxMindsOwn(t *testing.T) {
	boxford := Place{Country: "GB", Region: "England", City: "Boxford", Latitude: 51.75, Longitude: -1.25, Located: true}
	for file, want := range map[string]map[string]Place{
		"GeoLite2-City-Test": {"2.125.160.217": boxford, "89.160.20.113": {Country: "SE", Region: "Östergötland County", City: "Linköping",
			Latitude: 58.4167, Longitude: 15.6167, Located: true}, "67.43.156.1": {Country: "BT", Latitude: 27.5, Longitude: 90.5, Located: true}, "8.8.8.8": {}},
		"GeoLite2-Country-Test": {"2.125.160.217": {Country: "GB"}, "2001:220::1": {Country: "KR"}},
		"GeoLite2-ASN-Test":     {"1.0.0.1": {ASN: 15169, Owner: "Google Inc."}},
		"GeoIP2-Anonymous-IP-Test": {"1.2.0.1": {Kind: VPN}, "1.124.213.1": {Kind: Tor}, "71.160.223.9": {Kind: Hosting}, "186.30.236.1": {Kind: Proxy},
			"2001:480:3a::5": {Kind: Proxy}, "6.1.0.3": {Kind: Proxy}, "6.1.0.4": {Kind: Proxy}},
		"GeoIP-Anonymous-Plus-Test":   {"1.2.0.1": {Kind: VPN}},
		"GeoIP2-Connection-Type-Test": {"1.0.0.1": {Kind: Residential}, "1.0.1.1": {Kind: Mobile}},
		"GeoIP2-Enterprise-Test": {"1.124.213.1": {Country: "IR", Latitude: 0, Longitude: 0, ASN: 44244, Owner: "Iran Cell Service and Communication Company", Kind: Mobile},
			"74.209.24.1": {Country: "US", ASN: 14671, Owner: "FairPoint Communications", Kind: Residential}, "214.214.214.220": {Kind: Hosting}},
	} {
		text, err := os.ReadFile("testdata/maxmind/" + file + ".mmdb")
		if err != nil {
			t.Fatal(err)
		}
		e := open(t, Config{Dir: folder(t, map[string][]byte{file + ".mmdb": text})})
		for ip, p := range want {
			got := e.Locate(addr(ip))
			if file == "GeoIP2-Enterprise-Test" { // what the other files have shown
				got.Region, got.City, got.Latitude, got.Longitude, got.Located = "", "", 0, 0, false
			}
			if got != p {
				t.Errorf("%s: %s: %+v, want %+v", file, ip, got, p)
			}
		}
		if s := e.Status(); len(s) != 1 || !strings.Contains(s[0].Licence, "MaxMind") {
			t.Errorf("%s: %+v", file, s)
		}
	}
}

// TestDamagedOfMaxMind looks addresses up in every damaged file that MaxMind
// publishes: none may end the process or hang.
func TestDamagedOfMaxMind(t *testing.T) {
	found, err := filepath.Glob("testdata/maxmind/*.mmdb")
	if err != nil || len(found) < 25 {
		t.Fatalf("%d files: %v", len(found), err)
	}
	damaged := 0
	for _, f := range found {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := openDatabase(text)
		if err != nil {
			damaged++
			continue
		}
		for _, ip := range []string{"0.0.0.1", "1.1.1.1", "1.1.1.32", "81.2.69.142", "128.0.0.1", "255.255.255.255", "::1", "2001:db8::1", "ffff::"} {
			if _, err := s.locate(addr(ip)); err != nil {
				damaged++
				break
			}
		}
	}
	if damaged < 5 {
		t.Errorf("%d of %d files are found damaged", damaged, len(found))
	}
}

// TestWhatIsNoTextIsLeftOut keeps bytes out that JSON could not bring back.
func TestWhatIsNoTextIsLeftOut(t *testing.T) {
	e := open(t, Config{Dir: folder(t, map[string][]byte{"a.mmdb": mmdb(map[string]object{"81.2.69.142": {"country_code", "DE", "city", "M\xfcnchen"}})})})
	_, out := e.Describe(Visit{IP: addr("81.2.69.142")})
	if len(out) != 2 || out[1].ID != "city" || out[1].Value != "Mnchen" {
		t.Errorf("%+v", out)
	}
}

// TestBadFilesAreAStatus never fails for the want of data.
func TestBadFilesAreAStatus(t *testing.T) {
	whole := mmdb(map[string]object{"81.2.69.142": {"country_code", "GB", "city", "London"}})
	broken := bytes.Clone(whole) // its tree points to nowhere
	for i := range 32 * 6 {
		broken[i] = 0xff
	}
	missing := filepath.Join(t.TempDir(), "tor.txt")
	e := open(t, Config{Dir: folder(t, map[string][]byte{"empty.mmdb": nil, "half.mmdb": whole[:len(whole)/2], "text.mmdb": []byte("no database"),
		"other.txt": []byte("x"), "tree.mmdb": broken, "x.csv": []byte("1.0.0.0,1.0.0.255,GB\n1.0.1.0,1.0.1.255\n")}),
		Networks: []NetworkList{{Tor, missing}}})
	states, details := map[string]string{}, map[string]string{}
	for _, s := range e.Status() {
		states[s.Name], details[s.Name] = s.State, s.Detail
	}
	for _, name := range []string{"empty.mmdb", "half.mmdb", "text.mmdb", "x.csv"} {
		if states[name] != Damaged {
			t.Errorf("%s is %q", name, states[name])
		}
	}
	if states["tor.txt"] != Missing || !strings.Contains(details["tor.txt"], missing) {
		t.Errorf("tor.txt: %s %s", states["tor.txt"], details["tor.txt"])
	}
	if !strings.Contains(details["x.csv"], "x.csv:2: 2 columns; want") {
		t.Errorf("x.csv: %s", details["x.csv"])
	}
	if _, listed := states["other.txt"]; listed {
		t.Error("a file of another kind is listed")
	}
	ip := addr("81.2.69.142")
	if got := e.Locate(ip); got != (Place{}) {
		t.Errorf("a broken tree gives %+v", got)
	}
	none := open(t, Config{Dir: filepath.Join(t.TempDir(), "missing")})
	if s := none.Status(); len(s) != 1 || s[0].State != Missing || !strings.Contains(s[0].Detail, "script/geo-data") {
		t.Errorf("status %+v", s)
	}
	if got := none.Locate(ip); got != (Place{}) {
		t.Errorf("without data: %+v", got)
	}
	// A damaged file beside a good one costs only itself.
	both := open(t, Config{Dir: folder(t, map[string][]byte{"a.mmdb": []byte("no"), "b.mmdb": whole})})
	if got := both.Locate(ip); got.Country != "GB" || got.City != "London" || len(both.Status()) != 2 {
		t.Errorf("%+v %+v", got, both.Status())
	}
}

func TestFixed(t *testing.T) {
	ip := addr("192.168.0.1")
	e := Fixed(map[netip.Addr]Facts{ip: {Place: Place{Country: "DE", Kind: VPN}, Crawler: Impostor}})
	if got := e.Locate(addr("::ffff:192.168.0.1")); got.Country != "DE" {
		t.Errorf("%+v", got)
	}
	_, by := ask(e, Visit{IP: ip, Agent: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"})
	if by["bot_name"] != "googlebot" || by["bot_verified"] != "impostor" || by["network_kind"] != "vpn" {
		t.Errorf("%v", by)
	}
	if _, by = ask(e, Visit{IP: ip, Agent: "curl/8.1"}); by["bot_verified"] != "" || by["bot_name"] != "" {
		t.Errorf("%v", by)
	}
}
