package fingerprint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// identity is a certificate of a server of a test.
func identity(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// met is a connection as a server of a test saw it.
type met struct {
	id      string
	there   bool
	resumed bool
	came    bool // with this ID
	tls     TLS
}

// meeting is a server that takes connections, says a word and ends them.
func meeting(t testing.TB, tickets *Tickets, change func(*tls.Config)) (addr string, came chan met) {
	t.Helper()
	conf := &tls.Config{Certificates: []tls.Certificate{identity(t)}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(conf)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	came = make(chan met, 100)
	go func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = raw.Close() }()
				_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
				var id TicketID
				tapped := &tappedConn{Conn: raw}
				c := tls.Server(tapped, tickets.For(conf, &id))
				if c.Handshake() != nil {
					return
				}
				state := c.ConnectionState()
				m := met{resumed: state.DidResume}
				m.id, m.came, m.there = id.Result(state)
				m.tls, _ = tapped.tap.Result()
				b := make([]byte, 4096)
				_, _ = c.Read(b)
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
				_ = c.Close()
				came <- m
			}()
		}
	}()
	return ln.Addr().String(), came
}

// tappedConn feeds a tap with what is read.
type tappedConn struct {
	net.Conn
	tap HelloTap
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.Feed(p[:n])
	return n, err
}

func next(t testing.TB, came chan met) met {
	t.Helper()
	select {
	case m := <-came:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("nobody came")
		return met{}
	}
}

// goClient makes connections that share a memory of sessions.
func goClient(version uint16) func(t testing.TB, addr string) {
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MinVersion: version, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(9)}
	return func(t testing.TB, addr string) {
		t.Helper()
		c, err := tls.Dial("tcp", addr, conf)
		must(t, err)
		_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		must(t, err)
		_, _ = c.Read(make([]byte, 100)) // tickets come before it
		_ = c.Close()
	}
}

func newTickets(t testing.TB, file string) *Tickets {
	t.Helper()
	tickets, err := NewTickets(file, nil)
	must(t, err)
	return tickets
}

func TestTicketIDSurvivesResumption(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			addr, came := meeting(t, newTickets(t, ""), nil)
			ann, bob := goClient(version), goClient(version)
			ann(t, addr)
			first := next(t, came)
			if !first.there || len(first.id) != 32 || first.resumed {
				t.Fatalf("%+v", first)
			}
			for range 3 {
				ann(t, addr)
				if again := next(t, came); !again.resumed || again.id != first.id || again.tls.Stable != first.tls.Stable {
					t.Fatalf("it resumed as %+v, and was %+v", again, first)
				}
			}
			bob(t, addr)
			if other := next(t, came); !other.there || other.id == first.id || other.resumed {
				t.Fatalf("another client is %+v, and the first was %+v", other, first)
			}
		})
	}
}

func TestTicketIDIsNoneWithoutTickets(t *testing.T) {
	addr, came := meeting(t, newTickets(t, ""), func(c *tls.Config) { c.SessionTicketsDisabled = true })
	goClient(tls.VersionTLS13)(t, addr)
	if m := next(t, came); m.there || m.id != "" {
		t.Errorf("%+v", m)
	}
}

// Whoever saw a ticket on the wire can show it, and no more than that: its secret is
// not theirs.
func TestShownTicketIsNotBelieved(t *testing.T) {
	tickets := newTickets(t, "")
	var own TicketID
	conf := tickets.For(&tls.Config{}, &own)
	state := &tls.SessionState{}
	_, _ = conf.WrapSession(tls.ConnectionState{}, state) // can't seal an empty one; its ID is there all the same
	if len(state.Extra) != 1 {
		t.Fatalf("%q stands in the ticket", state.Extra)
	}
	var shown TicketID
	shown.see(state)
	if id, _, ok := shown.Result(tls.ConnectionState{DidResume: false}); ok {
		t.Errorf("a ticket that was only shown gave %s", id)
	}
	shown = TicketID{}
	shown.see(state)
	if id, came, ok := shown.Result(tls.ConnectionState{DidResume: true}); !ok || !came || id != fmt.Sprintf("%x", own.id) {
		t.Errorf("a ticket that was resumed with gave %q, %v", id, ok)
	}
}

// A session that the server no longer takes, since it wants another cipher, begins
// anew with an ID of its own.
func TestTicketIDChangesWhenTheSessionIsNotResumed(t *testing.T) {
	tickets := newTickets(t, "")
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MaxVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(9)}
	suite := tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	addr, came := meeting(t, tickets, func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }
		c.CipherSuites = []uint16{suite}
	})
	dial := func(addr string) {
		c, err := tls.Dial("tcp", addr, conf)
		must(t, err)
		_, err = c.Write([]byte("x"))
		must(t, err)
		_, _ = c.Read(make([]byte, 100))
		_ = c.Close()
	}
	dial(addr)
	first := next(t, came)
	suite = tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	addr, came = meeting(t, tickets, func(c *tls.Config) { c.CipherSuites = []uint16{suite} })
	dial(addr)
	if m := next(t, came); m.resumed || !m.there || m.id == first.id {
		t.Errorf("%+v, and was %+v", m, first)
	}
}

func keyFile(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	return path
}

