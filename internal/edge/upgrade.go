package edge

import (
	"errors"
	"io"
	"strings"

	"github.com/throughline/throughline/internal/wire"
)

// errUnasked says that the origin switched protocols and nobody had asked it to.
var errUnasked = errors.New("edge: the origin switched to a protocol that was not asked for, or too early")

// switcher is a front that can switch protocols: its connection becomes a pipe.
type switcher interface {
	front
	// closeWrite ends our half of the connection.
	closeWrite() error
	// early is what the visitor sent behind its request's head. From here on the
	// connection is a pipe.
	early() []byte
}

// upgrade relays a connection that has switched protocols, both ways, until both
// sides have ended it, or one has broken. head is the length of the response
// head.
func (e *exchange) upgrade(head int) error {
	f, ok := e.f.(switcher)
	asked := ""
	if e.req.Upgrades {
		asked = e.req.Get("Upgrade")
	}
	if !ok || asked == "" || !e.up.sent() || !strings.EqualFold(asked, e.resp.Get("Upgrade")) || isHTTP2(asked) {
		return errUnasked
	}
	e.begun, e.last = true, true
	e.f.begin(&e.resp, &wire.Rewrite{Edits: e.edits, Drop: never}, false)
	if err := f.write(e.conn.In.Bytes()[head:]); err != nil || f.flush() != nil {
		e.gone()
		return nil
	}
	// A quiet connection is no stalled one.
	e.conn.DueRead(0)
	f.dueRead(0)
	ended := make(chan error, 2)
	early := f.early()
	go func() {
		_, err := e.conn.Write(early)
		if err == nil {
			err = pipe(e.conn, readFunc(f.read), e.conn.CloseWrite)
		}
		ended <- err
	}()
	c := e.conn
	go func() { ended <- pipe(writeFunc(f), c, f.closeWrite) }()
	if <-ended == nil {
		<-ended
		return nil
	}
	e.conn.Abort() // the other direction ends with them
	f.cut()
	<-ended
	return nil
}

type readFunc func([]byte) (int, error)

func (r readFunc) Read(p []byte) (int, error) { return r(p) }

// writeFunc writes through at once.
func writeFunc(f front) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		err := f.write(p)
		if err == nil {
			err = f.flush()
		}
		return len(p), err
	})
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// pipe copies one direction and passes its end on, so that a side which has said
// its last can still be answered. An error ends both.
func pipe(to io.Writer, from io.Reader, end func() error) error {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, *b); err != nil {
		return err
	}
	return end()
}
