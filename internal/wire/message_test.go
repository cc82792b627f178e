package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// crlf writes heads as people do.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// requests are heads with what is wrong of them; "" is fine.
var requests = []struct{ name, text, fault string }{
	{"browser", "GET /a?b=c HTTP/1.1\nHost: shop.example\nUser-Agent: Mozilla/5.0 (X11)\nAccept: */*\nCookie: sid=1; b=2\n\n", ""},
	{"odd case and spacing", "GET / HTTP/1.1\nhOsT:shop.example\nX-Odd:   a  b \t\n\n", ""},
	{"old", "GET / HTTP/1.0\n\n", ""},
	{"no value", "GET / HTTP/1.1\nHost: a\nX-None:\n\n", ""},
	{"bytes over 0x7f", "GET /\xc3\xa4 HTTP/1.1\nHost: a\nX: \xc3\xa4\n\n", ""},
	{"an empty line before", "\nGET / HTTP/1.1\nHost: a\n\n", ""},
	{"length", "POST / HTTP/1.1\nHost: a\nContent-Length: 12\n\n", ""},
	{"length of nothing", "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n", ""},
	{"chunked", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n", ""},
	{"Chunked", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: Chunked\n\n", ""},
	{"absolute", "GET http://shop.example/x HTTP/1.1\nHost: shop.example\n\n", ""},
	{"absolute of another host", "GET http://other.example/x HTTP/1.1\nHost: shop.example\n\n", "Host is not a host and port"},
	{"asterisk", "OPTIONS * HTTP/1.1\nHost: a\n\n", ""},
	{"asterisk of GET", "GET * HTTP/1.1\nHost: a\n\n", "target is not an origin, absolute or asterisk form"},
	{"connect", "CONNECT a:443 HTTP/1.1\nHost: a:443\n\n", ""},
	{"authority of GET", "GET a:443 HTTP/1.1\nHost: a:443\n\n", "target is not an origin, absolute or asterisk form"},
	{"fragment", "GET /#x HTTP/1.1\nHost: a\n\n", "target is not an origin, absolute or asterisk form"},
	{"address", "GET / HTTP/1.1\nHost: [2001:DB8::1]:8080\n\n", ""},
	{"host and port", "GET / HTTP/1.1\nHost: Shop.Example.:80\n\n", ""},
	{"upgrade", "GET / HTTP/1.1\nHost: a\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n\n", ""},
	{"expect", "PUT / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 3\n\n", ""},

	{"lower version", "GET / HTTP/0.9\nHost: a\n\n", "version is not HTTP/1.0 or HTTP/1.1"},
	{"higher version", "GET / HTTP/2.0\nHost: a\n\n", "version is not HTTP/1.0 or HTTP/1.1"},
	{"no version", "GET /\nHost: a\n\n", "request line is not METHOD target HTTP/1.x"},
	{"two spaces", "GET  / HTTP/1.1\nHost: a\n\n", "target is not an origin, absolute or asterisk form"},
	{"space in target", "GET /a b HTTP/1.1\nHost: a\n\n", "target is not an origin, absolute or asterisk form"},
	{"tab before target", "GET\t/ HTTP/1.1\nHost: a\n\n", "request line is not METHOD target HTTP/1.x"},
	{"method with a colon", "G:T / HTTP/1.1\nHost: a\n\n", "method is not a token"},
	{"NUL in target", "GET /\x00 HTTP/1.1\nHost: a\n\n", "target is not an origin, absolute or asterisk form"},
	{"no host", "GET / HTTP/1.1\n\n", "Host is missing"},
	{"empty host", "GET / HTTP/1.1\nHost:\n\n", "Host is not a host and port"},
	{"two hosts", "GET / HTTP/1.1\nHost: a\nHost: a\n\n", "Host stands twice"},
	{"host with a path", "GET / HTTP/1.1\nHost: a/b\n\n", "Host is not a host and port"},
	{"host with userinfo", "GET / HTTP/1.1\nHost: u@a\n\n", "Host is not a host and port"},
	{"host with a space", "GET / HTTP/1.1\nHost: a b\n\n", "Host is not a host and port"},
	{"host with a bad port", "GET / HTTP/1.1\nHost: a:8x\n\n", "Host is not a host and port"},
	{"space before the colon", "GET / HTTP/1.1\nHost: a\nX : b\n\n", "field name is not a token before a colon"},
	{"fold", "GET / HTTP/1.1\nHost: a\nX: b\n c\n\n", "field name is not a token before a colon"},
	{"fold at first", "GET / HTTP/1.1\n Host: a\n\n", "field name is not a token before a colon"},
	{"no colon", "GET / HTTP/1.1\nHost: a\nX\n\n", "field name is not a token before a colon"},
	{"no name", "GET / HTTP/1.1\nHost: a\n: b\n\n", "field name is not a token before a colon"},
	{"NUL in a value", "GET / HTTP/1.1\nHost: a\nX: b\x00c\n\n", "field value holds a control character"},
	{"CR in a value", "GET / HTTP/1.1\nHost: a\nX: b\rc\n\n", "field value holds a control character"},
	{"length and coding", "POST / HTTP/1.1\nHost: a\nContent-Length: 3\nTransfer-Encoding: chunked\n\n", "Content-Length beside Transfer-Encoding"},
	{"coding and length", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 3\n\n", "Content-Length beside Transfer-Encoding"},
	{"two lengths", "POST / HTTP/1.1\nHost: a\nContent-Length: 3\nContent-Length: 3\n\n", "Content-Length stands twice"},
	{"list of lengths", "POST / HTTP/1.1\nHost: a\nContent-Length: 3, 3\n\n", "Content-Length is not a number"},
	{"signed length", "POST / HTTP/1.1\nHost: a\nContent-Length: +3\n\n", "Content-Length is not a number"},
	{"no length", "POST / HTTP/1.1\nHost: a\nContent-Length:\n\n", "Content-Length is not a number"},
	{"long length", "POST / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775808\n\n", "Content-Length is not a number"},
	{"hexadecimal length", "POST / HTTP/1.1\nHost: a\nContent-Length: 0x3\n\n", "Content-Length is not a number"},
	{"two codings", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n", "Transfer-Encoding is not chunked"},
	{"coding twice", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n", "Transfer-Encoding is not chunked"},
	{"strange coding", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\n\n", "Transfer-Encoding is not chunked"},
	{"identity", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity\n\n", "Transfer-Encoding is not chunked"},
	{"vertical tab before chunked", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: \vchunked\n\n", "field value holds a control character"},
	{"coding in 1.0", "POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked\n\n", "Transfer-Encoding in HTTP/1.0"},
	{"nominated Host", "GET / HTTP/1.1\nHost: a\nConnection: close, Host\n\n", "Connection names a field that belongs to the whole way"},
	{"nominated length", "POST / HTTP/1.1\nHost: a\nConnection: content-length\nContent-Length: 3\n\n", "Connection names a field that belongs to the whole way"},
	{"nominated cookie", "GET / HTTP/1.1\nHost: a\nConnection: Cookie\n\n", "Connection names a field that belongs to the whole way"},
	{"nominated address", "GET / HTTP/1.1\nHost: a\nConnection: X-Forwarded-For\n\n", "Connection names a field that belongs to the whole way"},
	{"nominated other", "GET / HTTP/1.1\nHost: a\nConnection: X-Mine\nX-Mine: 1\n\n", ""},
}

func TestRequests(t *testing.T) {
	for _, c := range requests {
		t.Run(c.name, func(t *testing.T) {
			text := crlf(c.text)
			var m Message
			n, err := m.ParseRequest(text, DefaultLimits)
			if c.fault != "" {
				var f Fault
				if !errors.As(err, &f) || f.Error() != c.fault || n != 0 || f.Status() < 400 {
					t.Fatalf("got %d, %v", n, err)
				}
				return
			}
			if err != nil || n != len(text) {
				t.Fatalf("got %d of %d, %v", n, len(text), err)
			}
			if string(m.Raw) != strings.TrimPrefix(string(text), "\r\n") {
				t.Errorf("raw is %q", m.Raw)
			}
			for i := range text { // a part is never enough, and never wrong
				if n, err := m.ParseRequest(text[:i], DefaultLimits); n != 0 || err != nil {
					t.Fatalf("of %q: %d, %v", text[:i], n, err)
				}
			}
			want := oracle(t, text)
			if _, err := m.ParseRequest(text, DefaultLimits); err != nil {
				t.Fatal(err)
			}
			want.compare(t, &m)
		})
	}
}

func TestBareLineFeedsAreRefused(t *testing.T) {
	whole := "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n"
	for i := range whole {
		if whole[i] != '\r' {
			continue
		}
		var m Message
		if n, err := m.ParseRequest([]byte(whole[:i]+whole[i+1:]), DefaultLimits); n != 0 || err == nil {
			t.Errorf("without the CR at %d: %d, %v", i, n, err)
		}
	}
}

func TestRequestFacts(t *testing.T) {
	var m Message
	parse := func(text string) *Message {
		t.Helper()
		if _, err := m.ParseRequest(crlf(text), DefaultLimits); err != nil {
			t.Fatal(err)
		}
		return &m
	}
	parse("GET http://Shop.example?x HTTP/1.1\nHost: Shop.example\nConnection: close, X-One\nx-one: 1\nTE: trailers\n\n")
	if m.Host != "shop.example" || m.OriginForm() != "/?x" || !m.Close || m.KeepAlive || m.Upgrades || m.Length != -1 {
		t.Errorf("got %+v", m)
	}
	if m.Kind(2) != Nominated || m.Kind(3) != TE || !m.Has(Nominated) || m.Has(Upgrade) {
		t.Errorf("kinds %+v", m.lines)
	}
	for target, want := range map[string]string{
		"http://a": "/", "HTTPS://a/": "/", "http://a/b?c": "/b?c", "/x://y": "/x://y", "//a/b": "//a/b",
	} {
		if got := parse("GET " + target + " HTTP/1.1\nHost: a\n\n").OriginForm(); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
	if got := parse("OPTIONS http://a HTTP/1.1\nHost: a\n\n").OriginForm(); got != "*" {
		t.Errorf("got %s", got)
	}
	parse("PUT / HTTP/1.1\nHost: [2001:DB8::1]:80\nExpect: 100-Continue\nContent-Length: 7\nConnection: upgrade\n\n")
	if m.Host != "2001:db8::1" || !m.Continue || m.Length != 7 || m.Upgrades {
		t.Errorf("got %+v", m)
	}
	parse("GET / HTTP/1.0\n\n")
	if m.Host != "" || m.Minor != 0 || m.Proto != "HTTP/1.0" {
		t.Errorf("got %+v", m)
	}
	m.Forget()
	if m.Raw != nil || len(m.Fields) != 0 || m.Fields[:1][0].Name != "" {
		t.Error("views are kept")
	}
}

func TestResponses(t *testing.T) {
	for _, c := range []struct {
		text, fault string
		status      int
		reason      string
	}{
		{"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "", 200, "OK"},
		{"HTTP/1.0 404 Not  Found \n\n", "", 404, "Not  Found "},
		{"HTTP/1.1 204\n\n", "", 204, ""},
		{"HTTP/1.1 204 \n\n", "", 204, ""},
		{"HTTP/1.1 599 \xe4\nHost: a\nHost: b\n\n", "", 599, "\xe4"},
		{"HTTP/1.1 99 Low\n\n", "status line is not HTTP/1.x NNN reason", 0, ""},
		{"HTTP/1.1 2000 High\n\n", "status line is not HTTP/1.x NNN reason", 0, ""},
		{"HTTP/1.1 2x0 Odd\n\n", "status line is not HTTP/1.x NNN reason", 0, ""},
		{"HTTP/1.1  200 OK\n\n", "status line is not HTTP/1.x NNN reason", 0, ""},
		{"HTTP/2 200 OK\n\n", "status line is not HTTP/1.x NNN reason", 0, ""},
		{"HTTP/1.1 200 O\x01K\n\n", "status line is not HTTP/1.x NNN reason", 0, ""},
		{"HTTP/1.2 200 OK\n\n", "version is not HTTP/1.0 or HTTP/1.1", 0, ""},
		{"HTTP/1.1 200 OK\nX : a\n\n", "field name is not a token before a colon", 0, ""},
		{"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 1\n\n", "Content-Length stands twice", 0, ""},
		{"HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n", "Content-Length beside Transfer-Encoding", 0, ""},
		{"HTTP/1.1 200 OK\nConnection: Set-Cookie\nSet-Cookie: a=b\n\n", "Connection names a field that belongs to the whole way", 0, ""},
	} {
		var m Message
		text := crlf(c.text)
		n, err := m.ParseResponse(text, DefaultLimits)
		if c.fault != "" {
			if err == nil || err.Error() != c.fault {
				t.Errorf("%q: got %v", c.text, err)
			}
			continue
		}
		if err != nil || n != len(text) || m.Status != c.status || m.Reason != c.reason {
			t.Errorf("%q: got %d, %v, %d %q", c.text, n, err, m.Status, m.Reason)
		}
		for i := range text {
			if n, err := m.ParseResponse(text[:i], DefaultLimits); n != 0 || err != nil {
				t.Fatalf("of %q: %d, %v", text[:i], n, err)
			}
		}
	}
}

func TestHeadLimits(t *testing.T) {
	var m Message
	lim := Limits{Bytes: 100, Fields: 3}
	for text, want := range map[string]error{
		"GET / HTTP/1.1\nHost: a\nA: 1\nB: 2\n\n":                              nil,
		"GET / HTTP/1.1\nHost: a\nA: 1\nB: 2\nC: 3\n\n":                        tooManyFields,
		"GET / HTTP/1.1\nHost: a\nA: " + strings.Repeat("x", 100):              tooLarge,
		"GET /" + strings.Repeat("x", 100):                                     tooLarge,
		"GET / HTTP/1.1\nHost: a\nA: " + strings.Repeat("x", 100) + "\n\nBODY": tooLarge,
	} {
		if _, err := m.ParseRequest(crlf(text), lim); err != want {
			t.Errorf("%.40q: got %v", text, err)
		}
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	req := crlf(requests[0].text)
	resp := crlf("HTTP/1.1 200 OK\nServer: x\nContent-Length: 10\nConnection: keep-alive\n\n")
	var m Message
	if n := testing.AllocsPerRun(100, func() {
		_, _ = m.ParseRequest(req, DefaultLimits)
		_, _ = m.ParseResponse(resp, DefaultLimits)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// facts are a request as net/http reads it.
type facts struct {
	r    *http.Request
	rest []byte
}

func oracle(t *testing.T, text []byte) *facts {
	t.Helper()
	f, err := tryOracle(text)
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	return f
}

func tryOracle(text []byte) (*facts, error) {
	buf := bufio.NewReaderSize(bytes.NewReader(text), 1<<17)
	for {
		if b, err := buf.Peek(2); err != nil || string(b) != "\r\n" {
			break
		}
		_, _ = buf.Discard(2)
	}
	r, err := http.ReadRequest(buf)
	if err != nil {
		return nil, err
	}
	rest, _ := io.ReadAll(buf)
	return &facts{r, rest}, nil
}

// compare holds that both understand the same.
func (f *facts) compare(t *testing.T, m *Message) {
	t.Helper()
	if m.Method != f.r.Method || m.Target != f.r.RequestURI || m.Proto != f.r.Proto {
		t.Errorf("%s %s %s, net/http has %s %s %s", m.Method, m.Target, m.Proto, f.r.Method, f.r.RequestURI, f.r.Proto)
	}
	length := m.Length
	if m.Chunked {
		length = -1
	} else if length < 0 {
		length = 0
	}
	if length != f.r.ContentLength || m.Chunked != slices.Equal(f.r.TransferEncoding, []string{"chunked"}) {
		t.Errorf("length %d, chunked %v; net/http has %d, %v", m.Length, m.Chunked, f.r.ContentLength, f.r.TransferEncoding)
	}
	got := http.Header{}
	for i, field := range m.Fields {
		switch m.Kind(i) {
		case Host, TransferEncoding, Trailer:
		default:
			got.Add(field.Name, field.Value)
		}
	}
	f.r.Header.Del("Trailer")
	for k, v := range f.r.Header {
		if !slices.Equal(got[k], v) {
			t.Errorf("%s: %q, net/http has %q", k, got[k], v)
		}
	}
	for k := range got {
		if _, ok := f.r.Header[k]; !ok && k != "Content-Length" {
			t.Errorf("%s is unknown to net/http", k)
		}
	}
}

// FuzzRequest holds that whatever we accept, net/http reads the same way, and
// that our reading survives a rewrite.
func FuzzRequest(f *testing.F) {
	for _, c := range requests {
		f.Add(crlf(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		n, err := m.ParseRequest(b, DefaultLimits)
		if err != nil || n == 0 {
			return
		}
		if m.Host == "" && m.Minor == 1 || strings.ContainsAny(m.Host, "/@ \r\n") {
			t.Fatalf("host %q", m.Host)
		}
		want, err := tryOracle(b[:n])
		if err != nil {
			// net/http parses the target too, and knows what is in it.
			if s := err.Error(); strings.Contains(s, "parse") || strings.Contains(s, "malformed Host") || strings.Contains(s, "bad trailer key") {
				return
			}
			t.Fatalf("only we accept it: %v", err)
		}
		if want.r.Method == "PRI" {
			return
		}
		want.compare(t, &m)
		out := m.Append(nil, &Rewrite{Drop: Of(Connection, KeepAlive, Nominated), Edits: []Edit{{"X-Risk", "low"}}, Add: []byte("X-Forwarded-For: 192.0.2.1\r\n")})
		var again Message
		if k, err := again.ParseRequest(out, Limits{1 << 20, 300}); err != nil || k != len(out) {
			t.Fatalf("rewritten: %d of %d, %v\n%q", k, len(out), err, out)
		}
		if again.Length != m.Length || again.Chunked != m.Chunked || again.Target != m.Target || again.Host != m.Host {
			t.Fatalf("rewritten into something else\n%q", out)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", "HTTP/1.0 304 \nA: b\n\n",
		"HTTP/1.1 101 \nConnection: upgrade\nUpgrade: x\n\n", "HTTP/1.1 200\nConnection: x-a, close\nX-A: b\nSet-Cookie: a\nset-cookie: b\n\n"} {
		f.Add(crlf(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		n, err := m.ParseResponse(b, DefaultLimits)
		if err != nil || n == 0 {
			return
		}
		r, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(b[:n]), 1<<17), &http.Request{Method: "GET"})
		if err != nil {
			if strings.Contains(err.Error(), "bad trailer key") {
				return
			}
			t.Fatalf("only we accept it: %v", err)
		}
		if r.StatusCode != m.Status {
			t.Fatalf("status %d, net/http has %d", m.Status, r.StatusCode)
		}
		if bodyless := m.Status < 200 || m.Status == 204 || m.Status == 304; !bodyless && !m.Chunked && m.Length != r.ContentLength {
			t.Fatalf("length %d, net/http has %d", m.Length, r.ContentLength)
		}
		if m.Chunked != slices.Equal(r.TransferEncoding, []string{"chunked"}) && m.Status >= 200 && m.Status != 204 && m.Status != 304 {
			t.Fatalf("chunked %v, net/http has %v", m.Chunked, r.TransferEncoding)
		}
		got := http.Header{}
		for i, field := range m.Fields {
			switch m.Kind(i) {
			case TransferEncoding, Trailer, Connection: // which net/http takes out, or not
			default:
				got.Add(field.Name, field.Value)
			}
		}
		for _, name := range []string{"Trailer", "Transfer-Encoding", "Connection"} {
			r.Header.Del(name)
		}
		if !maps.EqualFunc(got, r.Header, slices.Equal[[]string]) {
			t.Fatalf("%q, net/http has %q", got, r.Header)
		}
		out := m.Append(nil, &Rewrite{Drop: Of(Connection, KeepAlive, Nominated), Edits: []Edit{{"X-Risk", "low"}}})
		var again Message
		if k, err := again.ParseResponse(out, Limits{1 << 20, 300}); err != nil || k != len(out) || again.Status != m.Status || again.Length != m.Length || again.Chunked != m.Chunked {
			t.Fatalf("rewritten into something else, %v\n%q", err, out)
		}
	})
}

func BenchmarkParseRequest(b *testing.B) {
	text := crlf("GET /product/1234?ref=mail HTTP/1.1\nHost: www.shop.example\nConnection: keep-alive\n" +
		"sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\nsec-ch-ua-mobile: ?0\nsec-ch-ua-platform: \"Linux\"\nUpgrade-Insecure-Requests: 1\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\nSec-Fetch-Site: same-origin\n" +
		"Sec-Fetch-Mode: navigate\nReferer: https://www.shop.example/search?q=shoes\nAccept-Encoding: gzip, deflate, br, zstd\nAccept-Language: en-GB,en;q=0.9\nCookie: sid=0123456789abcdef0123456789abcdef; theme=dark\n\n")
	var m Message
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := m.ParseRequest(text, DefaultLimits); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
