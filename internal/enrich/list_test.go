package enrich

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNetworks(t *testing.T) {
	n, err := parseNetworks("x", []byte("\ufeff# a list\n192.0.2.7\n  198.51.100.0/24 # net\r\n2001:db8::/32\n203.0.113.1-203.0.113.9\n203.0.113.20 - 203.0.113.29\nAS64500\nas64501 # other\n\n; end\n"))
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]bool{"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.2.6": false, "192.0.2.8": false, "198.51.100.0": true, "198.51.100.255": true,
		"198.51.101.0": false, "2001:db8:ffff::": true, "2001:db9::": false, "203.0.113.9": true, "203.0.113.10": false, "203.0.113.25": true, "0.0.0.0": false, "::": false} {
		if n.has(addr(ip), 0) != want {
			t.Errorf("%s: %v", ip, !want)
		}
	}
	if !n.has(addr("9.9.9.9"), 64501) || n.has(addr("9.9.9.9"), 64502) || n.has(netip.Addr{}, 0) {
		t.Error("by AS number")
	}
	for _, text := range []string{
		"ip,first_seen\n192.0.2.7,2026\n", "192.0.2.7,192.0.2.9\n", `"192.0.2.7","x"`, "ExitNode 0011\nPublished 2026-01-01 00:00:00\nExitAddress 192.0.2.7 2026-01-01 00:00:00\n",
		`{"creationTime":"2026-01-01T00:00:00.000000","prefixes":[{"ipv4Prefix":"192.0.2.0/27"},{"ipv6Prefix":"2001:db8::/64"}]}`,
		`{"syncToken":"1","prefixes":[{"ip_prefix":"192.0.2.0/24","region":"x","service":"y"}],"ipv6_prefixes":[{"ipv6_prefix":"2001:db8::/64"}]}`,
		`{"prefixes":[{"ipv4Prefix":"192.0.2.7"}]}`,
	} {
		if n, err := parseNetworks("x", []byte(text)); err != nil || !n.has(addr("192.0.2.7"), 0) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                               "nothing is listed",
		"# only\n":                       "nothing is listed",
		"192.0.2.7\n\nexample.com\n":     `tor.txt:3: "example.com" is no address, network, range or AS number`,
		"192.0.2.7 192.0.2.8\n":          `tor.txt:1: "192.0.2.8" follows 192.0.2.7`,
		"192.0.2.7/24\n":                 "tor.txt:1: 192.0.2.7/24 has bits behind its length; want 192.0.2.0/24",
		"0.0.0.0/0":                      "lists every address",
		"192.0.2.0/33":                   "is no network",
		"192.0.2.9-192.0.2.1":            "want the lower address first",
		"192.0.2.9-2001:db8::":           "not of one kind",
		"192.0.2.9-":                     "is no range",
		"AS0":                            "is no AS number",
		"AS99999999999":                  "is no AS number",
		"fe80::1%eth0":                   "is no address",
		"192.0.2.1\n\xff":                "tor.txt:2: no line of text",
		strings.Repeat("1", 5000):        "no line of text of at most 4096 bytes",
		"ip\n192.0.2.1":                  "tor.txt:1",
		"192.0.2.1,x\nnetwork,x":         "tor.txt:2",
		"{\"prefixes\": [\n{\"a\": 1}]}": "tor.txt:2: an entry without ipv4Prefix or ipv6Prefix",
		"{\"prefixes\": [\n{\"ipv4Prefix\": \"x\"}]}": `tor.txt:2: ipv4Prefix "x" is no network`,
		"{\"prefixes\": {}}":                          "prefixes is no list",
		"{\"prefixes\": [":                            "tor.txt:1",
		"{} {}":                                       "follows",
		"{\"other\": [1]}":                            "nothing is listed",
	} {
		if _, err := parseNetworks("tor.txt", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// TestOverlaps holds the ranges against a table of every address.
func TestOverlaps(t *testing.T) {
	entries := []struct{ from, to byte }{{10, 200}, {20, 30}, {25, 27}, {30, 40}, {35, 220}, {35, 35}, {0, 5}, {250, 255}, {255, 255}, {20, 30}, {201, 202}}
	for _, v6 := range []bool{false, true} {
		ip := func(b byte) netip.Addr {
			if v6 {
				return netip.AddrFrom16([16]byte{0x20, 1, 7: b, 15: b})
			}
			return netip.AddrFrom4([4]byte{192, 0, 2, b})
		}
		var r ranges
		for i, e := range entries {
			if err := r.add(ip(e.from), ip(e.to), uint32(i)); err != nil {
				t.Fatal(err)
			}
		}
		r.seal()
		for b := range 256 {
			covered := false
			for _, e := range entries {
				covered = covered || int(e.from) <= b && b <= int(e.to)
			}
			v, ok := r.find(ip(byte(b)))
			if ok != covered {
				t.Errorf("%s: found %v", ip(byte(b)), ok)
			}
			if ok && (int(entries[v].from) > b || int(entries[v].to) < b) {
				t.Errorf("%s has the value of %v", ip(byte(b)), entries[v])
			}
		}
		for b, want := range map[byte]uint32{26: 2, 24: 9, 28: 9, 15: 0, 36: 4, 35: 5, 50: 4, 255: 8, 254: 7, 201: 10, 203: 4} {
			if v, _ := r.find(ip(b)); v != want {
				t.Errorf("%s is of %d, want the narrower %d", ip(b), v, want)
			}
		}
	}
	whole := ranges{}
	_ = whole.add(addr("::"), addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1)
	_ = whole.add(addr("8000::"), addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 2)
	_ = whole.add(addr("0.0.0.0"), addr("255.255.255.255"), 3)
	_ = whole.add(addr("255.255.255.255"), addr("255.255.255.255"), 4)
	whole.seal()
	for ip, want := range map[string]uint32{"::1": 1, "7fff::": 1, "9000::": 2, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": 2, "1.1.1.1": 3, "255.255.255.255": 4} {
		if v, ok := whole.find(addr(ip)); !ok || v != want {
			t.Errorf("%s: %d", ip, v)
		}
	}
}

func TestSpreadsheets(t *testing.T) {
	for text, want := range map[string]Place{
		"1.0.0.0,1.0.0.255,au\n": {Country: "AU"},
		"ip_range_start,ip_range_end,country_code\r\n1.0.0.0,1.0.0.255,AU\r\n": {Country: "AU"},
		"16777216,16777471,AU":                                         {Country: "AU"},
		"1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"":                 {ASN: 13335, Owner: "Cloudflare, Inc."},
		"\"1.0.0.0\",\"1.0.0.255\",13335,\"a \"\"b\"\"\"":              {ASN: 13335, Owner: `a "b"`},
		"1.0.0.0,1.0.0.255,AU,Queensland,,Brisbane,4000,-27.4,153.02,": {Country: "AU", Region: "Queensland", City: "Brisbane", Latitude: -27.4, Longitude: 153.02, Located: true},
		"1.0.0.0,1.0.0.255,AU,,,,,,,":                                  {Country: "AU"},
	} {
		s, err := parseSpreadsheet("x-ipv4.csv", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := s.locate(addr("1.0.0.7")); err != nil || got != want {
			t.Errorf("%q: %+v", text, got)
		}
		if got, _ := s.locate(addr("1.0.1.0")); got != (Place{}) {
			t.Errorf("%q: beside it %+v", text, got)
		}
	}
	s, err := parseSpreadsheet("asn-ipv6-num.csv", []byte("42540528726795050063891204319802818560,42540528806023212578155541913346768895,JP"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.locate(addr("2001:200::1")); got.Country != "JP" {
		t.Errorf("%+v", got)
	}
	for text, want := range map[string]string{
		"":                                   "no range in it",
		"1.0.0.0,1.0.0.255,AU\n1.0.1.0,x,AU": `x.csv:2: "x" is no address`,
		"1.0.0.0,1.0.0.255,Australia":        `"Australia" is no country`,
		"1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.1.255,1,x": "x.csv:2: 4 columns",
		"1.0.0.0,1.0.0.255,AS1,x":                     `"AS1" is no AS number`,
		"1.0.0.0,1.0.0.255,1,\"x":                     "a quote is not closed",
		"1.0.0.0,1.0.0.255,1,\"x\"y":                  "something follows a closing quote",
		"1.0.0.255,1.0.0.0,AU":                        "want the lower address first",
		"99999999999,1.0.0.0,AU":                      "is no address",
		"1.0.0.0,1.0.0.255,AU,,,,,91,0,":              "is no latitude",
		"1.0.0.0,1.0.0.255,AU,,,,,NaN,0,":             "is no latitude",
		"1.0.0.0,1.0.0.255,AU,,,,,0,181,":             "is no longitude",
	} {
		if _, err := parseSpreadsheet("x.csv", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTables(t *testing.T) {
	d, err := parseDomains("d", []byte("domain,created\nold.example,2001-02-03\nNEW.example\n"))
	if err != nil {
		t.Fatal(err)
	}
	if day, ok := d.find("mail.old.example"); !ok || day != 11356 {
		t.Errorf("%d %v", day, ok)
	}
	if day, ok := d.find("new.example"); !ok || day != unknownDay {
		t.Errorf("%d %v", day, ok)
	}
	if _, ok := d.find("example"); ok {
		t.Error("found what is not listed")
	}
	for text, want := range map[string]string{"": "no domain", "x": "d:1: \"x\" is no domain", "a.example\nb.example,soon": `d:2: "soon" is no day`, "a..b": "is no domain", "a.b,1800-01-01": "is no day"} {
		if _, err := parseDomains("d", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	b, err := parseBINs("b", []byte("bin,country,issuer,funding\n411111,us,\"Example, Bank\",Prepaid\n41111122,CA\n"))
	if err != nil || b["411111"] != (issuer{"US", "Example, Bank", "prepaid"}) || b["41111122"].country != "CA" {
		t.Errorf("%v %v", b, err)
	}
	for text, want := range map[string]string{"": "no BIN", "4111,US": "b:1: \"4111\" is no BIN", "411111": "want bin,country", "411111,USA": "is no country", "41111x,US": "is no BIN", "411111,US,a,b,c": "want bin,country"} {
		if _, err := parseBINs("b", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestHostingSystems(t *testing.T) {
	if n := hostingSystems(); len(n.systems) < 50 || !n.has(addr("9.9.9.9"), 24940) {
		t.Errorf("%d systems", len(n.systems))
	}
}

func FuzzNetworks(f *testing.F) {
	f.Add([]byte("192.0.2.7\n198.51.100.0/24 # x\nAS1\n1.1.1.1-1.1.1.2\n"))
	f.Add([]byte(`{"prefixes":[{"ipv4Prefix":"192.0.2.0/27"},{"ipv6Prefix":"2001:db8::/64"}]}`))
	f.Add([]byte("10.0.0.0/8\n10.1.0.0/16\n10.1.2.0/24\n::/1\n8000::/1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := parseNetworks("x", text)
		if err != nil {
			return
		}
		for i := 1; i < len(n.v4); i++ {
			if n.v4[i-1].to >= n.v4[i].from {
				t.Fatalf("%v", n.v4)
			}
		}
		for i := 1; i < len(n.v6); i++ {
			if n.v6[i-1].to.cmp(n.v6[i].from) >= 0 {
				t.Fatalf("%v", n.v6)
			}
		}
		for _, r := range n.v4 {
			if r.from > r.to {
				t.Fatalf("%v", n.v4)
			}
		}
	})
}

func FuzzSpreadsheet(f *testing.F) {
	f.Add([]byte("1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n"))
	f.Add([]byte("1.0.0.0,1.0.0.255,AU,Queensland,,Brisbane,4000,-27.4,153.02,\n"))
	f.Add([]byte("16777216,16777471,AU"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSpreadsheet("x-ipv6.csv", text)
		if err == nil {
			_, _ = s.locate(addr("1.0.0.1"))
			_, _ = s.locate(addr("2001:db8::1"))
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add([]byte("a.example,2026-01-31\n"))
	f.Add([]byte("411111,US,\"a \"\"b\"\"\",debit\n"))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}]}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		if d, err := parseDomains("x", text); err == nil {
			d.find("a.b.example")
		}
		_, _ = parseBINs("x", text)
		_, _ = parseDirectory("x", text)
	})
}

func FuzzDatabase(f *testing.F) {
	f.Add(mmdb(map[string]object{"81.2.69.142": {"country_code", "GB", "city", object{"names", object{"en", "London"}}}}))
	f.Fuzz(func(_ *testing.T, text []byte) {
		s, err := openDatabase(text)
		if err != nil {
			return
		}
		_ = s.about()
		_, _ = s.locate(addr("81.2.69.142"))
	})
}

// TestFourNumbers holds the quick way against the careful one.
func TestFourNumbers(t *testing.T) {
	for _, s := range []string{"0.0.0.0", "255.255.255.255", "1.2.3.4", "10.20.30.40", "256.1.1.1", "1.1.1.256", "1.1.1", "1.1.1.1.1", "01.1.1.1", "1.1.1.01", "00.1.1.1", "1..1.1", ".1.1.1", "1.1.1.", "", "1.1.1.1 ", "::1", "999.1.1.1", "1234.1.1.1", "1.1.1.a"} {
		want, err := netip.ParseAddr(s)
		got, ok := fourNumbers([]byte(s))
		if ok != (err == nil && want.Is4()) || ok && got != want {
			t.Errorf("%q: %v %v, want %v %v", s, got, ok, want, err)
		}
	}
}
