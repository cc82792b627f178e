package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/demo/population"
	"github.com/throughline/throughline/internal/demo/shop"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// demoHost is what the shop is called.
const demoHost = "shop.example"

type demoFlags struct {
	duration         time.Duration
	headless, asJSON bool
	data, policy     string
	listen, hub      string
	seed             uint64
	log              string
}

func demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a web shop with customers and attackers behind the engine",
		Long: "Starts a true web shop, puts the engine before it and lets a population of good\n" +
			"customers and attackers in. The Hub shows what comes of it. At the end what was\n" +
			"detected is scored against the truth, which stays outside the traffic.",
		Example: "  throughline demo\n  throughline demo --duration 60s --headless --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().DurationVar(&f.duration, "duration", 0, "how long the population lives (default: until Ctrl-C, 60s with --headless)")
	c.Flags().BoolVar(&f.headless, "headless", false, "end with the population, for scripts")
	c.Flags().StringVar(&f.data, "data", "", "folder to keep the data in (default: a temporary one)")
	c.Flags().StringVar(&f.policy, "policy", "examples/shop/policy", "policy folder")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8080", "where the shop is visited")
	c.Flags().StringVar(&f.hub, "hub", "127.0.0.1:8090", "where the Hub listens")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "decides who visits and what they do")
	c.Flags().StringVar(&f.log, "log", "warn", "log level: debug, info, warn, error")
	jsonFlag(c, &f.asJSON)
	return c
}

func runDemo(ctx context.Context, f demoFlags, out, errOut io.Writer) (err error) {
	if f.headless && f.duration == 0 {
		f.duration = time.Minute
	}
	log, err := logger(errOut, f.log)
	if err != nil {
		return err
	}
	if f.data == "" {
		if f.data, err = os.MkdirTemp("", "throughline-demo-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(f.data) }()
	}
	say := out
	if f.asJSON {
		say = errOut
	}
	origin, stopShop, err := startShop(f.seed, log)
	if err != nil {
		return err
	}
	defer stopShop()
	set, err := demoSettings(f, origin)
	if err != nil {
		return err
	}
	roots, err := demoCertificate(&set)
	if err != nil {
		return err
	}
	a, err := start(ctx, set, log, &sockets{held: map[string]*os.File{}}, nil)
	if err != nil {
		return demoPorts(err)
	}
	defer a.close(context.WithoutCancel(ctx))
	password, err := demoUser(ctx, a)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := fmt.Fprintf(say, "shop: http://%s (behind the engine)\nhub: %s\nuser: demo\npassword: %s\n\n",
		a.edge.Addrs()[0], a.hubURL(), password); err != nil {
		return err
	}
	truth := &population.Truth{}
	quiet := context.AfterFunc(ctx, func() { _, _ = fmt.Fprintln(say, "\nthe shop closes, the score is being made") })
	defer quiet()
	stopProgress := a.progress(ctx, say, began)
	_, err = population.Run(ctx, population.Config{Base: "http://" + a.edge.Addrs()[0].String(), Host: demoHost,
		TLSBase: "https://" + a.edge.Addrs()[1].String(), RootCAs: roots,
		Duration: f.duration, Seed: f.seed, Chromium: chromium(), Logger: log, Truth: truth})
	stopProgress()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if !f.headless && f.duration > 0 {
		_, _ = fmt.Fprintln(say, "the population has left; the Hub stays open until Ctrl-C")
		<-ctx.Done()
	}
	return a.score(context.WithoutCancel(ctx), truth, began, f.asJSON, out)
}

// startShop serves the shop on a port of its own.
func startShop(seed uint64, log *slog.Logger) (origin string, stop func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: shop.New(seed), ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error("shop ended", "error", err.Error())
		}
	}()
	return "http://" + ln.Addr().String(), func() { _ = srv.Close() }, nil
}

