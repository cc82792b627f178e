package element

import (
	"embed"
	"fmt"
	"strings"
)

// data holds public tables; each file names its source and licence.
//
//go:embed data
var data embed.FS

// dataLines are the lines of an embedded file, comments left out.
func dataLines(name string) []string {
	var out []string
	for line := range strings.Lines(dataFile(name)) {
		line = strings.TrimRight(line, "\n")
		if line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

func dataFile(name string) string {
	text, err := data.ReadFile("data/" + name)
	if err != nil { // it was there when this was compiled
		panic(fmt.Sprintf("element: %v", err))
	}
	return string(text)
}

// dataSet is a file of words as a set.
func dataSet(name string) map[string]struct{} {
	lines := dataLines(name)
	out := make(map[string]struct{}, len(lines))
	for _, l := range lines {
		out[l] = struct{}{}
	}
	return out
}
