package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// States of a data file.
const (
	OK      = "ok"
	Missing = "missing"
	Damaged = "damaged"
)

// Status is one data file, or what is missing.
type Status struct {
	Name    string
	State   string // OK, Missing or Damaged
	Detail  string
	Licence string
}

// data is what all files say, at one time. It is never changed: a new one takes
// its place while lookups in the old one end.
type data struct {
	sources  []source
	lists    []list
	hosting  *networks // autonomous systems known to rent machines
	carriers carriers  // autonomous systems known to serve phones
	domains  domains
	bins     bins
	crawlers []*crawler
	keys     map[string]keySet // by directory
	status   []Status
	cache    placeCache
}

// list is a list of networks of one kind.
type list struct {
	kind Kind
	*networks
}

// maxFile bounds a data file, which is held in memory.
const maxFile = 1 << 30

// files remembers what was read, so that a reload reads what has changed only.
type files struct {
	read map[string]*file
}

// file is one of them.
type file struct {
	stamp  string
	value  any
	detail string
	err    error // of the newest try; value is then that of an older one
}

// stampOf changes with a file.
func stampOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("no regular file")
	}
	if info.Size() > maxFile {
		return "", fmt.Errorf("%d bytes; at most %d are read", info.Size(), maxFile)
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size()), nil
}

// load answers what a file says; parse is asked when it is new. What a damaged or
// missing one said before stays in use.
func load[T any](f *files, to *[]Status, path string, parse func(name string, text []byte) (T, string, error)) (v T, ok bool) {
	stamp, err := stampOf(path)
	known := f.read[path]
	if known == nil {
		known = &file{}
		f.read[path] = known
	}
	if err == nil && (known.stamp != stamp || known.stamp == "") {
		known.stamp = stamp
		var text []byte
		if text, err = os.ReadFile(path); err == nil { //nolint:gosec // the operator's own file
			var fresh T
			var detail string
			if fresh, detail, err = parse(filepath.Base(path), text); err == nil {
				known.value, known.detail = fresh, fmt.Sprintf("%s, %d KiB", detail, len(text)>>10)
			}
		}
		known.err = err
	} else if err == nil {
		err = known.err
	} else {
		known.stamp = ""
	}
	v, ok = known.value.(T)
	s := Status{Name: filepath.Base(path), State: OK, Detail: known.detail, Licence: licenceOf(path)}
	if err != nil {
		s.State, s.Detail = Damaged, err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			s.State, s.Detail = Missing, path+" is not there"
		}
		if ok {
			s.Detail += "; what it said before stays in use"
		}
	}
	*to = append(*to, s)
	return v, ok
}

// licenceOf reads the line that script/geo-data leaves beside a file.
func licenceOf(path string) string {
	if b, err := os.ReadFile(path + ".licence"); err == nil && len(b) < maxLine { //nolint:gosec // beside the operator's own file
		return strings.ToValidUTF8(strings.TrimSpace(string(b)), "")
	}
	switch name := filepath.Base(path); {
	case strings.HasPrefix(name, "GeoLite2"):
		return "GeoLite2 End User License Agreement, MaxMind"
	case strings.HasPrefix(name, "GeoIP"):
		return "MaxMind, commercial"
	}
	return ""
}

// readAll reads every file of a configuration.
func (f *files) readAll(c *Config) *data {
	d := &data{hosting: hostingSystems(), keys: map[string]keySet{}}
	if !c.NoCarriers {
		d.carriers = mobileCarriers()
	}
	f.readPlaces(d, c.Dir)
	for _, l := range c.Networks {
		if n, ok := load(f, &d.status, l.File, parseList); ok {
			d.lists = append(d.lists, list{l.Kind, n})
		}
	}
	if c.Domains != "" {
		d.domains, _ = load(f, &d.status, c.Domains, func(name string, text []byte) (domains, string, error) {
			v, err := parseDomains(name, text)
			return v, fmt.Sprintf("%d mail domains", len(v)), err
		})
	}
	if c.BINs != "" {
		d.bins, _ = load(f, &d.status, c.BINs, func(name string, text []byte) (bins, string, error) {
			v, err := parseBINs(name, text)
			return v, fmt.Sprintf("%d BINs", len(v)), err
		})
	}
	d.crawlers = f.readCrawlers(d, c)
	for _, k := range c.Keys {
		if set, ok := load(f, &d.status, k.File, func(name string, text []byte) (keySet, string, error) {
			v, err := parseDirectory(name, text)
			return v, fmt.Sprintf("%d keys of %s", len(v), k.Agent), err
		}); ok {
			d.keys[k.Agent] = set
		}
	}
	return d
}

