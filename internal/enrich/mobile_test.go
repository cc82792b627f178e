package enrich

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestCarriersOfPhones holds that a carrier is told by number and owner together,
// that lists and files say more, and that names alone say nothing.
func TestCarriersOfPhones(t *testing.T) {
	dir := folder(t, map[string][]byte{"asn.csv": []byte(strings.Join([]string{
		"192.0.2.0,192.0.2.31,21928,\"T-Mobile USA, Inc.\"",
		"192.0.2.32,192.0.2.63,21928,Example Hosting Ltd", // the number was given to another
		"192.0.2.64,192.0.2.95,1766,Exxon Mobil Corporation",
		"192.0.2.96,192.0.2.127,9808,China Mobile", // fixed lines too
		"192.0.2.128,192.0.2.159,51207,",           // a name is not known
		"192.0.2.160,192.0.2.191,64500,Example Mobile",
		"192.0.2.192,192.0.2.223,24940,Hetzner Online GmbH",
		"192.0.2.224,192.0.2.255,9605,\"NTT DOCOMO, INC.\"",
	}, "\n"))})
	lists := t.TempDir()
	own, tor := filepath.Join(lists, "mobile.csv"), filepath.Join(lists, "tor.txt")
	write(t, own, "asn,operator\n64500,Example Mobile\nAS24940,ours is another\n")
	write(t, tor, "192.0.2.230\n")
	kinds := func(e *Enricher) string {
		var out []string
		for _, ip := range []string{"192.0.2.1", "192.0.2.33", "192.0.2.65", "192.0.2.97", "192.0.2.129", "192.0.2.161", "192.0.2.193", "192.0.2.225", "192.0.2.230"} {
			_, by := ask(e, Visit{IP: addr(ip)})
			out = append(out, by["network_kind"]+"|")
		}
		return strings.Join(out, "")
	}
	if got := kinds(open(t, Config{Dir: dir})); got != "mobile||||mobile||hosting|mobile|mobile|" {
		t.Errorf("by default: %s", got)
	}
	e := open(t, Config{Dir: dir, Networks: []NetworkList{{Mobile, own}, {Tor, tor}}})
	if got := kinds(e); got != "mobile||||mobile|mobile|hosting|mobile|tor|" {
		t.Errorf("with lists: %s", got)
	}
	if got := kinds(open(t, Config{Dir: dir, NoCarriers: true, Networks: []NetworkList{{Mobile, own}}})); got != "|||||mobile|hosting|||" {
		t.Errorf("without the default: %s", got)
	}
	missing := open(t, Config{Dir: dir, Networks: []NetworkList{{Mobile, filepath.Join(lists, "gone.csv")}}})
	told := false
	for _, s := range missing.Status() {
		told = told || s.Name == "gone.csv" && s.State == Missing && strings.Contains(s.Detail, "is not there")
	}
	if got := kinds(missing); !told || got != "mobile||||mobile||hosting|mobile|mobile|" {
		t.Errorf("a list that is missing: %s, %+v", got, missing.Status())
	}
}

// TestListsOfNumbers reads spreadsheets whose first column is of AS numbers.
func TestListsOfNumbers(t *testing.T) {
	n, err := parseNetworks("m.csv", []byte("ASN,name\n64500,One\n\"64501\",Two\nAS64502,Three\n"))
	if err != nil || n.size() != 3 || !n.has(addr("192.0.2.1"), 64501) {
		t.Errorf("%v %+v", err, n)
	}
	for text, want := range map[string]string{
		"64500\n":                   "is no address, network, range or AS number", // nothing says what the number is
		"asn,name\n0,None\n":        `"AS0" is no AS number`,
		"asn,name\nx,None\n":        "is no address, network, range or AS number",
		"network,name\n64500,One\n": "is no address, network, range or AS number",
	} {
		if _, err := parseNetworks("m.csv", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c := mobileCarriers(); len(c) < 40 || !c.serves(9605, "") || c.serves(0, "") || c.serves(9605, "Somebody") {
		t.Errorf("%d carriers", len(c))
	}
	if _, err := parseCarriers("m", []byte("AS1\n")); err == nil || !strings.Contains(err.Error(), "m:1") {
		t.Error(err)
	}
}
