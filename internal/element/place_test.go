package element

import (
	"strings"
	"testing"
)

// TestCountriesOfISO takes every code and name of the table, in any case.
func TestCountriesOfISO(t *testing.T) {
	d, _ := Lookup("nationality")
	n, names := 0, 0
	owner := map[string]string{}
	for _, line := range dataLines("countries.txt") {
		f := strings.Split(line, "|")
		for _, raw := range []string{f[0], strings.ToLower(f[0]), f[1], strings.ToLower(f[1]), f[2], strings.TrimLeft(f[2], "0"), f[3], strings.ToUpper(f[3])} {
			if r, err := Normalise(d, raw, Options{}); err != nil || r.Value != f[0] {
				t.Errorf("%s = %q %v, want %s", raw, r.Value, err, f[0])
			}
		}
		for _, name := range f[4:] {
			k := foldName(name)
			if owner[k] == "" {
				owner[k] = f[0]
			}
			r, err := Normalise(d, name, Options{})
			if err != nil || r.Value != f[0] && r.Value != owner[k] && countries()[k] != r.Value {
				t.Errorf("%s = %q %v, want %s", name, r.Value, err, f[0])
			}
			names++
		}
		n++
	}
	if n < 249 || names < 3000 {
		t.Errorf("%d countries, %d names", n, names)
	}
	forms(t, Country, Options{}, map[string]string{"deu": "DE", "Germany": "DE", "DEUTSCHLAND": "DE", "united states": "US", "U.S.A.": "US", "USA": "US", "uk": "GB", "Great Britain": "GB", "Côte d'Ivoire": "CI",
		"cote divoire": "CI", "España": "ES", "日本": "JP", "Россия": "RU", "South Korea": "KR", "Türkiye": "TR", "276": "DE", "840": "US", "Kosovo": "XK", "The Netherlands": "NL", "Viet Nam": "VN", "Hong Kong": "HK",
		"Atlantis": "!", "ZZ": "!", "EU": "!", "999": "!", "1": "!", "": "!", "X": "!", strings.Repeat("a", 129): "!"})
}

// TestRegionsOfISO takes every subdivision by code and, in its country, by name.
func TestRegionsOfISO(t *testing.T) {
	d, _ := Lookup("billing_region")
	n, same := 0, 0
	for _, line := range dataLines("subdivisions.txt") {
		code, name, _ := strings.Cut(line, "|")
		of, short, _ := strings.Cut(code, "-")
		if r, err := Normalise(d, code, Options{}); err != nil || r.Value != short {
			t.Errorf("%s = %q %v", code, r.Value, err)
		}
		if r, err := Normalise(d, strings.ToLower(short), Options{Country: of}); err != nil || r.Value != short {
			t.Errorf("%s %s = %q %v", of, short, r.Value, err)
		}
		if r, err := Normalise(d, strings.ToUpper(name), Options{Country: of}); err == nil && r.Value == short {
			same++
		}
		n++
	}
	if n < 4000 || same*100 < n*98 { // some share a name within a country
		t.Errorf("%d subdivisions, %d by name", n, same)
	}
	forms(t, Region, Options{Country: "US"}, map[string]string{"California": "CA", "ca": "CA", "New  York": "NY", "US-TX": "TX", "Nowhere": "Nowhere"})
	forms(t, Region, Options{}, map[string]string{"California": "California", "ca": "CA", "il": "IL", strings.Repeat("a", 65): "!"})
}

func TestPostalForms(t *testing.T) {
	forms(t, Postal, Options{}, map[string]string{"62701": "62701", "62701-1234": "62701-1234", "627011234": "62701-1234", "62701 1234": "62701-1234", "sw1a 1aa": "SW1A 1AA", "sw1a1aa": "SW1A 1AA", "EC1A1BB": "EC1A 1BB",
		"m1 1ae": "M1 1AE", "k1a0b1": "K1A 0B1", "1012 ab": "1012 AB", "〒100-0001": "!", "100-0001": "100-0001", "12345-": "12345", "abc": "!", "1": "!", "": "!", "1234567890123": "!", "12/34": "!"})
	forms(t, Postal, Options{Country: "NL"}, map[string]string{"1012ab": "1012 AB"})
}

