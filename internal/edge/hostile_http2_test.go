package edge

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// message2 is a vector of HTTP/2: the head's fields, data, and trailers.
type message2 struct {
	head, trailers [][2]string
	data           []byte
	hasData        bool
}

func parseHTTP2(v vector) (m message2) {
	to := &m.head
	for i, l := range v.lines {
		switch {
		case l == "" && i == len(v.lines)-1:
		case l == "---":
			to = &m.trailers
		case to == &m.head && l == "":
			to = nil
		case to != nil: // a name may begin with a colon
			colon := strings.Index(l[1:], ":") + 1
			*to = append(*to, [2]string{unescape(l[:colon]), unescape(strings.TrimPrefix(l[colon+1:], " "))})
		default:
			if m.hasData {
				m.data = append(m.data, "\r\n"...)
			}
			m.data, m.hasData = append(m.data, unescape(strings.TrimSuffix(l, `\`))...), true
		}
	}
	return m
}

// ask2 sends the message on a connection of its own and returns the status, or
// "refused" when the stream or the connection is reset.
func ask2(network, addr string, m message2) string {
	raw, err := net.Dial(network, addr)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: "a", NextProtos: []string{"h2"}})
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return err.Error()
	}
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	fields := func(list [][2]string) []byte {
		block.Reset()
		for _, h := range list {
			_ = enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		return []byte(block.String())
	}
	last := !m.hasData && m.trailers == nil
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields(m.head), EndHeaders: true, EndStream: last})
	if m.hasData {
		_ = f.WriteData(1, m.trailers == nil, m.data)
	}
	if m.trailers != nil {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields(m.trailers), EndHeaders: true, EndStream: true})
	}
	status := ""
	dec := hpack.NewDecoder(4096, func(h hpack.HeaderField) {
		if h.Name == ":status" && status == "" {
			status = h.Value
		}
	})
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			return "refused"
		}
		switch fr := fr.(type) {
		case *http2.HeadersFrame:
			_, _ = dec.Write(fr.HeaderBlockFragment())
			if strings.HasPrefix(status, "1") {
				status = ""
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			if status == "" {
				return "refused"
			}
			return status
		}
		if h := fr.Header(); h.StreamID == 1 && h.Flags.Has(http2.FlagDataEndStream) && status != "" {
			return status
		}
	}
}

// TestHostileHTTP2 sends what HTTP/2 can say and HTTP/1.1 must not be made to say,
// to us and to both peers.
func TestHostileHTTP2(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, t.TempDir(), "a")
	w := newWitness(t)
	s := start(t, w.url, nobody{}, func(c *Config) { c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key })
	for _, v := range vectors(t, "http2") {
		got := ask2("tcp", s.addr, parseHTTP2(v))
		if got == "400" && v.keys["want"] == "refused" {
			got = "refused" // whether the answer or the reset comes first is a matter of time
		}
		if seen := w.take(); got != v.keys["want"] || seen != v.keys["origin"] {
			t.Errorf("%s: answered %s, the origin got %q; want %s and %q", v.name, got, seen, v.keys["want"], v.keys["origin"])
		}
	}
}

func TestHostileHTTP2BesidePeers(t *testing.T) {
	t.Parallel()
	list := vectors(t, "http2")
	next := startTracks(t, func() backend { return newWitness(t) })
	rows := newTable("HTTP/2 request")
	inParallel(list, next, func(l *track, v vector) {
		m := parseHTTP2(v)
		got := ask2("tcp", l.s.Addrs()[1].String(), m)
		reached := l.w.(*witness).take()
		cells := []string{brief(got, reached)}
		var theirs []string
		for i, p := range l.peers {
			got := ask2("unix", l.secret[i], m)
			theirs = append(theirs, p.(*witness).take())
			cells = append(cells, brief(got, theirs[i]))
		}
		rows.add(v.name, cells)
		if alone := passed(reached, theirs...); alone != nil && v.keys["alone"] == "" {
			t.Errorf("%s: only we pass on %q", v.name, alone)
		}
	})
	rows.print(t, list)
}
