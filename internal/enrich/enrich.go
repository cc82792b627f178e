// Package enrich adds what is known of a visit to an Observation: where its
// address is and whose network that is, what the user agent says of itself,
// whether a crawler is genuine, how old a mail domain is and who issued a card. It
// works offline, from files; DNS and key directories are asked only where that is
// configured, and never while a request waits. The engine asks once for each
// matched exchange and records the answer, so that the judge looks nothing up. A
// missing data file is a status, never a failure.
package enrich

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/signature"
)

// Config names the data.
type Config struct {
	Dir      string        // *.mmdb and *.csv files of places
	Networks []NetworkList // lists by the kind of network
	// NoCarriers leaves out the carriers of phones that come with the program.
	NoCarriers bool
	Domains    string // file of mail domains with their day of registration; "": none
	YoungDays  int    // up to which a mail domain is new
	BINs       string // file of BINs with their country; "": none
	Crawlers   []Crawler
	DNS        string    // asked for names of crawlers' addresses: "system" or a resolver's address and port; "": nobody is
	Resolver   Resolver  // instead of DNS
	Keys       []KeyFile // of programs that sign
	Fetch      []string  // hosts whose key directories are fetched; "*": any
}

// NetworkList is a file with networks of one kind.
type NetworkList struct {
	Kind Kind
	File string
}

// Enricher answers from data files. Safe for concurrent use.
type Enricher struct {
	data   atomic.Pointer[data]
	setup  atomic.Pointer[setup]
	agents *element.Agents
	fixed  map[netip.Addr]Facts // nil: the data knows
	used   *nonces              // nil: no signature is verified

	mu    sync.Mutex // one load at a time
	files files
	stop  chan struct{}
	done  sync.WaitGroup
}

// setup is what a configuration brings beside its files.
type setup struct {
	config  Config
	stamps  string
	names   *namer   // nil: DNS is not asked
	fetcher *fetcher // nil: no directory is fetched
}

// agentsKept is how many user agents are remembered.
const agentsKept = 20_000

// Facts are what a journey script says of an address.
type Facts struct {
	Place
	Crawler Verification // of a crawler that comes from there
}

// Fixed returns an Enricher that knows exactly the facts given, for journey
// scripts, whose answers may not depend on a data file.
func Fixed(facts map[netip.Addr]Facts) *Enricher {
	if facts == nil {
		facts = map[netip.Addr]Facts{}
	}
	e := &Enricher{agents: element.NewAgents(agentsKept), fixed: facts, stop: make(chan struct{})}
	e.data.Store(&data{})
	e.setup.Store(&setup{config: Config{YoungDays: 30}})
	return e
}

// Open reads all data. It always returns an Enricher that works as well as its
// data allows, and that reads changed files again until it is closed.
func Open(c Config) *Enricher {
	e := &Enricher{agents: element.NewAgents(agentsKept), used: newNonces(), files: files{read: map[string]*file{}}, stop: make(chan struct{})}
	e.Load(c)
	e.done.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-e.stop:
				return
			case <-tick.C:
				e.refresh()
			}
		}
	})
	return e
}

// Load puts a configuration in force and reads what of its files has changed.
// Lookups go on meanwhile.
func (e *Enricher) Load(c Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.load(c)
}

// Reload reads changed files again.
func (e *Enricher) Reload() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.load(e.setup.Load().config)
}

// refresh is Reload when anything has changed.
func (e *Enricher) refresh() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.setup.Load(); s.config.stamps() != s.stamps {
		e.load(s.config)
	}
}

func (e *Enricher) load(c Config) {
	old := e.setup.Load()
	s := &setup{config: c, stamps: c.stamps()}
	if old != nil && old.config.Resolver == c.Resolver && old.config.DNS == c.DNS {
		s.names = old.names
	} else if r := c.resolver(); r != nil {
		s.names = newNamer(r, time.Now)
	}
	if old != nil && old.fetcher != nil && len(c.Fetch) > 0 {
		s.fetcher = old.fetcher
	} else if len(c.Fetch) > 0 {
		s.fetcher = newFetcher(guarded(), time.Now)
	}
	e.files.keepOnly(&c)
	e.data.Store(e.files.readAll(&c))
	e.setup.Store(s)
	if old != nil {
		old.end(s)
	}
}

func (c *Config) resolver() Resolver {
	switch {
	case c.Resolver != nil:
		return c.Resolver
	case c.DNS == "":
		return nil
	case c.DNS == "system":
		return net.DefaultResolver
	}
	server := c.DNS
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
}

