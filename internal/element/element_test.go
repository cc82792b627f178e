package element

import (
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

func TestARotatedKeyKeepsNamesAndKnowsTheFormer(t *testing.T) {
	a, b := []byte(strings.Repeat("a", 32)), []byte(strings.Repeat("b", 32))
	first, err := NewHasher(a)
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHasher(a)
	if err != nil {
		t.Fatal(err)
	}
	if h.Previous() != nil || h.Former("cookie", "x") != 0 {
		t.Fatal("a former key before any rotation")
	}
	if err := h.SetKeys(Keys{Current: b, Previous: a, Names: a}); err != nil {
		t.Fatal(err)
	}
	if h.Entity("email", "ann@example.com") != first.Entity("email", "ann@example.com") {
		t.Error("an entity's ID changed with the key")
	}
	if h.Key("cookie", "x") == first.Key("cookie", "x") || h.Former("cookie", "x") != first.Key("cookie", "x") {
		t.Error("a session key is hashed by the wrong key")
	}
	if h.Secret("ssn", "x") == first.Secret("ssn", "x") || h.Previous().Secret("ssn", "x") != first.Secret("ssn", "x") {
		t.Error("a secret is hashed by the wrong key")
	}
	if err := h.SetKeys(Keys{Current: b[:31], Names: a}); err == nil || h.Former("cookie", "x") == 0 {
		t.Error("a short key was taken, or changed what was there")
	}
}

func BenchmarkKey(b *testing.B) {
	h := hasher(b)
	b.ReportAllocs()
	for b.Loop() {
		h.Key("cookie", "sid=abcdefghijkl")
	}
}
