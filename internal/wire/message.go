package wire

import (
	"bytes"
	"unsafe"
)

// Kind classifies the fields that a relay must know; all others are Plain.
type Kind uint8

// Kinds of fields. Those from Connection to ProxyAuth belong to one connection
// only (RFC 9110 7.6.1).
const (
	Plain Kind = iota
	Host
	ContentLength
	Expect
	ForwardedFor
	Forwarded
	ForwardedProto
	ForwardedHost
	ForwardedPort
	EndToEnd // may never be nominated as hop-by-hop: a request would mean something else without it
	Contract // x-spec-*: what a worker at a CDN says to us
	Signature
	Connection
	KeepAlive
	ProxyConnection
	TE
	Trailer
	TransferEncoding
	Upgrade
	ProxyAuth
	Nominated // named by a Connection field
)

// HopByHop tells whether fields of a kind end at this connection.
func (k Kind) HopByHop() bool { return k >= Connection }

// Message is a request's or a response's head as it stands in a buffer. Its
// strings and Raw are views of that buffer: they hold as long as the bytes do,
// and whoever keeps one copies it. A Message is reused from one head to the
// next without allocating.
type Message struct {
	Head
	// Raw is the head as it came, from the first byte of its first line to the
	// end of the empty line.
	Raw []byte
	// Length is the Content-Length, -1 without one.
	Length int64
	// Chunked says that the body is framed in chunks.
	Chunked bool
	// Close and KeepAlive are what Connection says.
	Close, KeepAlive bool
	// Upgrades says that Connection names an Upgrade that is there too.
	Upgrades bool
	// Continue says that the client waits for 100 before it sends the body.
	Continue bool
	// Minor is the version's last digit: 0 or 1.
	Minor byte

	lines    []line
	nominate bool // a Connection field names fields beside close, keep-alive, upgrade, te
	has      uint32
}

// line is where a field stands in Raw, its CRLF included.
type line struct {
	start, end uint32
	kind       Kind
}

// Kind returns the kind of the field at i of Fields.
func (m *Message) Kind(i int) Kind { return m.lines[i].kind }

// Has tells whether a field of the kind is there.
func (m *Message) Has(k Kind) bool { return m.has&(1<<k) != 0 }

// HasAny tells whether a field of one of the kinds is there.
func (m *Message) HasAny(k Kinds) bool { return Kinds(m.has)&k != 0 }

// Forget drops the views, so that the buffer they look into can be freed.
func (m *Message) Forget() {
	fields, lines := m.Fields[:cap(m.Fields)], m.lines[:0]
	clear(fields)
	*m = Message{Length: -1, lines: lines}
	m.Fields = fields[:0]
}

// Limits bound a head.
type Limits struct {
	Bytes  int // of the whole head
	Fields int
}

// DefaultLimits are what common clients stay far below.
var DefaultLimits = Limits{Bytes: 64 << 10, Fields: 200}

// Fault says why a message is refused. It is a constant: refusing allocates
// nothing.
type Fault uint8

// Faults of messages.
const (
	badRequestLine Fault = iota + 1
	badMethod
	badTarget
	badVersion
	badStatusLine
	badLineEnd
	badName
	badValue
	badHost
	noHost
	twoHosts
	badLength
	twoLengths
	lengthAndCoding
	badCoding
	codingInOld
	badNomination
	tooLarge
	tooManyFields
	badChunkSize
	badChunkExtension
	badChunkEnd
	badTrailer
	unexpectedBody
	forbiddenTrailer
)

var faultText = [...]string{
	badRequestLine:    "request line is not METHOD target HTTP/1.x",
	badMethod:         "method is not a token",
	badTarget:         "target is not an origin, absolute or asterisk form",
	badVersion:        "version is not HTTP/1.0 or HTTP/1.1",
	badStatusLine:     "status line is not HTTP/1.x NNN reason",
	badLineEnd:        "line does not end in CR LF",
	badName:           "field name is not a token before a colon",
	badValue:          "field value holds a control character",
	badHost:           "Host is not a host and port",
	noHost:            "Host is missing",
	twoHosts:          "Host stands twice",
	badLength:         "Content-Length is not a number",
	twoLengths:        "Content-Length stands twice",
	lengthAndCoding:   "Content-Length beside Transfer-Encoding",
	badCoding:         "Transfer-Encoding is not chunked",
	codingInOld:       "Transfer-Encoding in HTTP/1.0",
	badNomination:     "Connection names a field that belongs to the whole way",
	tooLarge:          "head is too large",
	tooManyFields:     "head has too many fields",
	badChunkSize:      "chunk size is not a hexadecimal number",
	badChunkExtension: "chunk extension is malformed or too long",
	badChunkEnd:       "chunk does not end in CR LF",
	badTrailer:        "trailer is malformed or too long",
	unexpectedBody:    "body where none may be",
	forbiddenTrailer:  "trailer is a field that belongs before the body",
}

func (f Fault) Error() string { return faultText[f] }

// Status is the answer to a request with the fault.
func (f Fault) Status() int {
	switch f {
	case badVersion:
		return 505
	case badCoding:
		return 501
	case tooLarge, tooManyFields:
		return 431
	}
	return 400
}

