package edge

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// What net/http lets pass of a request of HTTP/2, though RFC 9113 calls it malformed.
var (
	errTwoHosts   = errors.New("edge: host and :authority are two")
	errLength     = errors.New("edge: content-length is not one number, or not the body's")
	errBeyond     = errors.New("edge: the head ends before its end")
	errUnexpected = errors.New("edge: a body where content-length says that there is none")
)

// ambiguous looks for what one party may read in one way and another in another:
// net/http takes the first of two lengths, nothing for one it can't read, and
// overlooks a host beside :authority.
func (t *stream) ambiguous() error {
	r := t.r
	if hosts := r.Header["Host"]; len(hosts) > 1 || len(hosts) == 1 && hosts[0] != r.Host {
		return errTwoHosts
	}
	lengths := r.Header["Content-Length"]
	if len(lengths) == 0 {
		return nil
	}
	// Digits only: the number is written to the origin as we have read it.
	n, err := strconv.ParseUint(lengths[0], 10, 62)
	if err != nil || len(lengths) > 1 || int64(n) != r.ContentLength { //nolint:gosec // 62 bits
		return errLength
	}
	if n == 0 && r.Body != http.NoBody {
		// The stream is still open: its end may come by itself, but no data.
		t.dueRead(t.s.cfg.HeadTimeout)
		defer t.dueRead(0)
		var b [1]byte
		for start := time.Now(); ; {
			k, err := r.Body.Read(b[:])
			if err == io.EOF && k == 0 {
				return nil
			}
			if k > 0 || err != nil || time.Since(start) > t.s.cfg.HeadTimeout {
				return errUnexpected
			}
		}
	}
	return nil
}
