package element

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// of is an element of a kind, with all parts that the kind has.
func of(t testing.TB, k Kind) Def {
	t.Helper()
	for _, d := range Catalogue() {
		if d.Kind == k && (len(d.parts) > 0 || k == Network) {
			return d
		}
	}
	for _, d := range Catalogue() {
		if d.Kind == k {
			return d
		}
	}
	t.Fatalf("no element of kind %s", k)
	return Def{}
}

// forms holds raw values against canonical ones; "!" stands for a refusal, whose
// reason must never repeat the value.
func forms(t *testing.T, k Kind, opt Options, cases map[string]string) {
	t.Helper()
	d := of(t, k)
	if opt.Hasher == nil {
		opt.Hasher = hasher(t)
	}
	for raw, want := range cases {
		r, err := Normalise(d, raw, opt)
		switch {
		case want == "!" && err == nil:
			t.Errorf("%s %.80q = %q; want a refusal", k, raw, r.Value)
		case want != "!" && (err != nil || r.Value != want):
			t.Errorf("%s %.80q = %q, %v; want %q", k, raw, r.Value, err, want)
		case err != nil && len(raw) > 8 && strings.Contains(err.Error(), raw):
			t.Errorf("%s: the reason repeats %.80q: %v", k, raw, err)
		}
	}
}

// part is a part of a result by its name.
func part(t testing.TB, d Def, r Result, name string) string {
	t.Helper()
	for _, p := range d.parts {
		if p.part == name {
			for _, got := range r.Parts {
				if got.ID == p.id {
					return got.Value
				}
			}
		}
	}
	return ""
}

func lines(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			out = append(out, line)
		}
	}
	return out
}

// fuzz holds a kind to what all kinds promise, whatever comes.
func fuzz(f *testing.F, k Kind, seeds ...string) {
	d := of(f, k)
	opt := Options{Region: "US", Hasher: hasher(f)}
	for _, e := range Catalogue() {
		if e.Kind == k {
			f.Add(e.Example)
		}
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) { promises(t, d, raw, opt) })
}

// promises are those of every kind: refused values are not repeated, canonical
// ones are valid, bounded and their own canonical form, and so are parts.
func promises(t *testing.T, d Def, raw string, opt Options) {
	t.Helper()
	r, err := Normalise(d, raw, opt)
	if err != nil {
		if len(raw) > 6 && strings.Contains(err.Error(), raw) {
			t.Fatalf("the error repeats the value: %v", err)
		}
		if r.Value != "" || r.Parts != nil {
			t.Fatalf("refused and kept: %+v", r)
		}
		return
	}
	if r.Value == "" || !utf8.ValidString(r.Value) || len(r.Value) > 4200 {
		t.Fatalf("accepted as %q", r.Value)
	}
	if d.Hashed() {
		if !strings.HasPrefix(r.Value, "h:") || len(r.Value) != 34 {
			t.Fatalf("kept as %q", r.Value)
		}
	} else if again, err := Normalise(d, r.Value, opt); err != nil || again.Value != r.Value {
		t.Fatalf("%s: %q is not its own normal form: %q %v", d.ID, r.Value, again.Value, err)
	}
	for _, p := range r.Parts {
		pd, ok := Lookup(p.ID)
		if !ok {
			t.Fatalf("the unknown part %s", p.ID)
		}
		pr, err := Normalise(pd, p.Value, opt)
		if err != nil || pr.Value != p.Value {
			t.Fatalf("part %s = %q does not fit: %q %v", p.ID, p.Value, pr.Value, err)
		}
	}
}

// FuzzNormalise takes any element, custom sensitivity included.
func FuzzNormalise(f *testing.F) {
	for _, d := range Catalogue() {
		f.Add(d.ID, d.Example, false)
	}
	opt := Options{Region: "US", Hasher: hasher(f)}
	f.Fuzz(func(t *testing.T, id, raw string, secret bool) {
		if d, ok := Lookup(id); ok {
			if secret {
				d.Sensitivity = Credential
			}
			promises(t, d, raw, opt)
			if r, err := Normalise(d, raw, opt); secret && err == nil && len(r.Parts) > 0 {
				t.Fatalf("a secret gives %v", r.Parts)
			}
		}
	})
}

// TestSensitiveElementsOfHarmlessKinds holds that sensitivity goes before kind.
func TestSensitiveElementsOfHarmlessKinds(t *testing.T) {
	for _, k := range []Kind{Email, Phone, Money, Identifier, Text, URL} {
		d := of(t, k)
		for _, s := range []Sensitivity{Sensitive, Credential} {
			d.Sensitivity = s
			r, err := Normalise(d, d.Example, Options{Region: "US", Hasher: hasher(t)})
			if err != nil || !strings.HasPrefix(r.Value, "h:") || len(r.Parts) > 0 {
				t.Errorf("%s %s: %+v %v", s, k, r, err)
			}
			if _, err := Normalise(d, d.Example, Options{}); err == nil {
				t.Errorf("%s %s was kept without a key", s, k)
			}
		}
	}
}

// TestEveryKindHasAnElement and an explanation, and none is there twice.
func TestEveryKindHasAnElement(t *testing.T) {
	seen := map[Kind]bool{}
	for _, k := range Kinds() {
		if seen[k.Kind] || k.Name == "" || k.Form == "" {
			t.Errorf("%+v", k)
		}
		seen[k.Kind] = true
		of(t, k.Kind)
	}
	if len(seen) < 35 {
		t.Errorf("%d kinds", len(seen))
	}
}

// TestEntityKindsOfTheEntityPage are those that must be there.
func TestEntityKindsOfTheEntityPage(t *testing.T) {
	for _, id := range strings.Fields(`email account_address billing_address shipping_address customer_id merchant_id order_id refund_id tracking_id
		device_fingerprint billing_email ein email_to ip ip_dns ip_hidden payment_from payment_from_account_id payment_to payment_to_account_id
		phone alt_phone billing_phone shipping_phone ssn username`) {
		if d, ok := Lookup(id); !ok || !d.Entity {
			t.Errorf("%s is no entity", id)
		}
	}
	for _, id := range strings.Fields("session_id spec_id session_risk_rating event_type event_name") {
		if d, ok := Lookup(id); !ok || !d.Computed || d.Mapped() {
			t.Errorf("%s is not computed", id)
		}
	}
}

// TestIDsThatPoliciesUse holds those of the first catalogue, with their roles.
func TestIDsThatPoliciesUse(t *testing.T) {
	for _, id := range strings.Fields(`email username customer_id phone alt_phone ssn ein ip device_fingerprint order_id tracking_id merchant_id card_number payment_from
		payment_to refund_id billing_email billing_phone billing_address shipping_phone shipping_address`) {
		if d, ok := Lookup(id); !ok || !d.Entity {
			t.Errorf("%s is no entity any more", id)
		}
	}
	for _, id := range strings.Fields(`account_name asn asn_owner country region city latitude longitude user_agent browser os device_class bot_name url_path http_method
		referrer_host response_status response_title failure_reason login_result mfa_method search_query product_id product_name message cart_id quantity promo_code
		transaction_amount currency payment_method card_bin card_last4 card_brand card_expiry_month card_expiry_year refund_amount ticket_id ticket_subject
		billing_street billing_city billing_region billing_postal_code billing_country shipping_street shipping_city shipping_region shipping_postal_code shipping_country`) {
		if d, ok := Lookup(id); !ok || d.Entity {
			t.Errorf("%s is no attribute any more", id)
		}
	}
}
