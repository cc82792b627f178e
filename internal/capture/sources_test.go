package capture

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/wire"
)

// texts are the elements of one ID in order, an invalid one as !reason, an
// unverified one behind ~.
func texts(all []journey.Element, id string) string {
	var out []string
	for _, e := range all {
		if e.ID != id {
			continue
		}
		v := e.Value
		if e.Invalid != "" {
			v = "!" + e.Invalid
		}
		if e.Unverified {
			v = "~" + v
		}
		out = append(out, v)
	}
	return strings.Join(out, " ")
}

func read(t *testing.T, source, kind, body string) string {
	t.Helper()
	s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nrequest:\n  '"+source+"': message\n").Specs[0]
	return texts(capturer(t).Request(NewPlan(s), exchange(head("POST", "/x", "Content-Type", kind), body)), "message")
}

func readBack(t *testing.T, source, kind, body string) string {
	t.Helper()
	s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nresponse:\n  '"+source+"': message\n").Specs[0]
	x := &wire.Exchange{Response: wire.Head{Status: 200, Fields: []wire.Field{{Name: "Content-Type", Value: kind}}}, RespBody: wire.Body{Bytes: []byte(body), Seen: true}}
	return texts(capturer(t).Response(NewPlan(s), x, nil), "message")
}

func TestLists(t *testing.T) {
	long := `{"items": [` + strings.TrimSuffix(strings.Repeat(`{"sku": "x"},`, 40), ",") + `]}`
	for _, c := range [][3]string{
		{"json $.items[*].sku", `{"items": [{"sku": "a"}, {"sku": "b"}, {}, {"sku": null}, {"sku": "c", "sku": "d"}]}`, "a b d"},
		{"json $.items[*]", `{"items": ["a", ["b"], 1.5, true]}`, "a 1.5 true"},
		{"json $[*].id", `[{"id": 1}, {"id": 2}]`, "1 2"},
		{"json $.o[*].i[*].s", `{"o": [{"i": [{"s": "a"}, {"s": "b"}]}, {"i": []}, {"i": [{"s": "c"}]}]}`, "a b c"},
		{"json $.items[*].sku", `{"items": [{"sku": "a"}, {"sku": "b"`, "a b"},
		{"json $.items[*].sku", `{"items": {"sku": "a"}}`, ""},
		{"json $.items[*].sku", `{"items": [{"sku": "a"}], "items": [{"sku": "b"}]}`, "b"},
		{"json $.items[*].sku", long, "x"},
		{`json $["a.b"]["c d"]`, `{"a.b": {"c d": "x"}, "a": {"b": "y"}}`, "x"},
		{"ndjson $.id", "{\"id\": 1}\n\n{broken\r\n{\"id\": 2}\n{\"id\": 3", "1 2"},
		{"ndjson $.a[*]", "{\"a\": [1, 2]}\n{\"a\": [3]}", "1 2 3"},
		{"ndjson $.id", strings.Repeat("[", maxDepth+2) + "\n{\"id\": 2}", "2"},
		{"json $.a[1]", `{"a": [1, 2, 3]}`, "2"},
	} {
		if got := read(t, c[0], "application/json", c[1]); got != c[2] {
			t.Errorf("%s of %.60s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
	// Both an item and all of them.
	s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nrequest: {'json $.a[1].b': message, 'json $.a[*].b': sku}\n").Specs[0]
	all := capturer(t).Request(NewPlan(s), exchange(head("POST", "/x"), `{"a": [{"b": "x"}, {"b": "y"}, {"b": "z"}]}`))
	if texts(all, "message") != "y" || texts(all, "sku") != "x y z" {
		t.Errorf("%+v", all)
	}
	// Of a long list the first are kept, and the last.
	var b strings.Builder
	for i := range 100 {
		b.WriteString(`"` + strings.Repeat("i", i+1) + `",`)
	}
	got := strings.Fields(read(t, "json $[*]", "application/json", "["+b.String()+`"last"]`))
	if len(got) != maxMany || got[0] != "i" || got[30] != strings.Repeat("i", 31) || got[31] != "last" {
		t.Errorf("%d values of a long list: %v", len(got), got)
	}
}

func token(claims string) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestSteps(t *testing.T) {
	std := base64.StdEncoding.EncodeToString
	form := "application/x-www-form-urlencoded"
	saml := std([]byte(`<s:Response xmlns:s="urn:s"><s:Assertion><s:Subject><s:NameID>ann</s:NameID></s:Subject></s:Assertion></s:Response>` + strings.Repeat(" ", 9000)))
	for _, c := range [][4]string{
		{"form.d | json $.user.email", form, "d=%7B%22user%22%3A%7B%22email%22%3A%22ann%22%7D%7D", "ann"},
		{"form.d | json $.a[*]", form, "d=[1,2]&d={\"a\":[3,4]}", "3 4"},
		{"form.d | base64", form, "d=" + strings.ReplaceAll(std([]byte("ann?>x")), "+", "%2B"), "ann?>x"},
		{"form.d | base64", form, "d=" + base64.RawURLEncoding.EncodeToString([]byte("ann?>x")), "ann?>x"},
		{"form.d | base64", form, "d=%%%", "!holds a broken escape"},
		{"form.d | base64", form, "d=a", "!not base64"},
		{"form.d | base64", form, "d=", ""},
		{"form.SAML | base64 | xml //NameID", form, "SAML=" + strings.ReplaceAll(saml, "+", "%2B"), "ann"},
		{"json $.p | base64 | json $.a", "", `{"p": "` + std([]byte(`{"a": "x"}`)) + `"}`, "x"},
		{"json $.t | jwt $.sub", "", `{"t": "` + token(`{"sub": "u1"}`) + `"}`, "~u1"},
		{"json $.t | jwt $.roles[*]", "", `{"t": "Bearer ` + token(`{"roles": ["a", "b"]}`) + `"}`, "~a ~b"},
		{"json $.t | jwt $.d | base64", "", `{"t": "` + token(`{"d": "YW5u"}`) + `"}`, "~ann"},
		{"json $.t | jwt $.sub", "", `{"t": "a.b.c.d.e"}`, "!an encrypted token"},
		{"json $.t | jwt $.sub", "", `{"t": "opaque"}`, "!not a token"},
		{"json $.t | jwt $.sub", "", `{"t": "a.bm8.c"}`, "!not a token"},
		{"json $.t | jwt $.sub", "", `{"t": "` + token(`{"iss": "x"}`) + `"}`, ""},
		{"json $.u | query.code", "", `{"u": "https://a/cb?x=1&code=c%2F1#code=no"}`, "c/1"},
		{"json $.u | query.code", "", `{"u": "https://a/cb"}`, ""},
		{"json $.u | form.code", "", `{"u": "code=a&code=b"}`, "a b"},
		{"json $.b | basic.user", "", `{"b": "Basic ` + std([]byte("ann:secret:x")) + `"}`, "ann"},
		{"json $.b | basic.user", "", `{"b": "Bearer x"}`, "!not HTTP Basic"},
		{"form.d | base64", form, "d=" + std([]byte(strings.Repeat("x", maxValue+1))), "!longer than is read"},
		{"form.d | base64 | json $.a", form, "d=" + strings.Repeat("YWFh", maxNested/4+1), "!longer than is read"},
	} {
		if got := read(t, c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s of %.60s: %q, want %q", c[0], c[2], got, c[3])
		}
	}
}

func TestMultipart(t *testing.T) {
	const kind = `multipart/form-data; boundary="b b"`
	part := func(disposition, more, content string) string {
		return "--b b\r\nContent-Disposition: form-data; " + disposition + "\r\n" + more + "\r\n" + content + "\r\n"
	}
	sum := sha256.Sum256([]byte("\x00\xff file"))
	body := part("name=note", "", "hello") + part(`name="photo"; filename="C:\\Users\\ann\\a b.png"`, "Content-Type: image/png; x=y\r\n", "\x00\xff file") +
		part(`name="photo"; filename="/etc/z.gif"`, "", "gif") + part("name=note", "", "again") + part(`name=raw`, "Content-Type: application/octet-stream\r\n", "secret") +
		part("name=latin", "", "caf\xe9") + "--b b--\r\n"
	for _, c := range [][2]string{
		{"multipart.note", "hello again"}, {"file.photo.name", "a b.png z.gif"}, {"file.photo.type", "image/png"}, {"file.photo.size", "7 3"},
		{"multipart.photo", ""}, {"multipart.raw", ""}, {"file.note.size", ""}, {"file.raw.size", "6"}, {"file.raw.name", ""}, {"multipart.none", ""},
		{"multipart.latin", "café"},
	} {
		if got := read(t, c[0], kind+"; charset=latin1", body); got != c[1] {
			t.Errorf("%s: %q, want %q", c[0], got, c[1])
		}
	}
	if got := read(t, "file.photo.sha256", kind, body); !strings.HasPrefix(got, hex.EncodeToString(sum[:])+" ") {
		t.Errorf("digest %q", got)
	}
	// A part that was cut off has no size, no digest and no value; what it is called is known.
	cut := part("name=note", "", "hello") + strings.TrimSuffix(part(`name=photo; filename=a.png`, "", "half"), "\r\n")
	for _, c := range [][2]string{{"multipart.note", "hello"}, {"file.photo.size", "!goes on past what is read"}, {"file.photo.sha256", "!goes on past what is read"}, {"file.photo.name", "a.png"}} {
		if got := read(t, c[0], kind, cut); got != c[1] {
			t.Errorf("cut, %s: %q, want %q", c[0], got, c[1])
		}
	}
	if got := read(t, "multipart.note", "multipart/form-data", body); got != "!multipart without a boundary" {
		t.Errorf("no boundary: %q", got)
	}
	if got := read(t, "multipart.note", "application/json", body); got != "" {
		t.Errorf("no multipart: %q", got)
	}
	if got := read(t, "multipart.d | json $.a", kind, part("name=d", "", `{"a": "x"}`)+"--b b--"); got != "x" {
		t.Errorf("json in a field: %q", got)
	}
}

func TestXML(t *testing.T) {
	const soap = `<?xml version="1.0"?><s:Envelope xmlns:s="urn:s" xmlns:b="urn:b"><s:Body b:id="7"><b:Login><b:user>ann<!-- x -->@example</b:user>` +
		`<b:pin><![CDATA[<1>]]></b:pin><b:user> bob </b:user><b:deep>out<b:user>carl</b:user>side</b:deep></b:Login></s:Body></s:Envelope>`
	for _, c := range [][3]string{
		{"xml /Envelope/Body/Login/user", soap, "ann@example bob"}, {"xml //user", soap, "ann@example bob carl"}, {"xml /*/*/*/pin", soap, "<1>"},
		{"xml //Body/@id", soap, "7"}, {"xml /Body/Login", soap, ""}, {"xml //deep", soap, "outside"}, {"xml //@s", soap, ""}, {"xml //deep/user", soap, "carl"},
		{"xml //a", "<a>1</a><a>2</a>", "1 2"}, {"xml //a", "<r><a>1</a><a>2", "1"}, {"xml //a", "<r><a>1</b><a>2</a></r>", "1 2"},
		{"xml //a", `<!DOCTYPE r [<!ENTITY e "x">]><r><a>&e;</a></r>`, "!damaged XML, or an entity of its own"},
		{"xml //a", `<!DOCTYPE r SYSTEM "file:///etc/passwd"><r><a>&amp;&#65;</a></r>`, "&A"},
		{"xml //a", strings.Repeat("<b>", maxElements+1) + "<a>x</a>", "!nested too deep"},
		{"xml //a", "not xml", ""},
		{"xml //a", "<a>" + strings.Repeat("x", maxValue+1) + "</a>", "!longer than is read"},
		{"xml //a", "<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xe9</a>", "café"},
		{"xml //a", "\xff\xfe<\x00?\x00x\x00m\x00l\x00 \x00e\x00n\x00c\x00o\x00d\x00i\x00n\x00g\x00=\x00'\x00u\x00t\x00f\x00-\x001\x006\x00'\x00?\x00>\x00<\x00a\x00>\x00x\x00<\x00/\x00a\x00>\x00", "x"},
	} {
		if got := read(t, c[0], "text/xml", c[1]); got != c[2] {
			t.Errorf("%s of %.80q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestHTML(t *testing.T) {
	const page = `<!doctype html><html><head><title> Sign
		in &amp; up </title><meta property="og:title" content="Shoe"><meta name=robots content=none><script>var x = "<title>no</title>"</script></head>
		<body><form><input type=hidden name=csrf value=t1><INPUT NAME="csrf" VALUE="t&lt;2" TYPE="HIDDEN"/><input name=user value=ann></form><svg><title>icon</title></svg>`
	for _, c := range [][2]string{
		{"html.title", "Sign in & up"}, {"html.hidden.csrf", "t1 t<2"}, {"html.hidden.user", ""}, {"html.meta.og:title", "Shoe"}, {"html.meta.robots", "none"}, {"html.meta.x", ""},
	} {
		if got := readBack(t, c[0], "text/html", page); got != c[1] {
			t.Errorf("%s: %q, want %q", c[0], got, c[1])
		}
	}
	if got := readBack(t, "html.title", "text/html", "<title>cut o"); got != "cut o" && got != "" {
		t.Errorf("cut: %q", got)
	}
	if got := readBack(t, "html.title", "text/html", "<meta charset=windows-1252><title>caf\xe9</title>"); got != "café" {
		t.Errorf("charset: %q", got)
	}
}

func grpcFrame(flags byte, message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))) + message
}

func TestGRPC(t *testing.T) {
	message := grpcFrame(0, "\x0a\x05\x0a\x03ann\x10\x96\x01\x12\x02hi\x1d\x00\x00\x00\x00")
	for _, c := range [][4]string{
		{"protobuf.1.1", "application/grpc", message, "ann"}, {"protobuf.2", "application/grpc+proto", message, "150 hi"}, {"protobuf.3", "application/grpc", message, ""},
		{"protobuf.1.1", "application/grpc-web", message + grpcFrame(0x80, "x:1"), "ann"},
		{"protobuf.1.1", "application/grpc-web-text", base64.StdEncoding.EncodeToString([]byte(message)), "ann"},
		{"protobuf.1.1", "application/grpc", grpcFrame(1, "zip"), "!a compressed message"},
		{"protobuf.1.1", "application/grpc", grpcFrame(0, "\x0a\x7f"), "!not protobuf"},
		{"protobuf.1.1", "application/grpc", message[:9], ""},
	} {
		if got := read(t, c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s of %q: %q, want %q", c[0], c[2], got, c[3])
		}
	}
	for _, c := range [][4]string{
		{"grpc.status", "application/grpc-web", grpcFrame(0, "x") + grpcFrame(0x80, "GRPC-Status: 16\r\ngrpc-message: not%20you\r\n"), "16"},
		{"grpc.message", "application/grpc-web", grpcFrame(0, "x") + grpcFrame(0x80, "grpc-status:16\r\ngrpc-message: not%20you\r\n"), "not you"},
		{"grpc.status", "application/grpc-web-text", base64.StdEncoding.EncodeToString([]byte(grpcFrame(0, "x"))) + base64.StdEncoding.EncodeToString([]byte(grpcFrame(0x80, "grpc-status:0"))), "0"},
		{"grpc.status", "application/grpc", grpcFrame(0, "x"), ""},
	} {
		if got := readBack(t, c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s of %q: %q, want %q", c[0], c[2], got, c[3])
		}
	}
	s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {grpc: a.v1.Shop/*}\nrequest: {grpc.service: rpc_service, grpc.method: rpc_method}\n").Specs[0]
	all := capturer(t).Request(NewPlan(s), exchange(head("POST", "/a.v1.Shop/P%61y"), ""))
	if texts(all, "rpc_service") != "a.v1.Shop" || texts(all, "rpc_method") != "Pay" {
		t.Errorf("%+v", all)
	}
	for status, want := range map[string]journey.Outcome{"0": journey.Success, "": journey.Success, "16": journey.Failure} {
		x := &wire.Exchange{Response: wire.Head{Status: 200, Fields: []wire.Field{{Name: "grpc-status", Value: status}}}}
		if got := capturer(t).Outcome(NewPlan(s), x); got != want {
			t.Errorf("grpc-status %q: %s", status, got)
		}
	}
}

// TestOtherFacts reads what is no body.
func TestOtherFacts(t *testing.T) {
	s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nrequest: {host: host, method: http_method, tls.sni: message, tls.alpn: http_version}\n").Specs[0]
	x := exchange(head("POST", "/x"), "")
	x.Conn.SNI, x.Conn.ALPN = "shop.example", "h2"
	all := capturer(t).Request(NewPlan(s), x)
	if texts(all, "host") != "www.shop.example" || texts(all, "http_method") != "POST" || texts(all, "message") != "shop.example" {
		t.Errorf("%+v", all)
	}
	x.Conn.Worker = true
	if got := texts(capturer(t).Request(NewPlan(s), x), "message"); got != "" {
		t.Errorf("of a worker's connection: %q", got)
	}
	r := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nresponse: {status: {element: message, status: [200, 300-399]}}\n").Specs[0]
	for status, want := range map[int]string{200: "200", 201: "", 304: "304", 404: ""} {
		if got := texts(capturer(t).Response(NewPlan(r), &wire.Exchange{Response: wire.Head{Status: status}}, nil), "message"); got != want {
			t.Errorf("%d: %q", status, got)
		}
	}
}

// TestLegacyCharsets decide only where the bytes do not.
func TestLegacyCharsets(t *testing.T) {
	for _, c := range [][3]string{
		{"application/json; charset=windows-1252", "{\"m\": \"caf\xe9 \x80\"}", "café €"}, {"application/json; charset=koi8-r", "{\"m\": \"\xc1\"}", "а"},
		{"application/json; charset=windows-1252", `{"m": "café"}`, "café"}, {"application/json; charset=utf-8", "{\"m\": \"caf\xe9\"}", "caf\ufffd"},
		{"application/json; charset=shift_jis", "{\"m\": \"\x83\x5c\"}", ""}, {"application/json; charset=ibm037", "{\"m\": \"\xe9\"}", "\ufffd"},
		{"application/json; charset=utf-7", "{\"m\": \"\xe9\"}", "\ufffd"},
	} {
		if got := read(t, "json $.m", c[0], c[1]); got != c[2] {
			t.Errorf("%s %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
	if got := read(t, "form.m", "application/x-www-form-urlencoded; charset=iso-8859-1", "m=caf\xe9"); got != "café" {
		t.Errorf("form: %q", got)
	}
}

// TestOutcomeRules looks at each part of an answer.
func TestOutcomeRules(t *testing.T) {
	for _, c := range []struct {
		rule, kind, body string
		status           int
		fields           []wire.Field
		want             journey.Outcome
	}{
		{"header: {X-Result: held*}", "", "", 200, []wire.Field{{Name: "x-result", Value: "held; x"}}, journey.Failure},
		{"header: {X-Result: held*}", "", "", 200, []wire.Field{{Name: "x-result", Value: "ok"}}, journey.Success},
		{"header: {X-Result: '*'}", "", "", 200, nil, journey.Success},
		{"set_cookie: sid", "", "", 200, []wire.Field{{Name: "Set-Cookie", Value: "sid=1; Path=/"}}, journey.Failure},
		{"set_cookie: sid", "", "", 200, []wire.Field{{Name: "Set-Cookie", Value: "sid=1; Max-Age=0"}}, journey.Success},
		{"set_cookie: sid", "", "", 200, []wire.Field{{Name: "Set-Cookie", Value: "sid=; Path=/"}}, journey.Success},
		{"set_cookie: [a, b]", "", "", 200, []wire.Field{{Name: "Set-Cookie", Value: "a=1"}}, journey.Success},
		{"json: {$.a: 1, $.b: '*'}", "application/json", `{"a": 1, "b": ""}`, 200, nil, journey.Failure},
		{"json: {$.a: 1, $.b: '*'}", "application/json", `{"a": 1, "b": null}`, 200, nil, journey.Success},
		{"json: {'$.errors[*].code': 7}", "application/json", `{"errors": [{"code": 3}, {"code": 7}]}`, 200, nil, journey.Failure},
		{"xml: {//faultcode: Client}", "text/xml", `<a><faultcode> Client </faultcode></a>`, 200, nil, journey.Failure},
		{"status: 500, xml: {//faultcode: '*'}", "text/xml", `<a><faultcode>x</faultcode></a>`, 500, nil, journey.Failure},
		{"status: 500, xml: {//faultcode: '*'}", "text/html", `<h1>oops</h1>`, 500, nil, journey.OriginError},
		{"status: 400-599", "", "", 500, nil, journey.OriginError},
		{"body: oops", "", "oops", 500, nil, journey.OriginError},
		{"grpc_status: [7, 16]", "application/grpc-web", grpcFrame(0x80, "grpc-status:16"), 200, nil, journey.Failure},
		{"grpc_status: [7, 16]", "application/grpc", "", 200, []wire.Field{{Name: "grpc-status", Value: "7"}}, journey.Failure},
		{"grpc_status: [7, 16]", "application/grpc", "", 200, nil, journey.Success},
	} {
		s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\noutcome:\n  - {is: failure, "+c.rule+"}\n").Specs[0]
		x := &wire.Exchange{Response: wire.Head{Status: c.status, Fields: append(c.fields, wire.Field{Name: "Content-Type", Value: c.kind})}, RespBody: wire.Body{Bytes: []byte(c.body), Seen: true}}
		if got := capturer(t).Outcome(NewPlan(s), x); got != c.want {
			t.Errorf("%s with %d %v %q: %s, want %s", c.rule, c.status, c.fields, c.body, got, c.want)
		}
	}
}

// FuzzSources feeds one body to every decoder there is, through a Plan as the engine
// does, and holds that nothing is kept beyond its bounds and nothing is lent.
func FuzzSources(f *testing.F) {
	for _, s := range []string{`{"a": [{"b": "x"}], "a": [1]}`, "{\"a\":[{\"b\":1}]}\n{\"a\":2}", "a=%41&a=b&c={\"b\":1}", "--b\r\nContent-Disposition: form-data; name=a; filename=x\r\n\r\nfile\r\n--b--",
		"<r><a b='c'>x<!-- y -->z</a></r>", "<title>x</title><input type=hidden name=a value=b>", "query=%7Ba%7D", `{"query": "mutation { a(b: \"x\") }"}`, grpcFrame(0, "\x0a\x05\x0a\x03ann"),
		token(`{"a": "x"}`), "\x1f\x8b\x08"} {
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/xml; charset=latin1", "application/grpc-web-text"} {
			f.Add([]byte(s), kind)
		}
	}
	snap := compile(f, `
kind: spec
name: S
type: other
match: {path: /x}
request:
  json $.a[*].b: message
  json $.a: sku
  ndjson $.a: product_id
  form.a: order_id
  form.c | json $.b: cart_id
  multipart.a: promo_code
  file.a.name: upload_name
  file.a.size: upload_size
  file.a.sha256: upload_digest
  xml //a: tracking_id
  xml //a/@b: refund_id
  graphql.field: rpc_method
  graphql.arguments.b: email
  graphql.variables.x: ticket_id
  protobuf.1.1: username
  json $.t | jwt $.a: token_subject
response:
  html.title: response_title
  html.hidden.a: csrf_token
  grpc.status: rpc_status
  grpc.message: failure_reason
  xml //a: tracking_id
`)
	p, c := NewPlan(snap.Specs[0]), capturer(f)
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		kept := append([]byte(nil), body...)
		x := exchange(head("POST", "/x?query={a}", "Content-Type", kind), "")
		x.ReqBody.Bytes = kept
		x.Response = wire.Head{Status: 200, Fields: []wire.Field{{Name: "Content-Type", Value: kind}}}
		x.RespBody.Bytes = kept
		all := append(c.Request(p, x), c.Response(p, x, nil)...)
		before := make([]string, len(all))
		for i, e := range all {
			before[i] = strings.Clone(e.Value)
			if len(e.Value) > 4*maxValue {
				t.Fatalf("%s has %d bytes", e.ID, len(e.Value))
			}
		}
		if len(all) > 40*maxMany {
			t.Fatalf("%d elements", len(all))
		}
		for i := range kept {
			kept[i] = '#'
		}
		for i, e := range all {
			if e.Value != before[i] {
				t.Fatalf("%s was lent", e.ID)
			}
		}
	})
}

// TestHostileBodiesCostInProportion counts the bytes that bodies of growing size make
// the decoders allocate: four times the body, no more than some five times the memory.
func TestHostileBodiesCostInProportion(t *testing.T) {
	for name, c := range hostile {
		p := NewPlan(spec(t, "/x", "request: {'"+c.source+"': message}"))
		k := capturer(t)
		cost := func(n int) uint64 {
			e := exchange(head("POST", "/x", "Content-Type", c.kind), c.body(n))
			least := ^uint64(0) // a collection in between empties the pools
			for range 6 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				k.Request(p, e)
				runtime.ReadMemStats(&after)
				least = min(least, after.TotalAlloc-before.TotalAlloc)
			}
			return least
		}
		small, large := cost(32<<10), cost(128<<10)
		if large > 6*small+64<<10 || large > 128*(128<<10) {
			t.Errorf("%s: %d bytes of 32 KiB, %d of 128 KiB", name, small, large)
		}
	}
}

// TestTrailers reads what stands behind a body: fields of it, the status of gRPC
// over HTTP/2, and the rules that go by them.
func TestTrailers(t *testing.T) {
	answer := func(head, body string, trailers ...string) *wire.Exchange {
		x := &wire.Exchange{Response: wire.Head{Status: 200, Fields: []wire.Field{{Name: "Content-Type", Value: "application/grpc"}}}, RespBody: wire.Body{Bytes: []byte(body), Seen: true}}
		if head != "" {
			x.Response.Fields = append(x.Response.Fields, wire.Field{Name: "grpc-status", Value: head})
		}
		for i := 0; i < len(trailers); i += 2 {
			x.RespTrailers = append(x.RespTrailers, wire.Field{Name: trailers[i], Value: trailers[i+1]})
		}
		return x
	}
	p := NewPlan(compile(t, `
kind: spec
name: Call
type: other
match: {grpc: a.B/C}
response:
  grpc.status: rpc_status
  grpc.message: failure_reason
  trailer.x-order: order_id
  trailer.x-bin | base64 | json $.sku: sku
outcome:
  - {is: failure, trailer: {x-result: "held*"}}
  - {is: failure, grpc_status: [3, 16]}
`).Specs[0])
	if _, body := p.Needs(); !body || !p.Trailers() {
		t.Error("neither the trailers nor the body, where gRPC-web has them, are asked for")
	}
	for name, c := range map[string]struct {
		x       *wire.Exchange
		want    string
		outcome journey.Outcome
	}{
		"well":           {answer("", "", "Grpc-Status", "0", "X-Order", "O-1"), "rpc_status=0 order_id=O-1", journey.Success},
		"refused":        {answer("", "", "grpc-status", "16", "grpc-message", "not%20you"), "rpc_status=16 failure_reason=not you", journey.Failure},
		"by its head":    {answer("3", "", "grpc-status", "0"), "rpc_status=3", journey.Failure},
		"by no rule":     {answer("", "", "grpc-status", "7"), "rpc_status=7", journey.Failure},
		"held":           {answer("", "", "grpc-status", "0", "x-result", "fine", "X-Result", "held for review"), "rpc_status=0", journey.Failure},
		"several":        {answer("", "", "x-order", "O-1", "x-order", "O-2", "x-order", "O-3"), "order_id=O-1 order_id=O-3", journey.Success},
		"binary":         {answer("", "", "x-bin", base64.RawStdEncoding.EncodeToString([]byte(`{"sku": "P-1"}`))), "sku=P-1", journey.Success},
		"of gRPC-web":    {answer("", grpcFrame(0, "x")+grpcFrame(0x80, "grpc-status: 16\r\nx-order: O-9\r\n")), "rpc_status=16 order_id=O-9", journey.Failure},
		"held, gRPC-web": {answer("", grpcFrame(0x80, "grpc-status:0\r\nx-result:held\r\n")), "rpc_status=0", journey.Failure},
	} {
		var got []string
		for _, e := range capturer(t).Response(p, c.x, nil) {
			got = append(got, e.ID+"="+e.Value+e.Invalid)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
		if got := capturer(t).Outcome(p, c.x); got != c.outcome {
			t.Errorf("%s: %s, want %s", name, got, c.outcome)
		}
	}
	plain := NewPlan(compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\nresponse: {trailer.x-order: order_id}\n").Specs[0])
	if _, body := plain.Needs(); body || !plain.Trailers() {
		t.Error("a body is asked for to read what stands behind it")
	}
	if none := NewPlan(spec(t, "/x", "response: {status: response_status}")); none.Trailers() {
		t.Error("trailers are asked for without need")
	}
	bare := NewPlan(compile(t, "kind: spec\nname: S\ntype: other\nmatch: {grpc: a.B/C}\n").Specs[0])
	for code, want := range map[string]journey.Outcome{"0": journey.Success, "5": journey.Failure} {
		if got := capturer(t).Outcome(bare, answer("", "", "grpc-status", code)); got != want {
			t.Errorf("status %s in the trailers of a Spec without rules: %s", code, got)
		}
	}
	if head := (&wire.Head{Fields: []wire.Field{{Name: "grpc-status", Value: "5"}}}); !bare.Told(head) || bare.Told(&wire.Head{}) {
		t.Error("whether a head says all")
	}
}
