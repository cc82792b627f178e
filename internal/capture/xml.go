package capture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const maxElements = 1000 // open at the same time

var errXML = errors.New("damaged XML, or an entity of its own")

// xmlTarget is an XML path and the slot it fills. "**" at its start stands for any
// depth, "@name" at its end for an attribute.
type xmlTarget struct {
	path []string
	slot int
}

// xmlText is an element whose text is being read.
type xmlText struct {
	slot, depth int
	text        []byte
}

// readXML reads the texts of elements and attributes by their local names. Entities
// of the document's own are not followed: they could hold anything, of any size.
func readXML(body []byte, targets []xmlTarget, slots []repeated, limit int) {
	if len(targets) == 0 {
		return
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	var names []string
	var reading []xmlText
	for {
		t, err := d.RawToken()
		if err != nil {
			var broken *xml.SyntaxError
			if errors.As(err, &broken) && broken.Msg != "unexpected EOF" {
				for _, r := range reading {
					slots[r.slot].add(found{err: errXML})
				}
			}
			return
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(names) == maxElements {
				for _, target := range targets {
					slots[target.slot] = repeated{first: found{err: errDepth}, last: found{err: errDepth}}
				}
				return
			}
			names = append(names, t.Name.Local)
			for _, target := range targets {
				last := target.path[len(target.path)-1]
				attribute, ok := strings.CutPrefix(last, "@")
				switch {
				case !ok && fits(target.path, names):
					reading = append(reading, xmlText{slot: target.slot, depth: len(names)})
				case ok && fits(target.path[:len(target.path)-1], names):
					for _, a := range t.Attr {
						if a.Name.Local == attribute && a.Name.Space != "xmlns" {
							f := within(a.Value, limit)
							f.own = true
							slots[target.slot].add(f)
						}
					}
				}
			}
		case xml.CharData:
			for i := range reading {
				if r := &reading[i]; r.depth == len(names) && len(r.text) <= limit {
					r.text = append(r.text, t...)
				}
			}
		case xml.EndElement:
			for len(reading) > 0 && reading[len(reading)-1].depth == len(names) {
				r := reading[len(reading)-1]
				reading = reading[:len(reading)-1]
				f := within(strings.TrimSpace(string(r.text)), limit)
				f.own = true
				slots[r.slot].add(f)
			}
			names = names[:max(0, len(names)-1)]
		}
	}
}

// fits compares a path with the elements that are open.
func fits(path, names []string) bool {
	if len(path) > 0 && path[0] == "**" {
		path = path[1:]
		if len(names) < len(path) {
			return false
		}
		names = names[len(names)-len(path):]
	}
	if len(path) != len(names) || len(path) == 0 {
		return false
	}
	for i, p := range path {
		if p != "*" && p != names[i] {
			return false
		}
	}
	return true
}
