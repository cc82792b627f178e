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

// fieldsByLength has the known fields of each length, and by which letters they
// begin: most names end there.
var fieldsByLength = func() (t [longestKnown + 1]struct {
	letters uint32
	fields  []known
}) {
	for _, f := range knownFields {
		of := &t[len(f.name)]
		of.letters |= 1 << (f.name[0] & 31)
		of.fields = append(of.fields, f)
	}
	return t
}()

// kindOf recognises the fields a relay must know.
func kindOf(name []byte) Kind {
	n := len(name)
	if n == 0 {
		return Plain
	}
	if n <= longestKnown {
		if of := &fieldsByLength[n]; of.letters&(1<<(name[0]&31)) != 0 {
			for i := range of.fields {
				if is(name, of.fields[i].name) {
					return of.fields[i].kind
				}
			}
		}
	}
	if lower(name[0]) == 'x' && n > len(contract) && is(name[:len(contract)], contract) {
		return Contract
	}
	return Plain
}
