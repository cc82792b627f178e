package edge

import (
	"context"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// front is the visitor's side of an exchange: a connection that speaks HTTP/1.1,
// or a stream of HTTP/2. Errors of its methods mean that the visitor is gone.
type front interface {
	// context ends with the visitor or the Server.
	context() context.Context
	// read reads more of the request body, framed as the request's head says. It
	// may be called from another goroutine than the rest.
	read(p []byte) (int, error)
	// unread gives back what was read past the body's end.
	unread(p []byte)
	// dueRead bounds reads from now on; 0: no longer.
	dueRead(after time.Duration)
	// interim passes on a 1xx response.
	interim(m *wire.Message) error
	// begin begins the response. framed says whether write is given the body as it
	// is framed on the wire, or its data alone. last says that this must be the
	// connection's last response.
	begin(m *wire.Message, r *wire.Rewrite, last bool) (framed bool)
	// write passes on more of the body.
	write(p []byte) error
	// flush sends what begin and write have gathered.
	flush() error
	// finish ends a response that is whole. trailers are lines of a body that was
	// not passed on as framed.
	finish(trailers []byte) error
	// cut ends a response that is not whole, so that the visitor can tell.
	cut()
	// watch and unwatch begin and end looking out for a visitor who leaves while
	// nothing is read from him.
	watch()
	unwatch()
}
