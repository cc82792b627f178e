package edge

import (
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"github.com/throughline/throughline/internal/wire"
)

// FuzzStreamHead holds that a request of HTTP/2, written as a head of HTTP/1.1, is
// either refused or read as exactly the request it was: no line more, none less.
func FuzzStreamHead(f *testing.F) {
	f.Add("GET", "/a?b", "shop.example", "Accept", "*/*", int64(0))
	f.Add("POST", "/a", "shop.example:443", "Cookie", "a=b; c=d", int64(5))
	f.Add("GET", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /", "a", "X", "y", int64(-1))
	f.Add("GET /x HTTP/1.1", "/", "a", "X\r\nHost", "b", int64(-1))
	f.Add("OPTIONS", "*", "a", "X", "y\r\n\r\nGET / HTTP/1.1", int64(0))
	f.Fuzz(func(t *testing.T, method, target, host, name, value string, length int64) {
		r := &http.Request{Method: method, RequestURI: target, Host: host, ContentLength: max(length, -1), Header: http.Header{}, Body: http.NoBody}
		if !httpguts.ValidHeaderFieldName(name) {
			return // the framer lets none pass
		}
		name = textproto.CanonicalMIMEHeaderKey(name) // as net/http gives it
		switch name {
		case "Content-Length", "Transfer-Encoding", "Connection", "Host", "Trailer":
			return // which have a meaning of their own
		}
		r.Header[name] = []string{value}
		s := &stream{r: r}
		text := s.head()
		m := &s.ex.asking
		s.ex.req = m
		if s.parse(text, wire.Limits{Bytes: len(text), Fields: 10}) != nil {
			return
		}
		want := 2 // the host and the field
		if length != 0 {
			want++
		}
		if len(m.Fields) != want || m.Method != method || m.Target != target || m.Proto != "HTTP/1.1" {
			t.Fatalf("read as %q %q with %q\n%q", m.Method, m.Target, m.Fields, text)
		}
		if m.Get("Host") != strings.Trim(host, " \t") || m.Get(name) != strings.Trim(value, " \t") || m.Chunked != (length < 0) || length > 0 && m.Length != length {
			t.Fatalf("%q, length %d, chunked %v\n%q", m.Fields, m.Length, m.Chunked, text)
		}
	})
}
