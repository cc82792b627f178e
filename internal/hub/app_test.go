package hub

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestAppIsServedWithStrictHeaders(t *testing.T) {
	s := newStand(t)
	for _, path := range []string{"/", "/index.html", "/sessions/123", "/setup?token=x", "/assets", "/..%2f..%2fetc/passwd"} {
		resp, text := s.nobody().send(s.nobody().request("GET", path, nil))
		csp := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || !strings.Contains(text, "/assets/app-1234.js") {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, text)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8", "Strict-Transport-Security": "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		for _, part := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "img-src 'self';", "font-src 'self';", "connect-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: no %s in %s", path, part, csp)
			}
		}
		for _, wide := range []string{"unsafe-", "nonce-", "data:", "blob:", "*"} {
			if strings.Contains(csp, wide) {
				t.Errorf("%s: %s in %s", path, wide, csp)
			}
		}
	}
	resp, text := s.nobody().send(s.nobody().request("GET", "/assets/app-1234.js", nil))
	if text != "export {}" || resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("asset: %v %s", resp.Header, text)
	}
	resp, _ = s.nobody().send(s.nobody().request("GET", "/favicon.svg", nil))
	if resp.Header.Get("Cache-Control") != "no-cache" || resp.Header.Get("Content-Type") != "image/svg+xml" || resp.Header.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" {
		t.Errorf("icon: %v", resp.Header)
	}
	// An old page asking for a file of the build before must not get a page as its script.
	if resp, _ := s.nobody().send(s.nobody().request("GET", "/assets/app-0000.js", nil)); resp.StatusCode != 404 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("missing asset: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestAppWithTLS(t *testing.T) {
	s := newStand(t, func(c *Config) {
		c.Secure = true
		c.Assets = fstest.MapFS{"index.html": {Data: []byte("<html>")}}
	})
	resp, _ := s.nobody().send(s.nobody().request("GET", "/", nil))
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS")
	}
}

func TestNewWantsEverything(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("built from nothing")
	}
	if _, err := newApp(fstest.MapFS{}); err == nil {
		t.Error("an app without index.html was taken")
	}
}
