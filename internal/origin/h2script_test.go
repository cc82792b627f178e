package origin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// script2 is a connection of an origin that speaks HTTP/2 frame by frame, so that it
// can say what no library would.
type script2 struct {
	*http2.Framer
	net.Conn
	n     int // which connection it is, from 1
	block bytes.Buffer
	enc   *hpack.Encoder
}

// frame is what a test may look at of one that came.
type frame struct {
	kind   http2.FrameType
	stream uint32
	code   http2.ErrCode
	ack    bool
}

// scripted is an origin whose connections each follow fn. An orderly greeting comes
// first, unless there is none.
func scripted(t *testing.T, greet []http2.Setting, fn func(c *script2)) (url string, conns *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = &atomic.Int32{}
	var open sync.Map
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			all.Go(func() {
				defer func() { _ = c.Close(); open.Delete(c) }()
				r := bufio.NewReader(c)
				if _, err := io.ReadFull(r, make([]byte, len(http2.ClientPreface))); err != nil {
					return
				}
				s := &script2{Framer: http2.NewFramer(c, r), Conn: c, n: int(conns.Add(1))}
				s.enc = hpack.NewEncoder(&s.block)
				if greet != nil {
					_ = s.WriteSettings(greet...)
				}
				fn(s)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return "http://" + ln.Addr().String(), conns
}

// fair is a greeting with nothing in it.
var fair = []http2.Setting{}

// next reads frames until one of the kind comes. It answers settings and pings on
// the way.
func (c *script2) next(kinds ...http2.FrameType) (frame, bool) {
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return frame{}, false
		}
		out := frame{kind: f.Header().Type, stream: f.Header().StreamID}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if out.ack = f.IsAck(); !out.ack {
				_ = c.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if out.ack = f.IsAck(); !out.ack {
				_ = c.WritePing(true, f.Data)
			}
		case *http2.RSTStreamFrame:
			out.code = f.ErrCode
		case *http2.GoAwayFrame:
			out.code = f.ErrCode
		}
		for _, k := range kinds {
			if out.kind == k {
				return out, true
			}
		}
	}
}

// request waits for a request's head.
func (c *script2) request() (stream uint32, ok bool) {
	f, ok := c.next(http2.FrameHeaders)
	return f.stream, ok
}

// fields encodes "name value" pairs.
func (c *script2) fields(list ...string) []byte {
	c.block.Reset()
	for _, l := range list {
		name, value, _ := strings.Cut(l, " ")
		_ = c.enc.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	return bytes.Clone(c.block.Bytes())
}

func (c *script2) head(stream uint32, end bool, list ...string) {
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.fields(list...), EndHeaders: true, EndStream: end})
}

// fine answers as it should.
func (c *script2) fine(stream uint32) {
	c.head(stream, false, ":status 200", "content-length 4", "x-conn "+fmt.Sprint(c.n))
	_ = c.WriteData(stream, true, []byte("fine"))
}

// serveFine answers everything as it should.
func (c *script2) serveFine() {
	for {
		s, ok := c.request()
		if !ok {
			return
		}
		c.fine(s)
	}
}

// h2Pool is a pool of an origin that speaks HTTP/2.
func h2Pool(t *testing.T, url string, o Options) *Pool {
	t.Helper()
	return opened(t, &site.Site{Name: "a", Origin: url, OriginProtocol: site.HTTP2}, o).Pool("")
}

// fetch makes one exchange to its end and returns status and body.
func fetch(t *testing.T, p *Pool, method, body string) (string, error) {
	t.Helper()
	c, err := p.Get(t.Context())
	if err != nil {
		return "", err
	}
	c.DueRead(p.HeaderTimeout())
	got, err := converse(c, p, fmt.Sprintf("%s /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, len(body), body))
	if err != nil {
		c.Close()
		return got, err
	}
	c.Put()
	return got, nil
}

func converse(c *Conn, p *Pool, request string) (string, error) {
	if _, err := c.Exchange([]byte(request)); err != nil {
		return "", err
	}
	var m wire.Message
	for {
		n, err := m.ParseResponse(c.In.Bytes(), p.Limits())
		if err != nil {
			return "", err
		}
		if n > 0 && m.Status >= 200 {
			status := fmt.Sprint(m.Status)
			body, err := bodyOf(c, &m, n)
			return status + " " + body, err
		}
		if n > 0 {
			c.In.Take(n)
			if c.In.Len() > 0 {
				continue
			}
		}
		if err := c.Fill(); err != nil {
			return "", err
		}
	}
}

// bodyOf reads a body behind a head of n bytes.
func bodyOf(c *Conn, m *wire.Message, n int) (string, error) {
	chunked, length := m.Chunked, m.Length
	c.In.Take(n)
	var out []byte
	var chunks wire.Chunks
	chunks.Response = true
	for {
		b := c.In.Bytes()
		switch {
		case chunked:
			k, data, done, err := chunks.Next(b)
			out = append(out, data...)
			c.In.Take(k)
			if done || err != nil {
				return string(out), err
			}
			if c.In.Len() > 0 {
				continue
			}
		case length >= 0:
			k := min(int64(len(b)), length-int64(len(out)))
			out = append(out, b[:k]...)
			c.In.Take(int(k))
			if int64(len(out)) == length {
				return string(out), nil
			}
		}
		if err := c.Fill(); err != nil {
			return string(out), err
		}
	}
}

// soon waits for something that has no event of its own.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

// isReset tells a ResetError with the code.
func isReset(err error, code string) bool {
	var r *ResetError
	return errors.As(err, &r) && r.Code == code
}
