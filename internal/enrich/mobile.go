package enrich

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// carriers are autonomous systems that serve phones, with words in lower case that
// the name of their owner has. Numbers change hands; where a name is known and has
// none of the words, nothing is said.
type carriers map[uint64][]string

//go:embed mobile.txt
var mobileText []byte

// mobileCarriers reads the list that comes with the program.
func mobileCarriers() carriers {
	c, err := parseCarriers("mobile.txt", mobileText)
	if err != nil {
		panic(err) // a test reads it
	}
	return c
}

func parseCarriers(name string, text []byte) (carriers, error) {
	c := carriers{}
	err := eachLine(name, text, func(_ int, line string) error {
		number, words, ok := strings.Cut(line, ",")
		n, err := strconv.ParseUint(strings.TrimPrefix(number, "AS"), 10, 32)
		if words = strings.ToLower(strings.TrimSpace(words)); !ok || err != nil || n == 0 || words == "" {
			return fmt.Errorf("%q is no carrier; want e.g. AS64500,Example Mobile", line)
		}
		c[n] = append(c[n], words)
		return nil
	})
	return c, err
}

// serves tells whether a network is a carrier's, as far as its owner's name says.
func (c carriers) serves(system uint64, owner string) bool {
	words, ok := c[system]
	if !ok || system == 0 || owner == "" {
		return ok && system != 0
	}
	owner = strings.ToLower(owner)
	for _, w := range words {
		if strings.Contains(owner, w) {
			return true
		}
	}
	return false
}