func TestReplicasShareTickets(t *testing.T) {
	a, b, c := strings.Repeat("a1", 32), strings.Repeat("b2", 32), strings.Repeat("c3", 32)
	one, came1 := meeting(t, newTickets(t, keyFile(t, "# newest first", a)), nil)
	two, came2 := meeting(t, newTickets(t, keyFile(t, b, "", a)), nil) // rotated already
	three, came3 := meeting(t, newTickets(t, keyFile(t, c)), nil)
	ann := goClient(tls.VersionTLS13)
	ann(t, one)
	first := next(t, came1)
	ann(t, two)
	if m := next(t, came2); !m.resumed || m.id != first.id {
		t.Errorf("at a replica %+v, and was %+v", m, first)
	}
	ann(t, three)
	if m := next(t, came3); m.resumed || m.id == first.id {
		t.Errorf("at a stranger %+v, and was %+v", m, first)
	}
}

func TestChangedTicketKeysAreReadAgain(t *testing.T) {
	a, b := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	path := keyFile(t, a)
	tickets := newTickets(t, path)
	addr, came := meeting(t, tickets, nil)
	ann := goClient(tls.VersionTLS13)
	ann(t, addr)
	first := next(t, came)
	later := func(text string) {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		tickets.mu.Lock()
		tickets.checked = time.Time{}
		tickets.mu.Unlock()
	}
	later(b + "\n" + a + "\n")
	ann(t, addr)
	if m := next(t, came); m.id != first.id { // opened by a, sealed by b
		t.Fatalf("%+v", m)
	}
	later("no keys at all")
	ann(t, addr)
	if m := next(t, came); m.id != first.id {
		t.Fatalf("keys that don't load: %+v", m)
	}
	later(b + "\n\n")
	ann(t, addr)
	if m := next(t, came); m.id != first.id {
		t.Fatalf("without the first key: %+v", m)
	}
	later(a)
	ann(t, addr)
	if m := next(t, came); m.id == first.id || m.resumed {
		t.Fatalf("without the key that sealed: %+v", m)
	}
}

func TestTicketKeysAreChecked(t *testing.T) {
	good := strings.Repeat("a1", 32)
	many := make([]string, 17)
	for i := range many {
		many[i] = fmt.Sprintf("%064x", i+1)
	}
	for want, lines := range map[string][]string{
		"it has no keys":                      {"# none", ""},
		"line 2: 63 characters":               {good, good[1:]},
		"line 1: not all are hex digits":      {strings.Repeat("g", 64)},
		"line 3: the same key stands there":   {good, "", good},
		"line 1: a key of zeros":              {strings.Repeat("0", 64)},
		"line 17: want at most 16 keys":       many,
		"20001 bytes: want at most 16 keys o": {strings.Repeat("#", 20001)},
	} {
		_, err := NewTickets(keyFile(t, lines...), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), good[:10]) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	open := keyFile(t, good)
	must(t, os.Chmod(open, 0o640))
	if _, err := NewTickets(open, nil); err == nil || !strings.Contains(err.Error(), "mode 0640 lets others read it: want 0600") {
		t.Error(err)
	}
	if _, err := NewTickets(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a file that is not there is read")
	}
}

func FuzzTicketKeys(f *testing.F) {
	f.Add([]byte(strings.Repeat("a1", 32) + "\n# x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if keys, err := parseKeys(text); (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
	})
}

// installed looks for a program that a test runs.
func installed(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	return path
}

func TestTicketIDOfOpenSSL(t *testing.T) {
	openssl := installed(t, "openssl")
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		addr, came := meeting(t, newTickets(t, ""), nil)
		session := filepath.Join(t.TempDir(), "session")
		run := func(args ...string) {
			cmd := exec.Command(openssl, append([]string{"s_client", "-connect", addr, "-servername", "localhost", version, "-ign_eof"}, args...)...)
			cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\n\r\n")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		run("-sess_out", session)
		first := next(t, came)
		run("-sess_in", session)
		if m := next(t, came); !m.resumed || m.id != first.id || m.tls.Stable != first.tls.Stable {
			t.Errorf("%s: it resumed as %+v, and was %+v", version, m, first)
		}
		run()
		if m := next(t, came); m.resumed || m.id == first.id || m.tls != first.tls {
			t.Errorf("%s: anew it is %+v, and was %+v", version, m, first)
		}
	}
}

// curl takes no tickets in TLS 1.2, where they would go over the wire in the clear.
func TestTicketIDOfCurl(t *testing.T) {
	curl := installed(t, "curl")
	for _, version := range []string{"1.2", "1.3"} {
		addr, came := meeting(t, newTickets(t, ""), nil)
		_, port, _ := net.SplitHostPort(addr)
		url := "https://localhost:" + port + "/"
		out, err := exec.Command(curl, "-sk", "--noproxy", "*", "-4", "--tlsv"+version, "--tls-max", version, url, url, url).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		first := next(t, came)
		for range 2 {
			m := next(t, came)
			if m.id != first.id || m.there != (version == "1.3") || m.resumed != m.there || m.tls.Stable != first.tls.Stable {
				t.Errorf("TLS %s: it came as %+v, and was %+v", version, m, first)
			}
		}
	}
}
