package policy

import (
	"slices"
	"strconv"
	"strings"
)

// Source is one way to write a source. Compiler, JSON Schema and docs/specs.md
// all go by Sources.
type Source struct {
	Form              string // as written; capitals stand for what one fills in
	Request, Response bool   // where it may begin a source
	Step              bool   // may stand behind " | "
	Reads             string
	pattern           string
}

// Sources lists every way to write a source, in the order of the docs.
func Sources() []Source {
	const both, name, keys = true, `\.[^|]+`, ` +\$(\.[^.\[|]+|\[([0-9]+|\*|"[^"]+")\])+`
	return []Source{
		{"path", true, false, false, "the whole path as it came", `path`},
		{"path.NAME", true, false, false, "a {name} of `match.path`, its escapes undone: of `/users/ann%40example.org`, `ann@example.org`", `path` + name},
		{"host", true, false, false, "the host asked for, without port", `host`},
		{"method", true, false, false, "the HTTP method", `method`},
		{"query.NAME", true, false, true, "a query parameter; as a step, one of the URL before it", `query` + name},
		{"header.NAME", both, both, false, "a header", `header` + name},
		{"cookie.NAME", true, false, false, "a cookie", `cookie` + name},
		{"set-cookie.NAME", false, true, false, "a cookie the response sets", `set-cookie` + name},
		{"status", false, true, false, "the status", `status`},
		{"form.NAME", true, false, true, "a field of a URL-encoded body", `form` + name},
		{"multipart.NAME", true, false, false, "a field of a multipart body that is no file", `multipart` + name},
		{"file.NAME.PART", true, false, false, "of an uploaded file its `name`, `size` in bytes, `type` or `sha256`; never its content", `file\.[^|]+\.(name|size|type|sha256)`},
		{"json $.PATH", both, both, true, "a value of a JSON body: keys, `[0]` for an index, `[*]` for every item, `[\"a.b\"]` for a key with dots", `json` + keys},
		{"ndjson $.PATH", both, both, false, "the same of every line of a body that has a JSON document a line", `ndjson` + keys},
		{"xml /PATH", both, both, true, "the text of XML or SOAP elements by their names without prefix, `*` for any; `/@name` at the end for an attribute, `//` at the start for any depth", `xml +//?[^|]+`},
		{"html.title", false, true, false, "the `<title>` of a page", `html\.title`},
		{"html.hidden.NAME", false, true, false, "a hidden field of a page's forms", `html\.hidden` + name},
		{"html.meta.NAME", false, true, false, "the content of a page's `<meta>` of that name or property", `html\.meta` + name},
		{"graphql.operation", true, false, false, "the name of a GraphQL operation", `graphql\.operation`},
		{"graphql.type", true, false, false, "`query`, `mutation` or `subscription`", `graphql\.type`},
		{"graphql.field", true, false, false, "the fields asked for at the top, aliases undone", `graphql\.field`},
		{"graphql.hash", true, false, false, "the hash of a persisted query", `graphql\.hash`},
		{"graphql.variables.PATH", true, false, false, "a variable, or a value within it", `graphql\.variables` + name},
		{"graphql.arguments.PATH", true, false, false, "an argument of a field at the top, whether it is written out or a variable", `graphql\.arguments` + name},
		{"grpc.service", true, false, false, "the service called by gRPC or gRPC-web", `grpc\.service`},
		{"grpc.method", true, false, false, "the method called", `grpc\.method`},
		{"trailer.NAME", false, true, false, "a field behind the body: of a chunked body, of HTTP/2, so of gRPC, and of gRPC-web's last frame", `trailer` + name},
		{"grpc.status", false, true, false, "the gRPC status: of the head, the trailers, or gRPC-web's last frame", `grpc\.status`},
		{"grpc.message", false, true, false, "the message beside it", `grpc\.message`},
		{"protobuf.NUMBERS", both, both, false, "a field of the first gRPC message by the field numbers on the way to it, e.g. `protobuf.2.1`: text or a whole number", `protobuf(\.[0-9]+)+`},
		{"conn.ip", true, false, false, "the visitor's address (`ip` is always known; map it only to another element)", `conn\.ip`},
		{"conn.syn", true, false, false, "the signature of the visitor's first TCP packet (`fingerprint.syn` in the configuration)", `conn\.syn`},
		{"tls.sni", true, false, false, "the name the visitor's TLS asked for", `tls\.sni`},
		{"tls.alpn", true, false, false, "the protocol TLS agreed on", `tls\.alpn`},
		{"tls.ja4", true, false, false, "JA4 of the visitor's TLS, e.g. to `tls_fingerprint`", `tls\.ja4`},
		{"tls.ja3", true, false, false, "JA3 of it", `tls\.ja3`},
		{"tls.hash", true, false, false, "a hash of it that stays when a session is resumed; many devices share one", `tls\.hash`},
		{"h2.print", true, false, false, "how the visitor opens HTTP/2: SETTINGS, window, priorities, order of pseudo-header fields", `h2\.print`},
		{"client.order", true, false, false, "the order and case of header names, by kind of request (HTTP/1.1)", `client\.order`},
		{"client.profile", true, false, false, "a hash of what the visitor accepts (types, encodings, languages) and of client hints", `client\.profile`},
		{"client.device", true, false, false, "a hash of the class of devices: TLS, HTTP/2, browser and system without their versions, language; to `device_fingerprint`. Many visitors share one, and it is no device's own", `client\.device`},
		{"client.doubt", true, false, false, "why the visitor may not be what the user agent says, such as `user agent says Chromium, TLS is that of Go`; absent without a reason", `client\.doubt`},
		{"base64", false, false, true, "the text behind base64 or base64url", `base64`},
		{"jwt $.CLAIM", false, false, true, "a claim of a token, `Bearer` before it or not. Its signature is not checked: the element is marked unverified", `jwt` + keys},
		{"basic.user", false, false, true, "the user name of HTTP Basic; never the password", `basic\.user`},
	}
}

