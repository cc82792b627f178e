package edge

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/throughline/throughline/internal/wire"
)

const defaultLimit = 64 << 10

// tee copies up to limit bytes of a body that streams by. The reader may run in
// another goroutine than the one that publishes.
type tee struct {
	r     io.ReadCloser
	limit int

	mu   sync.Mutex
	buf  []byte
	over bool
	done bool
}

func newTee(r io.ReadCloser, limit int) *tee {
	if limit <= 0 {
		limit = defaultLimit
	}
	return &tee{r: r, limit: limit}
}

// Read implements io.Reader.
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.mu.Lock()
	if room := t.limit - len(t.buf); n > room {
		t.buf, t.over = append(t.buf, p[:room]...), true
	} else {
		t.buf = append(t.buf, p[:n]...)
	}
	if errors.Is(err, io.EOF) || t.over {
		t.done = true
	}
	t.mu.Unlock()
	return n, err
}

// Close implements io.Closer.
func (t *tee) Close() error { return t.r.Close() }

// publish gives what has passed so far. The bytes given are never written again.
func (t *tee) publish(b *wire.Body) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*b = wire.Body{Bytes: t.buf[:len(t.buf):len(t.buf)], Truncated: t.over, Seen: t.done}
}

// hold reads a body up to limit. rest is what follows the bytes held.
func hold(r io.Reader, limit int) (held wire.Body, rest io.Reader, err error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	buf, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return wire.Body{}, nil, err
	}
	if len(buf) > limit {
		return wire.Body{Bytes: buf[:limit:limit], Truncated: true, Seen: true}, io.MultiReader(bytes.NewReader(buf), r), nil
	}
	return wire.Body{Bytes: buf, Seen: true}, bytes.NewReader(buf), nil
}

// readCloser joins a reader with the closer of what it reads from.
type readCloser struct {
	io.Reader
	io.Closer
}
