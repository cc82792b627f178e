package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep a JSON body may be nested beside what is read. Beyond it
// origins give up too; below it, a later duplicate could stand behind the nesting.
const maxDepth = 10_000

var errDepth = errors.New("nested too deep")

// found is a value as a source gave it. err says why one that is there can't be
// read; own, that the text is a copy already and not the exchange's.
type found struct {
	text    string
	ok, own bool
	err     error
}

// lookupJSON reads the scalars at the paths from a body in one pass and keeps
// nothing else. Of a key that stands twice the last counts, as it does for nearly
// all origins. A body that is cut off gives what came before the cut.
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
	if err := walkJSON(d, int64(len(body)), paths, active, 0, out); err == errDepth {
		for i := range out { // what stands behind could have been the last
			out[i] = found{err: errDepth}
		}
	}
	return out
}

// walkJSON reads one value of a body of that size. active are the paths that lead
// through it, all matched up to depth.
func walkJSON(d *json.Decoder, size int64, paths [][]string, active []int, depth int, out []found) error {
	for _, i := range active {
		out[i] = found{} // a duplicate takes the place of what came before
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	delim, nested := t.(json.Delim)
	if !nested {
		if _, number := t.(json.Number); number && depth > 0 && d.InputOffset() == size {
			return io.ErrUnexpectedEOF // cut within: who knows what digits followed
		}
		for _, i := range active {
			if len(paths[i]) == depth {
				out[i] = scalar(t)
			}
		}
		return nil
	}
	if depth > maxDepth {
		return errDepth
	}
	for n := 0; d.More(); n++ {
		step := ""
		if delim == '{' {
			k, err := d.Token()
			if err != nil {
				return err
			}
			step, _ = k.(string)
		} else {
			step = "[" + strconv.Itoa(n) + "]"
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

func scalar(t json.Token) found {
	switch v := t.(type) {
	case string:
		if len(v) > maxValue {
			return found{err: errLong}
		}
		return found{text: v, ok: true, own: true}
	case json.Number:
		if len(v) > 64 {
			return found{err: errLong}
		}
		return found{text: v.String(), ok: true, own: true}
	case bool:
		return found{text: strconv.FormatBool(v), ok: true, own: true}
	}
	return found{}
}

// utf8Text brings a body into UTF-8 without a byte order mark. It goes by the bytes
// and not by the charset a sender claims, as JSON parsers do (RFC 4627 section 3):
// of UTF-16 and UTF-32, one of the first characters shows its zero bytes.
func utf8Text(body []byte) []byte {
	if rest, ok := bytes.CutPrefix(body, []byte("\xef\xbb\xbf")); ok {
		return rest
	}
	var order binary.ByteOrder = binary.LittleEndian
	width := 0
	switch b := body[:min(4, len(body))]; {
	case bytes.Equal(b, []byte{0, 0, 0xfe, 0xff}), len(b) == 4 && b[0]|b[1]|b[2] == 0 && b[3] != 0:
		width, order = 4, binary.BigEndian
	case bytes.Equal(b, []byte{0xff, 0xfe, 0, 0}), len(b) == 4 && b[0] != 0 && b[1]|b[2]|b[3] == 0:
		width = 4
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}), len(b) >= 2 && b[0] == 0 && b[1] != 0:
		width, order = 2, binary.BigEndian
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), len(b) >= 2 && b[0] != 0 && b[1] == 0:
		width = 2
	default:
		return body
	}
	out := make([]byte, 0, len(body)/width+16)
	for i := 0; i+width <= len(body); i += width {
		var r rune
		if width == 4 {
			r = rune(order.Uint32(body[i:]))
		} else if r = rune(order.Uint16(body[i:])); utf16.IsSurrogate(r) && i+4 <= len(body) {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(body[i+2:]))); pair != utf8.RuneError {
				r, i = pair, i+2
			}
		}
		if i > 1 || r != '\ufeff' {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
