package capture

import (
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/wire"
)

// TestPhonesAreReadByTheCountryBesideThem holds that the country of the same form
// goes before the site's, whatever the order of the mappings, and the nearest first.
func TestPhonesAreReadByTheCountryBesideThem(t *testing.T) {
	const form = `request: {form.p: phone, form.bp: billing_phone, form.sp: shipping_phone, form.rp: recipient_phone,
  form.cc: phone_calling_code, form.c: country, form.bc: billing_country, form.sc: shipping_country, form.rc: recipient_country}`
	p := NewPlan(spec(t, "/x", form))
	for body, want := range map[string]string{
		"p=030+23125+000":                        "phone=!not a phone number", // of no US plan
		"p=030+23125+000&c=Deutschland":          "phone=+493023125000",
		"p=030+23125+000&cc=%2B49":               "phone=+493023125000",
		"p=030+23125+000&cc=0049&c=US":           "phone=+493023125000",
		"p=030+23125+000&bc=DE":                  "phone=+493023125000",
		"p=030+23125+000&sc=276":                 "phone=+493023125000",
		"bp=030+23125+000&bc=DE&c=FR":            "billing_phone=+493023125000",
		"sp=030+23125+000&sc=DE&bc=FR":           "shipping_phone=+493023125000",
		"sp=030+23125+000&bc=DE":                 "shipping_phone=!not a phone number", // who pays says nothing of who receives
		"bp=030+23125+000&c=DE":                  "billing_phone=+493023125000",
		"rp=030+23125+000&c=DE":                  "recipient_phone=!not a phone number",
		"rp=030+23125+000&rc=DE":                 "recipient_phone=+493023125000",
		"p=%2B44+20+7946+0958&c=DE":              "phone=+442079460958", // its own goes first
		"p=(415)+555-0101&c=GB":                  "phone=+14155550101",  // in use at the site only
		"p=(415)+555-0101&cc=%2B49":              "phone=+494155550101", // but a code is of this very number
		"p=030+23125+000&c=DE&c=FR":              "phone=!not a phone number",
		"p=030+23125+000&c=DE&c=Germany":         "phone=+493023125000",
		"p=030+23125+000&c=DE&c=FR&cc=%2B49":     "phone=+493023125000",
		"p=030+23125+000&c=Atlantis":             "phone=!not a phone number",
		"p=030+23125+000&c=Atlantis&bc=DE":       "phone=+493023125000",
		"p=030+23125+000&cc=Germany+%28%2B49%29": "phone=+493023125000",
		"p=1234+5678&cc=%2B800":                  "phone=+80012345678", // of no country
	} {
		id, value, _ := strings.Cut(want, "=")
		got := capturer(t).Request(p, exchange(head("POST", "/x", "Content-Type", "application/x-www-form-urlencoded"), body))
		if v := values(got)[id]; v != value {
			t.Errorf("%s: %s is %q, want %q", body, id, v, value)
		}
	}
}

// TestAmountsAreReadByTheirCurrency holds that places and smallest units are those
// of the currency beside an amount.
func TestAmountsAreReadByTheirCurrency(t *testing.T) {
	p := NewPlan(spec(t, "/x", `request:
  form.a: {element: transaction_amount, minor_units: true}
  form.r: [{element: refund_amount, minor_units: true, currency: JPY}]
  form.t: tax_amount
  form.c: currency
  form.rc: refund_currency`))
	for body, want := range map[string]string{
		"a=1290":              "transaction_amount=12.90",
		"a=1290&c=jpy":        "transaction_amount=1290.00",
		"a=1290&c=KWD":        "transaction_amount=1.29",
		"a=1290&c=EUR&c=JPY":  "transaction_amount=!not an amount: unknown currency",
		"a=1290&c=XQX":        "transaction_amount=!not an amount: unknown currency",
		"a=1290&c=EUR&c=978":  "transaction_amount=12.90",
		"a=12.90":             "transaction_amount=!not an amount: not a whole number of minor units",
		"a=JPY+1290&c=EUR":    "transaction_amount=1290.00", // what it says itself goes first
		"r=1290":              "refund_amount=1290.00",
		"r=1290&c=EUR":        "refund_amount=12.90",
		"r=1290&c=EUR&rc=KWD": "refund_amount=1.29",
		"t=1.290&c=KWD":       "tax_amount=1.29",
		"t=1.290&c=EUR":       "tax_amount=1290.00",
		"t=1.290&c=EUR&c=KWD": "tax_amount=1290.00",
	} {
		id, value, _ := strings.Cut(want, "=")
		got := capturer(t).Request(p, exchange(head("POST", "/x", "Content-Type", "application/x-www-form-urlencoded"), body))
		if v := values(got)[id]; v != value {
			t.Errorf("%s: %s is %q, want %q", body, id, v, value)
		}
	}
}

