package edge

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// track is an origin behind each of us, nginx and HAProxy. A test has several, so
// that it need not wait for one message after the other.
type track struct {
	s      *rig // with TLS on the second listener
	w      backend
	peers  []backend
	plain  []string // the peers' sockets
	secret []string // with TLS and HTTP/2
}

// backend is an origin.
type backend interface{ address() string }

func (w *witness) address() string { return w.url }
func (l *liar) address() string    { return l.url }

var peerNames = []string{"nginx", "haproxy"}

// startTracks runs both peers.
func startTracks(t *testing.T, origin func() backend) (next func() *track) {
	t.Helper()
	for _, p := range peerNames {
		needPeer(t, p)
	}
	dir, err := os.MkdirTemp("", "peers") // short, for the sockets' sake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cert, key := certificate(t, dir, "a")
	both := ""
	for _, f := range []string{cert, key} {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		both += string(text)
	}
	write(t, filepath.Join(dir, "both.pem"), both)
	var nginx, haproxy strings.Builder
	var lanes []*track
	for i := range workers {
		l := &track{w: origin()}
		l.s = start(t, l.w.address(), nobody{}, func(c *Config) {
			c.Listeners = append(c.Listeners, Listener{Addr: "127.0.0.1:0", CertFile: cert, KeyFile: key})
		})
		for _, p := range peerNames {
			l.peers = append(l.peers, origin())
			l.plain = append(l.plain, fmt.Sprintf("%s/%s%d", dir, p, i))
			l.secret = append(l.secret, fmt.Sprintf("%s/%s%d.tls", dir, p, i))
		}
		_, _ = fmt.Fprintf(&nginx, nginxServer, i, strings.TrimPrefix(l.peers[0].address(), "http://"), l.plain[0], l.secret[0])
		_, _ = fmt.Fprintf(&haproxy, haproxyListen, i, strings.TrimPrefix(l.peers[1].address(), "http://"), l.plain[1], l.secret[1])
		lanes = append(lanes, l)
	}
	write(t, filepath.Join(dir, "nginx.conf"), nginxHead+nginx.String()+"}\n")
	write(t, filepath.Join(dir, "haproxy.cfg"), haproxyHead+haproxy.String())
	last := lanes[workers-1].secret
	peer(t, last[0], dir, "nginx", "-p", dir, "-c", "nginx.conf", "-e", "nginx.err")
	peer(t, last[1], dir, "haproxy", "-f", "haproxy.cfg")
	return func() *track {
		l := lanes[0]
		lanes = lanes[1:]
		return l
	}
}

// needPeer leaves a test out where a program is missing, but not in CI.
func needPeer(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: in CI it must run (script/tools installs it)", program)
	}
	t.Skipf("%s is missing", program)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Both as their manuals say for an origin that speaks HTTP/1.1 with keep-alive, and
// without waiting for whole bodies, as we don't.
const (
	nginxHead = `daemon off; worker_processes 1; pid nginx.pid; error_log nginx.err crit;
events {}
http {
	access_log off;
	client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
	ssl_certificate cert.pem; ssl_certificate_key key.pem;
`
	nginxServer = `	upstream o%[1]d { server %[2]s; keepalive 8; }
	server {
		listen unix:%[3]s; listen unix:%[4]s ssl http2;
		location / {
			proxy_pass http://o%[1]d; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
			proxy_request_buffering off; proxy_buffering off;
		}
	}
`
	haproxyHead = `defaults
	mode http
	timeout client 10s
	timeout server 10s
	timeout connect 5s
`
	haproxyListen = `listen l%[1]d
	bind unix@%[3]s
	bind unix@%[4]s ssl crt both.pem alpn h2,http/1.1
	server o %[2]s
`
)

// converse sends a message and reads until the answers are there and nothing more
// comes. It does not end its half, which nginx takes for the end of the visitor.
func converse(addr string, message []byte, answers int) string {
	c, err := net.Dial("unix", addr)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write(message); err != nil {
		return err.Error()
	}
	var all []byte
	b := make([]byte, 16<<10)
	for {
		wait := time.Second
		if s := statuses(all); s != "-" && len(strings.Fields(s)) >= answers {
			wait = 100 * time.Millisecond
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		n, err := c.Read(b)
		all = append(all, b[:n]...)
		if err != nil {
			return statuses(all)
		}
	}
}

// freeAddr is a TCP address that nobody listens on yet.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// peer runs a program in a folder until the test ends, and waits until it listens
// on a socket's path or a TCP address.
func peer(t *testing.T, addr, dir, program string, args ...string) {
	t.Helper()
	c := exec.Command(program, args...)
	c.Dir = dir
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); <-ended })
	network := "tcp"
	if filepath.IsAbs(addr) {
		network = "unix"
	}
	for range 1000 {
		if conn, err := net.Dial(network, addr); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", program, out.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen", program)
}

// passed tells which of ours no peer passed on, each as often as it came.
func passed(ours string, theirs ...string) (alone []string) {
	if ours == "-" {
		return nil
	}
	left := make([]map[string]int, len(theirs))
	for i, t := range theirs {
		left[i] = map[string]int{}
		for l := range strings.SplitSeq(t, ", ") {
			left[i][l]++
		}
	}
	for l := range strings.SplitSeq(ours, ", ") {
		found := false
		for i := range left {
			if left[i][l] > 0 {
				left[i][l]--
				found = true
			}
		}
		if !found {
			alone = append(alone, l)
		}
	}
	return alone
}
