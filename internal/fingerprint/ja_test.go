package fingerprint

import (
	"crypto/md5"
	"encoding/hex"
	"slices"
	"testing"
)

func parsed(t testing.TB, o offer) *Hello {
	t.Helper()
	h := new(Hello)
	if err := h.Parse(o.message()); err != nil {
		t.Fatal(err)
	}
	return h
}

// chrome is the example of the JA4 specification, with a browser's GREASE.
func chrome() offer {
	return offer{
		version: 0x0303,
		ciphers: []uint16{0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
		extensions: []extension{
			empty(0x0a0a), empty(0x001b), named("shop.example.test"), empty(0x0033), protocols("h2", "http/1.1"), empty(0x4469), empty(0x0017), empty(0x002d),
			signatures(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601), empty(0x0005), empty(0x0023), empty(0x0012),
			versions(0x7a7a, 0x0304, 0x0303), empty(0xff01), points(0), groups(0xbaba, 0x001d, 0x0017, 0x0018), empty(0xcaca), empty(0x0015),
		},
	}
}

func TestJA4IsThatOfTheSpecification(t *testing.T) {
	h := parsed(t, chrome())
	if got, want := h.Prints(TCP).JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1"; got != want {
		t.Errorf("JA4 is %s, the specification's is %s", got, want)
	}
	want := "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_" +
		"0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
	if got := string(h.AppendJA4Raw(nil, TCP)); got != want {
		t.Errorf("JA4_r is\n%s, the specification's is\n%s", got, want)
	}
}

func TestJA4WithoutSignatureAlgorithmsEndsWithoutUnderscore(t *testing.T) {
	o := chrome()
	o.extensions = slices.DeleteFunc(o.extensions, func(e extension) bool { return e.kind == extSignatures })
	o.extensions = append(o.extensions, signatures()) // there, and empty
	if got, want := parsed(t, o).Prints(TCP).JA4[24:], "6d807ffa2a79"; got != want {
		t.Errorf("the extensions' hash is %s, the specification's is %s", got, want)
	}
}

