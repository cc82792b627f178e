package policy

import (
	"cmp"
	"fmt"
	"mime"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
)

const (
	defaultMaxBody = 64 << 10
	maxMaxBody     = 1 << 20
	maxPath        = 2048
)

func (c *compiler) spec(m *mapping) {
	s := &Spec{MaxBody: defaultMaxBody, Pos: m.pos}
	nameAt, ok := m.need("name", "the event's name, e.g. Login through Form")
	if ok {
		s.Name, ok = nameAt.text()
		s.Name = strings.TrimSpace(s.Name)
		switch {
		case ok && (s.Name == "" || len(s.Name) > 120):
			nameAt.bad("is empty or longer than 120 bytes", "the event's name, e.g. Login through Form")
		case ok && m.vals["id"].node == nil: // its key is made of the name
			if s.Key = slug(s.Name); s.Key == "" {
				nameAt.bad(quote(s.Name)+" has no letter a-z to make an id of", "an id beside it, e.g. id: login_form")
			} else {
				c.unique(nameAt, "spec", s.Key)
			}
		}
	}
	if m.taken["id"] = true; m.vals["id"].node != nil {
		s.Key = c.identifier(m, "id", "spec")
	}
	if v, ok := m.need("type", "an event type, e.g. page_view"); ok {
		s.Type, _ = eventType(v)
	}
	pathKnown := false
	if v, ok := m.need("match", "at least method or path"); ok {
		pathKnown = c.match(v, &s.Match)
	}
	async := true
	if v, ok := m.get("processing"); ok {
		p, ok := v.oneOf("async", "sync")
		s.Sync, async = p == "sync", ok && p == "async"
	} else if v.node != nil { // a fault already
		async = false
	}
	if v, ok := m.get("failure"); ok {
		if s.Failure, ok = v.oneOf("open", "closed"); ok && async {
			onlySync(m, v)
		}
	}
	if v, ok := m.get("oversize"); ok {
		if s.Oversize, ok = v.oneOf("stream", "refuse"); ok && async {
			onlySync(m, v)
		}
	}
	if v, ok := m.get("mode"); ok {
		var mode string
		if mode, ok = v.oneOf("active", "pass-through"); ok && async {
			onlySync(m, v)
		}
		s.PassThrough = mode == "pass-through"
	}
	if v, ok := m.get("max_body"); ok {
		s.MaxBody = size(v)
	}
	if v, ok := m.get("request"); ok {
		s.Request = c.mappings(v, s.Match.Path, pathKnown, false)
	}
	if v, ok := m.get("response"); ok {
		s.Response = c.mappings(v, s.Match.Path, pathKnown, true)
	}
	if v, ok := m.get("outcome"); ok {
		items := v.items("rules such as {is: success, status: 200}")
		for i, item := range items {
			if r, ok := c.outcome(item, i == len(items)-1); ok {
				s.Outcome = append(s.Outcome, r)
			}
		}
	}
	c.snap.Specs = append(c.snap.Specs, s)
}

// onlySync refuses protection that an async route would not give.
func onlySync(m *mapping, v value) {
	m.lack(v, "does nothing on an async spec", "processing: sync beside it, or leave it out", "processing")
}

func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String()[:min(b.Len(), 64)], "_")
}

func size(v value) int {
	s, ok := v.text()
	if !ok {
		return defaultMaxBody
	}
	digits, unit := s, 1
	if rest, ok := strings.CutSuffix(s, "KiB"); ok {
		digits, unit = rest, 1<<10
	} else if rest, ok := strings.CutSuffix(s, "MiB"); ok {
		digits, unit = rest, 1<<20
	}
	n, ok := number(strings.TrimSpace(digits))
	if !ok || n < 1 || n > maxMaxBody/unit {
		v.bad(quote(s)+" is no size from 1 to 1MiB", "bytes, KiB or MiB, e.g. 64KiB")
		return defaultMaxBody
	}
	return n * unit
}