// sourcePattern is the schema's pattern for the sources of one side.
func sourcePattern(response bool) string {
	return patternOf(func(f Source) bool { return response && f.Response || !response && f.Request })
}

// tokenPattern is the one for the sources of tokens.
func tokenPattern() string {
	return patternOf(func(f Source) bool { return (f.Request || f.Response) && holdsTokens(f.Form) })
}

func patternOf(begins func(Source) bool) string {
	var first, steps []string
	for _, f := range Sources() {
		if begins(f) {
			first = append(first, f.pattern)
		}
		if f.Step {
			steps = append(steps, f.pattern)
		}
	}
	return `^(` + strings.Join(first, "|") + `)( +\| +(` + strings.Join(steps, "|") + `))*$`
}

// forms lists the ways that fit, for messages.
func forms(fits func(Source) bool) string {
	var out []string
	for _, f := range Sources() {
		if fits(f) {
			out = append(out, f.Form)
		}
	}
	return "one of " + strings.Join(out, ", ")
}

const maxSteps = 4

// source reads "query.q", "json $.a.b", "cookie.token | jwt $.sub" and so on.
func source(v value, s string, response bool) (Mapping, bool) {
	parts := strings.Split(s, " | ")
	if slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(p, "|") }) {
		v.bad(quote(s)+" has a | without spaces around it", "e.g. form.data | json $.email")
		return Mapping{}, false
	}
	m, ok := base(v, strings.TrimSpace(parts[0]), response)
	if !ok {
		return m, false
	}
	m.Text = s
	if len(parts)-1 > maxSteps {
		v.bad(quote(s)+" has more than "+strconv.Itoa(maxSteps)+" steps", "fewer of them")
		return m, false
	}
	for _, p := range parts[1:] {
		step, ok := readStep(v, strings.TrimSpace(p))
		if !ok {
			return m, false
		}
		m.Steps = append(m.Steps, step)
	}
	return m, true
}