// TestRegionsAreReadByTheirCountry holds that a state's name becomes its code where
// the country stands beside it, and that the address is the same either way.
func TestRegionsAreReadByTheirCountry(t *testing.T) {
	p := NewPlan(spec(t, "/x", "request: {form.s: billing_street, form.r: billing_region, form.z: billing_postal_code, form.c: billing_country}"))
	read := func(body string) map[string]string {
		return values(capturer(t).Request(p, exchange(head("POST", "/x", "Content-Type", "application/x-www-form-urlencoded"), body)))
	}
	got := read("s=1+Main+St&r=California&z=94105&c=US")
	wants(t, got, map[string]string{"ip": "192.0.2.9", "billing_street": "1 Main St", "billing_region": "CA", "billing_postal_code": "94105",
		"billing_country": "US", "billing_address": "1 main st, ca, 94105, US"})
	if code := read("s=1+Main+St&r=ca&z=94105&c=US"); code["billing_address"] != got["billing_address"] {
		t.Errorf("%q and %q", code["billing_address"], got["billing_address"])
	}
}

// TestWhatWaitedStandsInItsPlace holds that elements keep the order of the mappings.
func TestWhatWaitedStandsInItsPlace(t *testing.T) {
	p := NewPlan(spec(t, "/x", "request: {form.o: order_id, form.p: phone, form.q: product_id, form.c: billing_country, form.d: device_id}"))
	var ids []string
	for _, e := range capturer(t).Request(p, exchange(head("POST", "/x", "Content-Type", "application/x-www-form-urlencoded"), "d=1&c=DE&q=2&p=030+23125+000&o=3")) {
		ids = append(ids, e.ID)
	}
	if got := strings.Join(ids, " "); got != "ip order_id phone phone_country phone_type phone_digits product_id billing_country device_id" {
		t.Error(got)
	}
}

// TestAResponseIsReadByItsRequest holds that a response's values are read by the
// response's country and currency, else by those of its request; and that its
// addresses are made too.
func TestAResponseIsReadByItsRequest(t *testing.T) {
	s := spec(t, "/x", `request: {query.c: billing_country, query.cur: currency, query.q: search_query}
response:
  json $.phone: billing_phone
  json $.country: billing_country
  json $.paid: {element: transaction_amount, minor_units: true}
  json $.street: shipping_street
  json $.city: shipping_city`)
	p := NewPlan(s)
	for target, want := range map[string]string{
		"/x?c=DE&cur=JPY": "+493023125000 1290.00", "/x?q=1": "!not a phone number 12.90",
	} {
		x := exchange(head("GET", target), "")
		x.Response = wire.Head{Status: 200}
		x.RespBody = wire.Body{Bytes: []byte(`{"phone": "030 23125 000", "paid": 1290, "street": "1 Main Street", "city": "Springfield"}`), Seen: true}
		c := capturer(t)
		given := p.Context(c.Request(p, x))
		for _, e := range given {
			if e.ID != "billing_country" && e.ID != "currency" {
				t.Errorf("%s is given to the response", e.ID)
			}
		}
		got := values(c.Response(p, x, given))
		if v := got["billing_phone"] + " " + got["transaction_amount"]; v != want {
			t.Errorf("%s: %q, want %q", target, v, want)
		}
		if got["shipping_address"] != "1 main st, springfield" {
			t.Errorf("the address is %q", got["shipping_address"])
		}
		x.RespBody.Bytes = []byte(`{"phone": "030 23125 000", "country": "FR"}`)
		if v := values(c.Response(p, x, []journey.Element{{ID: "billing_country", Value: "DE"}}))["billing_phone"]; v != "!not a phone number" {
			t.Errorf("read by the request's country: %q", v)
		}
	}
	if plain := NewPlan(spec(t, "/x", "request: {query.c: billing_country}\nresponse: {json $.a: order_id}")); plain.Context([]journey.Element{{ID: "billing_country"}}) != nil {
		t.Error("kept what no value is read by")
	}
}
