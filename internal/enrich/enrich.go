// Package enrich adds what is known of an address and a user agent to an
// Observation: place and network from mmdb files, browser, system and bot from
// the header. It works offline. The engine asks it once for each matched
// exchange and records the answer, so that the judge looks nothing up. A missing
// data file is a status, never a failure.
package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/throughline/throughline/internal/journey"
)

// Status is one data file, or what is missing.
type Status struct {
	Name   string
	State  string // ok, missing or damaged
	Detail string
}

// Enricher answers from data files. Safe for concurrent use.
type Enricher struct {
	readers []*maxminddb.Reader
	status  []Status
	agents  *agentCache
	fixed   map[netip.Addr]Place
}

// Fixed returns an Enricher that knows exactly the places given, for journey
// scripts, whose answers may not depend on a data file.
func Fixed(places map[netip.Addr]Place) *Enricher {
	return &Enricher{agents: newAgentCache(), fixed: places}
}

// Open reads every *.mmdb file of a folder. It always returns an Enricher that
// works as well as its data allows.
func Open(dir string) *Enricher {
	e := &Enricher{agents: newAgentCache()}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.mmdb"))
	sort.Strings(paths)
	for _, p := range paths {
		r, err := maxminddb.Open(p)
		if err != nil {
			e.status = append(e.status, Status{filepath.Base(p), "damaged", err.Error()})
			continue
		}
		e.readers = append(e.readers, r)
		size := ""
		if info, err := os.Stat(p); err == nil {
			size = fmt.Sprintf(", %d KiB", info.Size()>>10)
		}
		e.status = append(e.status, Status{filepath.Base(p), "ok",
			fmt.Sprintf("%s, built %s%s", r.Metadata.DatabaseType, r.Metadata.BuildTime().UTC().Format("2006-01-02"), size)})
	}
	if len(e.readers) == 0 {
		e.status = append(e.status, Status{"places of addresses", "missing",
			"no usable *.mmdb file in " + dir + "; script/geo-data fetches one"})
	}
	return e
}

// Status lists the data files.
func (e *Enricher) Status() []Status { return e.status }

// Close releases the files.
func (e *Enricher) Close() error {
	for _, r := range e.readers {
		if err := r.Close(); err != nil {
			return fmt.Errorf("close geo data: %w", err)
		}
	}
	return nil
}

// Place is where an address is and whose network it belongs to.
type Place struct {
	Country, Region, City string
	Latitude, Longitude   float64
	ASN                   uint64
	Owner                 string
}

// record reads both shapes: the flat one of @ip-location-db and MaxMind's.
type record struct {
	CountryCode string   `maxminddb:"country_code"`
	State1      string   `maxminddb:"state1"`
	FlatCity    any      `maxminddb:"city"`
	Lat         *float64 `maxminddb:"latitude"`
	Lon         *float64 `maxminddb:"longitude"`
	ASN         uint64   `maxminddb:"autonomous_system_number"`
	Owner       string   `maxminddb:"autonomous_system_organization"`
	Country     struct {
		ISO string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Location struct {
		Lat *float64 `maxminddb:"latitude"`
		Lon *float64 `maxminddb:"longitude"`
	} `maxminddb:"location"`
	Subdivisions []struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"subdivisions"`
}

// Locate looks an address up in every file; the first that knows a part gives it.
func (e *Enricher) Locate(ip netip.Addr) Place {
	var p Place
	ip = ip.Unmap()
	if e.fixed != nil {
		return e.fixed[ip]
	}
	if !ip.IsValid() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return p
	}
	for _, r := range e.readers {
		var rec record
		if err := r.Lookup(ip).Decode(&rec); err != nil {
			continue
		}
		first(&p.Country, rec.CountryCode, rec.Country.ISO)
		region := ""
		if len(rec.Subdivisions) > 0 {
			region = rec.Subdivisions[0].Names["en"]
		}
		first(&p.Region, rec.State1, region)
		first(&p.City, cityOf(rec.FlatCity))
		first(&p.Owner, rec.Owner)
		if p.ASN == 0 {
			p.ASN = rec.ASN
		}
		lat, lon := rec.Lat, rec.Lon
		if lat == nil {
			lat, lon = rec.Location.Lat, rec.Location.Lon
		}
		if p.Latitude == 0 && p.Longitude == 0 && lat != nil && lon != nil {
			p.Latitude, p.Longitude = *lat, *lon
		}
	}
	return p
}

func first(to *string, from ...string) {
	for _, f := range from {
		if *to == "" {
			*to = f
		}
	}
}

// cityOf reads a name (flat shape) or a record of names (MaxMind's).
func cityOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		names, _ := v["names"].(map[string]any)
		s, _ := names["en"].(string)
		return s
	}
	return ""
}

// Describe returns the Elements of an address and a user agent, and a short form
// of the agent for people.
func (e *Enricher) Describe(ip netip.Addr, userAgent string) (short string, out []journey.Element) {
	add := func(id, v string) {
		// A data file's text too has to come back from the journal as it was.
		if v = strings.ToValidUTF8(v, ""); v != "" {
			out = append(out, journey.Element{ID: id, Value: v})
		}
	}
	p := e.Locate(ip)
	add("country", p.Country)
	add("region", p.Region)
	add("city", p.City)
	if p.ASN != 0 {
		add("asn", strconv.FormatUint(p.ASN, 10))
	}
	add("asn_owner", p.Owner)
	if p.Latitude != 0 || p.Longitude != 0 {
		add("latitude", strconv.FormatFloat(p.Latitude, 'f', 4, 64))
		add("longitude", strconv.FormatFloat(p.Longitude, 'f', 4, 64))
	}
	k := e.agents.get(userAgent)
	a := k.agent
	add("user_agent", k.header)
	add("browser", a.Browser)
	add("os", a.OS)
	add("device_class", a.Device)
	add("bot_name", a.Bot)
	return a.Short(), out
}