// readStep reads what stands behind a " | ".
func readStep(v value, s string) (Step, bool) {
	right := forms(func(f Source) bool { return f.Step })
	kind, name, dotted := strings.Cut(s, ".")
	switch word, rest, _ := strings.Cut(s, " "); {
	case word == "json" || word == "jwt":
		path, ok := jsonPath(v, strings.TrimSpace(rest))
		return Step{Kind: StepKind(word), Path: path}, ok
	case word == "xml":
		path, ok := xmlPath(v, strings.TrimSpace(rest))
		return Step{Kind: StepXML, Path: path}, ok
	case s == "base64":
		return Step{Kind: StepBase64}, true
	case s == "basic.user":
		return Step{Kind: StepBasic}, true
	case (kind == "form" || kind == "query") && dotted && name != "":
		return Step{Kind: StepKind(kind), Name: name}, true
	}
	v.bad(quote(s)+" is no step", right)
	return Step{}, false
}

// base reads a source without its steps.
func base(v value, s string, response bool) (Mapping, bool) {
	right := forms(func(f Source) bool { return response && f.Response || !response && f.Request })
	switch word, rest, spaced := strings.Cut(s, " "); {
	case spaced && (word == "json" || word == "ndjson"):
		rest = strings.TrimSpace(rest)
		path, ok := jsonPath(v, rest)
		return Mapping{Source: SourceKind(word), Path: path, Name: rest}, ok
	case spaced && word == "xml":
		rest = strings.TrimSpace(rest)
		path, ok := xmlPath(v, rest)
		return Mapping{Source: SourceXML, Path: path, Name: rest}, ok
	}
	kind, name, dotted := strings.Cut(s, ".")
	m := Mapping{Source: SourceKind(kind), Name: name}
	legal := slices.ContainsFunc(Sources(), func(f Source) bool {
		word, _, _ := strings.Cut(f.Form, ".")
		return word == kind && (response && f.Response || !response && f.Request)
	})
	if !legal {
		v.bad(quote(s)+" is no source of a "+side(response), right)
		return Mapping{}, false
	}
	return m, m.named(v, s, dotted, response, right)
}

// named checks what stands behind the dot and takes it apart.
func (m *Mapping) named(v value, s string, dotted, response bool, right string) bool {
	oneOf := func(words ...string) bool {
		if !slices.Contains(words, m.Name) {
			near := forms(func(f Source) bool {
				return strings.HasPrefix(f.Form, string(m.Source)+".") && (response && f.Response || !response && f.Request)
			})
			v.bad(quote(s)+" is no source of a "+side(response), near)
			return false
		}
		return true
	}
	switch m.Source {
	case SourceStatus, SourceHost, SourceMethod:
		if dotted {
			v.bad(quote(s)+" names a part, and a "+string(m.Source)+" has none", string(m.Source))
			return false
		}
		return true
	case SourcePath:
		if dotted && m.Name == "" {
			v.bad("match.path names no segment "+quote(m.Name), "a {name} of match.path, or path for all of it")
			return false
		}
		return true
	case SourceConn:
		return oneOf("ip", "syn")
	case SourceTLS:
		return oneOf("sni", "alpn", "ja4", "ja3", "hash")
	case SourceH2:
		return oneOf("print")
	case SourceClient:
		return oneOf("order", "profile", "device", "doubt")
	case SourceGRPC:
		if response {
			return oneOf("status", "message")
		}
		return oneOf("service", "method")
	case SourceFile:
		dot := strings.LastIndexByte(m.Name, '.')
		if dot < 1 || !slices.Contains([]string{"name", "size", "type", "sha256"}, m.Name[dot+1:]) {
			v.bad(quote(s)+" does not say what of the file", "file.NAME.name, file.NAME.size, file.NAME.type or file.NAME.sha256")
			return false
		}
		m.Name, m.Part = m.Name[:dot], m.Name[dot+1:]
		return true
	case SourceHTML, SourceGraphQL:
		part, name, deeper := strings.Cut(m.Name, ".")
		if deeper && name != "" {
			switch {
			case m.Source == SourceHTML && (part == "hidden" || part == "meta"):
				m.Part, m.Name = part, name
				return true
			case m.Source == SourceGraphQL && (part == "variables" || part == "arguments"):
				m.Part, m.Name = part, name
				var ok bool
				m.Path, ok = jsonPath(v, "$."+name)
				return ok
			}
		}
		m.Part = m.Name
		if m.Source == SourceHTML {
			return oneOf("title")
		}
		return oneOf("operation", "type", "field", "hash")
	case SourceProtobuf:
		for _, n := range strings.Split(m.Name, ".") {
			if field, ok := number(n); !ok || field < 1 || field >= 1<<29 || n[0] == '+' {
				v.bad(quote(s)+" names no protobuf fields", "the field numbers on the way to it, e.g. protobuf.2.1")
				return false
			}
			m.Path = append(m.Path, n)
		}
		return len(m.Path) <= maxKeys
	}
	if m.Name == "" || (m.Source == SourceHeader || m.Source == SourceTrailer) && !isToken(m.Name) {
		v.bad(quote(s)+" names nothing", right)
		return false
	}
	return true
}

