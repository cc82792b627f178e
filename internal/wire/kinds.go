package wire

import (
	"encoding/binary"
	"slices"
)

// KindOf classifies a field by its name.
func KindOf(name string) Kind { return kindOf([]byte(name)) }

// known is a field that a relay must know, by its name in lower case.
type known struct {
	name string
	kind Kind
}

var knownFields = []known{
	{"te", TE},
	{"host", Host},
	{"cookie", EndToEnd},
	{"expect", Expect},
	{"trailer", Trailer},
	{"upgrade", Upgrade},
	{"forwarded", Forwarded},
	{"signature", Signature},
	{"connection", Connection},
	{"keep-alive", KeepAlive},
	{"set-cookie", EndToEnd},
	{"content-type", EndToEnd},
	{"authorization", EndToEnd},
	{"cache-control", EndToEnd},
	{"content-length", ContentLength},
	{"x-forwarded-for", ForwardedFor},
	{"signature-input", Signature},
	{"x-forwarded-host", ForwardedHost},
	{"x-forwarded-port", ForwardedPort},
	{"proxy-connection", ProxyConnection},
	{"content-encoding", EndToEnd},
	{"transfer-encoding", TransferEncoding},
	{"x-forwarded-proto", ForwardedProto},
	{"proxy-authenticate", ProxyAuth},
	{"proxy-authorization", ProxyAuth},
}

// contract begins the names of all fields by which a worker speaks to us.
const contract = "x-spec-"

// places are where in knownFields those of a length and a first letter begin, which
// stand together there; none has its end.
var places = func() (t [longestKnown + 1][32]uint8) {
	for n := range t {
		for l := range t[n] {
			t[n][l] = uint8(len(knownFields))
		}
	}
	for i := range slices.Backward(knownFields) {
		name := knownFields[i].name
		t[len(name)][name[0]&31] = uint8(i) //nolint:gosec // there are few
	}
	return t
}()

// firstLetters are by which letters the known fields of each length begin: here most
// names end, and it is all that is looked at for them.
var firstLetters = func() (t [longestKnown + 1]uint32) {
	for _, f := range knownFields {
		t[len(f.name)] |= 1 << (f.name[0] & 31)
	}
	return t
}()

// kindOf recognises the fields a relay must know.
func kindOf(name []byte) Kind {
	n := len(name)
	if n == 0 {
		return Plain
	}
	letter := name[0] & 31
	if n <= longestKnown && firstLetters[n]&(1<<letter) != 0 || letter == contract[0]&31 {
		return lookUp(name)
	}
	return Plain
}

func lookUp(name []byte) Kind {
	if n := len(name); n <= longestKnown {
		for i := int(places[n][name[0]&31]); i < len(knownFields) && len(knownFields[i].name) == n; i++ {
			if spells(name, knownFields[i].name) {
				return knownFields[i].kind
			}
		}
	}
	if len(name) > len(contract) && spells(name[:len(contract)], contract) {
		return Contract
	}
	return Plain
}

// spells tells whether a token is, in any case, a name of the same length in small
// letters and dashes: no other byte of a token becomes one of those by this bit.
func spells(token []byte, low string) bool {
	const small = 0x20 * ones
	i := 0
	for ; i+8 <= len(low); i += 8 {
		if binary.LittleEndian.Uint64(token[i:])|small != binary.LittleEndian.Uint64([]byte(low[i:i+8])) {
			return false
		}
	}
	for ; i < len(low); i++ {
		if token[i]|0x20 != low[i] {
			return false
		}
	}
	return true
}
