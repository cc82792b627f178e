package wire

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

// fieldsByLength has the known fields of each length.
var fieldsByLength = func() (t [longestKnown + 1][]known) {
	for _, f := range knownFields {
		t[len(f.name)] = append(t[len(f.name)], f)
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
	if len(name) <= longestKnown {
		for _, f := range fieldsByLength[len(name)] {
			if is(name, f.name) {
				return f.kind
			}
		}
	}
	if len(name) > len(contract) && is(name[:len(contract)], contract) {
		return Contract
	}
	return Plain
}
