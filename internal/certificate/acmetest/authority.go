// Package acmetest runs what certificates are obtained from, for tests: pebble,
// the ACME server that Let's Encrypt publishes, and a name server that takes
// dynamic updates.
package acmetest

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"net/http"
)

// Authority is a running pebble. It looks for hosts by the Names given, and at
// the ports given.
type Authority struct {
	Directory string         // its URL
	Roots     *x509.CertPool // by which the certificates it issues are verified
	// ServerRoots is a file of the roots by which the authority itself is verified,
	// IssuerRoots one of those of its certificates.
	ServerRoots, IssuerRoots string
	Server                   *x509.CertPool // ServerRoots, read

	orders atomic.Int64
}

// Orders counts the certificates it was asked for.
func (a *Authority) Orders() int64 { return a.orders.Load() }

// Start runs an authority until the test ends. Its certificates last as long as
// said.
func Start(t testing.TB, names *Names, httpPort, tlsPort int, lasting time.Duration) *Authority {
	t.Helper()
	for k, v := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"} {
		old, had := os.LookupEnv(k)
		if err := os.Setenv(k, v); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if had {
				_ = os.Setenv(k, old)
			} else {
				_ = os.Unsetenv(k)
			}
		})
	}
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: uint64(lasting.Seconds())}})
	validator := va.New(quiet, httpPort, tlsPort, true, names.Addr, store)
	front := wfe.New(quiet, store, validator, issuer, []string{"pebble.example"}, true, false, 1, 1)
	a := &Authority{Roots: x509.NewCertPool(), Server: x509.NewCertPool()}
	handler := front.Handler()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			a.orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	a.Directory = srv.URL + wfe.DirectoryPath
	a.Server.AddCert(srv.Certificate())
	root := issuer.GetRootCert(0)
	a.Roots.AddCert(root.Cert)
	dir := t.TempDir()
	a.ServerRoots, a.IssuerRoots = filepath.Join(dir, "server.pem"), filepath.Join(dir, "issuer.pem")
	for path, der := range map[string][]byte{a.ServerRoots: srv.Certificate().Raw, a.IssuerRoots: root.Cert.Raw} {
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a
}