// match reads a condition; ok is false when its path is not known for sure.
func (c *compiler) match(v value, out *Match) (ok bool) {
	m, ok := v.mapping("e.g. {method: POST, path: /login}")
	if !ok {
		return false
	}
	before := len(c.f.list)
	if values, ok := v.node.(*ast.MappingNode); ok && len(values.Values) == 0 {
		v.bad("is empty and would match everything", "name at least method or path")
	}
	if h, ok := m.get("host"); ok {
		for _, item := range h.items("host names, or leave it out for every host") {
			s, ok := item.text()
			s = strings.ToLower(s)
			if name := strings.TrimPrefix(s, "*."); ok && (name == "" || strings.ContainsAny(name, "*/:, \t\n")) {
				item.bad(quote(s)+" is no host", "shop.example or *.shop.example, without port")
			}
			out.Hosts = append(out.Hosts, s)
		}
	}
	if h, ok := m.get("method"); ok {
		for _, item := range h.items("methods, or leave it out for every method") {
			if s, ok := item.oneOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"); ok {
				out.Methods = append(out.Methods, s)
			}
		}
	}
	if h, ok := m.get("path"); ok {
		out.Path = pathPattern(h)
	}
	if h, ok := m.get("content_type"); ok {
		for _, item := range h.items("media types, or leave it out for every type") {
			out.ContentTypes = append(out.ContentTypes, mediaType(item))
		}
	}
	if h, ok := m.get("accept"); ok {
		out.Accepts = mediaType(h)
	}
	out.Headers = conditions(&m, "header", func(name value, s string) {
		if !isToken(s) {
			name.bad(quote(s)+" is no header name", "e.g. X-Requested-With")
		}
	})
	out.Query = conditions(&m, "query", func(value, string) {})
	m.done()
	return len(c.f.list) == before
}

func mediaType(v value) string {
	s, ok := v.text()
	t, params, err := mime.ParseMediaType(s)
	if ok && (err != nil || len(params) > 0 || !strings.Contains(t, "/") || strings.Contains(t, "*")) {
		v.bad(quote(s)+" is no media type", "e.g. application/json, without parameters or *")
	}
	return t
}

// conditions reads name: value pairs; "*" asks for presence.
func conditions(m *mapping, key string, check func(v value, name string)) map[string]string {
	v, ok := m.get(key)
	if !ok {
		return nil
	}
	sub, ok := v.mapping("names with their values, or with * for any, e.g. {format: json}")
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, k := range sub.keys {
		if at, ok := sub.get(k); ok {
			check(at, k)
			out[k], _ = at.text()
		}
	}
	return out
}

func pathPattern(v value) []Segment {
	s, ok := v.text()
	if !ok {
		return nil
	}
	if len(s) > maxPath {
		v.bad(fmt.Sprintf("is longer than %d bytes", maxPath), "a shorter pattern, with ** for the rest")
		return nil
	}
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?# \t\n") {
		v.bad(quote(s)+" is no path pattern", "begin with / and leave the query out, e.g. /orders/{id}/refund")
		return nil
	}
	var out []Segment
	names := map[string]bool{}
	parts := strings.Split(s[1:], "/")
	for i, p := range parts {
		switch {
		case p == "**":
			if i != len(parts)-1 {
				v.bad("** stands before the end", "** only as the last segment")
			}
			out = append(out, Segment{Rest: true})
		case p == "*":
			out = append(out, Segment{Any: true})
		case strings.HasPrefix(p, "{") && strings.HasSuffix(p, "}"):
			name := p[1 : len(p)-1]
			switch {
			case !isIdentifier(name):
				v.bad("segment "+quote(p)+" is not well named", "a-z, 0-9, _ and - in braces, e.g. {order_id}")
			case names[name]:
				v.bad("segment "+quote(p)+" stands here twice", "each name once")
			}
			names[name] = true
			out = append(out, Segment{Name: name})
		case strings.ContainsAny(p, "{}*"):
			v.bad("segment "+quote(p)+" mixes text and pattern", "a literal, {name}, * or **")
		default:
			out = append(out, Segment{Literal: p})
		}
	}
	return out
}

