package population

import (
	"math/rand/v2"
	"net/netip"
)

// network is the kind of line an address belongs to.
type network string

const (
	home    network = "home"
	mobile  network = "mobile"
	hosting network = "hosting"
	crawler network = "crawler"
)

// blocks are public ranges that have long belonged to large providers of a
// country, so that any geography data set places them there.
func blocks(n network, country string) []string {
	switch n {
	case mobile:
		return []string{"172.58.0.0/16"} // US, shared by many handsets
	case hosting:
		return []string{"88.198.0.0/16", "116.202.0.0/15", "159.65.0.0/16", "167.99.0.0/16", "51.68.0.0/16", "45.76.0.0/16", "3.80.0.0/13"}
	case crawler:
		return []string{"66.249.64.0/20"}
	}
	switch country {
	case "DE":
		return []string{"79.192.0.0/11", "84.128.0.0/11", "91.0.0.0/11"}
	case "FR":
		return []string{"90.0.0.0/10", "86.192.0.0/11", "82.64.0.0/14"}
	case "GB":
		return []string{"86.128.0.0/11", "90.192.0.0/12", "81.128.0.0/13"}
	case "KR":
		return []string{"121.128.0.0/11", "175.192.0.0/11"}
	case "BR":
		return []string{"177.32.0.0/14", "189.60.0.0/14"}
	case "NG":
		return []string{"105.112.0.0/13", "102.88.0.0/14", "197.210.0.0/16"}
	case "VN":
		return []string{"14.160.0.0/12", "113.160.0.0/12", "171.224.0.0/12"}
	case "RU":
		return []string{"95.24.0.0/14", "176.59.0.0/16"}
	default:
		return []string{"73.32.0.0/12", "98.160.0.0/12", "108.16.0.0/15"}
	}
}

// address draws an address of a network.
func address(r *rand.Rand, n network, country string) string {
	from := blocks(n, country)
	return within(r, from[r.IntN(len(from))])
}

// within draws a host address of a block, never .0 or .255.
func within(r *rand.Rand, block string) string {
	p := netip.MustParsePrefix(block)
	b := p.Addr().As4()
	host := 32 - p.Bits()
	base := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	for {
		a := base | r.Uint32N(1<<host)
		if last := a & 0xff; last != 0 && last != 255 {
			return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).String()
		}
	}
}

// neighbour draws another address of the same /24.
func neighbour(r *rand.Rand, ip string) string {
	p, err := netip.MustParseAddr(ip).Prefix(24)
	if err != nil { // an IPv4 address always has a /24
		return ip
	}
	return within(r, p.String())
}

// language is what browsers of a country ask for.
func language(country string) string {
	switch country {
	case "DE":
		return "de-DE,de;q=0.9,en;q=0.8"
	case "FR":
		return "fr-FR,fr;q=0.9,en;q=0.7"
	case "GB":
		return "en-GB,en;q=0.9"
	case "KR":
		return "ko-KR,ko;q=0.9,en;q=0.6"
	case "BR":
		return "pt-BR,pt;q=0.9,en;q=0.7"
	case "VN":
		return "vi-VN,vi;q=0.9,en;q=0.6"
	case "RU":
		return "ru-RU,ru;q=0.9,en;q=0.6"
	default:
		return "en-US,en;q=0.9"
	}
}
