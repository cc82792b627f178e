package capture

import (
	"bytes"
	"encoding/binary"
	"mime"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/throughline/throughline/internal/wire"
)

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

// legacy undoes a single-byte charset where it decides: the bytes are no UTF-8, and
// somebody says what else they are. All of them agree with ASCII, so that no claim
// moves a name or a delimiter.
func legacy(body []byte, claims func() [2]string) []byte {
	if utf8.Valid(body) {
		return body
	}
	for _, claim := range claims() {
		if table := charset(claim); table != nil {
			return translate(body, table)
		}
	}
	return body
}

func translate(body []byte, table *charmap.Charmap) []byte {
	out := make([]byte, 0, len(body)+len(body)/2)
	for _, c := range body {
		if c < utf8.RuneSelf {
			out = append(out, c)
		} else {
			out = utf8.AppendRune(out, table.DecodeByte(c))
		}
	}
	return out
}

// charset finds a single-byte charset by its name, as browsers do.
func charset(name string) *charmap.Charmap {
	if name == "" || len(name) > 40 {
		return nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil
	}
	table, _ := e.(*charmap.Charmap)
	return table
}

// claimed is the charset that a Content-Type names.
func claimed(h *wire.Head) string {
	v := h.Get("Content-Type")
	if !strings.Contains(v, "=") {
		return ""
	}
	_, params, err := mime.ParseMediaType(v)
	if err != nil {
		return ""
	}
	return params["charset"]
}

// declared is the charset that an XML declaration or a <meta> of a page names
// within the first kilobyte.
func declared(body []byte) string {
	body = body[:min(len(body), 1024)]
	for _, mark := range []string{"encoding=", "charset="} {
		if _, rest, ok := bytes.Cut(body, []byte(mark)); ok {
			rest = bytes.TrimLeft(rest, "\"' ")
			if end := bytes.IndexAny(rest, "\"' ;/>?"); end > 0 {
				return string(rest[:end])
			}
		}
	}
	return ""
}
