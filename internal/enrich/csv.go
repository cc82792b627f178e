package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spreadsheet is a CSV file of @ip-location-db: start, end and what is known of the
// addresses between. Its columns are told by their number:
//
//	start,end,country
//	start,end,asn,owner
//	start,end,country,state1,state2,city,postcode,latitude,longitude,timezone
//
// Addresses are written as such or as numbers.
type spreadsheet struct {
	ranges
	places []Place
	shape  int
}

// Columns of the shapes.
const (
	countryColumns = 3
	asnColumns     = 4
	cityColumns    = 10
)

func (s *spreadsheet) about() string {
	what := map[int]string{countryColumns: "countries", asnColumns: "autonomous systems", cityColumns: "cities"}[s.shape]
	return fmt.Sprintf("%s of %d ranges", what, s.len())
}

func (s *spreadsheet) locate(ip netip.Addr) (Place, error) {
	i, ok := s.find(ip)
	if !ok {
		return Place{}, nil
	}
	return s.places[i], nil
}

// maxPlaces bounds the different ones of a file.
const maxPlaces = 8 << 20

func parseSpreadsheet(name string, text []byte) (source, error) {
	s := &spreadsheet{}
	known := map[string]uint32{}
	names := map[string]string{} // each text once
	cells := make([][]byte, 0, cityColumns)
	line, v6 := 0, strings.Contains(name, "ipv6")
	if lines := bytes.Count(text, []byte{'\n'}) + 1; v6 {
		s.v6 = make([]range6, 0, lines)
	} else {
		s.v4 = make([]range4, 0, lines)
	}
	for raw := range bytes.Lines(text) {
		line++
		bad := func(err error) error { return fmt.Errorf("%s:%d: %w", name, line, err) }
		raw = bytes.TrimRight(raw, "\r\n")
		if len(raw) == 0 {
			continue
		}
		if len(raw) > maxLine || !utf8.Valid(raw) {
			return nil, bad(fmt.Errorf("no line of text of at most %d bytes", maxLine))
		}
		var err error
		if cells, err = splitCells(raw, cells[:0]); err != nil {
			return nil, bad(err)
		}
		if s.shape == 0 {
			if len(cells) > 1 && isHeading(string(cells[0])) {
				continue
			}
			s.shape = len(cells)
		}
		if len(cells) != s.shape || s.shape != countryColumns && s.shape != asnColumns && s.shape != cityColumns {
			return nil, bad(fmt.Errorf("%d columns; want start,end,country or start,end,asn,owner or the %d of cities, the same in every line", len(cells), cityColumns))
		}
		from, err := parseAddress(cells[0], v6)
		if err != nil {
			return nil, bad(err)
		}
		to, err := parseAddress(cells[1], v6)
		if err != nil {
			return nil, bad(err)
		}
		rest := raw[min(len(cells[0])+len(cells[1])+2, len(raw)):]
		i, ok := known[string(rest)]
		if !ok {
			p, err := s.place(cells, names)
			if err != nil {
				return nil, bad(err)
			}
			if i = uint32(len(s.places)); i == maxPlaces { //nolint:gosec // bounded
				return nil, bad(fmt.Errorf("more than %d different places", maxPlaces))
			}
			s.places = append(s.places, p)
			known[string(rest)] = i
		}
		if err := s.add(from, to, i); err != nil {
			return nil, bad(err)
		}
	}
	if s.len() == 0 {
		return nil, fmt.Errorf("%s: there is no range in it", name)
	}
	s.seal()
	return s, nil
}

// splitCells parts a line as RFC 4180 has it, except that no cell goes over lines.
func splitCells(line []byte, to [][]byte) ([][]byte, error) {
	for {
		if len(line) > 0 && line[0] == '"' {
			end := 1
			doubled := false
			for ; end < len(line); end++ {
				if line[end] != '"' {
					continue
				}
				if end+1 < len(line) && line[end+1] == '"' {
					doubled = true
					end++
					continue
				}
				break
			}
			if end >= len(line) {
				return nil, errors.New("a quote is not closed")
			}
			cell := line[1:end]
			if doubled {
				cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
			}
			to = append(to, cell)
			line = line[end+1:]
			if len(line) == 0 {
				return to, nil
			}
			if line[0] != ',' {
				return nil, errors.New("something follows a closing quote; want a comma")
			}
			line = line[1:]
			continue
		}
		cell, rest, more := bytes.Cut(line, []byte{','})
		to = append(to, cell)
		if !more {
			return to, nil
		}
		line = rest
	}
}

// parseAddress reads an address, or the number it is.
func parseAddress(cell []byte, v6 bool) (netip.Addr, error) {
	if a, ok := fourNumbers(cell); ok {
		return a, nil
	}
	s := string(cell)
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return a, nil
	}
	n, ok := new(big.Int), len(s) > 0 && len(s) <= 39 && s[0] >= '0' && s[0] <= '9'
	if ok {
		_, ok = n.SetString(s, 10)
	}
	if !ok || n.BitLen() > 128 || !v6 && n.BitLen() > 32 {
		return netip.Addr{}, fmt.Errorf("%q is no address", cell)
	}
	var b [16]byte
	n.FillBytes(b[:])
	if !v6 {
		return netip.AddrFrom4([4]byte(b[12:])), nil
	}
	return netip.AddrFrom16(b), nil
}

// fourNumbers reads an IPv4 address, of which there are a million in a file.
func fourNumbers(cell []byte) (netip.Addr, bool) {
	var b [4]byte
	part, n, digits := 0, 0, 0
	for _, c := range cell {
		switch {
		case c >= '0' && c <= '9' && digits < 3 && (digits == 0 || n > 0):
			n = n*10 + int(c-'0')
			digits++
		case c == '.' && digits > 0 && n < 256 && part < 3:
			b[part] = byte(n)
			part, n, digits = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 || n > 255 {
		return netip.Addr{}, false
	}
	b[3] = byte(n)
	return netip.AddrFrom4(b), true
}

func (s *spreadsheet) place(cells [][]byte, names map[string]string) (p Place, err error) {
	once := func(b []byte) string {
		if v, ok := names[string(b)]; ok {
			return v
		}
		v := string(b)
		names[v] = v
		return v
	}
	if s.shape == asnColumns {
		if p.ASN, err = strconv.ParseUint(string(cells[2]), 10, 32); err != nil {
			return p, fmt.Errorf("%q is no AS number; want e.g. 64500", cells[2])
		}
		p.Owner = once(cells[3])
		return p, nil
	}
	p.Country = strings.ToUpper(once(cells[2]))
	if p.Country != "" && (len(p.Country) != 2 || p.Country[0] < 'A' || p.Country[0] > 'Z') {
		return p, fmt.Errorf("%q is no country; want two letters", cells[2])
	}
	if s.shape != cityColumns {
		return p, nil
	}
	p.Region, p.City = once(cells[3]), once(cells[5])
	if len(cells[7]) == 0 && len(cells[8]) == 0 {
		return p, nil
	}
	if p.Latitude, err = strconv.ParseFloat(string(cells[7]), 64); err != nil || !(p.Latitude >= -90 && p.Latitude <= 90) {
		return p, fmt.Errorf("%q is no latitude", cells[7])
	}
	if p.Longitude, err = strconv.ParseFloat(string(cells[8]), 64); err != nil || !(p.Longitude >= -180 && p.Longitude <= 180) {
		return p, fmt.Errorf("%q is no longitude", cells[8])
	}
	p.Located = true
	return p, nil
}
