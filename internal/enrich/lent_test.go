package enrich

import (
	"net/netip"
	"testing"
	"unsafe"
)

// A header is lent: what is answered must not change with the buffer it lay in.
func TestDescribeKeepsNothingOfTheHeader(t *testing.T) {
	e := Fixed(nil)
	for _, ua := range []string{"curl", "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0", "curl"} {
		b := []byte(ua)
		short, out := e.Describe(Visit{IP: netip.MustParseAddr("192.0.2.1"), Agent: unsafe.String(&b[0], len(b))})
		want := short
		for i := range b {
			b[i] = '!'
		}
		found := false
		for _, el := range out {
			found = found || el.ID == "user_agent" && el.Value == ua
			if el.Value != "" && el.Value[0] == '!' {
				t.Errorf("%s became %q", el.ID, el.Value)
			}
		}
		if !found || short != want {
			t.Errorf("%q: %q %v", ua, short, out)
		}
	}
}
