package element

import (
	"strings"
	"testing"
)

func TestTextForms(t *testing.T) {
	forms(t, Text, Options{}, map[string]string{
		"  a\n\tb  ": "a b", "a\u200bb": "ab", "a\u202eb": "ab", "a\x00b": "a b", "\u3000a\u3000": "a", "": "!", "\x00": "!", "\u200b": "!", "é": "é",
		strings.Repeat("x", 600): strings.Repeat("x", 512), strings.Repeat("é", 600): strings.Repeat("é", 512), strings.Repeat("x", 511) + " y": strings.Repeat("x", 511),
		strings.Repeat("a ", 9000): strings.TrimSpace(strings.Repeat("a ", 256)),
	})
	forms(t, Identifier, Options{}, map[string]string{" C-1042 ": "C-1042", "a\x00b": "!", "a\nb": "!", "a b": "a b", strings.Repeat("é", 256): strings.Repeat("é", 256), strings.Repeat("x", 257): "!", strings.Repeat("x", 9000): "!", "a\u0085b": "!"})
	forms(t, Path, Options{}, map[string]string{"/a/%2e": "/a/%2e", "/a\x00": "!", strings.Repeat("/", 513): "!"})
	forms(t, UserAgent, Options{}, map[string]string{"curl/8.5.0": "curl/8.5.0", "a\r\nb": "a b", strings.Repeat("x", 9000): strings.Repeat("x", 512), strings.Repeat("é", 400): strings.Repeat("é", 256)})
}

func TestNameForms(t *testing.T) {
	forms(t, PersonName, Options{}, map[string]string{
		"Ann Example": "Ann Example", "ANN EXAMPLE": "Ann Example", "ann example": "Ann Example", "Ann   van der Berg": "Ann van der Berg", "JEAN-LUC O'NEIL": "Jean-Luc O'Neil", "McDonald": "McDonald", "李小龍": "李小龍",
		"Rene\u0301": "René", "élodie": "Élodie", "JFK": "JFK", "A": "A", "ann@example.com": "!", "<script>": "!", "123": "!", "": "!", strings.Repeat("a", 129): "!", "Ann\u202e": "Ann", "Dr. ANN B.": "Dr. ANN B.",
	})
}

func TestNumberForms(t *testing.T) {
	forms(t, Boolean, Options{}, map[string]string{"TRUE": "true", "1": "true", "on": "true", "Yes": "true", "0": "false", "off": "false", "n": "false", "2": "!", "maybe": "!", "": "!", "truetruetrue": "!"})
	forms(t, Integer, Options{}, map[string]string{"007": "7", "-3": "-3", "+4": "4", "3.0": "3", "3.5": "!", "3.": "!", "1e3": "!", "0x10": "!", "9223372036854775807": "9223372036854775807", "9223372036854775808": "!", "٣": "3", "": "!", "+-3": "!", "--3": "!", "1_0": "!"})
	forms(t, Decimal, Options{}, map[string]string{"4.50": "4.5", "4,5": "4.5", "-0": "0", "1e3": "1000", "NaN": "!", "Inf": "!", "1e400": "!", "0x1p-2": "!", "1_0": "!", "1,234.5": "!", "": "!", "1,2,3": "!"})
	forms(t, EventType, Options{}, map[string]string{"Authentication Attempt": "authentication_attempt", "search": "search", "login": "!", "": "!", strings.Repeat("a", 70): "!"})
	forms(t, RiskRating, Options{}, map[string]string{"Malicious Session": "malicious", "normal": "normal", "SUSPICIOUS": "suspicious", "bad": "!", "session": "!", strings.Repeat("a", 70): "!"})
}

// TestLanguageForms takes the examples of RFC 5646, appendix A, and of RFC 9110.
func TestLanguageForms(t *testing.T) {
	forms(t, Language, Options{}, map[string]string{
		"de": "de", "EN-us": "en-US", "zh-hant": "zh-Hant", "zh-cmn-Hans-CN": "cmn-Hans-CN", "sr-Latn-RS": "sr-Latn-RS", "sl-nedis": "sl-nedis", "de-CH-1901": "de-CH-1901", "hy-Latn-IT-arevela": "hy-Latn-IT-arevela",
		"es-419": "es-419", "de-CH-x-phonebk": "de-CH-x-phonebk", "en_US": "en-US", "iw": "he",
		"da, en-gb;q=0.8, en;q=0.7": "da", "en;q=0.3, fr-CH;q=0.9, *;q=0.5": "fr-CH", "en;q=2, de;q=0.1": "de", "*": "!", "de-419-DE": "!", "a-DE": "!", "english": "!", "": "!", "x": "!", ",;,": "!",
	})
}

func FuzzText(f *testing.F) {
	fuzz(f, Text, "4111 1111 1111 1111", "a\u200b\u0300b", "4111.1111-1111 1111 5555555555554444", strings.Repeat("a ", 300), strings.Repeat("x", 511)+" é")
}
func FuzzIdentifier(f *testing.F) { fuzz(f, Identifier, "a\x00", "é") }
func FuzzPersonName(f *testing.F) { fuzz(f, PersonName, "JEAN-LUC O'NEIL", "élodie", "ŉ", "ǅ ǆ") }
func FuzzBoolean(f *testing.F)    { fuzz(f, Boolean, "on") }
func FuzzInteger(f *testing.F)    { fuzz(f, Integer, "3.0", "+4") }
func FuzzDecimal(f *testing.F)    { fuzz(f, Decimal, "1e300", "4,5", "-0") }
func FuzzLanguage(f *testing.F)   { fuzz(f, Language, "en;q=0.3, fr-CH;q=0.9", "i-klingon", "sgn-BE-FR") }
func FuzzUserAgent(f *testing.F)  { fuzz(f, UserAgent, "a\r\nb") }
func FuzzSecret(f *testing.F)     { fuzz(f, Secret, "hunter2", "DE 89") }
func FuzzEventType(f *testing.F)  { fuzz(f, EventType, "Page View") }
func FuzzRiskRating(f *testing.F) { fuzz(f, RiskRating, "Malicious Session") }

// TestCommonLanguagesAreReadAsOthers holds that the tags read once say what reading
// them anew says.
func TestCommonLanguagesAreReadAsOthers(t *testing.T) {
	for s, tag := range commonTags() {
		if want, err := parsedTag(s); err != nil || tag != want {
			t.Errorf("%s: %s, want %s %v", s, tag, want, err)
		}
	}
	forms(t, Language, Options{}, map[string]string{"en": "en", "en-us": "en-US", "EN-us": "en-US", "iw": "he", "no": "no", "zh-hant": "zh-Hant"})
}
