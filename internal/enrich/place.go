package enrich

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Place is where an address is and whose network it belongs to.
type Place struct {
	Country, Region, City string
	Latitude, Longitude   float64
	Located               bool // latitude and longitude are known
	ASN                   uint64
	Owner                 string
	Kind                  Kind // of the network
}

// fill takes what p does not know from another.
func (p *Place) fill(o Place) {
	fill(&p.Country, o.Country)
	fill(&p.Region, o.Region)
	fill(&p.City, o.City)
	if !p.Located && o.Located {
		p.Latitude, p.Longitude, p.Located = o.Latitude, o.Longitude, true
	}
	if p.ASN == 0 && o.ASN != 0 { // the owner belongs to the number
		p.ASN = o.ASN
		if o.Owner != "" {
			p.Owner = o.Owner
		}
	}
	fill(&p.Owner, o.Owner)
	p.Kind = p.Kind.worse(o.Kind)
}

func fill(to *string, from string) {
	if *to == "" {
		*to = from
	}
}

// source is one file that knows places.
type source interface {
	locate(ip netip.Addr) (Place, error)
	about() string
}

// database is an mmdb file, held in memory: a file that is replaced or cut while
// it is mapped would end the process.
type database struct{ r *maxminddb.Reader }

func openDatabase(b []byte) (source, error) {
	r, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, err
	}
	if r.Metadata.NodeCount == 0 {
		return nil, fmt.Errorf("an mmdb file without an address")
	}
	return &database{r}, nil
}

func (d *database) about() string {
	m := &d.r.Metadata
	return m.DatabaseType + ", built " + time.Unix(int64(min(m.BuildEpoch, 1<<40)), 0).UTC().Format("2006-01-02") //nolint:gosec // bounded
}

// record reads both shapes: the flat one of @ip-location-db and MaxMind's City,
// Country, Enterprise, ASN, ISP, Anonymous-IP and Connection-Type.
type record struct {
	CountryCode string   `maxminddb:"country_code"`
	State1      string   `maxminddb:"state1"`
	City        any      `maxminddb:"city"` // a name, or a record of names
	Lat         *float64 `maxminddb:"latitude"`
	Lon         *float64 `maxminddb:"longitude"`
	Country     struct {
		ISO string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Registered struct {
		ISO string `maxminddb:"iso_code"`
	} `maxminddb:"registered_country"`
	Location struct {
		Lat *float64 `maxminddb:"latitude"`
		Lon *float64 `maxminddb:"longitude"`
	} `maxminddb:"location"`
	Subdivisions []struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"subdivisions"`
	network
	Traits network `maxminddb:"traits"`
}

// network is what is said of a network, at the top or among a record's traits.
type network struct {
	ASN          uint64 `maxminddb:"autonomous_system_number"`
	Owner        string `maxminddb:"autonomous_system_organization"`
	ISP          string `maxminddb:"isp"`
	Connection   string `maxminddb:"connection_type"`
	User         string `maxminddb:"user_type"`
	VPN          bool   `maxminddb:"is_anonymous_vpn"`
	Anonymous    bool   `maxminddb:"is_anonymous"`
	Hosting      bool   `maxminddb:"is_hosting_provider"`
	Public       bool   `maxminddb:"is_public_proxy"`
	OldAnonymous bool   `maxminddb:"is_anonymous_proxy"`
	Residential  bool   `maxminddb:"is_residential_proxy"`
	Tor          bool   `maxminddb:"is_tor_exit_node"`
}

func (d *database) locate(ip netip.Addr) (Place, error) {
	var rec record
	found := d.r.Lookup(ip)
	if !found.Found() {
		return Place{}, found.Err()
	}
	if err := found.Decode(&rec); err != nil {
		return Place{}, err
	}
	p := Place{Country: rec.CountryCode, Region: rec.State1, City: cityOf(rec.City), ASN: rec.ASN, Owner: rec.Owner}
	fill(&p.Country, rec.Country.ISO)
	fill(&p.Country, rec.Registered.ISO)
	if len(rec.Subdivisions) > 0 {
		fill(&p.Region, rec.Subdivisions[0].Names["en"])
	}
	if rec.Lat == nil {
		rec.Lat, rec.Lon = rec.Location.Lat, rec.Location.Lon
	}
	if rec.Lat != nil && rec.Lon != nil {
		p.Latitude, p.Longitude, p.Located = *rec.Lat, *rec.Lon, true
	}
	if p.ASN == 0 {
		p.ASN = rec.Traits.ASN
	}
	for _, name := range [...]string{rec.Traits.Owner, rec.ISP, rec.Traits.ISP} {
		fill(&p.Owner, name)
	}
	p.Kind = rec.kind().worse(rec.Traits.kind())
	return p, nil
}

// kind reads flags first: what hides its user says more than how it is wired.
func (n *network) kind() Kind {
	switch {
	case n.Tor:
		return Tor
	case n.VPN:
		return VPN
	case n.Public, n.Residential, n.OldAnonymous:
		return Proxy
	case n.Hosting, n.User == "hosting", n.User == "content_delivery_network":
		return Hosting
	case n.Anonymous:
		return Proxy
	case n.Connection == "Cellular", n.User == "cellular":
		return Mobile
	case n.Connection == "Cable/DSL", n.Connection == "Dialup", n.User == "residential":
		return Residential
	}
	return Unknown
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
