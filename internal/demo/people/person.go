package people

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Address is a postal address in parts, as forms ask for it.
type Address struct {
	Street, City, Region, PostalCode, Country string
}

// Person is one member of the cast.
type Person struct {
	First, Last string
	Email       string
	Password    string
	Phone       string // E.164
	Address     Address
	Card        Card
}

// Name is the full name.
func (p Person) Name() string { return p.First + " " + p.Last }

// Countries lists where people of the cast live, by ISO code.
func Countries() []string {
	return []string{"US", "DE", "FR", "GB", "KR", "BR", "NG", "VN", "RU"}
}

// Customers returns the n customers that a shop of this seed already has.
func Customers(seed uint64, n int) []Person {
	out := make([]Person, n)
	// Most customers live where the shop sells most.
	homes := []string{"US", "US", "US", "DE", "DE", "GB", "GB", "FR", "FR", "KR", "BR", "US", "DE", "GB", "VN"}
	for i := range out {
		r := rand.New(rand.NewPCG(seed, uint64(i)+1))
		out[i] = New(r, homes[i%len(homes)], strconv.Itoa(100+i))
	}
	return out
}

// New makes up a person living in country (an ISO code of Countries). The tag
// keeps e-mail addresses apart.
func New(r *rand.Rand, country, tag string) Person {
	c := lands()[country]
	p := Person{First: pick(r, c.first), Last: pick(r, c.last)}
	p.Email = p.mail(r, c, tag)
	p.Password = pick(r, []string{"Sunflower", "Lighthouse", "Marzipan", "Kite", "Waterfall", "Cobblestone", "Juniper", "Biscuit"}) +
		pick(r, []string{"!", "-", "_", "#"}) + strconv.Itoa(1000+r.IntN(9000))
	p.Phone = c.phone + digits(r, c.phoneDigits)
	town := c.towns[r.IntN(len(c.towns))]
	p.Address = Address{
		Street:     c.street(pick(r, c.streets), 1+r.IntN(180)),
		City:       town.city,
		Region:     town.region,
		PostalCode: town.postal(r),
		Country:    country,
	}
	p.Card = NewCard(r, pick(r, c.bins), p.Name())
	return p
}

func (p Person) mail(r *rand.Rand, c land, tag string) string {
	first, last := ascii(p.First), ascii(p.Last)
	var local string
	switch r.IntN(4) {
	case 0:
		local = first + "." + last + tag
	case 1:
		local = first + tag
	case 2:
		local = first[:1] + last + tag
	default:
		local = last + "_" + first + tag
	}
	return local + "@" + pick(r, c.mail)
}

// ascii lowers a name and drops what an e-mail address would not carry.
func ascii(s string) string {
	s = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "ë", "e",
		"ç", "c", "ã", "a", "á", "a", "í", "i", "ó", "o", "ô", "o", "ê", "e", "É", "e", " ", "", "'", "").Replace(strings.ToLower(s))
	var b strings.Builder
	for _, c := range s {
		if c >= 'a' && c <= 'z' {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	// A block of zeros looks made up.
	if b[0] == '0' {
		b[0] = '2'
	}
	return string(b)
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }
