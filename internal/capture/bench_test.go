package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/wire"
)

func BenchmarkMatch(b *testing.B) {
	text, heads := many(5000)
	x := NewIndex(compile(b, text).Specs)
	for i, name := range []string{"path", "query", "host", "header", "graphql_open", "nothing"} {
		b.Run(fmt.Sprintf("5000_specs_%s", name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Match(heads[i])
			}
		})
	}
}

// twelve is a Spec with twelve raw elements, by a prefix of its sources.
func twelve(prefix string) string {
	var b strings.Builder
	b.WriteString("kind: spec\nname: Login\ntype: authentication_attempt\nmatch: {method: POST, path: /api/login}\nprocessing: sync\nrequest:\n")
	for i, id := range []string{"login_method", "device_model", "app_version", "os_version", "screen_size", "language", "campaign", "campaign_source",
		"experiment", "affiliate_id", "form_name", "promo_code"} {
		fmt.Fprintf(&b, "  %sf%d: %s\n", prefix, i, id)
	}
	return b.String()
}

var raw = []string{"password", "Pixel 9", "7.12.0", "15", "412x915", "en", "spring", "mail", "b", "a-77", "login", "WELCOME"}

func jsonLogin() string {
	var b strings.Builder
	for i, v := range raw {
		fmt.Fprintf(&b, `"f%d": %q, `, i, v)
	}
	return fmt.Sprintf(`{%s"email": "ann@example.com", "password": "correct horse", "pad": %q}`, b.String(), strings.Repeat("x", 110))
}

func formLogin() string {
	var b strings.Builder
	for i, v := range raw {
		fmt.Fprintf(&b, "f%d=%s&", i, strings.ReplaceAll(v, " ", "+"))
	}
	return b.String() + "email=ann%40example.com&password=correct+horse&pad=" + strings.Repeat("x", 180)
}

func BenchmarkTwelve(b *testing.B) {
	for _, c := range []struct{ name, prefix, kind, body string }{
		{"json", "json $.", "application/json", jsonLogin()},
		{"form", "form.", "application/x-www-form-urlencoded", formLogin()},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := NewIndex(compile(b, twelve(c.prefix)).Specs)
			e := exchange(head("POST", "/api/login", "Content-Type", c.kind, "User-Agent", "Mozilla/5.0", "Accept", "*/*"), c.body)
			k := capturer(b)
			if got := k.Request(x.Match(&e.Request).Plan, e); len(got) != 13 {
				b.Fatalf("%d elements of %d bytes: %v", len(got), len(c.body), values(got))
			}
			b.ReportMetric(float64(len(c.body)), "body_bytes")
			b.ReportAllocs()
			for b.Loop() {
				k.Request(x.Match(&e.Request).Plan, e)
			}
		})
	}
}