// TestOneDoorOneAddress holds forms that are the same place together, and others apart.
func TestOneDoorOneAddress(t *testing.T) {
	base := AddressParts{Street: "123 North Main Street", Unit: "Apt 4", City: "Springfield", Region: "Illinois", PostalCode: "62701-1234", Country: "US"}
	want, ok := Compose(base)
	if !ok || want != "123 n main st, unit 4, springfield, il, 62701, US" {
		t.Fatalf("%q %v", want, ok)
	}
	for _, p := range []AddressParts{
		{Street: "123 N. Main St.", Unit: "#4", City: "SPRINGFIELD", Region: "IL", PostalCode: "62701", Country: "US"},
		{Street: "123 N Main St Apt 4", City: "Springfield", Region: "IL", PostalCode: "62701", Country: "US"},
		{Street: "123 north main street, Suite 4", City: "Springfield,", Region: "il", PostalCode: "62701", Country: "US"},
		{Street: "123 N Main St #4", City: "Springfield", Region: "IL", PostalCode: "62701", Country: "US"},
		{Street: "123  N  Main  St", Unit: "Unit 4", City: "Springfield", Region: "IL", PostalCode: "62701", Country: "US"},
	} {
		if got, ok := Compose(p); !ok || got != want {
			t.Errorf("%+v\n got %q\nwant %q", p, got, want)
		}
	}
	for _, change := range []func(p *AddressParts){
		func(p *AddressParts) { p.Unit = "Apt 5" }, func(p *AddressParts) { p.Street = "124 North Main Street" }, func(p *AddressParts) { p.Street = "123 South Main Street" },
		func(p *AddressParts) { p.City = "Chicago" }, func(p *AddressParts) { p.Country = "CA" }, func(p *AddressParts) { p.PostalCode = "62702" }, func(p *AddressParts) { p.Unit = "" },
	} {
		p := base
		change(&p)
		if got, _ := Compose(p); got == want {
			t.Errorf("%+v is the same", p)
		}
	}
}

// TestAddressesAreSearched holds that an address as people write it is found as it
// was composed.
func TestAddressesAreSearched(t *testing.T) {
	forms(t, Address, Options{}, map[string]string{
		"123 n main st, unit 4, springfield, il, 62701, US": "123 n main st, unit 4, springfield, il, 62701, US", "123 North Main Street, Apt. 4, Springfield, Illinois, 62701-1234, United States": "123 n main st, unit 4, springfield, il, 62701, US",
		"123 North Main Street #4, Springfield, IL, 62701, usa": "123 n main st, unit 4, springfield, il, 62701, US", "1 main st, 62701": "1 main st, 62701", "Lange Straße 5, Köln, DE": "lange str 5, köln, DE", "nowhere": "!", "": "!", ", ,": "!",
	})
}

func FuzzWholeAddress(f *testing.F) {
	fuzz(f, Address, "1 Main St Apt 4, New York, NY, US", "#4, #5, us")
}

func TestAddressNeedsEnough(t *testing.T) {
	for _, c := range []struct {
		p    AddressParts
		want string
	}{
		{AddressParts{Street: "1 Main St", City: "Springfield", Region: "IL", PostalCode: "62701", Country: "US"}, "1 main st, springfield, il, 62701, US"},
		{AddressParts{Street: "1 Main St", PostalCode: "62701"}, "1 main st, 62701"},
		{AddressParts{Street: "Lange Straße 5", City: "Köln", Country: "DE"}, "lange str 5, köln, DE"},
		{AddressParts{Street: "Avenue Foch 3", City: "Paris", Country: "FR"}, "avenue foch 3, paris, FR"},
		{AddressParts{Street: "Field 7", Latitude: "39.8", Longitude: "-89.6"}, "field 7, 39.8 -89.6"},
		{AddressParts{Street: "1 Main St", Region: "IL"}, ""}, {AddressParts{City: "Springfield", PostalCode: "62701", Country: "US"}, ""},
		{AddressParts{Street: " , ", City: "x"}, ""}, {AddressParts{Street: "1 Main St", Latitude: "39.8"}, ""}, {AddressParts{}, ""},
	} {
		if got, ok := Compose(c.p); got != c.want || ok != (c.want != "") {
			t.Errorf("%+v = %q %v, want %q", c.p, got, ok, c.want)
		}
	}
	for _, g := range AddressGroups() { // every group has all the parts
		for _, part := range strings.Fields("address street unit city region postal_code country latitude longitude") {
			if _, ok := Lookup(g + "_" + part); !ok {
				t.Errorf("no %s_%s", g, part)
			}
		}
	}
}

