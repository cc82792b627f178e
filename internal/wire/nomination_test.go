package wire

import (
	"strings"
	"testing"
)

// A Connection field must not take away what frames the body, nor a field that is
// only added on the way to the origin.
func TestNominations(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Own": true, "X-Not-There": true, "keep-alive": true, "close, TE": true,
		"Transfer-Encoding": false, "content-length": false, "close, Host": false, "Cookie": false, "X-Forwarded-For": false,
	} {
		var m Message
		head := "POST / HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nConnection: " + name + "\r\nTransfer-Encoding: chunked\r\n\r\n"
		_, err := m.ParseRequest([]byte(head), DefaultLimits)
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && m.Has(Nominated) != strings.HasPrefix(name, "X-") {
			t.Errorf("%s: nominated %v", name, m.Has(Nominated))
		}
	}
}

// What belongs before a request's body is refused behind it; a response's trailers
// are its origin's affair.
func TestTrailersOfARequest(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Sum": true, "Grpc-Status": true, "Proxy-Authorization-X": true, strings.Repeat("x", 100): true,
		"Content-Length": false, "transfer-ENCODING": false, "Host": false, "Cookie": false, "Authorization": false,
		"X-Forwarded-For": false, "Connection": false, "Proxy-Authorization": false, "TE": false,
	} {
		body := []byte("0\r\nA: 1\r\n" + name + ": 1\r\n\r\n")
		for _, response := range []bool{false, true} {
			c := Chunks{Response: response}
			var done bool
			var err error
			for i := 0; i < len(body) && err == nil; i++ {
				_, _, done, err = c.Next(body[i : i+1])
			}
			if ok := want || response; done != ok || (err == nil) != ok {
				t.Errorf("%s, response %v: ended %v, %v", name, response, done, err)
			}
		}
	}
}
