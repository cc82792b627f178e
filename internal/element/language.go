package element

import (
	"errors"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

const maxLanguage = 256

// languageTag reads a BCP 47 tag, or the one preferred of an Accept-Language list.
func languageTag(s string) (string, error) {
	s = cutBytes(s, maxLanguage)
	if strings.ContainsAny(s, ",;") {
		s = preferred(s)
	}
	s = strings.TrimSpace(s)
	if len(s) < 2 || len(s) > 35 || !isASCII(s) {
		return "", errors.New("not a language")
	}
	if tag, ok := commonTags()[s]; ok {
		return tag, nil
	}
	return parsedTag(s)
}

// commonTags are those that nearly all visitors send, read once.
var commonTags = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, s := range strings.Fields("en en-US en-GB en-CA en-AU en-IN en-us en-gb de de-DE de-AT de-CH de-de fr fr-FR fr-CA fr-BE fr-CH es es-ES es-MX es-AR es-419 " +
		"it it-IT pt pt-BR pt-PT nl nl-NL nl-BE pl pl-PL ru ru-RU uk uk-UA cs cs-CZ sk sk-SK hu hu-HU ro ro-RO bg el el-GR tr tr-TR sv sv-SE da da-DK nb nb-NO no fi fi-FI " +
		"ja ja-JP ko ko-KR zh zh-CN zh-TW zh-HK zh-Hans zh-Hant vi vi-VN th th-TH id id-ID ms hi hi-IN ar ar-SA he he-IL fa") {
		if tag, err := parsedTag(s); err == nil {
			m[s] = tag
		}
	}
	return m
})

func parsedTag(s string) (string, error) {
	t, err := language.Raw.Parse(s)
	if err != nil || t == language.Und {
		return "", errors.New("not a language")
	}
	t, err = language.DeprecatedBase.Canonicalize(t)
	if err != nil {
		return "", errors.New("not a language")
	}
	return t.String(), nil
}

// preferred is the range with the highest weight, the first of equals.
func preferred(s string) string {
	best, weight := "", -1.0
	for part := range strings.SplitSeq(s, ",") {
		tag, rest, weighted := strings.Cut(part, ";")
		w := 1.0
		if weighted {
			w = quality(rest)
		}
		if tag = strings.TrimSpace(tag); tag != "" && tag != "*" && w > weight {
			best, weight = tag, w
		}
	}
	return best
}

// quality reads q=0.8 of RFC 9110; what is none counts least.
func quality(s string) float64 {
	v, ok := strings.CutPrefix(strings.TrimSpace(s), "q=")
	if !ok || v == "" || len(v) > 5 || v[0] != '0' && v[0] != '1' {
		return 0
	}
	w, unit := float64(v[0]-'0'), 0.1
	for i := 2; i < len(v); i++ {
		if !isDigit(v[i]) {
			return 0
		}
		w, unit = w+float64(v[i]-'0')*unit, unit/10
	}
	return min(w, 1)
}