// end stops what the next setup does not use.
func (s *setup) end(next *setup) {
	if s.names != nil && (next == nil || next.names != s.names) {
		s.names.close()
	}
	if s.fetcher != nil && (next == nil || next.fetcher != s.fetcher) {
		s.fetcher.close()
	}
}

// keepOnly forgets files that are named no more.
func (f *files) keepOnly(c *Config) {
	named := c.paths()
	for p := range f.read {
		if !slices.Contains(named, p) {
			delete(f.read, p)
		}
	}
}

// Status lists the data files.
func (e *Enricher) Status() []Status {
	out := slices.Clone(e.data.Load().status)
	if s := e.setup.Load(); s != nil && s.fetcher != nil {
		out = append(out, s.fetcher.status())
	}
	if s := e.setup.Load(); e.used != nil && s != nil && len(s.config.Keys)+len(s.config.Fetch) > 0 {
		out = append(out, e.used.status())
	}
	return out
}

// Close ends what works beside the requests. Lookups still answer.
func (e *Enricher) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.stop:
		return nil
	default:
		close(e.stop)
	}
	e.mu.Unlock()
	e.done.Wait()
	e.mu.Lock()
	e.setup.Load().end(nil)
	return nil
}

// Locate says where an address is. Private ones are nowhere.
func (e *Enricher) Locate(ip netip.Addr) Place { return e.locate(ip).Place }

func (e *Enricher) locate(ip netip.Addr) *located {
	ip = ip.Unmap().WithZone("")
	if e.fixed != nil {
		p := e.fixed[ip].Place
		p.clean()
		return newLocated(p)
	}
	if !ip.IsValid() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return &located{}
	}
	d := e.data.Load()
	return d.cache.get(ip, d.locate)
}

// clean makes texts such as come back from the journal as they were.
func (p *Place) clean() {
	for _, s := range [...]*string{&p.Country, &p.Region, &p.City, &p.Owner} {
		*s = strings.ToValidUTF8(*s, "")
	}
}

// Visit is what is asked about. Its texts may be lent.
type Visit struct {
	Time   int64 // Unix micros
	IP     netip.Addr
	Agent  string            // the user agent
	Mapped []journey.Element // what capture found
	// Request is asked for where a request carries a signature; nil: it has none.
	Request func() *signature.Request
	// Room is memory that the answer may take, nil for its own.
	Room []journey.Element
}

// Agents is what is remembered of user agents.
func (e *Enricher) Agents() *element.Agents { return e.agents }

// Describe returns the Elements that are known of a visit, and a short form of
// the agent for people.
func (e *Enricher) Describe(v Visit) (short string, out []journey.Element) {
	if out = v.Room[:0]; out == nil {
		out = make([]journey.Element, 0, 16)
	}
	add := func(id, value string) {
		if value != "" {
			out = append(out, journey.Element{ID: id, Value: value})
		}
	}
	out = append(out, e.locate(v.IP).elements...)
	k := e.agents.Get(v.Agent)
	add("user_agent", k.Text)
	add("browser", k.Browser())
	add("browser_version", k.Version)
	add("os", k.System)
	add("os_version", k.SystemVersion)
	add("device_class", k.Device)
	e.program(&v, &k, add)
	e.derive(v.Time, v.Mapped, add)
	return shortOf(&k), out
}

// Derive returns the Elements that are known of mapped values alone, as of a
// response.
func (e *Enricher) Derive(time int64, mapped []journey.Element) (out []journey.Element) {
	e.derive(time, mapped, func(id, value string) {
		if value != "" {
			out = append(out, journey.Element{ID: id, Value: value})
		}
	})
	return out
}

// shortOf is a display form: Chrome 130 on Windows.
func shortOf(k *element.KnownAgent) string {
	browser := k.Browser()
	switch {
	case browser != "" && k.System != "":
		return browser + " on " + k.System
	case browser != "":
		return browser
	case k.Bot != "":
		return k.Bot
	}
	return k.System
}

// program says which one it is and whether that is true. A signature says more
// than an address.
func (e *Enricher) program(v *Visit, k *element.KnownAgent, add func(id, value string)) {
	if k.Device == "bot" { // a tool is no crawler
		add("bot_name", k.Bot)
	}
	state, proof := Verification(""), ""
	if v.Request != nil {
		var agent, reason string
		if state, agent, reason = e.signed(v); state != "" {
			proof = "signature"
		}
		add("signature_agent", agent)
		add("bot_reason", reason)
	}
	if state == "" || state == Unverified {
		if s, by := e.byAddress(v.IP, k); s != "" {
			state, proof = s, by
		}
	}
	add("bot_verified", string(state))
	if state != Unverified {
		add("bot_proof", proof)
	}
}

