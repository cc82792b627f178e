package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// PageConfig is a file that stands in for one of our own plain answers.
type PageConfig struct {
	Status int    `yaml:"status"`
	File   string `yaml:"file"`
}

// MaintenanceConfig is what a site in maintenance shows.
type MaintenanceConfig struct {
	Page       string `yaml:"page"`
	RetryAfter string `yaml:"retry_after"`
}

// maxPage bounds a page, which stays in memory.
const maxPage = 256 << 10

// pageTypes are the content types of pages by their file's extension.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8",
	".json": "application/json", ".xml": "application/xml",
}

// pageStatuses are those that we answer ourselves.
var pageStatuses = map[int]bool{400: true, 403: true, 405: true, 408: true, 413: true, 414: true, 421: true, 431: true, 501: true, 502: true, 503: true, 504: true, 505: true, 508: true}

func checkPages(field string, list []PageConfig, bad func(field, wrong, right string)) site.Pages {
	if len(list) == 0 {
		return nil
	}
	pages := site.Pages{}
	for i, c := range list {
		at := func(f string) string { return fmt.Sprintf("%s[%d].%s", field, i, f) }
		switch {
		case !pageStatuses[c.Status]:
			bad(at("status"), fmt.Sprintf("%d is no status that is answered here", c.Status), "400, 403, 405, 408, 413, 414, 421, 431, 501, 502, 503, 504, 505 or 508")
		case pages[c.Status] != nil:
			bad(at("status"), fmt.Sprintf("%d has a page already", c.Status), "one file for each status")
		default:
			pages[c.Status] = readPage(at("file"), c.File, bad)
		}
	}
	return pages
}

func checkMaintenance(field string, c *MaintenanceConfig, st *site.Site, bad func(field, wrong, right string)) {
	if c == nil {
		return
	}
	if c.Page == "" && c.RetryAfter == "" {
		bad(field, "says nothing", "page, retry_after or both")
	}
	if c.Page != "" {
		st.Upkeep = readPage(field+".page", c.Page, bad)
	}
	if c.RetryAfter != "" {
		st.Retry = checkDuration(field+".retry_after", c.RetryAfter, time.Second, bad)
	}
}

// readPage reads a page once, so that a full disk or a slow one is no matter when
// it is needed.
func readPage(field, file string, bad func(field, wrong, right string)) *site.Page {
	kind := pageTypes[filepath.Ext(file)]
	if kind == "" {
		bad(field, fmt.Sprintf("%q has no extension that tells its content type", file), "a file that ends in .html, .txt, .json or .xml")
		return nil
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		bad(field, "can't be read: "+err.Error(), "a readable file")
		return nil
	case !info.Mode().IsRegular() || info.Size() > maxPage:
		bad(field, fmt.Sprintf("%q is no file of at most %d KiB", file, maxPage>>10), "a small page that needs nothing else from here")
		return nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator's own file
	if err != nil {
		bad(field, "can't be read: "+err.Error(), "a readable file")
		return nil
	}
	return &site.Page{ContentType: kind, Body: text}
}