// view makes a string of bytes without copying them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// ParseRequest reads a request's head from the beginning of b. It returns its
// length, or 0 when more bytes are needed. Empty lines before it are skipped, as
// RFC 9112 2.2 asks; they count into the length, not into Raw. What RFC 9112
// calls ambiguous is refused with a Fault.
func (m *Message) ParseRequest(b []byte, lim Limits) (int, error) {
	skipped := 0
	for len(b)-skipped >= 2 && b[skipped] == '\r' && b[skipped+1] == '\n' && skipped < 8 {
		skipped += 2
	}
	b = b[skipped:]
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, over(len(b), lim)
	}
	if end == 0 || b[end-1] != '\r' {
		return 0, badLineEnd
	}
	m.reset()
	if f := m.requestLine(b[:end-1]); f != 0 {
		return 0, f
	}
	n, err := m.fields(b, end+1, lim, true)
	if err != nil || n == 0 {
		return 0, err
	}
	m.Raw = b[:n]
	return skipped + n, nil
}

// ParseResponse reads a response's head like ParseRequest.
func (m *Message) ParseResponse(b []byte, lim Limits) (int, error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, over(len(b), lim)
	}
	if end == 0 || b[end-1] != '\r' {
		return 0, badLineEnd
	}
	m.reset()
	if f := m.statusLine(b[:end-1]); f != 0 {
		return 0, f
	}
	n, err := m.fields(b, end+1, lim, false)
	if err != nil || n == 0 {
		return 0, err
	}
	m.Raw = b[:n]
	return n, nil
}

func over(n int, lim Limits) error {
	if n >= lim.Bytes {
		return tooLarge
	}
	return nil
}

func (m *Message) reset() {
	m.Head = Head{Fields: m.Fields[:0]}
	m.lines = m.lines[:0]
	m.Raw, m.Length = nil, -1
	m.Chunked, m.Close, m.KeepAlive, m.Upgrades, m.Continue, m.nominate = false, false, false, false, false, false
	m.has = 0
}

func (m *Message) requestLine(l []byte) Fault {
	sp := bytes.IndexByte(l, ' ')
	if sp <= 0 || len(l) < sp+11 { // a target of one byte and the version follow
		return badRequestLine
	}
	if sp > 32 || !isToken(l[:sp]) {
		return badMethod
	}
	cut := len(l) - 9
	if string(l[cut:cut+6]) != " HTTP/" {
		return badRequestLine
	}
	if l[cut+7] != '.' || !digit(l[cut+6]) || !digit(l[cut+8]) {
		return badRequestLine
	}
	if l[cut+6] != '1' || l[cut+8] > '1' {
		return badVersion
	}
	target := l[sp+1 : cut]
	for _, c := range target {
		if chars[c]&inTarget == 0 {
			return badTarget
		}
	}
	m.Method, m.Target, m.Proto, m.Minor = view(l[:sp]), view(target), view(l[cut+1:]), l[cut+8]-'0'
	return m.targetForm()
}

// targetForm checks the target against the method (RFC 9112 3.2).
func (m *Message) targetForm() Fault {
	switch {
	case m.Method == "CONNECT": // refused by whoever routes it
		return 0
	case m.Target[0] == '/':
		return 0
	case m.Target == "*":
		if m.Method != "OPTIONS" {
			return badTarget
		}
		return 0
	case m.authority() != "":
		return 0
	}
	return badTarget
}

// authority is the host of a target in absolute form, "" of all others.
func (m *Message) authority() string {
	t := m.Target
	switch {
	case len(t) > 7 && equalFold(t[:7], "http://"):
		t = t[7:]
	case len(t) > 8 && equalFold(t[:8], "https://"):
		t = t[8:]
	default:
		return ""
	}
	for i := range len(t) {
		if t[i] == '/' || t[i] == '?' {
			return t[:i]
		}
	}
	return t
}

// OriginForm is the target as an origin gets it: the absolute form, which an
// origin reads like its path, becomes that path. A rule must see what the origin
// sees. It allocates only for the absolute form without a path.
func (m *Message) OriginForm() string {
	host := m.authority()
	if host == "" {
		return m.Target
	}
	rest := m.Target[len(m.Target)-len(afterAuthority(m.Target)):]
	switch {
	case rest == "" && m.Method == "OPTIONS":
		return "*"
	case rest == "":
		return "/"
	case rest[0] == '?':
		return "/" + rest
	}
	return rest
}

// afterAuthority is what follows scheme and host.
func afterAuthority(t string) string {
	for i := 0; i+2 < len(t); i++ {
		if t[i] == ':' && t[i+1] == '/' && t[i+2] == '/' {
			t = t[i+3:]
			break
		}
	}
	for i := range len(t) {
		if t[i] == '/' || t[i] == '?' {
			return t[i:]
		}
	}
	return ""
}

func (m *Message) statusLine(l []byte) Fault {
	if len(l) < 12 || string(l[:5]) != "HTTP/" || l[6] != '.' || l[8] != ' ' || !digit(l[5]) || !digit(l[7]) {
		return badStatusLine
	}
	if l[5] != '1' || l[7] > '1' {
		return badVersion
	}
	if l[9] < '1' || l[9] > '9' || !digit(l[10]) || !digit(l[11]) {
		return badStatusLine
	}
	if len(l) > 12 && l[12] != ' ' {
		return badStatusLine
	}
	m.Status = int(l[9]-'0')*100 + int(l[10]-'0')*10 + int(l[11]-'0')
	m.Minor = l[7] - '0'
	m.Proto = view(l[:8])
	if len(l) > 13 {
		if badText(l[13:]) {
			return badStatusLine
		}
		m.Reason = view(l[13:])
	}
	return 0
}
