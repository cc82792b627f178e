// Command reverseproxy is the standard library's proxy, tuned as one would.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
)

func main() {
	origin, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	p := &httputil.ReverseProxy{BufferPool: &pool{}, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(origin); r.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true}}
	log.Fatal(http.ListenAndServe(os.Args[1], p))
}

type pool struct{ sync.Pool }

func (p *pool) Get() []byte {
	if b, ok := p.Pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

func (p *pool) Put(b []byte) { p.Pool.Put(&b) }
