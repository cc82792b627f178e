package element

import (
	"errors"
	"strconv"
	"strings"
	"sync"
)

type currencyInfo struct {
	code   string
	places int
}

// currencies are ISO 4217's letters and numbers.
var currencies = sync.OnceValue(func() map[string]currencyInfo {
	m := map[string]currencyInfo{}
	for _, line := range dataLines("currencies.txt") {
		f := strings.Split(line, "|")
		places, _ := strconv.Atoi(f[2])
		m[f[0]] = currencyInfo{f[0], places}
		m[f[1]] = m[f[0]]
	}
	return m
})

// symbols that stand for one currency as far as people agree; $ is the dollar of
// the United States and ¥ the yen unless a letter says otherwise.
var symbols = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "円": "JPY", "元": "CNY", "cn¥": "CNY", "rmb": "CNY", "₹": "INR", "rs": "INR",
		"₩": "KRW", "₽": "RUB", "руб": "RUB", "₺": "TRY", "₴": "UAH", "₫": "VND", "₪": "ILS", "₱": "PHP", "฿": "THB", "₦": "NGN", "₡": "CRC",
		"₲": "PYG", "₸": "KZT", "₮": "MNT", "₭": "LAK", "₵": "GHS", "₾": "GEL", "zł": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN",
		"r$": "BRL", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "mx$": "MXN", "nt$": "TWD",
		"fr": "CHF", "sfr": "CHF", "rm": "MYR", "rp": "IDR",
	}
})

// currencyCode reads ISO 4217's letters or number, or a symbol.
func currencyCode(s string) (string, error) {
	if c, ok := currencyOf(s); ok {
		return c.code, nil
	}
	return "", errors.New("not an ISO 4217 currency")
}

func currencyOf(s string) (currencyInfo, bool) {
	if s == "" || len(s) > 12 {
		return currencyInfo{}, false
	}
	all := currencies()
	if c, ok := all[s]; ok {
		return c, true
	}
	if c, ok := all[strings.ToUpper(s)]; ok {
		return c, true
	}
	c, ok := all[symbols()[strings.TrimSuffix(strings.ToLower(s), ".")]]
	return c, ok
}