func parseList(name string, text []byte) (*networks, string, error) {
	n, err := parseNetworks(name, text)
	if err != nil {
		return nil, "", err
	}
	return n, fmt.Sprintf("%d networks", n.size()), nil
}

// readPlaces reads the *.mmdb and *.csv files of a folder, in the order of their
// names: the first that knows a part of a place gives it.
func (f *files) readPlaces(d *data, dir string) {
	var paths []string
	for _, form := range [...]string{"*.mmdb", "*.csv"} {
		found, _ := filepath.Glob(filepath.Join(dir, form))
		paths = append(paths, found...)
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	for _, p := range paths {
		if s, ok := load(f, &d.status, p, parseSource); ok {
			d.sources = append(d.sources, s)
		}
	}
	if len(d.sources) == 0 {
		d.status = append(d.status, Status{Name: "places of addresses", State: Missing,
			Detail: "no usable *.mmdb or *.csv file in " + dir + "; script/geo-data fetches some"})
	}
}

func parseSource(name string, text []byte) (source, string, error) {
	var s source
	var err error
	if strings.HasSuffix(name, ".csv") {
		s, err = parseSpreadsheet(name, text)
	} else {
		s, err = openDatabase(text)
	}
	if err != nil {
		return nil, "", err
	}
	return s, s.about(), nil
}

// locate asks every source and list.
func (d *data) locate(ip netip.Addr) Place {
	var p Place
	for _, s := range d.sources {
		if known, err := s.locate(ip); err == nil { // a damaged record costs only itself
			p.fill(known)
		}
	}
	if d.hosting.has(ip, p.ASN) {
		p.Kind = p.Kind.worse(Hosting)
	}
	if d.carriers.serves(p.ASN, p.Owner) {
		p.Kind = p.Kind.worse(Mobile)
	}
	for _, l := range d.lists {
		if l.has(ip, p.ASN) {
			p.Kind = p.Kind.worse(l.kind)
		}
	}
	p.clean()
	return p
}

// placeCache remembers places, of unknown addresses too. Two generations, so that
// a flood of new addresses costs no more memory than the bound and what is in use
// stays.
type placeCache struct {
	mu         sync.RWMutex
	young, old map[netip.Addr]*located
}

// located is a place with its Elements, which are only read.
type located struct {
	Place
	elements []journey.Element
}

func newLocated(p Place) *located {
	l := &located{Place: p}
	add := func(id, value string) {
		if value != "" {
			l.elements = append(l.elements, journey.Element{ID: id, Value: value})
		}
	}
	add("country", p.Country)
	add("region", p.Region)
	add("city", p.City)
	if p.ASN != 0 {
		add("asn", strconv.FormatUint(p.ASN, 10))
	}
	add("asn_owner", p.Owner)
	add("network_kind", p.Kind.String())
	if p.Located {
		add("latitude", strconv.FormatFloat(p.Latitude, 'f', 4, 64))
		add("longitude", strconv.FormatFloat(p.Longitude, 'f', 4, 64))
	}
	return l
}

// maxCached is of a generation.
const maxCached = 8 << 10

func (c *placeCache) get(ip netip.Addr, find func(netip.Addr) Place) *located {
	c.mu.RLock()
	p, young := c.young[ip]
	if p == nil {
		p = c.old[ip]
	}
	c.mu.RUnlock()
	if young {
		return p
	}
	if p == nil {
		p = newLocated(find(ip))
	}
	c.mu.Lock()
	if c.young == nil || len(c.young) >= maxCached {
		c.old, c.young = c.young, make(map[netip.Addr]*located, 64)
	}
	c.young[ip] = p
	c.mu.Unlock()
	return p
}

// stamps of everything a configuration names: they change when a file does, comes
// or goes.
func (c *Config) stamps() string {
	var b strings.Builder
	for _, p := range c.paths() {
		s, err := stampOf(p)
		if err != nil {
			s = "-"
		}
		b.WriteString(p + " " + s + "\n")
	}
	return b.String()
}

func (c *Config) paths() (out []string) {
	for _, form := range [...]string{"*.mmdb", "*.csv", "*.licence"} {
		found, _ := filepath.Glob(filepath.Join(c.Dir, form))
		out = append(out, found...)
	}
	for _, l := range c.Networks {
		out = append(out, l.File)
	}
	for _, cr := range c.Crawlers {
		out = append(out, cr.Ranges...)
	}
	for _, k := range c.Keys {
		out = append(out, k.File)
	}
	for _, p := range [...]string{c.Domains, c.BINs} {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// interval is how often files are looked at.
const interval = 5 * time.Second
