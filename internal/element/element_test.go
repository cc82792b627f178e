package element

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func hasher(t testing.TB) *Hasher {
	t.Helper()
	h, err := NewHasher([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestTheCatalogueIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	opt := Options{Region: "US", Hasher: hasher(t)}
	for _, d := range Catalogue() {
		if d.ID == "" || d.Name == "" || d.Group == "" || d.Kind == "" || d.Sensitivity == "" || seen[d.ID] {
			t.Errorf("%+v is incomplete or defined twice", d)
		}
		seen[d.ID] = true
		r, err := Normalise(d, d.Example, opt)
		if err != nil {
			t.Errorf("%s: its own example does not fit: %v", d.ID, err)
		}
		if d.Hashed() && (!strings.HasPrefix(r.Value, "h:") || strings.Contains(r.Value, d.Example)) {
			t.Errorf("%s: %q is not hashed", d.ID, r.Value)
		}
		if !d.Hashed() && (d.Kind.AlwaysHashed() || strings.HasPrefix(r.Value, "h:")) {
			t.Errorf("%s: is hashed, and the table says %s", d.ID, d.Storage())
		}
		if again, err := Normalise(d, r.Value, opt); !d.Hashed() && (err != nil || again.Value != r.Value) {
			t.Errorf("%s: %q is not its own normal form: %q %v", d.ID, r.Value, again.Value, err)
		}
		if d.About == "" || !d.Kind.Known() || (d.Computed || d.Kind == Address) == d.Mapped() {
			t.Errorf("%s: not described, of an unknown kind, or both computed and mapped", d.ID)
		}
		for _, p := range r.Parts {
			if _, ok := Lookup(p.ID); !ok {
				t.Errorf("%s gives the unknown part %s", d.ID, p.ID)
			}
		}
	}
	if len(seen) < 220 {
		t.Errorf("only %d elements", len(seen))
	}
}

func TestACardLeavesOnlyItsHashAndSafeParts(t *testing.T) {
	d, _ := Lookup("card_number")
	opt := Options{Hasher: hasher(t)}
	a, err := Normalise(d, "4111 1111 1111 1111", opt)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Normalise(d, "4111-1111-1111-1111", opt)
	if a.Value != b.Value || strings.Contains(a.Value, "1111") {
		t.Fatalf("%q and %q", a.Value, b.Value)
	}
	want := []Part{{"card_bin", "411111"}, {"card_last4", "1111"}, {"card_brand", "visa"}}
	for i, p := range want {
		if a.Parts[i] != p {
			t.Fatalf("parts = %v", a.Parts)
		}
	}
	other, _ := NewHasher([]byte(strings.Repeat("x", 32)))
	if c, _ := Normalise(d, "4111111111111111", Options{Hasher: other}); c.Value == a.Value {
		t.Fatal("another key gives the same hash")
	}
}

func TestHashesAreStableAndApart(t *testing.T) {
	h := hasher(t)
	first := h.Entity("email", "a")
	if first != h.Entity("email", "a") || first == h.Entity("email", "b") || h.Entity("email", "a") == h.Entity("username", "a") {
		t.Fatal("entity hash is not a function of element and value")
	}
	if h.Entity("email", "a") <= 0 || h.Key("cookie", "x") == h.Key("bearer", "x") {
		t.Fatal("hash is not positive or not apart by kind")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	a, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadOrCreateKey(path)
	if err != nil || string(a) != string(b) || len(a) != 32 {
		t.Fatalf("%x %x %v", a, b, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(path); err == nil {
		t.Fatal("a key that others can read was taken")
	}
}

func BenchmarkKey(b *testing.B) {
	h := hasher(b)
	b.ReportAllocs()
	for b.Loop() {
		h.Key("cookie", "sid=abcdefghijkl")
	}
}
