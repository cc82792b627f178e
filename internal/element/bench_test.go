package element

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkNormalise is the cost of one value of each kind, parts included. Limits:
// email 1 µs, phone 30 µs, card 1 µs with its hash.
func BenchmarkNormalise(b *testing.B) {
	opt := Options{Region: "US", Hasher: hasher(b)}
	for _, c := range []struct{ id, raw string }{
		{"email", "Ann.Example@Example.COM"}, {"email", "ann.b+shop@gmail.com"}, {"email", "ann@bücher.example"}, {"phone", "(415) 555-0132"}, {"phone", "+49 30 901820"}, {"card_number", "4111 1111 1111 1111"},
		{"iban", "DE89 3704 0044 0532 0130 00"}, {"ssn", "123-45-6789"}, {"password", "correct horse"}, {"transaction_amount", "1.234,50 €"}, {"currency", "usd"}, {"ip", "2001:db8::1"}, {"nationality", "Germany"}, {"nationality", "de"},
		{"billing_region", "California"}, {"billing_postal_code", "62701-1234"}, {"referrer_url", "https://shop.example/a/b?q=1"}, {"referrer_host", "www.example.co.uk"}, {"given_name", "ANN"}, {"order_date", "3/4/2026"},
		{"account_created", "2026-03-01T10:00:00Z"}, {"gps_position", "37.7749,-122.4194"}, {"language", "da, en-gb;q=0.8, en;q=0.7"}, {"message", "Where is my order?"}, {"customer_id", "C-1042"}, {"payment_method", "Credit Card"},
	} {
		d, _ := Lookup(c.id)
		name := c.id + "_" + strings.Map(func(r rune) rune {
			if r < '0' || r > 'z' || strings.ContainsRune(`:;<=>?@[\]^`+"`", r) {
				return -1
			}
			return r
		}, c.raw)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Normalise(d, c.raw, opt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHostile grows values that are made to be expensive: the cost for each
// byte must not grow, up to the bound where nothing is looked at any more.
func BenchmarkHostile(b *testing.B) {
	opt := Options{Region: "US", Hasher: hasher(b)}
	for _, c := range []struct{ id, unit string }{
		{"email", "a."}, {"email", "\"\\"}, {"email", "ü."}, {"phone", "1 "}, {"card_number", "4-"}, {"transaction_amount", "1,"}, {"referrer_host", "a."}, {"referrer_host", "ü-"}, {"referrer_url", "a/"}, {"referrer_url", "%2e/"},
		{"message", "4111 "}, {"message", "1"}, {"message", "\u200b"}, {"given_name", "A\u0301"}, {"language", "en,"}, {"language", "a-"}, {"gps_position", "1 "}, {"nationality", "ü "}, {"billing_region", "ñ "}, {"account_created", "1-"},
		{"billing_address", "#,"}, {"iban", "DE89"}, {"customer_id", "é"}, {"user_agent", "Mozilla/5.0 ("},
	} {
		d, _ := Lookup(c.id)
		for _, size := range []int{64, 256, 1024, 4096, 8192} {
			raw := strings.Repeat(c.unit, size/len(c.unit)+1)[:size]
			raw = strings.ToValidUTF8(raw, "")
			b.Run(fmt.Sprintf("%s_%s_%d", c.id, strconv.QuoteToASCII(c.unit), size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = Normalise(d, raw, opt)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/byte")
			})
		}
	}
}

// BenchmarkAddress composes one address.
func BenchmarkAddress(b *testing.B) {
	p := AddressParts{Street: "123 North Main Street", Unit: "Apt 4", City: "Springfield", Region: "Illinois", PostalCode: "62701-1234", Country: "US"}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Compose(p); !ok {
			b.Fatal("incomplete")
		}
	}
}

const benchAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// BenchmarkAgentWarm is a user agent that was seen before.
func BenchmarkAgentWarm(b *testing.B) {
	c := NewAgents(1000)
	c.Get(benchAgent)
	b.ReportAllocs()
	for b.Loop() {
		c.Get(benchAgent)
	}
}

// BenchmarkAgentMiss is one never seen, of a browser and as hostile as it gets.
func BenchmarkAgentMiss(b *testing.B) {
	var words strings.Builder
	for i, r := range agentData().browsers.rules {
		if set := required(r.re.String()); i%7 == 0 && len(set) > 0 {
			words.WriteString(set[0] + "/")
		}
	}
	for name, ua := range map[string]string{"Browser": benchAgent, "Hostile": words.String(), "Spaces": strings.Repeat(" ;", 400), "Letters": strings.Repeat("Mozilla(", 100)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseAgent(ua)
			}
		})
	}
}