func (c *compiler) mappings(v value, path []Segment, pathKnown, response bool) []Mapping {
	m, ok := v.mapping("sources with their elements, e.g. {form.email: email}")
	if !ok {
		return nil
	}
	var out []Mapping
	for _, key := range m.keys {
		at, ok := m.get(key)
		if !ok {
			continue
		}
		src, ok := source(at, key, response)
		if ok && src.Source == SourcePath && key != "path" && pathKnown && !slices.ContainsFunc(path, func(p Segment) bool { return p.Name == src.Name }) {
			at.bad("match.path names no segment "+quote(src.Name), "a {name} of match.path, or path for all of it")
			continue
		}
		if !ok {
			continue
		}
		for _, item := range at.items("an element ID, or several") {
			one := src
			one.Pos = item.pos
			target := item
			if isMapping(item) {
				sub, _ := item.mapping("")
				if t, ok := sub.get("transform"); ok {
					one.Transform, _ = t.oneOf("trim", "lower", "upper", "digits")
				}
				t, ok := sub.need("element", "an element ID")
				sub.done()
				if !ok {
					continue
				}
				target = t
			}
			id, ok := target.text()
			if !ok {
				continue
			}
			def, known, sure := c.lookup(id)
			if !known && !sure {
				continue
			}
			if !known {
				right := "an element of the catalogue, e.g. email, username or url_path"
				if strings.HasPrefix(id, element.CustomPrefix) {
					right = "a document of kind element that defines it"
				}
				if n, ok := near(id, elementIDs(c.snap.Elements)); ok && strings.HasPrefix(id, element.CustomPrefix) == strings.HasPrefix(n, element.CustomPrefix) {
					right = "did you mean " + n + "? or " + right
				}
				target.bad(quote(id)+" is no element", right)
				continue
			}
			if def.Computed {
				target.bad(quote(id)+" is filled by Throughline", "leave it out, or map the source to another element")
				continue
			}
			if def.Kind == element.Address {
				target.bad(quote(id)+" is made of its parts", "its parts, e.g. "+strings.TrimSuffix(id, "address")+"street")
				continue
			}
			if instead, whole := credentials(src, response); whole && (def.Kind != element.Secret || instead != "") {
				at.bad(quote(key)+" holds secrets as a whole", cmp.Or(instead, "leave it out, or an element kept only as a keyed hash, e.g. payment_from"))
				break
			}
			one.Element = id
			out = append(out, one)
		}
	}
	return out
}

// elementIDs are the elements that a source may fill.
func elementIDs(set *element.Set) []string {
	var out []string
	for _, d := range set.All() {
		if d.Mapped() {
			out = append(out, d.ID)
		}
	}
	return out
}

// source reads "query.q", "json $.a.b", "status" and so on.
func source(v value, s string, response bool) (Mapping, bool) {
	right := "one of path, path.name, query.x, header.X, cookie.x, form.x, json $.a.b, conn.ip, conn.syn, tls.ja4, tls.ja3, tls.hash, h2.print, client.order, client.profile, client.doubt"
	if response {
		right = "one of status, header.X, set-cookie.x, json $.a.b"
	}
	kind, name, dotted := strings.Cut(s, ".")
	if rest, ok := strings.CutPrefix(s, "json "); ok {
		keys, ok := jsonPath(strings.TrimSpace(rest))
		if !ok {
			v.bad(quote(rest)+" is no JSON path", "e.g. $.user.email or $.items[0].sku")
			return Mapping{}, false
		}
		return Mapping{Source: SourceJSON, JSONPath: keys, Name: rest}, true
	}
	m := Mapping{Source: SourceKind(kind), Name: name}
	legal := []SourceKind{SourcePath, SourceQuery, SourceHeader, SourceCookie, SourceForm, SourceConn, SourceTLS, SourceH2, SourceClient}
	if response {
		legal = []SourceKind{SourceHeader, SourceStatus, SourceSetCookie}
	}
	if !slices.Contains(legal, m.Source) {
		v.bad(quote(s)+" is no source of a "+side(response), right)
		return Mapping{}, false
	}
	switch m.Source {
	case SourceStatus:
		if dotted {
			v.bad(quote(s)+" names a part, and a status has none", "status")
			return Mapping{}, false
		}
	case SourcePath:
		if dotted && name == "" {
			v.bad("match.path names no segment "+quote(name), "a {name} of match.path, or path for all of it")
			return Mapping{}, false
		}
	case SourceConn, SourceTLS, SourceH2, SourceClient:
		if known := facts(m.Source); !slices.Contains(known, s) {
			v.bad(quote(s)+" is no fact of the connection", strings.Join(known, ", "))
			return Mapping{}, false
		}
	default:
		if name == "" || m.Source == SourceHeader && !isToken(name) {
			v.bad(quote(s)+" names nothing", right)
			return Mapping{}, false
		}
	}
	return m, true
}

// credentials tells whether a source is a header that is nothing but secrets, and
// what to read instead, if there is anything.
func credentials(m Mapping, response bool) (instead string, whole bool) {
	if m.Source != SourceHeader {
		return "", false
	}
	switch strings.ToLower(m.Name) {
	case "cookie", "set-cookie":
		if response {
			return "one cookie of them: set-cookie.NAME", true
		}
		return "one cookie of them: cookie.NAME", true
	case "authorization", "proxy-authorization":
		return "", true
	}
	return "", false
}

func side(response bool) string {
	if response {
		return "response"
	}
	return "request"
}

