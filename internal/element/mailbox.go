package element

import (
	"strings"
	"sync"
)

// provider is how a mail provider reads what stands before the @.
type provider struct {
	domain string // the one that its other domains are the same as; "" when each is its own
	drop   string // characters that count for nothing
	dash   bool   // a dot is a hyphen
	tag    byte   // what follows it is a tag
}

// providers by domain, as their own help pages state the rules.
var providers = sync.OnceValue(func() map[string]provider {
	m := map[string]provider{}
	add := func(p provider, domains string) {
		for _, d := range strings.Fields(domains) {
			m[d] = p
		}
	}
	add(provider{domain: "gmail.com", drop: ".", tag: '+'}, "gmail.com googlemail.com")
	add(provider{tag: '+'}, "outlook.com outlook.de outlook.fr outlook.es outlook.it outlook.jp hotmail.com hotmail.co.uk hotmail.de hotmail.fr "+
		"hotmail.es hotmail.it live.com live.co.uk live.de live.fr live.nl msn.com passport.com")
	add(provider{tag: '-'}, "yahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.es yahoo.it yahoo.ca yahoo.co.in yahoo.com.br yahoo.com.au ymail.com rocketmail.com")
	add(provider{domain: "icloud.com", tag: '+'}, "icloud.com me.com mac.com")
	add(provider{domain: "proton.me", drop: ".-_", tag: '+'}, "proton.me protonmail.com protonmail.ch pm.me")
	add(provider{domain: "yandex.ru", dash: true, tag: '+'}, "yandex.ru yandex.com yandex.by yandex.kz yandex.ua yandex.com.tr ya.ru")
	add(provider{tag: '+'}, "fastmail.com fastmail.fm hey.com zoho.com zohomail.com mail.ru bk.ru inbox.ru list.ru runbox.com mailbox.org posteo.de posteo.net tutanota.com tuta.com")
	return m
})

// mailbox is the second canonical form: the mailbox that an address of a known
// provider ends in. It answers "" where the provider's rules are not known.
func mailbox(local, domain string) string {
	p, ok := providers()[domain]
	if !ok || local[0] == '"' {
		return ""
	}
	if i := strings.IndexByte(local, p.tag); i > 0 {
		local = local[:i]
	}
	if p.drop != "" && strings.ContainsAny(local, p.drop) {
		bare := strings.Map(func(r rune) rune {
			if strings.ContainsRune(p.drop, r) {
				return -1
			}
			return r
		}, local)
		if bare != "" {
			local = bare
		}
	}
	if p.dash {
		local = strings.ReplaceAll(local, ".", "-")
	}
	if p.domain != "" {
		domain = p.domain
	}
	return local + "@" + domain
}

// domainKind is what the public lists say of a mail domain.
type domainKind struct{ disposable, free bool }

var (
	disposableDomains = sync.OnceValue(func() map[string]struct{} { return dataSet("disposable.txt") })
	freeDomains       = sync.OnceValue(func() map[string]struct{} { return dataSet("freemail.txt") })
)

// mailDomainKind looks a domain and those above it up; the lists name no suffixes
// under which strangers register.
func mailDomainKind(domain string) domainKind {
	var k domainKind
	_, k.free = freeDomains()[domain]
	list := disposableDomains()
	for d, levels := domain, 0; levels < 6; levels++ {
		if _, k.disposable = list[d]; k.disposable {
			break
		}
		dot := strings.IndexByte(d, '.')
		if dot < 0 {
			break
		}
		d = d[dot+1:]
	}
	return k
}