func demoSettings(f demoFlags, origin string) (settings, error) {
	c := originConfig(origin)
	c.Listen, c.Hub.Listen, c.Admin, c.Data, c.Policy, c.Drain = f.listen, f.hub, "", f.data, f.policy, "2s"
	c.Sites[0].Name, c.Sites[0].Mode, c.Sites[0].Discovery = "shop", "active", true
	c.Sites[0].Deadline = "50ms" // the visitors share this machine's cores
	set, faults := c.check(flagFault)
	if err := faultsError(faults); err != nil {
		return set, err
	}
	// Visitors come from loopback and say in X-Forwarded-For where they "really" are.
	set.trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return set, checkPolicy(f.policy)
}

// demoCertificate makes a certificate of this run for the TLS half of the visits.
func demoCertificate(set *settings) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: demoHost},
		DNSNames: []string{demoHost}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(set.Data, 0o700); err != nil {
		return nil, err
	}
	set.TLS = &TLSConfig{Listen: "127.0.0.1:0", Cert: filepath.Join(set.Data, "demo-cert.pem"), Key: filepath.Join(set.Data, "demo-key.pem")}
	roots := x509.NewCertPool()
	for path, block := range map[string]*pem.Block{set.TLS.Cert: {Type: "CERTIFICATE", Bytes: der}, set.TLS.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	roots.AddCert(cert)
	return roots, nil
}

// demoPorts says what to do about a port that is taken.
func demoPorts(err error) error {
	if strings.Contains(err.Error(), "address already in use") {
		return fmt.Errorf("%w; choose others, e.g. --listen 127.0.0.1:0 --hub 127.0.0.1:0 for free ones", err)
	}
	return err
}

// demoUser makes a user with a password of this run: there is no default one.
func demoUser(ctx context.Context, a *app) (string, error) {
	b := make([]byte, 15)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	password := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	_, err := a.auth.CreateUser(ctx, auth.By{Actor: "demo"}, "demo", control.Admin, password)
	if errors.Is(err, control.ErrExists) {
		err = a.auth.SetPassword(ctx, auth.By{Actor: "demo"}, "demo", password)
	}
	return password, err
}

func chromium() string {
	if p := os.Getenv("TL_CHROMIUM"); p != "" {
		return p
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			if abs, err := filepath.Abs(p); err == nil {
				return abs
			}
		}
	}
	return ""
}

// progress tells every ten seconds what the Hub shows.
func (a *app) progress(ctx context.Context, out io.Writer, began time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			o, err := a.answers().Overview(ctx, began.UnixMicro())
			if err != nil {
				continue
			}
			_, _ = fmt.Fprintf(out, "%4.0f s  %6d events  sessions: %d normal, %d suspicious, %d malicious\n",
				time.Since(began).Seconds(), o.Events, o.Ratings[journey.Normal], o.Ratings[journey.Suspicious], o.Ratings[journey.Malicious])
		}
	}()
	return func() { cancel(); <-done }
}

// score holds what the warehouse knows against the truth.
func (a *app) score(ctx context.Context, truth *population.Truth, began time.Time, asJSON bool, out io.Writer) error {
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := a.catchUp(wait); err != nil {
		return fmt.Errorf("wait for the warehouse: %w", err)
	}
	var seen []population.SeenSession
	for cursor := ""; ; {
		page, err := a.store.SearchSessions(ctx, warehouse.SessionQuery{From: began.UnixMicro(), Sort: "start", Cursor: cursor, Limit: 500})
		if err != nil {
			return fmt.Errorf("read sessions: %w", err)
		}
		for i := range page.Sessions {
			seen = append(seen, seenSession(&page.Sessions[i]))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	rows := population.Score(truth, seen)
	if asJSON {
		return population.WriteJSON(out, rows)
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return population.WriteTable(out, rows)
}

func seenSession(s *journey.Session) population.SeenSession {
	v := population.SeenSession{ID: s.ID.String(), IP: s.IP, UserAgent: s.UserAgent, Account: s.Account,
		Start: time.UnixMicro(s.Start), Last: time.UnixMicro(s.Last), Rating: s.Rating.String()}
	for _, g := range s.Signatures {
		v.Signatures = append(v.Signatures, g.ID)
	}
	return v
}
