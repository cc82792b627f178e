package element

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errPlace = errors.New("not a place on earth")

// geoPoint reads latitude and longitude: 37.77,-122.42 with comma, semicolon or
// space, geo: of RFC 5870, ISO 6709, and degrees, minutes and seconds with N, S, E
// and W.
func geoPoint(d *Def, s string) (Result, error) {
	if len(s) > 128 {
		return Result{}, errPlace
	}
	s = plainDigits(s)
	if rest, ok := strings.CutPrefix(strings.ToLower(s), "geo:"); ok {
		s, _, _ = strings.Cut(rest, ";")
	}
	s = strings.TrimSuffix(strings.Trim(s, "()[]"), "/")
	a, b, ok := splitPlace(s)
	if !ok {
		return Result{}, errPlace
	}
	lat, err := degrees(a, 90)
	if err != nil {
		return Result{}, err
	}
	lon, err := degrees(b, 180)
	if err != nil {
		return Result{}, err
	}
	parts := d.give(nil, partLatitude, lat)
	return Result{Value: lat + "," + lon, Parts: d.give(parts, partLongitude, lon)}, nil
}

// splitPlace finds where the longitude begins.
func splitPlace(s string) (a, b string, ok bool) {
	for _, sep := range []string{";", ", ", ","} {
		if strings.Count(s, sep) == 1 {
			return strings.Cut(s, sep)
		}
	}
	if i := strings.IndexAny(s, "NSns"); i > 0 && i+1 < len(s) { // 37°46'N 122°25'W
		return s[:i+1], s[i+1:], true
	}
	if f := strings.Fields(s); len(f) == 2 {
		return f[0], f[1], true
	}
	if i := strings.LastIndexAny(s, "+-"); i > 0 && (s[0] == '+' || s[0] == '-') { // ISO 6709
		return s[:i], s[i:], true
	}
	return "", "", false
}

// degrees reads one coordinate, with up to six places: a tenth of a metre.
func degrees(s string, most float64) (string, error) {
	if len(s) > 64 {
		return "", errPlace
	}
	s = strings.TrimSpace(plainDigits(s))
	sign := 1.0
	if n := len(s); n > 1 {
		switch s[n-1] {
		case 'S', 's', 'W', 'w':
			sign, s = -1, s[:n-1]
		case 'N', 'n', 'E', 'e':
			s = s[:n-1]
		}
	}
	f, err := sexagesimal(strings.TrimSpace(s))
	if err != nil || math.Abs(f) > most || f < 0 && sign < 0 {
		return "", errPlace
	}
	f = math.Round(f*sign*1e6) / 1e6
	if f == 0 {
		return "0", nil
	}
	return strconv.FormatFloat(f, 'f', -1, 64), nil
}

// sexagesimal reads 37.77, or 37°46'26.5" with any of its marks.
func sexagesimal(s string) (float64, error) {
	fields := strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == '°' || r == '\'' || r == '"' || r == '′' || r == '″' || r == '’' || r == '”' || r == 'º'
	})
	if len(fields) == 0 || len(fields) > 3 {
		return 0, errPlace
	}
	total, unit := 0.0, 1.0
	for i, f := range fields {
		if strings.ContainsAny(f, "eExXpP_nNiI") { // no exponents, hex digits, NaN or Inf
			return 0, errPlace
		}
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || i > 0 && (v < 0 || v >= 60 || f[0] == '+' || f[0] == '-') {
			return 0, errPlace
		}
		total += math.Abs(v) / unit
		unit *= 60
	}
	if fields[0][0] == '-' {
		total = -total
	}
	return total, nil
}
