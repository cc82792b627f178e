package capture

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unsafe"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

func spec(t testing.TB, match, maps string) *policy.Spec {
	t.Helper()
	return compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: '"+match+"'}\n"+maps+"\n").Specs[0]
}

// TestNothingKeptIsLent overwrites every buffer of an exchange after its values
// were read.
func TestNothingKeptIsLent(t *testing.T) {
	var buffers [][]byte
	lent := func(s string) string {
		b := []byte(s)
		buffers = append(buffers, b)
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	snap := compile(t, `
kind: spec
name: S
type: other
match: {path: "/shop/{shop}/{item}"}
request:
  path: url_path
  path.shop: merchant_id
  path.item: product_id
  query.q: search_query
  query.e: email
  query.n: cart_id
  header.X-Account: account_name
  header.X-User: {element: username, transform: lower}
  cookie.promo: promo_code
  form.order: order_id
  form.message: message
response:
  header.X-Track: tracking_id
  set-cookie.customer: customer_id
  json $.refund: refund_id
`)
	c := capturer(t)
	body, answer := []byte("order=O-77&message=hello+you"), []byte(`{"refund": "R-5"}`)
	buffers = append(buffers, body, answer)
	x := &wire.Exchange{Request: wire.Head{Method: lent("POST"), Target: lent("/shop/main/P-9?q=shoes&e=ann@example.com&n=C%2D4"), Fields: []wire.Field{
		{Name: lent("X-Account"), Value: lent("Ann")}, {Name: lent("X-User"), Value: lent("ann")}, {Name: lent("Cookie"), Value: lent("promo=SAVE; sid=x")}}},
		ReqBody: wire.Body{Bytes: body},
		Response: wire.Head{Status: 200, Fields: []wire.Field{{Name: lent("X-Track"), Value: lent("T-3")},
			{Name: lent("Set-Cookie"), Value: lent("customer=K1; Path=/")}, {Name: lent("Set-Cookie"), Value: lent("auth=" + randomish + "; HttpOnly")}}},
		RespBody: wire.Body{Bytes: answer}}
	got := append(c.Request(NewPlan(snap.Specs[0]), x), c.Response(NewPlan(snap.Specs[0]), x, nil)...)
	c.Learned(snap, x)
	for _, b := range buffers {
		for i := range b {
			b[i] = '#'
		}
	}
	all := values(got)
	delete(all, "ip")
	wants(t, all, map[string]string{"url_path": "/shop/main/P-9", "merchant_id": "main", "product_id": "P-9", "search_query": "shoes",
		"email": "ann@example.com", "email_domain": "example.com", "cart_id": "C-4", "account_name": "Ann", "username": "ann", "promo_code": "SAVE", "order_id": "O-77",
		"message": "hello you", "tracking_id": "T-3", "customer_id": "K1", "refund_id": "R-5"})
	if !c.names.holds("auth") {
		t.Error("the learned name was lent")
	}
}

// TestAFailedSourceShadowsNone maps several sources to one element.
func TestAFailedSourceShadowsNone(t *testing.T) {
	s := spec(t, "/x", "request:\n  header.X-Mail: email\n  query.mail: email\n  form.mail: email\n  json $.mail: email")
	c := capturer(t)
	for _, q := range []struct{ target, header, encoding, body, want string }{
		{"/x?mail=b@example.com", "", "", "", "b@example.com"},
		{"/x?mail=b@example.com", "nonsense", "", "", "b@example.com"},
		{"/x?mail=nonsense", "a@example.com", "", "", "a@example.com"},
		{"/x", "nonsense", "", "mail=c%40example.com", "c@example.com"},
		{"/x?mail=%zz", "", "", `{"mail": "d@example.com"}`, "d@example.com"},
		{"/x?mail=b@example.com", "nonsense", "sdch", "mail=c", "b@example.com"},
		{"/x?mail=nonsense", "", "", "", "!not an e-mail address"},
		{"/x?mail=%zz", "", "", "", "!holds a broken escape"},
		{"/x", "", "sdch", "mail=c", "!content encoding not supported"},
		{"/x?mail=%zz&mail=b@example.com", "", "", "", "b@example.com"},
		{"/x?mail=&mail=b@example.com", "", "", "", "b@example.com"},
		{"/x?mail=" + strings.Repeat("a", maxValue+1), "", "", "", "!longer than is read"},
	} {
		got := c.Request(NewPlan(s), exchange(head("POST", q.target, "X-Mail", q.header, "Content-Encoding", q.encoding), q.body))
		want := 2 // the address, and the e-mail or why there is none
		if !strings.HasPrefix(q.want, "!") {
			want++ // its domain
		}
		if len(got) != want || values(got)["email"] != q.want {
			t.Errorf("%.40s %q %q: %+v, want %s", q.target, q.header, q.body, got, q.want)
		}
	}
}

// TestRepeatedValues reads both that an origin could take.
func TestRepeatedValues(t *testing.T) {
	s := spec(t, "/x", "request: {query.mail: email, form.user: username, cookie.cart: cart_id, header.X-Acc: account_name}")
	got := capturer(t).Request(NewPlan(s), exchange(head("POST", "/x?mail=a@example.com&mail=b@example.com&mail=c@example.com",
		"Cookie", "cart=1; cart=2", "Cookie", "cart=3", "X-Acc", "ann", "x-acc", "bob"), "user=ann&us%65r=bob&user=ann"))
	var all []string
	for _, e := range got[1:] {
		all = append(all, e.ID+"="+e.Value)
	}
	want := map[string]bool{"email=a@example.com": true, "email=c@example.com": true, "email_domain=example.com": true, "username=ann": true, "cart_id=1": true, "cart_id=3": true,
		"account_name=Ann": true, "account_name=Bob": true}
	for _, v := range all {
		if !want[v] {
			t.Errorf("%s is not wanted", v)
		}
	}
	if len(all) != len(want) {
		t.Errorf("got %v", all)
	}
}

func TestPathValues(t *testing.T) {
	s := spec(t, "/users/{id}", "request: {path: url_path, path.id: username}")
	c := capturer(t)
	for target, want := range map[string]string{
		"/users/ann%40example.org":                  "ann@example.org",
		"/users/a%2Fb/":                             "a/b",
		"//users/./7;v=1?q":                         "7",
		"http://shop.example/users/7#x":             "7",
		"/users/50%":                                "50%",
		"/users/%zz":                                "%zz",
		"/users/a%00b":                              "!holds a control character",
		"/users/a%0d%0aSet-Cookie:x":                "!holds a control character",
		"/users/%ff%fe":                             "!not valid UTF-8",
		"/users/%C2%85":                             "!holds a control character",
		"/users/" + strings.Repeat("a", maxValue+1): "!longer than is read",
	} {
		if NewIndex([]*policy.Spec{s}).Match(head("GET", target)).Plan == nil {
			t.Errorf("%.40s does not match", target)
		}
		if got := values(c.Request(NewPlan(s), exchange(head("GET", target), ""))); got["username"] != want {
			t.Errorf("%.40s: %q, want %q", target, got["username"], want)
		}
	}
}

// TestDuplicateKeys has what nearly all JSON parsers make of a key that stands twice.
func TestDuplicateKeys(t *testing.T) {
	for body, want := range map[string]string{
		`{"v": "a", "v": "b"}`:                                       "b",
		`{"v": "a", "\u0076": "b"}`:                                  "b",
		`{"v": "a", "v": null}`:                                      "",
		`{"v": "a", "v": {"w": "b"}}`:                                "",
		`{"v": {"w": 1}, "v": "b"}`:                                  "b",
		`{"v": "a", "v": "cut of`:                                    "",
		`{"v": "a", "x": {"v": "b"}}`:                                "a",
		`{"v": "` + strings.Repeat("x", maxValue+1) + `", "v": "b"}`: "b",
	} {
		if got, _ := lookup(body, "v"); got != want {
			t.Errorf("%.40s: %q, want %q", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{"u": {"v": "a"}, "u": {"v": "b"}}`:           "b",
		`{"u": {"v": "a"}, "u": {}}`:                   "",
		`{"u": {"v": "a"}, "u": 1}`:                    "",
		`{"u": {"v": "a", "v": "b"}, "u": {"v": "c"}}`: "c",
	} {
		if got, _ := lookup(body, "u", "v"); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	// Nesting hides no duplicate: it is read past, or the value is doubtful.
	for depth, want := range map[int]found{
		1000:         {text: "b", ok: true, own: true},
		maxDepth + 1: {err: errDepth},
	} {
		body := `{"v": "a", "x": ` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `, "v": "b"}`
		if got := lookupJSON([]byte(body), [][]string{{"v"}})[0]; got != want {
			t.Errorf("depth %d: %+v, want %+v", depth, got, want)
		}
	}
}

// TestOtherCharsets sends JSON as its parsers take it, whatever the sender claims.
func TestOtherCharsets(t *testing.T) {
	const text = `{"mail": "ann@example.com", "name": "é😀"}`
	wide := func(order binary.AppendByteOrder, bom string) []byte {
		b := []byte(bom)
		for _, u := range utf16.Encode([]rune(text)) {
			b = order.AppendUint16(b, u)
		}
		return b
	}
	wider := func(order binary.AppendByteOrder, bom string) []byte {
		b := []byte(bom)
		for _, r := range text {
			b = order.AppendUint32(b, uint32(r))
		}
		return b
	}
	s := spec(t, "/x", "request: {json $.mail: email, json $.name: account_name}")
	c := capturer(t)
	for name, body := range map[string][]byte{
		"plain": []byte(text), "BOM": []byte("\xef\xbb\xbf" + text),
		"UTF-16BE": wide(binary.BigEndian, ""), "UTF-16LE": wide(binary.LittleEndian, ""),
		"UTF-16BE BOM": wide(binary.BigEndian, "\xfe\xff"), "UTF-16LE BOM": wide(binary.LittleEndian, "\xff\xfe"),
		"UTF-32BE": wider(binary.BigEndian, ""), "UTF-32LE": wider(binary.LittleEndian, ""),
		"UTF-32BE BOM": wider(binary.BigEndian, "\x00\x00\xfe\xff"), "UTF-32LE BOM": wider(binary.LittleEndian, "\xff\xfe\x00\x00"),
	} {
		for _, kind := range []string{"", "application/json", `application/json; charset="utf-7";;x; charset=utf-16`, "text/plain"} {
			got := values(c.Request(NewPlan(s), exchange(head("POST", "/x", "Content-Type", kind), string(body))))
			if got["email"] != "ann@example.com" || got["account_name"] != "é😀" {
				t.Errorf("%s as %s: %v", name, kind, got)
			}
		}
	}
}

// TestJunkBehindACompressedFormHidesNoField appends what origins overlook.
func TestJunkBehindACompressedFormHidesNoField(t *testing.T) {
	s := spec(t, "/x", "request: {form.mail: email}")
	c := capturer(t)
	for encoding, body := range map[string][]byte{"gzip": zip(t, "a=1&mail=ann%40example.com"), "br": brotlied(t, "a=1&mail=ann%40example.com")} {
		got := c.Request(NewPlan(s), exchange(head("POST", "/x", "Content-Encoding", encoding), string(append(body, 0, 0, 0))))
		if values(got)["email"] != "ann@example.com" {
			t.Errorf("%s: %+v", encoding, got)
		}
	}
}

func FuzzUTF8Text(f *testing.F) {
	for _, s := range []string{"{}", "\xfe\xff\x00{\x00}", "\xff\xfe{\x00", "\x00\x00\x00{", "{\x00\x00\x00", "\xff\xfe\x3d\xd8\x00\xde", "\xef\xbb\xbf"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := utf8Text(body)
		if len(got) > 3*len(body) {
			t.Fatalf("%d bytes of %d", len(got), len(body))
		}
		if !bytes.Equal(got, body) && bytes.IndexByte(body, 0) < 0 && !bytes.ContainsRune(body, '\ufeff') && !bytes.HasPrefix(body, []byte("\xfe\xff")) && !bytes.HasPrefix(body, []byte("\xff\xfe")) {
			t.Fatalf("%q becomes %q", body, got)
		}
	})
}
