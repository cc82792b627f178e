package capture

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/wire"
)

// TestCookiesThatStrangersShare are no keys once that is seen: neither learned nor
// read, however long they last and whoever may read them.
func TestCookiesThatStrangersShare(t *testing.T) {
	const group = "vary=9f86d081884c7d659a2feaa0c55ad015"
	for _, attrs := range []string{"; HttpOnly", "; Max-Age=31536000", "; Max-Age=31536000; HttpOnly"} {
		snap, _ := withSession(t, "")
		c := capturer(t)
		visit := func(who int, cookie, set string) (carried, learned int) {
			x := setFor(who, cookie, set)
			return len(c.Keys(snap, &x.Request)), len(c.Learned(snap, x))
		}
		for who := range 5 {
			if _, learned := visit(who, "", group+attrs); learned != 1 && who < sharedFrom {
				t.Fatalf("%s: not learned of visitor %d", attrs, who)
			}
		}
		if carried, learned := visit(9, group, group+attrs); carried+learned != 0 {
			t.Errorf("%s: it is still a key: %d carried, %d learned", attrs, carried, learned)
		}
		if _, learned := visit(9, "", "other=0123456789abcdef"+attrs); learned != 1 {
			t.Errorf("%s: another cookie is none", attrs)
		}
	}
}

// TestCookiesOfOneVisitorStay: what one visitor is given again and again, or what he
// brings along, and what each is given of his own, is a key.
func TestCookiesOfOneVisitorStay(t *testing.T) {
	snap, _ := withSession(t, "")
	own := func(who int) string { return fmt.Sprintf("visitor=0123456789abcdef%d", who) }
	for what, visit := range map[string]func(c *Capturer, i int){
		"without a jar":              func(c *Capturer, i int) { c.Learned(snap, setFor(1, "", own(1)+"; Max-Age=31536000")) },
		"renewed each time":          func(c *Capturer, i int) { c.Learned(snap, setFor(i, own(1), own(1)+"; Max-Age=31536000")) },
		"each has his own":           func(c *Capturer, i int) { c.Learned(snap, setFor(i, "", own(i)+"; Max-Age=31536000")) },
		"of users, on three devices": func(c *Capturer, i int) { c.Learned(snap, setFor(i, "", own(i/3)+"; Max-Age=31536000; HttpOnly")) },
	} {
		c := capturer(t)
		for i := range 500 {
			visit(c, i)
		}
		x := setFor(1, own(1), own(1)+"; Max-Age=31536000")
		if keys, learned := c.Keys(snap, &x.Request), c.Learned(snap, x); said(learned) != journey.KeyDevice || len(keys) != 1 || keys[0].Hash != learned[0].Hash {
			t.Errorf("%s: carried %v, learned %v", what, keys, learned)
		}
	}
	// A policy that names a cookie knows better.
	named, _ := withSession(t, "cookies: [basket]\ndevice_cookies: [me]")
	c := capturer(t)
	for who := range 50 {
		c.Learned(named, setFor(who, "", "me=0123456789abcdef; Max-Age=31536000"))
		c.Learned(named, setFor(who, "", "basket=0123456789abcdef"))
	}
	x := setFor(1, "me=0123456789abcdef; basket=0123456789abcdef", "me=0123456789abcdef; Max-Age=31536000")
	if got := said(c.Keys(named, &x.Request)); got != "cookie! device!" || said(c.Learned(named, x)) != "device!" {
		t.Errorf("named, and carried as %q", got)
	}
}

// setFor is a response that gives a visitor a cookie.
func setFor(who int, cookie, set string) *wire.Exchange {
	x := exchange(head("GET", "/x", "Cookie", cookie, "User-Agent", "curl/8"), "")
	x.Conn.Client = netip.AddrFrom4([4]byte{192, 0, byte(who >> 8), byte(who)})
	x.Response = wire.Head{Status: 200, Fields: []wire.Field{{Name: "Set-Cookie", Value: set}}}
	return x
}
