package element

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// boolean reads the words that forms and documents use.
func boolean(s string) (string, error) {
	if len(s) <= 8 {
		switch strings.ToLower(s) {
		case "true", "t", "1", "yes", "y", "on", "checked":
			return "true", nil
		case "false", "f", "0", "no", "n", "off":
			return "false", nil
		}
	}
	return "", errors.New("neither true nor false")
}

// integer reads a whole number, also 3.0 as JSON may write it.
func integer(s string) (string, error) {
	s = plainDigits(s)
	whole, frac, point := strings.Cut(s, ".")
	if point && (frac == "" || strings.Trim(frac, "0") != "") {
		return "", errors.New("not a whole number")
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(whole, "+"), 10, 64)
	if err != nil || strings.HasPrefix(whole, "++") || strings.HasPrefix(whole, "+-") {
		return "", errors.New("not a whole number")
	}
	return strconv.FormatInt(n, 10), nil
}

// decimal reads a number with a point; a single comma counts as one.
func decimal(s string) (string, error) {
	s = plainDigits(s)
	if len(s) > 64 || strings.ContainsAny(s, "xXpP_") {
		return "", errors.New("not a number")
	}
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f > 1e300 || f < -1e300 {
		return "", errors.New("not a number")
	}
	if f == 0 {
		return "0", nil
	}
	out := strconv.FormatFloat(f, 'f', -1, 64)
	if len(out) > 64 {
		return "", errors.New("not a number: too many digits")
	}
	return out, nil
}

func between(s string, low, high int) (string, error) {
	if len(s) > 8 {
		return "", fmt.Errorf("not a number from %d to %d", low, high)
	}
	n, err := strconv.Atoi(plainDigits(s))
	if err != nil || n < low || n > high {
		return "", fmt.Errorf("not a number from %d to %d", low, high)
	}
	return strconv.Itoa(n), nil
}