func TestJA4HeadsOfUncommonHellos(t *testing.T) {
	many := make([]uint16, 120)
	for i := range many {
		many[i] = uint16(0xe000 + i)
	}
	some := []uint16{0x1301}
	with := func(e ...extension) offer { return offer{version: 0x0303, ciphers: some, extensions: e} }
	for name, c := range map[string]struct {
		offer     offer
		transport Transport
		want      string // the head, or all
	}{
		"no extensions at all":           {offer{version: 0x0301, ciphers: []uint16{4, 5}, bare: true}, TCP, "t10i020000_6e254592683c_000000000000"},
		"no ciphers, only SNI":           {offer{version: 0x0303, extensions: []extension{named("a")}}, TCP, "t12d000100_000000000000_000000000000"},
		"SSL 3.0":                        {offer{version: 0x0300, ciphers: some, bare: true}, TCP, "ts3i010000"},
		"unknown version":                {offer{version: 0x0305, ciphers: some, bare: true}, TCP, "t00i010000"},
		"GREASE is no version":           {with(versions(0xfafa, 0x0302)), TCP, "t11i010100"},
		"the extension's version counts": {with(versions(0x0304)), TCP, "t13i010100"},
		"nothing but GREASE":             {offer{version: 0x0303, ciphers: []uint16{0x0a0a}, extensions: []extension{empty(0x1a1a), versions(0x2a2a)}}, TCP, "t00i000100_000000000000"},
		"QUIC":                           {with(versions(0x0304), protocols("h3")), QUIC, "q13i0102h3"},
		"DTLS 1.2":                       {offer{version: 0xfefd, ciphers: some}, DTLS, "dd2i010000"},
		"more than 99":                   {offer{version: 0x0303, ciphers: many}, TCP, "t12i990000"},
		"ALPN of one character":          {with(protocols("x")), TCP, "t12i0101xx"},
		"ALPN without a name":            {with(protocols()), TCP, "t12i010100"},
		"ALPN with an empty name first":  {with(protocols("", "h2")), TCP, "t12i010100"},
		"ALPN 0xAB":                      {with(protocols("\xab")), TCP, "t12i0101ab"},
		"ALPN 0x20":                      {with(protocols(" ")), TCP, "t12i010120"},
		"ALPN 0xAB 0xCD":                 {with(protocols("\xab\xcd")), TCP, "t12i0101ad"},
		"ALPN 0x20 0x61":                 {with(protocols(" a")), TCP, "t12i010121"},
		"ALPN 0x30 0xAB":                 {with(protocols("0\xab")), TCP, "t12i01013b"},
		"ALPN 0x61 0x20":                 {with(protocols("a ")), TCP, "t12i010160"},
		"ALPN 0x30 0x31 0xAB 0xCD":       {with(protocols("01\xab\xcd")), TCP, "t12i01013d"},
		"ALPN 0x30 0xAB 0xCD 0x31":       {with(protocols("0\xab\xcd1")), TCP, "t12i010101"},
	} {
		got := parsed(t, c.offer).Prints(c.transport).JA4
		if len(got) != ja4Len || got[:len(c.want)] != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The two examples that JA3 was published with.
func TestJA3IsThatOfItsPublication(t *testing.T) {
	for _, c := range []struct {
		offer      offer
		text, want string
	}{
		{
			offer{
				version: 769, ciphers: []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
				extensions: []extension{named("a"), groups(23, 24, 25), points(0)},
			},
			"769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", "ada70206e40642a3e4461f35503241d5",
		},
		{
			offer{version: 769, ciphers: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}, bare: true},
			"769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6",
		},
	} {
		h := parsed(t, c.offer)
		if got := string(h.AppendJA3(nil)); got != c.text {
			t.Errorf("text %s, want %s", got, c.text)
		}
		if got := h.Prints(TCP).JA3; got != c.want {
			t.Errorf("JA3 %s, want %s", got, c.want)
		}
	}
}

func TestJA3LeavesGreaseOut(t *testing.T) {
	h := parsed(t, chrome())
	want := "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0"
	if got := string(h.AppendJA3(nil)); got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	sum := md5.Sum([]byte(want))
	if got := h.Prints(TCP).JA3; got != hex.EncodeToString(sum[:]) {
		t.Errorf("JA3 %s", got)
	}
}

func TestStableHashKeepsThroughResumption(t *testing.T) {
	base := parsed(t, chrome()).Prints(TCP).Stable
	if len(base) != stableLen || base[:4] != "s13_" {
		t.Fatalf("%q is no stable hash", base)
	}
	change := func(fn func(o *offer)) string {
		o := chrome()
		fn(&o)
		return parsed(t, o).Prints(TCP).Stable
	}
	without := func(kinds ...uint16) func(o *offer) {
		return func(o *offer) {
			o.extensions = slices.DeleteFunc(o.extensions, func(e extension) bool { return slices.Contains(kinds, e.kind) })
		}
	}
	for name, fn := range map[string]func(o *offer){
		"no name":        without(extServerName),
		"no ALPN":        without(extProtocols),
		"other ALPN":     func(o *offer) { without(extProtocols)(o); o.extensions = append(o.extensions, protocols("http/1.1")) },
		"no padding":     without(0x0015),
		"no ALPS":        without(0x4469),
		"no compression": without(0x001b),
		"new ALPS":       func(o *offer) { without(0x4469)(o); o.extensions = append(o.extensions, empty(0x44cd)) },
		"no ticket":      without(0x0023),
		"resuming":       func(o *offer) { o.extensions = append(o.extensions, empty(0x002a), empty(0x0029)) },
		"retrying":       func(o *offer) { o.extensions = append(o.extensions, empty(0x002c)) },
		"shuffled":       func(o *offer) { slices.Reverse(o.extensions) },
		"no GREASE":      func(o *offer) { o.ciphers = o.ciphers[1:]; without(0x0a0a, 0xcaca)(o) },
	} {
		if got := change(fn); got != base {
			t.Errorf("%s: %s, and was %s", name, got, base)
		}
	}
	for name, fn := range map[string]func(o *offer){
		"a cipher less":     func(o *offer) { o.ciphers = o.ciphers[:len(o.ciphers)-1] },
		"an extension less": without(0x0012),
		"an extension more": func(o *offer) { o.extensions = append(o.extensions, empty(0xfe0d)) },
		"other signatures":  func(o *offer) { without(extSignatures)(o); o.extensions = append(o.extensions, signatures(0x0403)) },
		"groups in another turn": func(o *offer) {
			without(extGroups)(o)
			o.extensions = append(o.extensions, groups(0x0017, 0x001d, 0x0018))
		},
		"an older version": func(o *offer) {
			without(extSupportedVersions)(o)
			o.extensions = append(o.extensions, versions(0x0303))
		},
	} {
		if got := change(fn); got == base {
			t.Errorf("%s: the hash is the same", name)
		}
	}
}

func TestPrintsAllocateOnce(t *testing.T) {
	msg := chrome().message()
	var h Hello
	n := testing.AllocsPerRun(100, func() {
		if h.Parse(msg) != nil || h.Prints(TCP).JA4 == "" {
			t.Fatal("no prints")
		}
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestFormsOfPrints(t *testing.T) {
	for _, k := range recordedClients(t) {
		if r := k.main(); !IsJA3(r.JA3) || !IsJA4(r.JA4) {
			t.Errorf("%s and %s are none", r.JA3, r.JA4)
		}
	}
	for _, s := range []string{
		"", "t13d1516h2_8daaf6152771_e5627efa2ab", "t13d1516h2_8daaf6152771_e5627efa2abg", "t13d1516h2-8daaf6152771_e5627efa2ab1", "x13d1516h2_8daaf6152771_e5627efa2ab1",
		"t13d1516 2_8daaf6152771_e5627efa2ab1", "t13d1516h2_8daaf6152771_e5627efa2ab11", "t13d1516h2_8DAAF6152771_e5627efa2ab1",
	} {
		if IsJA4(s) {
			t.Errorf("%q is one", s)
		}
	}
	if IsJA3("de350869b8c85de67a350c8d186f11e") || IsJA3("de350869b8c85de67a350c8d186f11eg") {
		t.Error("what is no JA3 is one")
	}
}
