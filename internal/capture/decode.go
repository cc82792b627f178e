package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of decoding.
const (
	maxDepth = 64      // nesting of a JSON body
	maxValue = 8 << 10 // bytes of one value read
)

var errDepth = errors.New("nested too deep")

// parameter returns the first value of a name in a query or form body, decoded.
func parameter(query, name string) (string, bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		k, v, _ := strings.Cut(pair, "=")
		if k != name {
			if !strings.ContainsAny(k, "%+") {
				continue
			}
			if dk, err := url.QueryUnescape(k); err != nil || dk != name {
				continue
			}
		}
		if len(v) > maxValue {
			return "", false
		}
		if !strings.ContainsAny(v, "%+") {
			return v, true
		}
		dv, err := url.QueryUnescape(v)
		return dv, err == nil
	}
	return "", false
}

// cookie returns the first value of a name in a Cookie header.
func cookie(header, name string) (string, bool) {
	for header != "" {
		var pair string
		pair, header, _ = strings.Cut(header, ";")
		k, v, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && k == name {
			return strings.Trim(v, `"`), true
		}
	}
	return "", false
}

// found is a JSON scalar at a wanted path.
type found struct {
	text string
	ok   bool
}

// lookupJSON reads the scalars at the paths from a body in one pass and keeps
// nothing else. A body that is cut off gives what came before the cut.
func lookupJSON(body []byte, paths [][]string) []found {
	out := make([]found, len(paths))
	if len(paths) == 0 {
		return out
	}
	active := make([]int, len(paths))
	for i := range paths {
		active[i] = i
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	_ = walkJSON(d, int64(len(body)), paths, active, 0, out)
	return out
}

// walkJSON reads one value of a body of that size. active are the paths that lead
// through it, all matched up to depth.
func walkJSON(d *json.Decoder, size int64, paths [][]string, active []int, depth int, out []found) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	delim, nested := t.(json.Delim)
	if !nested {
		text, ok := scalar(t)
		if _, number := t.(json.Number); number && depth > 0 && d.InputOffset() == size {
			return io.ErrUnexpectedEOF // cut within: who knows what digits followed
		}
		for _, i := range active {
			if len(paths[i]) == depth && ok {
				out[i] = found{text, true} // of a key that stands twice most origins read the last
			}
		}
		return nil
	}
	if depth > maxDepth {
		return errDepth
	}
	for n := 0; d.More(); n++ {
		step := "[" + strconv.Itoa(n) + "]"
		if delim == '{' {
			k, err := d.Token()
			if err != nil {
				return err
			}
			step, _ = k.(string)
		}
		var next []int
		for _, i := range active {
			if len(paths[i]) > depth && paths[i][depth] == step {
				next = append(next, i)
			}
		}
		if len(next) == 0 {
			err = skipJSON(d, depth+1)
		} else {
			err = walkJSON(d, size, paths, next, depth+1, out)
		}
		if err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing delimiter
	return err
}

// skipJSON reads past one value.
func skipJSON(d *json.Decoder, depth int) error {
	for open := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if open++; depth+open > maxDepth {
				return errDepth
			}
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		if open == 0 {
			return nil
		}
	}
}

func scalar(t json.Token) (string, bool) {
	switch v := t.(type) {
	case string:
		return v, len(v) <= maxValue
	case json.Number:
		return v.String(), len(v) <= 64
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
