package capture

import (
	"strings"

	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// fact reads what the connection shows of the client. What is not known is not
// there: behind a proxy, that is all that the proxy does not tell.
func (c *Capturer) fact(m *policy.Mapping, x *wire.Exchange) found {
	shown := x.Conn.Shown
	if shown == nil {
		shown = &wire.Shown{}
	}
	switch string(m.Source) + "." + m.Name {
	case "conn.ip":
		return address(x)
	case "tls.sni":
		return ofTLS(x, x.Conn.SNI)
	case "tls.alpn":
		return ofTLS(x, x.Conn.ALPN)
	case "conn.syn":
		return within(shown.SYN, maxValue)
	case "tls.ja3":
		return within(shown.JA3, maxValue)
	case "tls.ja4":
		return within(shown.JA4, maxValue)
	case "tls.hash":
		return within(shown.TLS, maxValue)
	case "h2.print":
		return within(shown.H2, maxValue)
	case "client.order":
		// net/http does not tell the order in HTTP/2, a proxy has its own.
		if x.Conn.Proxied || !strings.HasPrefix(x.Request.Proto, "HTTP/1.") {
			return found{}
		}
		return found{text: headersOf(x).Order, ok: true, own: true}
	case "client.profile":
		return found{text: headersOf(x).Profile, ok: true, own: true}
	case "client.device":
		text := deviceText(c.Device(x))
		return found{text: text, ok: text != "", own: true}
	case "client.doubt":
		reasons := fingerprint.Doubts(fingerprint.Facts{Agent: x.Request.Get("User-Agent"), Hints: x.Request.Get("Sec-CH-UA"), H2: shown.H2,
			TLS: fingerprint.TLS{Stable: shown.TLS, Grease: shown.Grease}})
		return found{text: strings.Join(reasons, "; "), ok: len(reasons) > 0, own: true}
	}
	return found{}
}

// ofTLS is what TLS said of a visitor; of a worker's connection it says nothing of
// the visitor.
func ofTLS(x *wire.Exchange, v string) found { return found{text: v, ok: v != "" && !x.Conn.Worker} }

func headersOf(x *wire.Exchange) fingerprint.Headers {
	return fingerprint.HeadersOf("h1", x.Request.Method, func(yield func(name, value string) bool) {
		for i := range x.Request.Fields {
			if !yield(x.Request.Fields[i].Name, x.Request.Fields[i].Value) {
				return
			}
		}
	})
}
