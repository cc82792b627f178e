package replay

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/site"
)

// script is a parsed *.journey file. Lines that begin with = are what the script
// expects; all others are kept as they are when it is rewritten.
type script struct {
	path   string
	policy string // folder, relative to the script
	mode   site.Mode
	steps  []step
	facts  map[netip.Addr]enrich.Facts
	tail   []string // lines after the last exchange
}

// step is one exchange.
type step struct {
	lead     []string // lines from the last step to this one, expectations left out
	line     int      // of the request
	at       int64    // micros
	client   *client
	request  message
	response message
	want     []string // expected lines, = included
	raw      []string // the > and < lines
}

type client struct {
	name, agent string
	ip          netip.Addr
	jar         *jar
	conn        *connection // nil: TLS ends elsewhere
}

// jar keeps a client's cookies in the order in which they were first set.
type jar struct {
	values map[string]string
	order  []string
}

type message struct {
	start  string
	fields [][2]string
	body   string
}

// parser goes through a script line by line.
type parser struct {
	s           *script
	now         time.Time
	clients     map[string]*client
	current     *client
	connections int
	lead        []string
	open        *step
	part        byte // the part of open that is being read: > < or =
	inBody      bool
}

func parse(path, text string) (*script, error) {
	p := &parser{s: &script{path: path, mode: site.Active, facts: map[netip.Addr]enrich.Facts{}}, clients: map[string]*client{}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(i+1, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	p.close()
	p.s.tail = p.lead
	if len(p.s.steps) == 0 {
		return nil, fmt.Errorf("%s: no request; want lines such as > GET /", path)
	}
	return p.s, nil
}

func (p *parser) line(n int, line string) error {
	if line != "" && strings.IndexByte("><=", line[0]) >= 0 && (len(line) == 1 || line[1] == ' ') {
		return p.message(n, line)
	}
	p.close()
	p.lead = append(p.lead, line)
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case word == "" || strings.HasPrefix(word, "#"):
		return nil
	case word == "policy":
		p.s.policy = rest
	case word == "mode":
		switch m := site.Mode(rest); m {
		case site.Active, site.PassThrough:
			p.s.mode = m
		default:
			return fmt.Errorf("mode %q; want active or pass-through", rest)
		}
	case word == "at":
		t, err := time.Parse(time.RFC3339, rest)
		if err != nil {
			return fmt.Errorf("at %q; want a time such as 2026-01-05T10:00:00Z", rest)
		}
		p.now = t
	case strings.HasPrefix(word, "+"):
		d, err := time.ParseDuration(word[1:])
		if err != nil || d < 0 || rest != "" {
			return fmt.Errorf("%q; want a pause such as +5s or +2h", line)
		}
		p.now = p.now.Add(d)
	case word == "client":
		return p.client(rest)
	case word == "connect":
		return p.connect(rest)
	case word == "as":
		c := p.clients[rest]
		if c == nil {
			return fmt.Errorf("no client %q; want a line such as client %s ip=203.0.113.7 agent=\"Mozilla/5.0\"", rest, rest)
		}
		p.current = c
	default:
		return fmt.Errorf("%q is not understood; want policy, mode, client, connect, as, at, +pause, or lines with > < =", word)
	}
	return nil
}

// client reads: client NAME ip=203.0.113.7 agent="..." country=DE city=Berlin.
func (p *parser) client(s string) error {
	name, rest, _ := strings.Cut(s, " ")
	c := &client{name: name, jar: &jar{values: map[string]string{}}, agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"}
	var facts enrich.Facts
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return fmt.Errorf("client: %q; want key=value", rest)
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			quoted, err := strconv.QuotedPrefix(after)
			if err != nil {
				return fmt.Errorf("client: %s: the quotes do not close", key)
			}
			value, _ = strconv.Unquote(quoted)
			rest = after[len(quoted):]
		} else {
			value, rest, _ = strings.Cut(after, " ")
		}
		switch key {
		case "ip":
			ip, err := netip.ParseAddr(value)
			if err != nil {
				return fmt.Errorf("client: ip %q; want an address such as 203.0.113.7", value)
			}
			c.ip = ip
		case "agent":
			c.agent = value
		default:
			if err := fact(&facts, key, value); err != nil {
				return fmt.Errorf("client: %w", err)
			}
		}
	}
	if name == "" || !c.ip.IsValid() {
		return fmt.Errorf("client: want client NAME ip=203.0.113.7")
	}
	if old := p.clients[name]; old != nil {
		c.jar, c.conn = old.jar, old.conn // the same person elsewhere keeps the cookies
	}
	p.clients[name], p.current = c, c
	if facts != (enrich.Facts{}) {
		p.s.facts[c.ip] = facts
	}
	return nil
}

