package web

import (
	"io/fs"
	"regexp"
	"testing"
)

// TestAppKeepsTheContentPolicy reads what the Hub will serve: a policy of
// script-src 'self' and style-src 'self' refuses anything inline, so a build
// that brings some must fail here and not in a customer's browser.
func TestAppKeepsTheContentPolicy(t *testing.T) {
	if !Built() {
		if _, err := fs.Stat(Assets(), ".keep"); err != nil {
			t.Fatalf("neither built nor the placeholder: %v", err)
		}
		return
	}
	page, err := fs.ReadFile(Assets(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for what, pattern := range map[string]string{
		"an inline script":    `(?i)<script(?:\s[^>]*)?>[^<]`,
		"an inline style":     `(?i)<style|\sstyle\s*=`,
		"an event attribute":  `(?i)\son[a-z]+\s*=`,
		"an outside resource": `(?i)(?:src|href)\s*=\s*"(?:https?:)?//`,
	} {
		if m := regexp.MustCompile(pattern).Find(page); m != nil {
			t.Errorf("index.html has %s: %s", what, m)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="/([^"]+)"`).FindAllSubmatch(page, -1) {
		if _, err := fs.Stat(Assets(), string(m[1])); err != nil {
			t.Errorf("index.html asks for %s: %v", m[1], err)
		}
	}
}
