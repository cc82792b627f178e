package wire

import (
	"strings"
	"testing"
)

func TestKindOf(t *testing.T) {
	for _, f := range knownFields {
		for _, name := range []string{f.name, strings.ToUpper(f.name), strings.ToUpper(f.name[:1]) + f.name[1:]} {
			if k := KindOf(name); k != f.kind {
				t.Errorf("%s: kind %d, want %d", name, k, f.kind)
			}
		}
		for _, other := range []string{f.name[1:], f.name + "s", "y" + f.name[1:], f.name[:len(f.name)-1] + "_"} {
			if k := KindOf(other); k != Plain {
				t.Errorf("%s: kind %d, want none", other, k)
			}
		}
	}
	for name, want := range map[string]Kind{"": Plain, "x-spec-": Plain, "X-Spec-a": Contract, "x-spec-customer-authorization": Contract,
		"x-specs": Plain, "x-specs-id": Plain, "y-spec-id": Plain, "user-agent": Plain, strings.Repeat("x", 300): Plain} {
		if k := KindOf(name); k != want {
			t.Errorf("%q: kind %d, want %d", name, k, want)
		}
	}
}
