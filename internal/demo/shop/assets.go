package shop

import (
	"net/http"
	"strings"
)

const robots = `User-agent: *
Disallow: /cart
Disallow: /checkout
Disallow: /account
Disallow: /orders
Disallow: /search
Disallow: /login
Disallow: /signup
Disallow: /api/
Crawl-delay: 1
Sitemap: /sitemap.xml
`

func (s *Shop) routeAssets() {
	s.mux.HandleFunc("GET /robots.txt", fixed("text/plain; charset=utf-8", robots))
	s.mux.HandleFunc("GET /static/shop.css", fixed("text/css; charset=utf-8", string(s.css)))
	s.mux.HandleFunc("GET /favicon.svg", fixed("image/svg+xml", icon))
	s.mux.HandleFunc("GET /favicon.ico", fixed("image/svg+xml", icon))
	s.mux.HandleFunc("GET /static/img/{file}", s.image)
	s.mux.HandleFunc("GET /sitemap.xml", s.sitemap)
}

func fixed(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write([]byte(body))
	}
}

func (s *Shop) image(w http.ResponseWriter, r *http.Request) {
	id, isSVG := strings.CutSuffix(r.PathValue("file"), ".svg")
	p := s.goods.byID[id]
	if p == nil || !isSVG {
		http.NotFound(w, r)
		return
	}
	fixed("image/svg+xml", picture(p))(w, r)
}

func (s *Shop) sitemap(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + "\n")
	for _, c := range s.goods.categories {
		b.WriteString("<url><loc>/category/" + c.Slug + "</loc></url>\n")
	}
	for _, p := range s.goods.products {
		b.WriteString("<url><loc>/product/" + p.ID + "</loc></url>\n")
	}
	b.WriteString("</urlset>\n")
	fixed("application/xml", b.String())(w, r)
}
