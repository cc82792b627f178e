package enrich

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// domains are mail domains with the day of their registration, in days since
// 1970; unknownDay where the list has none.
type domains map[string]int32

const unknownDay = -1 << 31

// parseDomains reads a list of mail domains: example.com,2026-01-31 or, where it
// lists new ones, example.com alone.
func parseDomains(name string, text []byte) (domains, error) {
	d := domains{}
	first := true
	err := eachLine(name, text, func(_ int, line string) error {
		head := first
		first = false
		domain, day, dated := strings.Cut(line, ",")
		domain = strings.ToLower(strings.Trim(strings.TrimSpace(domain), `"`))
		if head && domain == "domain" {
			return nil
		}
		if !isDomain(domain) {
			return fmt.Errorf("%q is no domain; want e.g. example.com,2026-01-31", domain)
		}
		d[domain] = unknownDay
		if day = strings.Trim(strings.TrimSpace(day), `"`); !dated {
			return nil
		}
		t, err := time.Parse(time.DateOnly, day)
		if err != nil || t.Year() < 1980 || t.Year() > 2200 {
			return fmt.Errorf("%q is no day of registration; want e.g. 2026-01-31", day)
		}
		d[domain] = int32(t.Unix() / 86400) //nolint:gosec // within 1980 to 2200
		return nil
	})
	if err == nil && len(d) == 0 {
		err = fmt.Errorf("%s: no domain is listed", name)
	}
	return d, err
}

func isDomain(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// find goes up from a host to the domain that is listed.
func (d domains) find(host string) (day int32, ok bool) {
	for host != "" {
		if day, ok = d[host]; ok {
			return day, true
		}
		if _, host, ok = strings.Cut(host, "."); !ok {
			break
		}
	}
	return 0, false
}

// bins are the first digits of cards, 6 or 8, with what is known of their issuer.
type bins map[string]issuer

type issuer struct{ country, name, funding string }

// parseBINs reads bin,country[,issuer[,funding]].
func parseBINs(name string, text []byte) (bins, error) {
	b := bins{}
	first := true
	var cells [][]byte
	err := eachLine(name, text, func(_ int, line string) (err error) {
		head := first
		first = false
		if cells, err = splitCells([]byte(line), cells[:0]); err != nil {
			return err
		}
		bin := strings.TrimSpace(string(cells[0]))
		if head && (strings.EqualFold(bin, "bin") || strings.EqualFold(bin, "iin")) {
			return nil
		}
		if len(bin) != 6 && len(bin) != 8 || strings.Trim(bin, "0123456789") != "" {
			return fmt.Errorf("%q is no BIN; want 6 or 8 digits", bin)
		}
		if len(cells) < 2 || len(cells) > 4 {
			return errors.New("want bin,country or bin,country,issuer or bin,country,issuer,funding")
		}
		var of [3]string
		for i, c := range cells[1:] {
			of[i] = strings.TrimSpace(string(c))
		}
		of[0] = strings.ToUpper(of[0])
		if len(of[0]) != 2 || strings.Trim(of[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return fmt.Errorf("%q is no country; want two letters", of[0])
		}
		b[bin] = issuer{of[0], of[1], strings.ToLower(of[2])}
		return nil
	})
	if err == nil && len(b) == 0 {
		err = fmt.Errorf("%s: no BIN is listed", name)
	}
	return b, err
}
