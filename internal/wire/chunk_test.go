package wire

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
)

// unchunk feeds a body in pieces of a size and returns its data and its end.
func unchunk(text []byte, piece int) (data []byte, end int, done bool, err error) {
	var c Chunks
	for end < len(text) {
		part := text[end:min(len(text), end+piece)]
		for len(part) > 0 {
			n, d, done, err := c.Next(part)
			end += n
			data = append(data, d...)
			if err != nil || done {
				return data, end, done, err
			}
			part = part[n:]
		}
	}
	return data, end, false, nil
}

func TestChunks(t *testing.T) {
	for _, c := range []struct{ text, data, fault string }{
		{"0\n\n", "", ""},
		{"5\nhello\n0\n\n", "hello", ""},
		{"5\nhello\n6\n world\n000\n\n", "hello world", ""},
		{"A\n0123456789\n0\n\n", "0123456789", ""},
		{"1;a=b;c=\"d\"\nx\n0;last\n\n", "x", ""},
		{"1\nx\n0\nDigest: abc\nX-Two: \n\n", "x", ""},
		{"\n", "", "chunk size is not a hexadecimal number"},
		{"x\n", "", "chunk size is not a hexadecimal number"},
		{"-1\n", "", "chunk size is not a hexadecimal number"},
		{"0x5\nhello\n", "", "chunk size is not a hexadecimal number"},
		{" 5\nhello\n", "", "chunk size is not a hexadecimal number"},
		{"5 \nhello\n", "", "chunk size is not a hexadecimal number"},
		{"5_0\nhello\n", "", "chunk size is not a hexadecimal number"},
		{"1000000000000000\n", "", "chunk size is not a hexadecimal number"},
		{";a\n", "", "chunk size is not a hexadecimal number"},
		{"5;a\x00\nhello\n", "", "chunk extension is malformed or too long"},
		{"5;" + strings.Repeat("a", 9000) + "\n", "", "chunk extension is malformed or too long"},
		{"3\nhello\n", "hel", "chunk does not end in CR LF"},
		{"0\n X: y\n\n", "", "trailer is malformed or too long"},
		{"0\nX y\n\n", "", "trailer is malformed or too long"},
		{"0\nX: " + strings.Repeat("a", 9000) + "\n\n", "", "trailer is malformed or too long"},
	} {
		text := crlf(c.text)
		for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
			data, end, done, err := unchunk(append(bytes.Clone(text), "GET"...), piece)
			switch {
			case c.fault != "" && (err == nil || err.Error() != c.fault):
				t.Errorf("%.30q in pieces of %d: got %v", c.text, piece, err)
			case c.fault == "" && (err != nil || !done || end != len(text)):
				t.Errorf("%.30q in pieces of %d: ended at %d of %d, %v, %v", c.text, piece, end, len(text), done, err)
			case string(data) != c.data:
				t.Errorf("%.30q in pieces of %d: got %q", c.text, piece, data)
			}
		}
	}
}

func TestTrailersAreKept(t *testing.T) {
	for _, piece := range []int{1, 100} {
		c := Chunks{Keep: true}
		text := crlf("1\nx\n0\nA: 1\nB:2\n\n")
		for len(text) > 0 {
			n, _, _, err := c.Next(text[:min(piece, len(text))])
			if err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		if got := string(c.Trailers); got != "A: 1\r\nB:2\r\n" || !c.Ended() {
			t.Errorf("got %q", got)
		}
	}
}

func TestChunksWithoutReturnsAreRefused(t *testing.T) {
	whole := "5;a\r\nhello\r\n0\r\nX: y\r\n\r\n"
	for i := range whole {
		if whole[i] != '\r' {
			continue
		}
		if _, _, done, err := unchunk([]byte(whole[:i]+whole[i+1:]), 100); err == nil || done {
			t.Errorf("without the CR at %d: %v, %v", i, done, err)
		}
	}
}

// FuzzChunks holds that what we accept net/http reads alike, that pieces make no
// difference, and that what follows a body is left alone.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{"0\n\n", "5\nhello\n0\n\n", "1;a\nx\n0\nA: b\n\n", "fF\n"} {
		f.Add(crlf(s), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		data, end, done, err := unchunk(b, 1<<20)
		other, end2, done2, err2 := unchunk(b, 1+max(piece, 0)%17)
		if !bytes.Equal(data, other) || end != end2 || done != done2 || err != err2 {
			t.Fatalf("in pieces: %q %d %v %v, whole: %q %d %v %v", other, end2, done2, err2, data, end, done, err)
		}
		if err != nil || !done {
			return
		}
		want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b[:end])))
		if err != nil || !bytes.Equal(want, data) {
			t.Fatalf("got %q, net/http has %q, %v", data, want, err)
		}
		// The trailers too, and where the next message begins.
		text := slices.Concat([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), b[:end], []byte("next"))
		rest := bufio.NewReaderSize(bytes.NewReader(text), 1<<16)
		r, err := http.ReadRequest(rest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Fatalf("only we take it for whole: %v", err)
		}
		if left, _ := io.ReadAll(rest); string(left) != "next" {
			t.Fatalf("net/http leaves %q, we %q", left, "next")
		}
		c, got := Chunks{Keep: true}, http.Header{}
		for at := 0; at < end; {
			n, _, _, _ := c.Next(b[at:end])
			at += n
		}
		for line := range strings.SplitSeq(string(c.Trailers), "\r\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				got.Add(name, strings.Trim(value, " \t"))
			}
		}
		if len(got)+len(r.Trailer) > 0 && !maps.EqualFunc(got, r.Trailer, slices.Equal[[]string]) {
			t.Fatalf("trailers %q, net/http has %q", got, r.Trailer)
		}
	})
}

func BenchmarkChunks(b *testing.B) {
	text := crlf("400\n" + strings.Repeat("x", 1024) + "\n1F4\n" + strings.Repeat("y", 500) + "\n0\n\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var c Chunks
		for rest := text; ; {
			n, _, done, err := c.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			if done {
				break
			}
			rest = rest[n:]
		}
	}
}
