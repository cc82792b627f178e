package hub

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// app serves the built web app. A path that is no file is a page of the app, and
// answered with index.html; a missing file below /assets/ is not.
type app struct {
	files fs.FS
	index []byte
}

// noncePlace is what the build (Vite's html.cspNonce) writes where the nonce of
// each answer belongs, so that the app may add style elements of its own.
const noncePlace = "__CSP_NONCE__"

func newApp(files fs.FS) (*app, error) {
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		return nil, fmt.Errorf("web app: %w", err)
	}
	return &app{files: files, index: index}, nil
}

func (a *app) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, "pages are only read")
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" || name == "index.html" {
		a.page(w)
		return
	}
	text, err := fs.ReadFile(a.files, name)
	hashed := strings.HasPrefix(name, "assets/")
	switch {
	case err == nil:
	case hashed && errors.Is(err, fs.ErrNotExist):
		w.Header().Set("Cache-Control", "no-store") // it may be there after an upgrade
		problem(w, http.StatusNotFound, "no such file")
		return
	default: // a page of the app, a folder, a name that no file can have
		a.page(w)
		return
	}
	w.Header().Set("Content-Type", contentType(name))
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-cache")
	if hashed {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func (a *app) page(w http.ResponseWriter) {
	index, style := a.index, "'self' 'unsafe-inline'"
	if bytes.Contains(index, []byte(noncePlace)) {
		nonce := newNonce()
		index = bytes.ReplaceAll(index, []byte(noncePlace), []byte(nonce))
		style = "'self' 'nonce-" + nonce + "'; style-src-attr 'unsafe-inline'"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self'; style-src "+style+
		"; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	_, _ = w.Write(index) // the client may be gone
}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// contentType doesn't ask the system's tables, which differ from host to host.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map", ".webmanifest":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
