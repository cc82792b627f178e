package shop

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// picture draws a product: a soft backdrop in the product's own hue and a
// shape that says which shelf it is from.
func picture(p *Product) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(p.ID + p.Name))
	n := h.Sum32()
	hue, tilt, size := n%360, int(n>>9%21)-10, 0.85+float64(n>>17%30)/100
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240" role="img" aria-label="%s">`, strings.ReplaceAll(p.Name, "&", "&amp;"))
	fmt.Fprintf(&b, `<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="hsl(%d 42%% 88%%)"/><stop offset="1" stop-color="hsl(%d 38%% 72%%)"/></linearGradient></defs>`, hue, (hue+40)%360)
	b.WriteString(`<rect width="320" height="240" fill="url(#g)"/>`)
	fmt.Fprintf(&b, `<ellipse cx="160" cy="204" rx="%d" ry="9" fill="hsl(%d 30%% 30%%)" opacity=".18"/>`, 70+int(n>>5%30), hue)
	dark, mid := fmt.Sprintf("hsl(%d 34%% 32%%)", hue), fmt.Sprintf("hsl(%d 46%% 52%%)", (hue+20)%360)
	fmt.Fprintf(&b, `<g transform="translate(160 120) rotate(%d) scale(%.2f)" fill="%s" stroke="%s" stroke-width="5" stroke-linejoin="round" stroke-linecap="round">`, tilt, size, mid, dark)
	b.WriteString(shape(p.Category))
	b.WriteString(`</g></svg>`)
	return b.String()
}

// shape is the outline of what a shelf holds.
func shape(category string) string {
	switch category {
	case "lighting":
		return `<path d="M-52 10 L-24 -62 L24 -62 L52 10 Z"/><path d="M0 10 V66 M-28 70 H28" fill="none"/>`
	case "kitchen":
		return `<path d="M-62 -10 H62 L46 62 H-46 Z"/><path d="M62 0 H92 M-34 -30 Q-26 -44 -34 -58 M0 -30 Q8 -44 0 -58 M34 -30 Q42 -44 34 -58" fill="none"/>`
	case "textiles":
		return `<rect x="-66" y="-44" width="132" height="92" rx="16"/><path d="M-66 -14 H66 M-66 18 H66 M-30 -44 V48 M28 -44 V48" fill="none" opacity=".55"/>`
	case "desk":
		return `<rect x="-46" y="-62" width="92" height="126" rx="7"/><path d="M-22 -30 H24 M-22 -6 H24 M-22 18 H6" fill="none"/><path d="M-46 -40 H-58 M-46 0 H-58 M-46 40 H-58" fill="none"/>`
	case "outdoor":
		return `<path d="M-84 62 L-12 -58 L22 4 L42 -22 L86 62 Z"/><circle cx="58" cy="-52" r="15"/>`
	default:
		return `<rect x="-46" y="-70" width="92" height="138" rx="10"/><circle cx="0" cy="24" r="28" fill="none"/><circle cx="0" cy="24" r="7"/><circle cx="0" cy="-38" r="13" fill="none"/>`
	}
}

// icon is the shop's favicon.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f5d50"/><path d="M16 6 8 18h5l-5 8h16l-5-8h5z" fill="#f4efe4"/></svg>`
