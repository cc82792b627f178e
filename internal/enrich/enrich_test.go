package enrich

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// object is a record for the writer below: pairs of a key and a value.
type object []any

// mmdb writes a MaxMind database (format 2.0, IPv4, 24-bit records) in which each
// address has its record.
func mmdb(records map[string]object) []byte {
	type node struct {
		child [2]*node
		data  int // 1 + offset of the leaf's record
		n     int
	}
	root, data := &node{}, []byte{}
	var nodes []*node
	addrs := make([]string, 0, len(records))
	for a := range records {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	for _, a := range addrs {
		ip := netip.MustParseAddr(a).As4()
		at := root
		for i := range 32 {
			b := ip[i/8] >> (7 - i%8) & 1
			if at.child[b] == nil {
				at.child[b] = &node{}
			}
			at = at.child[b]
		}
		at.data = 1 + len(data)
		data = append(data, field(records[a])...)
	}
	var number func(*node)
	number = func(n *node) {
		if n == nil || n.data > 0 {
			return
		}
		n.n = len(nodes)
		nodes = append(nodes, n)
		number(n.child[0])
		number(n.child[1])
	}
	number(root)
	var out bytes.Buffer
	for _, n := range nodes {
		for _, c := range n.child {
			v := len(nodes) // nothing is known
			switch {
			case c == nil:
			case c.data > 0:
				v = len(nodes) + 16 + c.data - 1
			default:
				v = c.n
			}
			out.Write([]byte{byte(v >> 16), byte(v >> 8), byte(v)})
		}
	}
	out.Write(make([]byte, 16))
	out.Write(data)
	out.WriteString("\xab\xcd\xefMaxMind.com")
	out.Write(field(object{"node_count", uint32(len(nodes)), "record_size", uint16(24), "ip_version", uint16(4),
		"database_type", "Test", "binary_format_major_version", uint16(2), "binary_format_minor_version", uint16(0),
		"build_epoch", uint64(1767225600), "languages", []any{"en"}, "description", object{"en", "a test"}}))
	return out.Bytes()
}

// field encodes a value of the data section.
func field(v any) []byte {
	control := func(kind, size int) []byte {
		var b []byte
		if kind <= 7 {
			b = []byte{byte(kind << 5)}
		} else {
			b = []byte{0, byte(kind - 7)}
		}
		if size < 29 {
			b[0] |= byte(size)
			return b
		}
		b[0] |= 29
		return append(b, byte(size-29))
	}
	number := func(kind int, n uint64) []byte {
		raw := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00")
		return append(control(kind, len(raw)), raw...)
	}
	switch v := v.(type) {
	case string:
		return append(control(2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(control(3, 8), math.Float64bits(v))
	case uint16:
		return number(5, uint64(v))
	case uint32:
		return number(6, uint64(v))
	case uint64:
		return number(9, v)
	case []any:
		out := control(11, len(v))
		for _, e := range v {
			out = append(out, field(e)...)
		}
		return out
	case object:
		out := control(7, len(v)/2)
		for _, e := range v {
			out = append(out, field(e)...)
		}
		return out
	}
	panic(fmt.Sprintf("no field of type %T", v))
}

func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLocate(t *testing.T) {
	e := Open(folder(t, map[string][]byte{
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
	}))
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	for ip, want := range map[string]Place{
		"81.2.69.142":        {Country: "GB", Region: "England", City: "London", Latitude: 51.5, Longitude: -0.12, ASN: 64500, Owner: "Example Net"},
		"::ffff:81.2.69.142": {Country: "GB", Region: "England", City: "London", Latitude: 51.5, Longitude: -0.12, ASN: 64500, Owner: "Example Net"},
		"81.2.69.143":        {Country: "GB"},
		"81.2.69.144":        {Country: "DE", Region: "Land Berlin", City: "Berlin", Latitude: 52.5, Longitude: 13.4},
		"81.2.69.145":        {}, "10.0.0.1": {}, "127.0.0.1": {}, "2001:db8::1": {}, "169.254.1.1": {},
	} {
		if got := e.Locate(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %+v, want %+v", ip, got, want)
		}
	}
	if got := e.Locate(netip.Addr{}); got != (Place{}) {
		t.Errorf("no address: %+v", got)
	}
	if s := e.Status(); len(s) != 3 || s[0].State != "ok" || !strings.Contains(s[0].Detail, "Test, built 2026-01-01") {
		t.Errorf("status %+v", s)
	}
	short, out := e.Describe(netip.MustParseAddr("81.2.69.142"), "curl/8.1")
	by := map[string]string{}
	for _, el := range out {
		by[el.ID] = el.Value
	}
	if short != "curl 8" || by["country"] != "GB" || by["asn"] != "64500" || by["latitude"] != "51.5000" || by["device_class"] != "tool" || by["user_agent"] != "curl/8.1" {
		t.Errorf("%q %v", short, by)
	}
}

// TestWhatIsNoTextIsLeftOut keeps bytes out that JSON could not bring back.
func TestWhatIsNoTextIsLeftOut(t *testing.T) {
	e := Open(folder(t, map[string][]byte{"a.mmdb": mmdb(map[string]object{"81.2.69.142": {"country_code", "DE", "city", "M\xfcnchen"}})}))
	defer func() { _ = e.Close() }()
	_, out := e.Describe(netip.MustParseAddr("81.2.69.142"), "")
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
	e := Open(folder(t, map[string][]byte{"empty.mmdb": nil, "half.mmdb": whole[:len(whole)/2], "text.mmdb": []byte("no database"),
		"other.txt": []byte("x"), "tree.mmdb": broken}))
	states := map[string]string{}
	for _, s := range e.Status() {
		states[s.Name] = s.State
	}
	for _, name := range []string{"empty.mmdb", "half.mmdb", "text.mmdb"} {
		if states[name] != "damaged" {
			t.Errorf("%s is %q", name, states[name])
		}
	}
	if _, listed := states["other.txt"]; listed {
		t.Error("a file of another kind is listed")
	}
	ip := netip.MustParseAddr("81.2.69.142")
	if got := e.Locate(ip); got != (Place{}) {
		t.Errorf("a broken tree gives %+v", got)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	none := Open(filepath.Join(t.TempDir(), "missing"))
	if s := none.Status(); len(s) != 1 || s[0].State != "missing" || !strings.Contains(s[0].Detail, "script/geo-data") {
		t.Errorf("status %+v", s)
	}
	if got := none.Locate(ip); got != (Place{}) {
		t.Errorf("without data: %+v", got)
	}
	// A damaged file beside a good one costs only itself.
	both := Open(folder(t, map[string][]byte{"a.mmdb": []byte("no"), "b.mmdb": whole}))
	if got := both.Locate(ip); got.Country != "GB" || got.City != "London" || len(both.Status()) != 2 {
		t.Errorf("%+v %+v", got, both.Status())
	}
	_ = both.Close()
}

func TestFixed(t *testing.T) {
	ip := netip.MustParseAddr("192.168.0.1")
	e := Fixed(map[netip.Addr]Place{ip: {Country: "DE"}})
	if got := e.Locate(netip.MustParseAddr("::ffff:192.168.0.1")); got.Country != "DE" {
		t.Errorf("%+v", got)
	}
}

func TestParseAgent(t *testing.T) {
	const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)"
	for ua, want := range map[string]Agent{
		"": {},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + webkit + " Chrome/130.0.0.0 Safari/537.36":                                                        {"Chrome 130", "Windows", "desktop", ""},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + webkit + " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":                                          {"Edge 130", "Windows", "desktop", ""},
		"Mozilla/5.0 (X11; Linux x86_64) " + webkit + " Chrome/99.0 Safari/537.36 OPR/85.0":                                                              {"Opera 85", "Linux", "desktop", ""},
		"Mozilla/5.0 (X11; Linux x86_64) " + webkit + " HeadlessChrome/120.0 Safari/537.36":                                                              {"Headless Chrome 120", "Linux", "desktop", ""},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15":                          {"Safari 17", "macOS", "desktop", ""},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1":        {"Safari 17", "iOS", "mobile", ""},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1": {"Chrome 123", "iOS", "mobile", ""},
		"Mozilla/5.0 (iPad; CPU OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1":                 {"Safari 16", "iPadOS", "tablet", ""},
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) " + webkit + " Chrome/130.0.0.0 Mobile Safari/537.36":                                                  {"Chrome 130", "Android", "mobile", ""},
		"Mozilla/5.0 (Linux; Android 13; SM-X200) " + webkit + " SamsungBrowser/24.0 Chrome/117.0.0.0 Safari/537.36":                                     {"Samsung Internet 24", "Android", "tablet", ""},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0":                                                               {"Firefox 132", "Windows", "desktop", ""},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + webkit + " Chrome/130.0.0.0 Safari/537.36":                                                         {"Chrome 130", "ChromeOS", "desktop", ""},
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                                                       {"Googlebot", "", "bot", "googlebot"},
		"Mozilla/5.0 " + webkit + "; compatible; GPTBot/1.2; +https://openai.com/gptbot":                                                                 {"Gptbot", "", "bot", "gptbot"},
		"curl/8.5.0":             {"curl 8", "", "tool", ""},
		"python-requests/2.31.0": {"python-requests 2", "", "tool", ""},
		"Go-http-client/1.1":     {"Go-http-client 1", "", "tool", ""},
		"Java/17.0.1":            {"Java 17", "", "tool", ""},
		"curlew/1.0":             {},
		"something else":         {},
	} {
		if got := ParseAgent(ua); got != want {
			t.Errorf("%s\n got %+v\nwant %+v", ua, got, want)
		}
	}
	for want, a := range map[string]Agent{"Chrome 130 on Windows": {Browser: "Chrome 130", OS: "Windows"}, "curl 8": {Browser: "curl 8"},
		"Linux": {OS: "Linux"}, "somebot": {Bot: "somebot"}, "": {}} {
		if got := a.Short(); got != want {
			t.Errorf("%+v: %q", a, got)
		}
	}
}

// TestTheCacheIsBounded asks for more headers than it keeps, from many sides, and
// for ones that are longer than is kept.
func TestTheCacheIsBounded(t *testing.T) {
	c := newAgentCache()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range maxAgents {
				if got := c.get(fmt.Sprintf("curl/%d.%d", i%90, g*maxAgents+i)); got.agent.Browser != fmt.Sprintf("curl %d", i%90) {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	wg.Wait()
	if n := len(c.seen); n == 0 || n > maxAgents {
		t.Errorf("%d headers are kept", n)
	}
	long := "curl/7 " + strings.Repeat("ä", maxAgent)
	if c.get(long).agent.Browser != "curl 7" {
		t.Error("a long header is not read")
	}
	for ua := range c.seen {
		if len(ua) > maxAgent {
			t.Errorf("%d bytes of a header are kept", len(ua))
		}
	}
	if got := bound(strings.Repeat("x", maxAgent-1) + "ä"); got != strings.Repeat("x", maxAgent-1) {
		t.Errorf("a rune is cut in two: %q", got[maxAgent-3:])
	}
	if got := bound("a\xffb"); got != "ab" {
		t.Errorf("%q", got)
	}
}

func FuzzParseAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0 Safari/537.36")
	f.Add("curl")
	f.Add("o\u212ahttp/1")
	f.Fuzz(func(t *testing.T, ua string) {
		a := ParseAgent(bound(ua))
		if !utf8.ValidString(a.Browser) {
			t.Fatalf("%q", a.Browser)
		}
		if len(a.Browser) > 64 || len(a.Short()) > 96 {
			t.Fatalf("%+v", a)
		}
	})
}

func BenchmarkDescribe(b *testing.B) {
	e := Fixed(nil)
	ip := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		e.Describe(ip, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36")
	}
}
