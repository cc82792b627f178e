package fingerprint

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// recording is a connection of a real client, as it came and what it makes.
type recording struct {
	Hello    []byte `json:"hello"`              // the handshake message
	Opening  []byte `json:"opening,omitempty"`  // of HTTP/2, up to its first head's end
	Requests []head `json:"requests,omitempty"` // of HTTP/1.1
	Resumed  bool   `json:"resumed,omitempty"`

	JA3    string `json:"ja3"`
	JA4    string `json:"ja4"`
	Stable string `json:"stable"`
	H2     string `json:"h2,omitempty"`
	Order  string `json:"order,omitempty"` // of HTTP/2's first head
	Agent  string `json:"agent,omitempty"`

	ticket string
}

// head is a request's head, and its print.
type head struct {
	Text  string `json:"text"`
	Order string `json:"order"`
}

// witness is a server that real clients visit.
type witness struct {
	url  string
	mu   sync.Mutex
	seen []*recording
}

// home loads what a page loads: an image and what a script asks for.
const home = `<!doctype html><title>home</title><link rel="icon" href="data:,"><img src="/image.png">` +
	`<script>new WebSocket("wss://" + location.host + "/ws"); fetch("/api", {method: "POST", body: "{}", headers: {"content-type": "application/json"}})</script>`

// witnessed starts a server for some protocols. Over HTTP/1.1 it ends each
// connection with its first answer, so that the next one resumes.
func witnessed(t testing.TB, protocols ...string) *witness {
	t.Helper()
	conf := &tls.Config{Certificates: []tls.Certificate{identity(t)}, MinVersion: tls.VersionTLS12, NextProtos: protocols}
	tickets := newTickets(t, "")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	w := &witness{url: "https://localhost:" + port + "/"}
	streams := &handed{Listener: ln, conns: make(chan net.Conn)}
	server := &http.Server{Handler: http.HandlerFunc(serveHome), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(streams) }()
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				close(streams.conns)
				return
			}
			go w.meet(c, conf, tickets, streams)
		}
	}()
	return w
}

// handed is a listener of connections whose TLS is done.
type handed struct {
	net.Listener
	conns chan net.Conn
}

func (h *handed) Accept() (net.Conn, error) {
	if c, ok := <-h.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (w *witness) meet(raw net.Conn, conf *tls.Config, tickets *Tickets, streams *handed) {
	var id TicketID
	r := &recording{}
	below := &keeping{Conn: raw}
	c := tls.Server(below, tickets.For(conf, &id))
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	err := c.Handshake()
	prints, perr := below.tap.Result()
	if perr != nil {
		_ = raw.Close()
		return
	}
	r.Hello = message(below.kept)
	r.JA3, r.JA4, r.Stable = prints.JA3, prints.JA4, prints.Stable
	if err != nil {
		_ = raw.Close()
		return
	}
	state := c.ConnectionState()
	r.Resumed = state.DidResume
	r.ticket, _, _ = id.Result(state)
	w.mu.Lock()
	w.seen = append(w.seen, r)
	w.mu.Unlock()
	if state.NegotiatedProtocol == "h2" {
		streams.conns <- &opened2{Conn: c, w: w, r: r}
		return
	}
	defer func() { _ = c.Close() }()
	w.http1(c, r)
}

// message takes the handshake message out of the records that were read.
func message(b []byte) (msg []byte) {
	for len(b) >= 5 && b[0] == 22 {
		n := int(b[3])<<8 | int(b[4])
		msg = append(msg, b[5:min(5+n, len(b))]...)
		b = b[min(5+n, len(b)):]
	}
	return msg[:4+int(msg[1])<<16+int(msg[2])<<8+int(msg[3])]
}

// keeping is a connection whose first bytes are kept.
type keeping struct {
	net.Conn
	tap  HelloTap
	kept []byte
}

func (c *keeping) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.tap.Done() {
		c.kept = append(c.kept, p[:n]...)
		c.tap.Feed(p[:n])
	}
	return n, err
}

// opened2 is a connection of HTTP/2 with a tap.
type opened2 struct {
	net.Conn
	tap H2Tap
	w   *witness
	r   *recording
}

func (c *opened2) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.tap.Result() == nil && c.tap.Err() == nil {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.r.Opening = append(c.r.Opening, p[:n]...)
		c.tap.Feed(p[:n])
		if h2 := c.tap.Result(); h2 != nil {
			c.r.H2, c.r.Order, c.r.Agent = h2.Print, h2.First.Order, h2.First.Agent
			c.r.Opening = c.r.Opening[:c.tap.seen] // what follows may be another request
		}
	}
	return n, err
}

func serveHome(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, home)
	default:
		w.Header().Set("Content-Type", "image/png")
	}
}

// http1 answers one request.
func (w *witness) http1(c net.Conn, r *recording) {
	br := bufio.NewReader(c)
	var text strings.Builder
	length := 0
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		text.WriteString(line)
		if name, value, ok := strings.Cut(line, ":"); ok && same(name, "content-length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" {
			break
		}
	}
	_, _ = io.CopyN(io.Discard, br, int64(length))
	h := head{Text: text.String()}
	prints := printed(h.Text)
	h.Order = prints.Order
	w.mu.Lock()
	r.Requests, r.Agent = append(r.Requests, h), prints.Agent
	w.mu.Unlock()
	body := ""
	if strings.HasPrefix(h.Text, "GET / ") {
		body = home
	}
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n"+body)
}

// printed gives the prints of an HTTP/1.1 head.
func printed(text string) Headers {
	request, fields, _ := strings.Cut(text, "\r\n")
	method, _, _ := strings.Cut(request, " ")
	return HeadersOf("h1", method, lines(fields))
}

// all are the recordings so far.
func (w *witness) all() (out []recording) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.seen {
		c := *r
		c.Hello, c.Opening = bytes.Clone(r.Hello), bytes.Clone(r.Opening)
		out = append(out, c)
	}
	return out
}

// waitFor waits until enough has been seen.
func (w *witness) waitFor(t testing.TB, enough func([]recording) bool) []recording {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if all := w.all(); enough(all) {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("only %d connections came: %+v", len(w.all()), w.all())
		}
	}
}
