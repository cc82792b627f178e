package population

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// errBlocked is an answer that shows a visitor the door.
var errBlocked = errors.New("blocked")

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 2 << 20

// client is one browser, app or bot on the wire. It writes its own requests,
// since net/http would sort the headers. It is used by one goroutine.
type client struct {
	cfg     *Config
	target  *url.URL // of the base address
	agent   agent
	ip      string
	lang    string
	conn    net.Conn
	reader  *bufio.Reader
	cookies []*http.Cookie // in order of arrival
	bearer  string
	actor   *Actor
}

// answer is a response read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// fetch is one request of a client.
type fetch struct {
	method, path string
	kind         fetchKind
	contentType  string
	body         []byte
	referer      string // path on the site, "" for none
	typed        bool   // navigation by hand: no referer, Sec-Fetch-Site none
}

// send makes a request and reads the answer. A kept-alive connection that the
// other side closed in the meantime is opened anew once.
func (c *client) send(ctx context.Context, f fetch) (*answer, error) {
	reused := c.conn != nil
	a, err := c.exchange(ctx, f)
	if err != nil && reused && ctx.Err() == nil {
		a, err = c.exchange(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", f.method, f.path, err)
	}
	now := time.Now()
	c.cfg.Truth.change(func() {
		c.actor.Requests++
		if last := len(c.actor.Windows) - 1; last >= 0 {
			c.actor.Windows[last].To = now
		}
		if a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests {
			c.actor.Blocked++
		}
	})
	return a, nil
}

func (c *client) exchange(ctx context.Context, f fetch) (a *answer, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.conn == nil {
		if err := c.dial(ctx); err != nil {
			return nil, err
		}
	}
	// A cancelled run wakes whoever waits for an answer.
	conn := c.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if _, err := conn.Write(c.head(f)); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.reader, &http.Request{Method: f.method})
	if err != nil {
		return nil, err
	}
	body, err := readBody(res)
	if err != nil {
		return nil, err
	}
	for _, k := range res.Cookies() {
		c.keep(k)
	}
	if res.Close {
		c.close()
	}
	return &answer{res.StatusCode, res.Header, body}, nil
}

func readBody(res *http.Response) ([]byte, error) {
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(z, maxAnswer))
	}
	return body, nil
}

func (c *client) dial(ctx context.Context) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	addr := c.target.Host
	if c.target.Port() == "" {
		addr = net.JoinHostPort(addr, map[bool]string{true: "443", false: "80"}[c.target.Scheme == "https"])
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	if c.target.Scheme == "https" {
		name := c.cfg.Host
		if h, _, err := net.SplitHostPort(name); err == nil {
			name = h
		}
		t := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: c.cfg.RootCAs, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return err
		}
		conn = t
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn, c.reader = nil, nil
	}
}

// head renders request line, headers in the family's order and body.
func (c *client) head(f fetch) []byte {
	var b bytes.Buffer
	b.WriteString(f.method + " " + f.path + " HTTP/1.1\r\n")
	for _, name := range c.agent.family.order() {
		if v := c.field(name, f); v != "" {
			b.WriteString(name + ": " + v + "\r\n")
		}
	}
	// What a proxy on the way adds comes last.
	b.WriteString("X-Forwarded-For: " + c.ip + "\r\n\r\n")
	b.Write(f.body)
	return b.Bytes()
}

// field is the value of a header field for a request, "" to leave it out.
func (c *client) field(name string, f fetch) string {
	posting := f.method != http.MethodGet
	document := f.kind == navigate
	site := c.target.Scheme + "://" + c.cfg.Host
	switch name {
	case "Host":
		return c.cfg.Host
	case "Connection":
		if c.agent.family == okhttp {
			return "Keep-Alive"
		}
		return "keep-alive"
	case "Content-Length":
		if posting {
			return strconv.Itoa(len(f.body))
		}
	case "Content-Type":
		return f.contentType
	case "Cache-Control":
		if posting && document {
			return "max-age=0"
		}
	case "sec-ch-ua":
		return c.agent.hint
	case "sec-ch-ua-mobile":
		if c.agent.mobile {
			return "?1"
		}
		return "?0"
	case "sec-ch-ua-platform":
		return strconv.Quote(c.agent.platform)
	case "Origin":
		if posting {
			return site
		}
	case "Upgrade-Insecure-Requests":
		if document {
			return "1"
		}
	case "User-Agent":
		return c.agent.ua
	case "Accept":
		return c.agent.family.accept(f.kind)
	case "Sec-Fetch-Site":
		if f.typed {
			return "none"
		}
		return "same-origin"
	case "Sec-Fetch-Mode":
		if document {
			return "navigate"
		}
		return "no-cors"
	case "Sec-Fetch-User":
		if document {
			return "?1"
		}
	case "Sec-Fetch-Dest":
		return string(f.kind)
	case "Referer":
		if f.referer != "" && !f.typed {
			return site + f.referer
		}
	case "Accept-Encoding":
		return c.agent.family.encoding()
	case "Accept-Language":
		return c.lang
	case "Cookie":
		var pairs []string
		for _, k := range c.cookies {
			pairs = append(pairs, k.Name+"="+k.Value)
		}
		return strings.Join(pairs, "; ")
	case "Authorization":
		if c.bearer != "" {
			return "Bearer " + c.bearer
		}
	case "From":
		return "googlebot(at)googlebot.com"
	case "Priority":
		if document {
			return "u=0, i"
		}
		return "u=5"
	}
	return ""
}

// keep stores a cookie as a browser would, expiry included.
func (c *client) keep(k *http.Cookie) {
	for i, old := range c.cookies {
		if old.Name == k.Name {
			if k.MaxAge < 0 {
				c.cookies = append(c.cookies[:i], c.cookies[i+1:]...)
			} else {
				c.cookies[i] = k
			}
			return
		}
	}
	if k.MaxAge >= 0 && len(c.cookies) < 50 {
		c.cookies = append(c.cookies, k)
	}
}