func TestPlaceForms(t *testing.T) {
	forms(t, GeoPoint, Options{}, map[string]string{
		"37.7749,-122.4194": "37.7749,-122.4194", "37.7749, -122.4194": "37.7749,-122.4194", "37.7749 -122.4194": "37.7749,-122.4194", "37.7749;-122.4194": "37.7749,-122.4194", "(37.7749, -122.4194)": "37.7749,-122.4194",
		"geo:37.786971,-122.399677;u=35": "37.786971,-122.399677", "+40.6894-074.0447/": "40.6894,-74.0447", "40°41'21.4\"N 74°2'40.2\"W": "40.689278,-74.0445", "40.6894N 74.0447W": "40.6894,-74.0447",
		"40 41 21.4 N, 74 2 40.2 W": "40.689278,-74.0445", "37,7749;-122,4194": "!", "91,0": "!", "0,181": "!", "NaN,0": "!", "1e1,0": "!", "0x1,0": "!", "37.7749": "!", "": "!", "a,b": "!", "0,0": "0,0", "-0.0,0": "0,0", "40 61 0,0": "!",
	})
	forms(t, Latitude, Options{}, map[string]string{"37.77493333": "37.774933", "-90": "-90", "90.1": "!", "37.7N": "37.7", "37.7S": "-37.7", "-37.7S": "!"})
	forms(t, Longitude, Options{}, map[string]string{"-180": "-180", "180.5": "!", "122°25'9\"W": "-122.419167"})
	d, _ := Lookup("gps_position")
	if r, err := Normalise(d, "37.7749,-122.4194", Options{}); err != nil || part(t, d, r, partLatitude) != "37.7749" || part(t, d, r, partLongitude) != "-122.4194" {
		t.Errorf("%+v %v", r, err)
	}
}

func FuzzCountry(f *testing.F) { fuzz(f, Country, "Côte d'Ivoire", "276", "uk", "日本") }
func FuzzRegion(f *testing.F)  { fuzz(f, Region, "US-CA", "california", "ÎLE") }
func FuzzPostal(f *testing.F)  { fuzz(f, Postal, "sw1a1aa", "62701 1234", "k1a0b1", "1-2 3") }
func FuzzGeoPoint(f *testing.F) {
	fuzz(f, GeoPoint, "geo:1,2;u=3", "+40.6894-074.0447/", `40°41'21.4"N 74°2'40.2"W`)
}
func FuzzLatitude(f *testing.F)  { fuzz(f, Latitude, "37°46'S") }
func FuzzLongitude(f *testing.F) { fuzz(f, Longitude, "122°25'9\"W") }

func FuzzAddress(f *testing.F) {
	f.Add("1 Main St Apt 4", "Apt 4", "Springfield", "IL", "62701", "US")
	f.Fuzz(func(t *testing.T, street, unit, city, region, postal, country string) {
		if len(street) > 600 || len(unit) > 600 || len(city) > 600 {
			return
		}
		got, ok := Compose(AddressParts{Street: street, Unit: unit, City: city, Region: region, PostalCode: postal, Country: country})
		if ok == (got == "") {
			t.Fatalf("%q %v", got, ok)
		}
	})
}
