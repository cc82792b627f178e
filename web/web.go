// Package web holds the Hub's web app as built by Vite and embedded in the
// binary. The hub package serves it. Before the app is built the package still
// compiles: Built then says false and Assets holds no index.html.
package web

import (
	"embed"
	"io/fs"
)

// dist holds a committed placeholder, so that Go compiles without Node.
//
//go:embed all:dist
var dist embed.FS

// Assets returns the built app with index.html at its root. Files below
// assets/ carry a hash of their content in their name and never change.
func Assets() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		// Only an invalid path can fail here, and this one is a constant.
		panic("web: " + err.Error())
	}
	return sub
}

// Built tells whether the app was built before this binary was.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}