// credentials tells whether a source is a header or trailer that is nothing but secrets, and
// what to read instead, if there is anything.
func credentials(m Mapping, response bool) (instead string, whole bool) {
	if m.Source != SourceHeader && m.Source != SourceTrailer {
		return "", false
	}
	switch strings.ToLower(m.Name) {
	case "cookie", "set-cookie":
		if response {
			return "one cookie of them: set-cookie.NAME", true
		}
		return "one cookie of them: cookie.NAME", true
	case "authorization", "proxy-authorization":
		if len(m.Steps) > 0 && (m.Steps[0].Kind == StepJWT || m.Steps[0].Kind == StepBasic) {
			return "", false // which leave the secret out
		}
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

const maxKeys = 32

// jsonPath reads $.a.b[2].c, $.items[*].sku or $["a.b"] into its keys; an index
// and a star keep their brackets.
func jsonPath(v value, s string) ([]string, bool) {
	out, ok := jsonKeys(s)
	if !ok {
		v.bad(quote(s)+" is no JSON path", "e.g. $.user.email, $.items[0].sku or $.items[*].sku")
	}
	return out, ok
}

func jsonKeys(s string) ([]string, bool) {
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
		case strings.HasPrefix(rest, `["`):
			key, after, closed := strings.Cut(rest[2:], `"]`)
			if !closed || key == "" || key[0] == '[' {
				return nil, false
			}
			out, rest = append(out, key), after
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 2 {
				return nil, false
			}
			if _, err := strconv.ParseUint(rest[1:end], 10, 16); err != nil && rest[1:end] != "*" {
				return nil, false
			}
			out, rest = append(out, rest[:end+1]), rest[end+1:]
		default:
			return nil, false
		}
	}
	return out, len(out) <= maxKeys
}

// xmlPath reads /Envelope/Body/*/user, //user or /order/@id into its names. "//"
// gives a "**" before them.
func xmlPath(v value, s string) ([]string, bool) {
	right := "e.g. /Envelope/Body/Login/user, //user or //order/@id; names without prefix"
	rest, ok := strings.CutPrefix(s, "/")
	var out []string
	if after, deep := strings.CutPrefix(rest, "/"); deep {
		out, rest = append(out, "**"), after
	}
	for i, name := range strings.Split(rest, "/") {
		attribute := strings.HasPrefix(name, "@")
		last := i == strings.Count(rest, "/")
		bare := strings.TrimPrefix(name, "@")
		ok = ok && bare != "" && (!attribute || last && bare != "*") && (bare == "*" || !strings.ContainsAny(bare, " \t:*@[]()'\"<>&"))
		out = append(out, name)
	}
	if !ok || len(out) > maxKeys {
		v.bad(quote(s)+" is no XML path", right)
		return nil, false
	}
	return out, true
}
