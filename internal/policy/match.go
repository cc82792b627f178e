package policy

import (
	"fmt"
	"mime"
	"sort"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

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
	if h, ok := m.get("grpc"); ok {
		grpcMethod(&m, h, out)
	}
	if h, ok := m.get("graphql"); ok {
		out.GraphQL = graphQL(h)
	}
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

// grpcMethod reads package.Service/Method, which is a path, a method and a content
// type in one.
func grpcMethod(m *mapping, v value, out *Match) {
	s, ok := v.text()
	if !ok {
		return
	}
	service, method, ok := strings.Cut(s, "/")
	if !ok || !isDotted(service) || method != "*" && !isDotted(method) {
		v.bad(quote(s)+" is no gRPC method", "package.Service/Method, or package.Service/* for all of them")
		return
	}
	for _, key := range []string{"path", "method", "content_type"} {
		if at, twice := m.vals[key]; twice {
			at.bad("stands beside grpc, which says it already", "one of them")
		}
	}
	out.GRPC, out.Methods = s, []string{"POST"}
	out.Path = []Segment{{Literal: service}, {Literal: method}}
	if method == "*" {
		out.Path[1] = Segment{Any: true}
	}
}

// isDotted tells of a protobuf name.
func isDotted(s string) bool {
	for _, part := range strings.Split(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		}) {
			return false
		}
	}
	return true
}

func graphQL(v value) *GraphQL {
	m, ok := v.mapping("e.g. {operation: SignIn} or {field: signIn}")
	if !ok {
		return nil
	}
	if len(m.keys) == 0 && !m.opaque {
		v.bad("is empty", "at least one of operation, type, field and hash")
	}
	names := func(key, right string, ok func(string) bool) (out []string) {
		at, given := m.get(key)
		if !given {
			return nil
		}
		for _, item := range at.items(right) {
			s, readable := item.text()
			if readable && !ok(s) {
				item.bad(quote(s)+" is no "+key, right)
			}
			out = append(out, s)
		}
		return out
	}
	isName := func(s string) bool {
		return isDotted(s) && !strings.Contains(s, ".") && (s[0] < '0' || s[0] > '9')
	}
	q := &GraphQL{
		Operations: names("operation", "an operation's name, e.g. SignIn", isName),
		Fields:     names("field", "a field at the top of an operation, e.g. signIn", isName),
		Hashes: names("hash", "the SHA-256 of a persisted query in 64 hex digits", func(s string) bool {
			return len(s) == 64 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
		}),
		Types: names("type", "query, mutation or subscription", func(s string) bool {
			return s == "query" || s == "mutation" || s == "subscription"
		}),
	}
	for i := range q.Hashes {
		q.Hashes[i] = strings.ToLower(q.Hashes[i])
	}
	m.done()
	return q
}

// sortBySpecificity puts the Spec that says most first. Equal ones keep their
// order in the files.
func sortBySpecificity(specs []*Spec) {
	sort.SliceStable(specs, func(i, j int) bool {
		k, more := compare(&specs[i].Match, &specs[j].Match)
		return k >= 0 && more
	})
}

// specificity says in words what is compared in turn; rank gives the numbers.
var specificity = [...]string{
	"it has no **", "more literal path segments", "fewer {name} and *", "a more exact host",
	"a GraphQL condition that says more", "more of method, content_type and accept", "more headers and query parameters",
}

// Precedes tells whether and why a Spec is tried before another, both of one
// policy: by the first difference in specificity, else by their place in the files.
func Precedes(a, b *Spec) (why string, before bool) {
	k, more := compare(&a.Match, &b.Match)
	if k < 0 {
		return "it stands first in the files", true
	}
	return specificity[k], more
}

// compare finds the first difference and tells whether a has more; -1 if there is
// none.
func compare(a, b *Match) (at int, more bool) {
	x, y := rank(a), rank(b)
	for k := range x {
		if x[k] != y[k] {
			return k, x[k] > y[k]
		}
	}
	return -1, false
}

func rank(m *Match) [len(specificity)]int {
	var r [len(specificity)]int
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
	if g := m.GraphQL; g != nil {
		for i, given := range []bool{len(g.Types) > 0, len(g.Fields) > 0, len(g.Operations) > 0, len(g.Hashes) > 0} {
			if given {
				r[4] += 1 << i
			}
		}
	}
	for _, has := range []bool{len(m.Methods) > 0, len(m.ContentTypes) > 0 || m.GRPC != "", m.Accepts != ""} {
		if has {
			r[5]++
		}
	}
	r[6] = len(m.Headers) + len(m.Query)
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

// Pattern is the path as a Spec writes it.
func (m *Match) Pattern() string {
	if m.GRPC != "" {
		return "/" + m.GRPC
	}
	var b strings.Builder
	for _, s := range m.Path {
		b.WriteByte('/')
		switch {
		case s.Rest:
			b.WriteString("**")
		case s.Any:
			b.WriteByte('*')
		case s.Name != "":
			b.WriteString("{" + s.Name + "}")
		default:
			b.WriteString(s.Literal)
		}
	}
	return b.String()
}
