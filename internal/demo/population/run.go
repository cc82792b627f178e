package population

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
	"github.com/throughline/throughline/internal/demo/shop"
)

// Config says where and how the population lives.
type Config struct {
	Base     string         // http://127.0.0.1:8080 or https://...
	Host     string         // the name asked for, in Host and SNI; "" takes Base's
	TLSBase  string         // https://127.0.0.1:8443: half of the visitors come by it; "" none
	RootCAs  *x509.CertPool // for https: the demo's own CA; nil takes the system's
	Duration time.Duration  // wall clock; 0 lives until the context ends
	Seed     uint64         // also the shop's, since it decides who has an account
	// Speed is how many seconds of a human's time pass in one of the clock's;
	// 0 means 10, at which the first minute shows every scenario.
	Speed    float64
	Chromium string // path of a Chromium binary; "" does without
	Logger   *slog.Logger
	// Truth, when given, is the log written to, so that it can be read while
	// the run goes on.
	Truth *Truth
}

// maxVisitors bounds how many are at the shop, or on their way, at once.
const maxVisitors = 120

// run is a population at work.
type run struct {
	cfg       Config
	target    *url.URL
	secure    *url.URL // nil: nobody comes by TLSBase
	customers []people.Person
	end       time.Time // zero: open
	visitors  sync.WaitGroup
	seats     chan struct{}
}

// Run plays the population until Duration is over or the context ends, and
// answers the truth about it. Visitors still at the shop are cut off. The error
// is about the configuration only: a shop that answers badly is what a
// population is there to find out.
func Run(ctx context.Context, cfg Config) (*Truth, error) {
	target, err := url.Parse(cfg.Base)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, fmt.Errorf("population base %q: want http://host:port or https://host:port", cfg.Base)
	}
	if cfg.Speed == 0 {
		cfg.Speed = 10
	}
	if cfg.Speed < 0 || cfg.Duration < 0 {
		return nil, errors.New("population: speed and duration must not be negative")
	}
	if cfg.Host == "" {
		cfg.Host = target.Host
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Truth == nil {
		cfg.Truth = &Truth{}
	}
	var secure *url.URL
	if cfg.TLSBase != "" {
		if secure, err = url.Parse(cfg.TLSBase); err != nil || secure.Host == "" || secure.Scheme != "https" {
			return nil, fmt.Errorf("population TLS base %q: want https://host:port", cfg.TLSBase)
		}
	}
	p := &run{cfg: cfg, target: target, secure: secure, customers: people.Customers(cfg.Seed, shop.SeededCustomers),
		seats: make(chan struct{}, maxVisitors)}
	if cfg.Duration > 0 {
		p.end = time.Now().Add(cfg.Duration)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, p.end)
		defer cancel()
	}
	p.live(ctx)
	p.visitors.Wait()
	return cfg.Truth, nil
}

// live lets visitors arrive. All times are a human's seconds: good customers
// drop in all the time, and waves of abuse and of special guests come and go.
func (p *run) live(ctx context.Context) {
	var plan schedule
	plan.every(0, 7.5, func(ctx context.Context, n int) { p.goodVisitor(ctx, n) })
	plan.every(0, 250, p.neighbours)
	plan.every(80, 250, p.attack)
	plan.every(30, 400, p.crawl)
	if p.cfg.Chromium != "" {
		plan.every(40, 300, p.chromium)
	}
	start := time.Now()
	for {
		at, n, do := plan.next()
		wait := time.Duration(at/p.cfg.Speed*float64(time.Second)) - time.Since(start)
		if err := sleep(ctx, wait); err != nil {
			return
		}
		do(ctx, n)
	}
}

// schedule is a handful of recurring things to start.
type schedule []*recurring

type recurring struct {
	at, period float64
	n          int
	do         func(context.Context, int)
}

func (s *schedule) every(first, period float64, do func(context.Context, int)) {
	*s = append(*s, &recurring{at: first, period: period, do: do})
}

// next takes the earliest; the first entered wins a tie.
func (s schedule) next() (float64, int, func(context.Context, int)) {
	best := s[0]
	for _, r := range s[1:] {
		if r.at < best.at {
			best = r
		}
	}
	at, n := best.at, best.n
	best.at += best.period
	best.n++
	return at, n, best.do
}

// fits tells whether something that takes so many human seconds still ends
// before the run does.
func (p *run) fits(seconds float64) bool {
	return p.end.IsZero() || time.Until(p.end).Seconds()*p.cfg.Speed >= seconds
}

// play runs a scenario for one visitor, after a delay in human seconds. A full
// house turns visitors away; play then answers false.
func (p *run) play(ctx context.Context, delay float64, s seat, script func(*visitor)) bool {
	select {
	case p.seats <- struct{}{}:
	default:
		p.cfg.Logger.Warn("visitor turned away: too many at once", "actor", s.id)
		return false
	}
	p.visitors.Go(func() {
		defer func() { <-p.seats }()
		if p.cfg.pause(ctx, delay) != nil {
			return
		}
		v := p.arrive(ctx, s)
		defer v.leave()
		script(v)
	})
	return true
}

// rand gives every visitor dice of their own.
func (p *run) rand(id string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return rand.New(rand.NewPCG(p.cfg.Seed, h.Sum64()))
}

// pause waits for some seconds of a human's time.
func (c *Config) pause(ctx context.Context, seconds float64) error {
	return sleep(ctx, time.Duration(seconds/c.Speed*float64(time.Second)))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// door is the address a visitor comes by: half of them use TLS where there is
// some.
func (p *run) door(id string) *url.URL {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	if p.secure != nil && h.Sum32()%2 == 0 {
		return p.secure
	}
	return p.target
}
