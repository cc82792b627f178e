package hub

import (
	"bytes"
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

// pagePolicy lets a page use what the Hub itself serves and nothing else: no
// inline script or style, no eval, no data: or blob: address. The web app's tests
// run under it and fail at the first thing refused.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

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
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-cache")
	if hashed {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func (a *app) page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	_, _ = w.Write(a.index) // the client may be gone
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
