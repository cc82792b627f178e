package enrich

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Crawler says how a crawler that names itself is known to be genuine.
type Crawler struct {
	Name    string
	Agents  []string // words of its user agent, in any case; none: its name
	Domains []string // what the names of its addresses end with
	Ranges  []string // files with its addresses
}

// Known returns crawlers whose operators say how to verify them by DNS.
func Known() []Crawler {
	of := func(name string, agents, domains string) Crawler {
		return Crawler{Name: name, Agents: strings.Fields(agents), Domains: strings.Fields(domains)}
	}
	return []Crawler{
		of("googlebot", "googlebot google-inspectiontool storebot-google adsbot-google mediapartners-google googleother", "googlebot.com google.com googleusercontent.com"),
		of("bingbot", "bingbot adidxbot bingpreview", "search.msn.com"),
		of("applebot", "applebot", "applebot.apple.com"),
		of("yandexbot", "yandexbot yandeximages yandexmobilebot", "yandex.ru yandex.net yandex.com"),
		of("baiduspider", "baiduspider", "baidu.com baidu.jp"),
		of("yahoo", "slurp", "crawl.yahoo.net"),
		of("petalbot", "petalbot", "petalsearch.com aspiegel.com"),
		of("seznambot", "seznambot", "seznam.cz"),
		of("pinterestbot", "pinterestbot", "pinterest.com"),
		of("amazonbot", "amazonbot", "crawl.amazonbot.amazon"),
		of("ahrefsbot", "ahrefsbot", "ahrefs.com ahrefs.net"),
		of("naverbot", "yeti/", "naver.com"),
		of("coccocbot", "coccocbot", "coccoc.com"),
		of("mojeekbot", "mojeekbot", "mojeek.com"),
	}
}

// crawler is a Crawler with its lists read.
type crawler struct {
	name    string
	words   []string
	domains []string // .googlebot.com
	lists   []*networks
}

func (f *files) readCrawlers(d *data, c *Config) (out []*crawler) {
	for _, def := range c.Crawlers {
		cr := &crawler{name: def.Name}
		for _, w := range def.Agents {
			cr.words = append(cr.words, strings.ToLower(w))
		}
		if len(cr.words) == 0 {
			cr.words = []string{strings.ToLower(def.Name)}
		}
		for _, dom := range def.Domains {
			cr.domains = append(cr.domains, "."+strings.ToLower(strings.Trim(dom, ".")))
		}
		for _, path := range def.Ranges {
			if n, ok := load(f, &d.status, path, parseList); ok {
				cr.lists = append(cr.lists, n)
			}
		}
		out = append(out, cr)
	}
	return out
}

// claimed finds the crawler that a user agent names.
func (d *data) claimed(agent string) *crawler {
	lower := strings.ToLower(agent)
	for _, c := range d.crawlers {
		for _, w := range c.words {
			if strings.Contains(lower, w) {
				return c
			}
		}
	}
	return nil
}

// Verification says whether a program is who it says it is.
type Verification string

// Verifications. The empty one: nobody can tell.
const (
	Unverified Verification = "unknown" // nobody has told yet
	Verified   Verification = "verified"
	Impostor   Verification = "impostor"
)

// check tells by lists at once, and by DNS when it has answered.
func (c *crawler) check(ip netip.Addr, names *namer) (v Verification, proof string) {
	for _, l := range c.lists {
		if l.has(ip, 0) {
			return Verified, "ranges"
		}
	}
	if len(c.domains) > 0 && names != nil {
		return names.check(ip, c), "dns"
	}
	if len(c.lists) > 0 {
		return Impostor, "ranges"
	}
	return "", ""
}

// Resolver looks names up. *net.Resolver is one.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// namer verifies crawlers by reverse and forward DNS, beside the requests: what
// it does not know yet it says so of, and asks. Queue and memory are bounded; what
// finds the queue full is asked for by a later request.
type namer struct {
	resolver Resolver
	clock    func() time.Time
	queue    chan query
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu         sync.Mutex
	young, old map[asked]answer
	waiting    map[asked]struct{}
}

type query struct {
	asked
	domains []string
}

type asked struct {
	ip      netip.Addr
	crawler string
}

type answer struct {
	v     Verification
	until time.Time
}

const (
	maxAnswers   = 8 << 10 // of a generation
	maxQueries   = 256
	namers       = 4
	queryTimeout = 5 * time.Second
	maxNames     = 8 // of an address
	goodFor      = 24 * time.Hour
	badFor       = time.Hour
	unknownFor   = time.Minute // where DNS did not answer
)

func newNamer(r Resolver, clock func() time.Time) *namer {
	ctx, stop := context.WithCancel(context.Background())
	n := &namer{resolver: r, clock: clock, queue: make(chan query, maxQueries), stop: stop,
		young: map[asked]answer{}, waiting: map[asked]struct{}{}}
	for range namers {
		n.done.Go(func() { n.work(ctx) })
	}
	return n
}

func (n *namer) close() {
	n.stop()
	n.done.Wait()
}

func (n *namer) check(ip netip.Addr, c *crawler) Verification {
	q := asked{ip.Unmap(), c.name}
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.young[q]
	if !ok {
		if a, ok = n.old[q]; ok {
			n.keep(q, a)
		}
	}
	if ok && n.clock().Before(a.until) {
		return a.v
	}
	if _, waits := n.waiting[q]; !waits {
		select {
		case n.queue <- query{q, c.domains}:
			n.waiting[q] = struct{}{}
		default: // a later request asks
		}
	}
	if ok && a.v != "" {
		return a.v // until the new answer is there
	}
	return Unverified
}

func (n *namer) keep(q asked, a answer) {
	if len(n.young) >= maxAnswers {
		n.old, n.young = n.young, map[asked]answer{}
	}
	n.young[q] = a
}

func (n *namer) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-n.queue:
			v, good := n.ask(ctx, q), unknownFor
			switch v {
			case Verified:
				good = goodFor
			case Impostor:
				good = badFor
			}
			n.mu.Lock()
			delete(n.waiting, q.asked)
			n.keep(q.asked, answer{v, n.clock().Add(good)})
			n.mu.Unlock()
		}
	}
}

// ask resolves the address to names and a name of the crawler's domains back to
// the address.
func (n *namer) ask(ctx context.Context, q query) Verification {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	names, err := n.resolver.LookupAddr(ctx, q.ip.String())
	if err != nil {
		return notFound(err)
	}
	v := Impostor
	for _, name := range names[:min(len(names), maxNames)] {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if !within(name, q.domains) {
			continue
		}
		back, err := n.resolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			if notFound(err) == Unverified {
				v = Unverified
			}
			continue
		}
		for _, ip := range back {
			if ip.Unmap() == q.ip {
				return Verified
			}
		}
	}
	return v
}

func within(name string, domains []string) bool {
	for _, d := range domains {
		if strings.HasSuffix(name, d) || name == d[1:] {
			return true
		}
	}
	return false
}

// notFound tells an address without a name from a resolver without an answer.
func notFound(err error) Verification {
	var d *net.DNSError
	if errors.As(err, &d) && d.IsNotFound && !d.IsTemporary && !d.IsTimeout {
		return Impostor
	}
	return Unverified
}
