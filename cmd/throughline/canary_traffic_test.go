package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// freePort is an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// configured is a field of the configuration.
func (s *server) configured(field string) string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "throughline.yaml"))
	_, rest, _ := strings.Cut(string(text), field+": ")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(line, `"`)
}

// canaryServer is a server under the shop's policy and the canaries', with TLS,
// metrics and a log at debug level.
func canaryServer(t *testing.T, c *canaries) (s *server, admin, secure string) {
	t.Helper()
	origin := canaryOrigin(t, c)
	s = newServer(t, origin)
	plain := freePort(t)
	admin, secure = freePort(t), freePort(t)
	set := settings{Config: Config{Data: s.dir}}
	if _, err := demoCertificate(&set); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "no-geo"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: %q\nadmin: %q\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\npolicy: policy\ndrain: 5s\n"+
		"log: {level: debug}\ntls: {listen: %q, cert: demo-cert.pem, key: demo-key.pem}\ngeo: no-geo\n"+
		"sites:\n- {name: shop, hosts: [\"*\"], origin: %q, mode: active, deadline: 2s}\n"+
		"- {name: down, hosts: [down.example], origin: \"http://127.0.0.1:1\", mode: active}\n", plain, admin, secure, origin))
	if err := os.RemoveAll(filepath.Join(s.dir, "policy")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-r", filepath.Join("..", "..", "examples", "shop", "policy"), filepath.Join(s.dir, "policy")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	write(t, filepath.Join(s.dir, "policy", "99-canary.yaml"), canaryPolicy)
	return s, admin, secure
}