func (e *Enricher) byAddress(ip netip.Addr, k *element.KnownAgent) (Verification, string) {
	if k.Device != "bot" || !ip.IsValid() {
		return "", ""
	}
	if f := e.fixed[ip.Unmap()]; f.Crawler != "" {
		return f.Crawler, "dns"
	}
	c := e.data.Load().claimed(k.Text)
	if c == nil {
		return "", ""
	}
	return c.check(ip, e.setup.Load().names)
}

// Why a signature does not prove who runs a program.
const (
	reasonUnreadable = "unreadable"
	reasonKey        = "unknown_key"
	reasonForged     = "forged"
	reasonCoverage   = "coverage"
	reasonEarly      = "early"
	reasonExpired    = "expired"
	reasonReplayed   = "replayed"
)

// signed verifies the signature by which a program says who runs it. One that was
// seen before accuses nobody: whoever stands between may have asked again.
func (e *Enricher) signed(v *Visit) (state Verification, agent, reason string) {
	r := v.Request()
	b, err := signature.ReadBot(r)
	switch {
	case errors.Is(err, signature.ErrNone):
		return "", "", ""
	case err != nil: // not ours to read, so nothing is said of it
		return Unverified, "", reasonUnreadable
	}
	agent = strings.Clone(strings.TrimPrefix(b.Agent, "https://"))
	now := time.UnixMicro(v.Time)
	d, s := e.data.Load(), e.setup.Load()
	var sets []keySet
	if b.Agent == "" {
		for _, k := range d.keys {
			sets = append(sets, k)
		}
	} else {
		sets = append(sets, d.keys[b.Agent])
		if s.fetcher != nil && (slices.Contains(s.config.Fetch, "*") || slices.Contains(s.config.Fetch, agent)) {
			sets = append(sets, s.fetcher.keys(strings.Clone(b.Agent)))
		}
	}
	for _, set := range sets {
		key, ok := set.at(b.Key, now)
		if !ok {
			continue
		}
		if err := b.Verify(r, key, now); err != nil {
			return Impostor, agent, reasonOf(err)
		}
		if b.Nonce != "" && e.used != nil && !e.used.first(signerOf(b), b.Key, b.Nonce, b.Expires().UnixMicro(), v.Time) {
			return Unverified, agent, reasonReplayed
		}
		return Verified, agent, ""
	}
	return Unverified, agent, reasonKey
}

// signerOf is who must not push out what others have used: an agent, however many
// keys it has.
func signerOf(b *signature.Bot) string {
	if b.Agent != "" {
		return strings.Clone(b.Agent)
	}
	return strings.Clone(b.Key)
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, signature.ErrForged):
		return reasonForged
	case errors.Is(err, signature.ErrExpired):
		return reasonExpired
	case errors.Is(err, signature.ErrEarly):
		return reasonEarly
	}
	return reasonCoverage
}

// derive adds what the lists say of mapped values.
func (e *Enricher) derive(now int64, mapped []journey.Element, add func(id, value string)) {
	d := e.data.Load()
	if len(d.domains) == 0 && len(d.bins) == 0 {
		return
	}
	for i := range mapped {
		switch m := &mapped[i]; m.ID {
		case "email_domain":
			day, ok := d.domains.find(m.Value)
			if !ok {
				continue
			}
			days := now/(24*time.Hour.Microseconds()) - int64(day)
			if day != unknownDay && days >= 0 {
				add("email_domain_age", strconv.FormatInt(days, 10))
			}
			if day == unknownDay || days <= int64(e.setup.Load().config.YoungDays) {
				add("email_domain_new", "true")
			}
		case "card_bin":
			of, ok := issuer{}, false
			for _, n := range [...]int{8, 6} {
				if len(m.Value) >= n && !ok {
					of, ok = d.bins[m.Value[:n]]
				}
			}
			add("card_country", of.country)
			add("card_issuer", of.name)
			add("card_funding", of.funding)
		}
	}
}

//go:embed hosting.txt
var hostingText []byte

// hostingSystems reads the list that comes with the program.
func hostingSystems() *networks {
	n, err := parseNetworks("hosting.txt", hostingText)
	if err != nil {
		panic(err) // a test reads it
	}
	return n
}
