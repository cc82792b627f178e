package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
)

// upgrade relays a connection that has switched protocols, both ways, until both
// sides have ended it, or one has broken.
func (e *exchange) upgrade(resp *http.Response, protocol string) {
	back, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(protocol, upgradeType(e.r.Header)) || e.r.ProtoMajor != 1 || isHTTP2(protocol) {
		// A switch nobody asked for.
		e.s.counters.originError(e.site.Name, "broken")
		e.x.Err = "origin broken"
		e.plain(http.StatusBadGateway)
		return
	}
	conn, rw, err := e.rc.Hijack()
	if err != nil {
		e.gone()
		return
	}
	defer e.s.track(conn)()
	defer func() { _ = conn.Close() }()
	if err := writeSwitch(rw.Writer, resp, protocol); err != nil {
		e.gone()
		return
	}
	ended := make(chan error, 2)
	go pipe(back, rw.Reader, ended) // what the client sent early is in the reader
	go pipe(conn, back, ended)
	if <-ended == nil {
		<-ended
	}
	_, _ = conn.Close(), back.Close() // the other direction ends with them
}

// pipe copies one direction and passes its end on, so that a side which has said
// its last can still be answered. An error ends both.
func pipe(to io.Writer, from io.Reader, ended chan<- error) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, *b)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	} else if err == nil {
		err = net.ErrClosed
	}
	ended <- err
}

func writeSwitch(w *bufio.Writer, resp *http.Response, protocol string) error {
	_, _ = w.WriteString("HTTP/1.1 " + strings.TrimSpace(resp.Status) + "\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n")
	for _, f := range sorted(resp.Header, "", "") {
		_, _ = w.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}