// canaryOrigin answers with canaries in every place of a response.
func canaryOrigin(t *testing.T, c *canaries) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := w.Header()
		h.Set("X-Answer", c.at("a response header"))
		h.Set("Etag", `"`+c.at("the response's Etag")+`"`)
		h.Add("Set-Cookie", "other="+c.at("a cookie that the response sets")+c.at("its end")+"; HttpOnly; Path=/")
		h.Add("Set-Cookie", "shop_sid="+c.at("the session cookie that the response sets")+c.at("its end")+"; HttpOnly")
		h.Set("Trailer", "X-Trailer")
		h.Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "redirect") {
			h.Set("Location", "/to/"+c.at("the response's Location"))
			w.WriteHeader(http.StatusFound)
		}
		note := c.at("JSON of a response that nobody maps")
		if strings.Contains(r.URL.Path, "/json/") {
			note = c.mapped("the response's JSON")
		}
		_, _ = fmt.Fprintf(w, `{"note": %q, "secret": %q, %q: 1, "list": [{"deep": %q}], "error": "declined %s"}`,
			note, c.at("a field of the response"), c.at("a field's name in the response"), c.at("a nested field of the response"), c.at("the response's error"))
		h.Set("X-Trailer", c.at("a trailer of the response"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const (
	canaryCard = "4539578763621486"
	canarySSN  = "536228726"
)

// canaryTraffic sends values of their own in every place there is.
func canaryTraffic(t *testing.T, c *canaries, site, secure string) (answers int) {
	t.Helper()
	c.forbid("the card number", canaryCard, "4539 5787 6362 1486", "4539-5787-6362-1486", canaryCard[:12], canaryCard[8:])
	c.forbid("the SSN", canarySSN, "536-22-8726", "536 22 8726")
	plain := strings.TrimPrefix(site, "http://")
	do := func(raw string) {
		t.Helper()
		conn, err := net.Dial("tcp", plain)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(waitFor))
		if _, err := io.WriteString(conn, raw); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return // refused without a word
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		answers++
	}
	// heads carries a canary in every header that there is a use for.
	heads := func() string {
		basic := c.at("the user of Basic") + ":" + c.at("the password of Basic")
		return "Host: shop.example\r\nReferer: https://elsewhere.example/" + c.at("Referer") + "\r\n" +
			"Authorization: Basic " + c.forbidBase64(basic) + "\r\n" +
			"Cookie: shop_sid=" + c.at("the session cookie") + c.at("its end") + "; track=" + c.at("another cookie") + "\r\n" +
			"Accept-Language: " + c.at("Accept-Language") + "\r\nX-Forwarded-For: " + c.at("X-Forwarded-For") + "\r\n" +
			"X-" + c.at("a header's name") + ": " + c.at("a header") + "\r\nIf-None-Match: \"" + c.at("If-None-Match") + "\"\r\n" +
			"x-spec-customer-authorization: " + c.at("a worker's key") + "\r\nx-spec-id: " + c.at("a worker's ID") + "\r\nConnection: close\r\n"
	}
	post := func(path, contentType, body string) {
		do("POST " + path + " HTTP/1.1\r\n" + heads() + "Content-Type: " + contentType + "\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body)
	}
	sensitive := func(password string) string {
		return fmt.Sprintf(`"card": "%s %s %s %s", "ssn": %q, "password": %q`, canaryCard[:4], canaryCard[4:8], canaryCard[8:12], canaryCard[12:], "536-22-8726", password)
	}
	do("GET /canary/" + c.at("a path segment") + "/page?q=" + c.mapped("a query parameter") + "&other=" + c.at("another parameter") + "&" + c.at("a parameter's name") + "=1 HTTP/1.1\r\n" + heads() + "\r\n")
	do("GET /nothing/" + c.at("a path that no Spec names") + "?x=" + c.at("its query") + " HTTP/1.1\r\n" + heads() + "\r\n")
	do("GET /redirect/" + c.at("a redirected path") + " HTTP/1.1\r\n" + heads() + "\r\n")
	do("DELETE /canary/" + c.at("a path of another method") + " HTTP/1.1\r\n" + heads() + "\r\n")
	bearer := strings.Replace(heads(), "Basic ", "Bearer "+c.at("a bearer token")+".", 1)
	do("GET /canary/x/page?q=a HTTP/1.1\r\n" + bearer + "\r\n")
	post("/canary/"+c.at("a named segment")+"/json/"+c.at("a wildcard segment"), "application/json; x="+c.at("a parameter of the content type"),
		fmt.Sprintf(`{"note": %q, %s, "secret": %q, "nested": {%q: [%q]}, "email": "ann@example.com"}`, c.mapped("a JSON field"), sensitive(c.at("the password")),
			c.at("another JSON field"), c.at("a JSON field's name"), c.at("a nested JSON field")))
	// What does not fit its kind, and what is no JSON.
	post("/canary/a/json/b", "application/json", fmt.Sprintf(`{"card": %q, "ssn": %q, "email": %q}`,
		c.at("a card number that is none"), c.at("an SSN that is none"), c.at("an e-mail address that is none")))
	post("/canary/a/json/b", "application/json", `{"note": "x", "card": `+c.at("JSON that is broken"))
	form := url.Values{"note": {c.mapped("a form field")}, "card": {canaryCard}, "ssn": {canarySSN}, "password": {c.at("a form's password")},
		"other": {c.at("another form field")}, c.at("a form field's name"): {"1"}}
	post("/canary/form", "application/x-www-form-urlencoded", form.Encode())
	// The shop's own Specs, whose passwords nobody maps.
	post("/api/login", "application/json", fmt.Sprintf(`{"email": "bob@example.com", "password": %q, "otp": %q}`, c.at("the shop's password"), c.at("the shop's code")))
	post("/login", "application/x-www-form-urlencoded", url.Values{"email": {"bob@example.com"}, "password": {c.at("the shop's form password")}}.Encode())
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	_ = w.WriteField("field", c.at("a multipart field"))
	_ = w.WriteField(c.at("a multipart field's name"), "1")
	file, _ := w.CreateFormFile("file", c.at("a file's name")+".pdf")
	_, _ = io.WriteString(file, c.at("a file's content"))
	_ = w.Close()
	do("POST /canary/multipart HTTP/1.1\r\n" + heads() + "X-Note: " + c.mapped("a header that is mapped") + "\r\nContent-Type: " + w.FormDataContentType() +
		"\r\nContent-Length: " + fmt.Sprint(parts.Len()) + "\r\n\r\n" + parts.String())
	chunk := fmt.Sprintf(`{"note": "x", "secret": %q}`, c.at("a chunked body"))
	do("POST /canary/a/json/b HTTP/1.1\r\n" + heads() + "Content-Type: application/json\r\nTrailer: X-Trailer\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x;ext=%s\r\n%s\r\n0\r\nX-Trailer: %s\r\n\r\n", len(chunk), c.at("a chunk's extension"), chunk, c.at("a trailer")))
	// What is refused, and an origin that is down.
	do("GET /" + c.at("a malformed request's path") + " HTTP/1.1\r\nHost: shop.example\r\nX Bad: " + c.at("a malformed header") + "\r\n\r\n")
	do("GET /x HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: " + c.at("a smuggler's header") + "\r\n\r\n0\r\n\r\n")
	do(c.at("a made-up method") + " / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	do("GET / HTTP/9." + c.at("a made-up version") + "\r\n\r\n")
	do("GET /x HTTP/1.1\r\nHost: " + c.at("an unknown host") + ".example\r\nConnection: close\r\n\r\n")
	do("GET /x HTTP/1.1\r\nHost: shop.example\r\nX: " + c.at("a head that is too large") + strings.Repeat("a", 1<<20) + "\r\n\r\n")
	for _, path := range []string{"/canary/x/page?q=a&z=", "/none/"} {
		down := strings.Replace(heads(), "shop.example", "down.example", 1)
		do("GET " + path + c.at("the path while the origin is down") + " HTTP/1.1\r\n" + down + "\r\n")
	}
	// TLS, HTTP/2, and a handshake that fails.
	for _, protocols := range [][]string{{"h2"}, {"http/1.1"}} {
		name := c.at("the name that TLS asks for") + ".example"
		tr := &http.Transport{ForceAttemptHTTP2: protocols[0] == "h2", DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: protocols}} //nolint:gosec // a test's own certificate
			return d.DialContext(ctx, network, secure)
		}}
		for _, path := range []string{"/canary/" + c.at("a segment over TLS") + "/page?q=" + c.mapped("a parameter over TLS"), "/none/" + c.at("a path over TLS")} {
			req, err := http.NewRequest(http.MethodGet, "https://"+name+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Other", c.at("a header over TLS"))
			req.Header.Set("Cookie", "shop_sid="+c.at("the session cookie over TLS")+c.at("its end"))
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			answers++
		}
		tr.CloseIdleConnections()
	}
	if conn, err := net.Dial("tcp", secure); err == nil {
		_, _ = io.WriteString(conn, "GET /"+c.at("plain HTTP to TLS")+" HTTP/1.1\r\n\r\n")
		_ = conn.SetDeadline(time.Now().Add(waitFor))
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	return answers
}

// forbidBase64 forbids the encoded form of a credential as well.
func (c *canaries) forbidBase64(s string) string {
	b := base64.StdEncoding.EncodeToString([]byte(s))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.what[strings.ToLower(b[8:40])] = "Authorization"
	return b
}
