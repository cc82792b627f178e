package capture

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlTargets is what is looked for in a page: slots by name.
type htmlTargets struct {
	any          bool
	title        []int
	hidden, meta map[string][]int
}

func (h *htmlTargets) add(part, name string, slot int) {
	h.any = true
	in := func(m *map[string][]int) {
		if *m == nil {
			*m = map[string][]int{}
		}
		(*m)[name] = append((*m)[name], slot)
	}
	switch part {
	case "title":
		h.title = append(h.title, slot)
	case "hidden":
		in(&h.hidden)
	case "meta":
		in(&h.meta)
	}
}

// readHTML reads the title, hidden fields and metas of a page, as far as it goes.
func readHTML(body []byte, h *htmlTargets, slots []repeated) {
	if !h.any {
		return
	}
	z := html.NewTokenizer(bytes.NewReader(body))
	titled := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch a := atom.Lookup(name); {
			case a == atom.Title && !titled && len(h.title) > 0:
				titled = true
				if z.Next() == html.TextToken {
					f := within(strings.Join(strings.Fields(string(z.Text())), " "), maxValue)
					f.own = true
					for _, slot := range h.title {
						slots[slot].next(f)
					}
				}
			case a == atom.Input && more && h.hidden != nil:
				if v := attributesOf(z); strings.EqualFold(v.kind, "hidden") {
					fill(h.hidden[v.name], v.value, slots)
				}
			case a == atom.Meta && more && h.meta != nil:
				v := attributesOf(z)
				fill(h.meta[v.name], v.content, slots)
				if v.property != v.name {
					fill(h.meta[v.property], v.content, slots)
				}
			}
		}
	}
}

func fill(wanted []int, v string, slots []repeated) {
	for _, slot := range wanted {
		f := within(v, maxNested)
		f.own = true
		slots[slot].next(f)
	}
}

// tag is what counts of a tag's attributes. Of one that stands twice the first does.
type tag struct{ kind, name, value, content, property string }

func attributesOf(z *html.Tokenizer) (out tag) {
	set := func(to *string, v []byte) {
		if *to == "" {
			*to = string(v)
		}
	}
	for more := true; more; {
		var k, v []byte
		k, v, more = z.TagAttr()
		switch string(k) {
		case "type":
			set(&out.kind, v)
		case "name":
			set(&out.name, v)
		case "value":
			set(&out.value, v)
		case "content":
			set(&out.content, v)
		case "property":
			set(&out.property, v)
		}
	}
	return out
}