// jsonPath reads $.a.b[2].c into its keys; an index keeps its brackets.
func jsonPath(s string) ([]string, bool) {
	rest, ok := strings.CutPrefix(s, "$")
	if !ok || rest == "" {
		return nil, false
	}
	var out []string
	for rest != "" {
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			key := rest[1:]
			if end >= 0 {
				key = rest[1 : 1+end]
			}
			if key == "" {
				return nil, false
			}
			out, rest = append(out, key), rest[1+len(key):]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 2 {
				return nil, false
			}
			if _, err := strconv.ParseUint(rest[1:end], 10, 16); err != nil {
				return nil, false
			}
			out, rest = append(out, rest[:end+1]), rest[end+1:]
		default:
			return nil, false
		}
	}
	return out, len(out) <= 32
}

func (c *compiler) outcome(v value, last bool) (OutcomeRule, bool) {
	m, ok := v.mapping("rules such as {is: success, status: 200}")
	if !ok {
		return OutcomeRule{}, false
	}
	var r OutcomeRule
	if is, ok := m.need("is", "success or failure"); ok {
		o, _ := is.oneOf("success", "failure")
		r.Outcome = journey.Outcome(o)
	}
	if s, ok := m.get("status"); ok {
		for _, item := range s.items("statuses, e.g. 200-299") {
			if rng, ok := statuses(item); ok {
				r.Statuses = append(r.Statuses, rng)
			}
		}
	}
	if s, ok := m.get("location"); ok {
		if r.Location, ok = s.text(); ok && r.Location == "" {
			s.bad("is empty", "what Location is, with * for any text, e.g. */welcome*")
		}
	}
	if s, ok := m.get("body"); ok {
		if r.BodyHas, ok = s.text(); ok && r.BodyHas == "" {
			s.bad("is empty", "a text to look for in the response body")
		}
	}
	if s, ok := m.get("json"); ok {
		sub, ok := s.mapping("e.g. {$.ok: true}")
		if ok && len(sub.keys) == 1 {
			keys, ok := jsonPath(sub.keys[0])
			if !ok {
				s.bad(quote(sub.keys[0])+" is no JSON path", "e.g. {$.ok: true}")
			}
			r.JSONPath = keys
			want := sub.vals[sub.keys[0]]
			r.JSONEquals, _ = want.text()
			if _, truth := want.node.(*ast.BoolNode); truth {
				r.JSONEquals = strings.ToLower(r.JSONEquals) // YAML takes True too, JSON does not
			}
		} else if ok {
			s.bad("does not hold exactly one condition", "e.g. {$.ok: true}")
		}
	}
	if len(m.keys) == 1 && m.keys[0] == "is" && !last {
		m.bad("always holds, so that the rules after it never do", "a condition, or put it last")
	}
	m.done()
	return r, true
}

func statuses(v value) ([2]int, bool) {
	s, ok := v.text()
	if !ok {
		return [2]int{}, false
	}
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	a, ok1 := number(low)
	b, ok2 := number(high)
	if !ok1 || !ok2 || a < 100 || b > 599 || a > b {
		v.bad(quote(s)+" is no status", "a status such as 401 or a range such as 200-299")
		return [2]int{}, false
	}
	return [2]int{a, b}, true
}

// sortBySpecificity puts the Spec that says most first. Compared in turn: no **
// before **, more literal segments, fewer wildcards, an exact host before a
// wildcard before any, then more conditions (method, content type, accept,
// headers, query). Equal ones keep their order in the files.
func sortBySpecificity(specs []*Spec) {
	sort.SliceStable(specs, func(i, j int) bool {
		a, b := rank(&specs[i].Match), rank(&specs[j].Match)
		for k := range a {
			if a[k] != b[k] {
				return a[k] > b[k]
			}
		}
		return false
	})
}

func rank(m *Match) [6]int {
	var r [6]int
	r[0] = 1
	if len(m.Path) == 0 {
		r[0] = 0
	}
	for _, s := range m.Path {
		switch {
		case s.Rest:
			r[0] = 0
		case s.Any || s.Name != "":
			r[2]--
		default:
			r[1]++
		}
	}
	for _, h := range m.Hosts {
		if strings.HasPrefix(h, "*.") {
			r[3] = max(r[3], 1)
		} else {
			r[3] = 2
		}
	}
	for _, has := range []bool{len(m.Methods) > 0, len(m.ContentTypes) > 0, m.Accepts != ""} {
		if has {
			r[4]++
		}
	}
	r[5] = len(m.Headers) + len(m.Query)
	return r
}

func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		ch := s[i]
		if ch <= ' ' || ch >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, ch) >= 0 {
			return false
		}
	}
	return true
}