// hostile is a body of about n bytes meant to cost more than its length, by decoder.
var hostile = map[string]struct {
	source, kind string
	body         func(n int) string
}{
	"json_nested":     {"json $.a.b", "application/json", func(n int) string { return `{"x":` + strings.Repeat("[", n) }},
	"json_duplicates": {"json $.a[*].b", "application/json", func(n int) string { return `{` + strings.Repeat(`"a":[{"b":1,"b":2}],`, n/20) + `"c":1}` }},
	"json_escapes":    {"json $.a", "application/json", func(n int) string { return `{"` + strings.Repeat(`\u0061`, n/6) + `": 1}` }},
	"form_pairs":      {"form.a", "application/x-www-form-urlencoded", func(n int) string { return strings.Repeat("a=%41&", n/6) }},
	"multipart_parts": {"multipart.a", `multipart/form-data; boundary=b`, func(n int) string {
		return strings.Repeat("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n", n/52)
	}},
	"multipart_dashes": {"multipart.a", `multipart/form-data; boundary=b`, func(n int) string {
		return "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + strings.Repeat("\r\n--", n/4)
	}},
	"xml_nested":      {"xml //a", "text/xml", func(n int) string { return strings.Repeat("<a>", n/3) }},
	"xml_siblings":    {"xml //a", "text/xml", func(n int) string { return "<r>" + strings.Repeat("<a>x</a>", n/8) }},
	"xml_attributes":  {"xml //@a", "text/xml", func(n int) string { return "<r " + strings.Repeat("a='x' ", n/6) + "/>" }},
	"xml_comment":     {"xml //a", "text/xml", func(n int) string { return "<r><!-" + strings.Repeat("-", n) }},
	"graphql_fields":  {"graphql.arguments.x", "application/graphql", func(n int) string { return "{" + strings.Repeat("a(x:$v) ", n/8) }},
	"graphql_spreads": {"graphql.field", "application/graphql", func(n int) string { return "{...F0}" + strings.Repeat("fragment F on A{...F a} query{...F}", n/36) }},
	"graphql_strings": {"graphql.arguments.x", "application/graphql", func(n int) string { return `{a(x:"""` + strings.Repeat(`\"""`, n/4) }},
	"graphql_batch":   {"graphql.arguments.x", "application/json", func(n int) string { return "[" + strings.Repeat(`{"query":"{a(x:1)}"},`, n/22) }},
	"ndjson_lines":    {"ndjson $.a", "application/x-ndjson", func(n int) string { return strings.Repeat("{\"a\":1}\n", n/8) }},
	"base64_steps":    {"form.a | base64 | base64 | json $.a", "application/x-www-form-urlencoded", func(n int) string { return "a=" + strings.Repeat("QUFB", n/4) }},
	"protobuf_fields": {"protobuf.1.1", "application/grpc", func(n int) string {
		return "\x00" + string([]byte{0, byte(n >> 16), byte(n >> 8), byte(n)}) + strings.Repeat("\x0a\x02\x08\x01", n/4)
	}},
	"grpc_text": {"protobuf.1", "application/grpc-web-text", func(n int) string { return strings.Repeat("AAAA", n/4) }},
}

// BenchmarkHostile shows that what hostile bodies cost grows as they do: compare
// ns_per_op as the size does.
func BenchmarkHostile(b *testing.B) {
	for _, name := range []string{"json_nested", "json_duplicates", "json_escapes", "form_pairs", "multipart_parts", "multipart_dashes", "xml_nested", "xml_siblings",
		"xml_attributes", "xml_comment", "graphql_fields", "graphql_spreads", "graphql_strings", "graphql_batch", "ndjson_lines", "base64_steps", "protobuf_fields", "grpc_text"} {
		c := hostile[name]
		p := NewPlan(spec(b, "/x", "request: {'"+c.source+"': message}"))
		for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s_%dKiB", name, size>>10), func(b *testing.B) {
				k := capturer(b)
				e := exchange(head("POST", "/x", "Content-Type", c.kind), c.body(size))
				for b.Loop() {
					k.Request(p, e)
				}
			})
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	text, _ := many(5000)
	x := NewIndex(compile(b, text).Specs)
	h := head("POST", "/graphql", "Content-Type", "application/json")
	body := &wire.Body{Bytes: []byte(`{"operationName": "Op4999", "query": "mutation Op4999($i: In!) { signIn(input: $i) { customer { id name } } }", "variables": {"i": {"email": "ann@example.com"}}}`)}
	k := capturer(b)
	b.ReportAllocs()
	for b.Loop() {
		k.Resolve(x, h, body)
	}
}

// BenchmarkVisitor is what it costs to tell a visitor from others: all keys there can
// be, and the class of devices.
func BenchmarkVisitor(b *testing.B) {
	c := capturer(b)
	snap, p := withSession(b, "cookies: [sid]\ndevice_cookies: [visitor]\nheaders: [x-csrf-token]")
	x := exchange(head("GET", "/x", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Accept-Language", "en-US,en;q=0.5",
		"Cookie", "sid="+randomish+"; visitor="+randomish, "X-CSRF-Token", randomish), "")
	x.Conn.ID, x.Conn.Ticket, x.Conn.Resumed, x.Conn.Shown = "1", "2", true, &wire.Shown{TLS: "s13_0123456789abcdef", H2: "1:65536|15663105|0|m,a,s,p"}
	b.Run("keys", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Visitor(snap, p, x)
		}
	})
	b.Run("device", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Device(x)
		}
	})
	b.Run("device of a known connection", func(b *testing.B) {
		x.Conn.Memory = new(wire.Memory)
		b.ReportAllocs()
		for b.Loop() {
			c.Device(x)
		}
	})
}
