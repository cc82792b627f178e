package element

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var errDate = errors.New("not a date")

// date reads a day into 2006-01-02. Numbers with the year last are ambiguous: with
// a point, or a part over 12, they say which is the day; else the order is that of
// the country, month first in the United States.
func date(s string, opt *Options) (string, error) {
	t, err := day(s, opt)
	if err != nil {
		return "", err
	}
	return t.Format(time.DateOnly), nil
}

func day(s string, opt *Options) (time.Time, error) {
	if len(s) > 64 {
		return time.Time{}, errDate
	}
	s = plainDigits(s)
	if digits(s) && len(s) == 8 { // 20060102
		return calendar(s[:4], s[4:6], s[6:])
	}
	if len(s) > 10 || digits(s) {
		if t, err := moment(s); err == nil {
			return t, nil
		}
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '/' || r == '.' || r == ' ' || r == ',' })
	if len(parts) != 3 {
		return time.Time{}, errDate
	}
	a, b, c := parts[0], parts[1], parts[2]
	switch {
	case len(a) == 4 && digits(a):
		return calendar(a, b, c)
	case len(c) != 4 || !digits(c): // a year of two digits could be any of three
		return time.Time{}, errDate
	case !digits(a):
		return calendar(c, a, ordinal(b))
	case !digits(b):
		return calendar(c, b, a)
	}
	if monthFirst(s, a, b, opt) {
		return calendar(c, a, b)
	}
	return calendar(c, b, a)
}

func monthFirst(s, a, b string, opt *Options) bool {
	m, errA := strconv.Atoi(a)
	d, errB := strconv.Atoi(b)
	switch {
	case errA != nil || errB != nil:
		return false
	case m > 12 || strings.Contains(s, "."):
		return false
	case d > 12:
		return true
	}
	return strings.EqualFold(opt.country(), "US")
}

func ordinal(s string) string {
	for _, end := range []string{"st", "nd", "rd", "th"} {
		if rest, ok := strings.CutSuffix(strings.ToLower(s), end); ok {
			return rest
		}
	}
	return s
}

// calendar takes only days that exist.
func calendar(y, m, d string) (time.Time, error) {
	m, err := month(m)
	if err != nil || len(d) > 2 || len(y) != 4 {
		return time.Time{}, errDate
	}
	year, e1 := strconv.Atoi(y)
	mon, e2 := strconv.Atoi(m)
	dd, e3 := strconv.Atoi(d)
	if e1 != nil || e2 != nil || e3 != nil || year < 1600 {
		return time.Time{}, errDate
	}
	t := time.Date(year, time.Month(mon), dd, 0, 0, 0, 0, time.UTC)
	if t.Day() != dd || int(t.Month()) != mon {
		return time.Time{}, errors.New("not a day of the calendar")
	}
	return t, nil
}

// birthDate is a day on which somebody alive can be born; whether it lies ahead is
// for rules, which know the time of the Event.
func birthDate(d *Def, s string, opt *Options) (Result, error) {
	t, err := day(s, opt)
	if err != nil {
		return Result{}, err
	}
	if t.Year() < 1900 || t.Year() > 2200 {
		return Result{}, errors.New("not a date of birth")
	}
	return Result{Value: t.Format(time.DateOnly), Parts: d.give(nil, partYear, strconv.Itoa(t.Year()))}, nil
}

// month reads 1 to 12, or an English name or its first letters.
func month(s string) (string, error) {
	if len(s) >= 3 && len(s) <= 9 && !isDigit(s[0]) {
		for m := time.January; m <= time.December; m++ {
			if strings.EqualFold(m.String()[:min(len(s), len(m.String()))], s) {
				return strconv.Itoa(int(m)), nil
			}
		}
	}
	return between(s, 1, 12)
}

func year(s string) (string, error) {
	s = plainDigits(strings.TrimPrefix(s, "'"))
	if len(s) == 2 && digits(s) {
		s = "20" + s
	}
	return between(s, 1900, 2200)
}

// timestamp reads a moment into RFC 3339 in UTC.
func timestamp(s string) (string, error) {
	if len(s) > 64 {
		return "", errors.New("not a time")
	}
	t, err := moment(plainDigits(s))
	if err != nil {
		return "", err
	}
	return t.UTC().Format(time.RFC3339Nano), nil
}

// layouts in use on the wire; one without a zone is taken as UTC.
var layouts = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02T15:04Z07:00",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02",
	"20060102T150405Z0700", "2006/01/02 15:04:05", time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC, "Mon, 2 Jan 2006 15:04:05 MST",
	"Mon Jan 02 2006 15:04:05 GMT-0700",
}

// moment reads the layouts and Unix time in seconds, milli-, micro- or nanoseconds.
func moment(s string) (time.Time, error) {
	if whole, _, _ := strings.Cut(s, "."); digits(whole) && len(whole) >= 9 {
		return unixTime(s)
	}
	s, _, _ = strings.Cut(s, " (") // JavaScript tells the zone's name
	for _, l := range layouts {
		t, err := time.Parse(l, s)
		if err == nil && t.Year() >= 1600 && t.Year() <= 9999 && t.UTC().Year() >= 1600 && t.UTC().Year() <= 9999 {
			return t, nil
		}
	}
	return time.Time{}, errors.New("not a time")
}

// unixTime tells the unit by the number of digits.
func unixTime(s string) (time.Time, error) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(whole) > 19 || frac != "" && !digits(frac) {
		return time.Time{}, errors.New("not a time")
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("not a time: too large")
	}
	var t time.Time
	switch len(whole) {
	case 9, 10:
		nanos, _ := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		t = time.Unix(n, nanos)
	case 12, 13:
		t = time.UnixMilli(n)
	case 15, 16:
		t = time.UnixMicro(n)
	case 18, 19:
		t = time.Unix(0, n)
	default:
		return time.Time{}, errors.New("not a time")
	}
	return t.UTC(), nil
}