// fact reads what enrichment is to say of a client's address.
func fact(to *enrich.Facts, key, value string) (err error) {
	switch key {
	case "country":
		to.Country = value
	case "region":
		to.Region = value
	case "city":
		to.City = value
	case "network":
		to.Owner = value
	case "asn":
		if to.ASN, err = strconv.ParseUint(value, 10, 32); err != nil {
			return fmt.Errorf("asn %q; want a number such as 64500", value)
		}
	case "kind":
		to.Kind, err = enrich.ParseKind(value)
	case "at":
		lat, lon, _ := strings.Cut(value, ",")
		var e1, e2 error
		to.Latitude, e1 = strconv.ParseFloat(lat, 64)
		to.Longitude, e2 = strconv.ParseFloat(lon, 64)
		if to.Located = true; e1 != nil || e2 != nil {
			return fmt.Errorf("at %q; want latitude,longitude such as 52.52,13.40", value)
		}
	case "crawler":
		switch to.Crawler = enrich.Verification(value); to.Crawler {
		case enrich.Verified, enrich.Impostor, enrich.Unverified:
		default:
			return fmt.Errorf("crawler %q; want verified, impostor or unknown", value)
		}
	default:
		return fmt.Errorf("%q; want ip, agent, country, region, city, network, asn, kind, at or crawler", key)
	}
	return err
}

// message reads a line of a request, a response or what is expected.
func (p *parser) message(n int, line string) error {
	part, text := line[0], strings.TrimPrefix(line[1:], " ")
	if part == '>' && (p.open == nil || p.part != '>') {
		p.close()
		if p.current == nil {
			return fmt.Errorf("a request without a client; want a line such as client bob ip=203.0.113.7 before it")
		}
		if p.now.IsZero() {
			return fmt.Errorf("a request without a time; want a line such as at 2026-01-05T10:00:00Z before it")
		}
		p.open = &step{lead: p.lead, line: n, at: p.now.UnixMicro(), client: p.current}
		p.lead = nil
	}
	if p.open == nil {
		if part == '=' {
			return nil // expectations of nothing are dropped
		}
		return fmt.Errorf("a response without a request before it")
	}
	if part != p.part {
		p.inBody = false
	}
	p.part = part
	switch part {
	case '=':
		p.open.want = append(p.open.want, line)
		return nil
	case '<':
		p.open.raw = append(p.open.raw, line)
		return p.head(&p.open.response, text)
	default:
		p.open.raw = append(p.open.raw, line)
		return p.head(&p.open.request, text)
	}
}

func (p *parser) head(m *message, text string) error {
	switch {
	case m.start == "":
		m.start = text
	case p.inBody:
		if m.body != "" {
			m.body += "\n"
		}
		m.body += text
	case text == "":
		p.inBody = true
	default:
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return fmt.Errorf("%q is no header; want Name: value, or an empty line before the body", text)
		}
		m.fields = append(m.fields, [2]string{name, strings.TrimSpace(value)})
	}
	return nil
}

func (p *parser) close() {
	if p.open != nil {
		p.s.steps = append(p.s.steps, *p.open)
	}
	p.open, p.part, p.inBody = nil, 0, false
}

// render writes the script with other expectations.
func (s *script) render(want [][]string) string {
	var b strings.Builder
	put := func(lines []string) {
		for _, l := range lines {
			b.WriteString(l + "\n")
		}
	}
	for i := range s.steps {
		put(s.steps[i].lead)
		put(s.steps[i].raw)
		put(want[i])
	}
	put(s.tail)
	return b.String()
}
