package element

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRegistrableDomains runs the vectors of the public suffix list.
func TestRegistrableDomains(t *testing.T) {
	d, _ := Lookup("referrer_host")
	n := 0
	for _, line := range lines(t, "suffix.txt") {
		name, want, _ := strings.Cut(line, "\t")
		if strings.HasPrefix(name, ".") {
			if r, err := Normalise(d, name, Options{}); err == nil {
				t.Errorf("%s is %q", name, r.Value)
			}
			continue
		}
		if w, ok := hostName(want, false); ok {
			want = w
		}
		r, err := Normalise(d, name, Options{})
		if got := part(t, d, r, partDomain); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
		n++
	}
	if n < 60 {
		t.Errorf("only %d vectors", n)
	}
}

func TestHostForms(t *testing.T) {
	forms(t, Host, Options{}, map[string]string{
		"WWW.Example.COM": "www.example.com", "www.example.com.": "www.example.com", "example.com:8080": "example.com", "Bücher.example": "xn--bcher-kva.example",
		"faß.de": "xn--fa-hia.de", "my_host.example": "my_host.example", "192.0.2.1": "192.0.2.1", "[2001:DB8::1]:443": "!", "[2001:DB8::1]": "2001:db8::1",
		"r3---sn.example.com": "r3---sn.example.com", "a b.example": "!", "-a.example": "!", "a-.example": "!", "a..example": "!", "http://a.example": "!", "": "!",
		strings.Repeat("a", 64) + ".example": "!", strings.Repeat("a.", 127) + "example": "!", "xn--a.example": "!",
	})
}

func TestURLForms(t *testing.T) {
	forms(t, URL, Options{}, map[string]string{
		"https://User:secret@Shop.Example:443/a/b?q=1#x": "https://shop.example/a/b", "http://shop.example:80": "http://shop.example/", "HTTP://shop.example:8080/": "http://shop.example:8080/",
		"shop.example/a": "https://shop.example/a", "//shop.example/a": "https://shop.example/a", "https://bücher.example/ä": "https://xn--bcher-kva.example/%C3%A4",
		"https://[2001:DB8::1]/": "https://[2001:db8::1]/", "javascript:alert(1)": "!", "ftp://shop.example/": "!", "/local": "!", "https://": "!", "https:///a": "!",
		"mailto:ann@example.com": "!", "data:text/html,x": "!", "https://exa mple/": "!", "https://a.example/%zz": "!", "https://a.example:99999999/": "!",
	})
	d, _ := Lookup("referrer_url")
	r, err := Normalise(d, "https://ann:pw@a.b.example.co.uk/x?token=secret", Options{})
	if err != nil || part(t, d, r, partHost) != "a.b.example.co.uk" || part(t, d, r, partDomain) != "example.co.uk" || strings.Contains(r.Value, "secret") {
		t.Errorf("%+v %v", r, err)
	}
}

func TestIPForms(t *testing.T) {
	forms(t, IP, Options{}, map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "::FFFF:c000:0201": "192.0.2.1", "[2001:DB8::1]": "2001:db8::1", "192.0.2.1:443": "192.0.2.1",
		"[2001:db8::1]:443": "2001:db8::1", "fe80::1%eth0": "fe80::1", "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1", "2001:0db8:0000:0000:0000:ff00:0042:8329": "2001:db8::ff00:42:8329",
		"999.1.1.1": "!", "1.2.3": "!", "01.2.3.4": "!", "0x7f.1": "!", "2130706433": "!", "unknown": "!", "1.2.3.4.5": "!", "::1::": "!", "[1.2.3.4]": "!", "": "!",
	})
	forms(t, Network, Options{}, map[string]string{"2001:db8:1:2:3::/64": "2001:db8:1:2::/64", "192.0.2.9/24": "192.0.2.0/24", "192.0.2.9": "192.0.2.9/32", "192.0.2.0/33": "!", "x/8": "!"})
	d, _ := Lookup("ip")
	for raw, want := range map[string]string{"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "192.0.2.1": "", "::ffff:192.0.2.1": ""} {
		if r, err := Normalise(d, raw, Options{}); err != nil || part(t, d, r, partNetwork) != want {
			t.Errorf("%s: %+v %v", raw, r, err)
		}
	}
}

func FuzzHost(f *testing.F) {
	var seeds []string
	for _, line := range lines(f, "suffix.txt") {
		name, _, _ := strings.Cut(line, "\t")
		seeds = append(seeds, name)
	}
	fuzz(f, Host, append(seeds, "[::1]", "a:80", "xn--a", "faß.de")...)
}

func FuzzURL(f *testing.F) {
	fuzz(f, URL, "https://u:p@shop.example:8443/a?b#c", "//a/b", "a", "https://[::1]:0/", "http://a.example/%2e%2e/", "https://a.example/\x00")
}
func FuzzIP(f *testing.F)      { fuzz(f, IP, "::ffff:1.2.3.4", "[::1]:1", "fe80::1%a") }
func FuzzNetwork(f *testing.F) { fuzz(f, Network, "10.1.2.3/8", "::1/0", "::ffff:1.2.3.4/100") }
func FuzzPath(f *testing.F)    { fuzz(f, Path, "/a/../b", "/\x00") }

// TestTheShortWayIsTheLongOne holds that names which take the short way come out as
// the library brings them, and that what is odd does not take it.
func TestTheShortWayIsTheLongOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcxyz019-.äöüéñßàÿ÷ÀıÅå")
	short := 0
	for range 50_000 {
		name := make([]rune, 1+random.IntN(14))
		for i := range name {
			name[i] = letters[random.IntN(len(letters))]
		}
		s := string(name)
		h, ok := latinHost(s)
		if !ok {
			continue
		}
		short++
		if want, good := idnaHost(s); !good || h != want {
			t.Fatalf("%q: %q, the long way %q %t", s, h, want, good)
		}
	}
	if short < 1000 {
		t.Errorf("%d took the short way", short)
	}
	for s, want := range map[string]string{"bücher.example": "xn--bcher-kva.example", "größe.example": "", "Bücher.example": "", "-ü.example": "", "ü-.example": "", "ü..example": "",
		"ü": "xn--tda", "bü--cher.example": "", strings.Repeat("ü", 80) + ".example": "", "ü.": "", "": ""} {
		if got, ok := latinHost(s); got != want || ok != (want != "") {
			t.Errorf("%q: %q %t", s, got, ok)
		}
	}
}
