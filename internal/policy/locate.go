package policy

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// locate finds where in a file's lines a character of a text value stands: line
// and col, from 1, within the text as it was read. It follows the file character
// by character and answers only what is exact.
func locate(lines []string, v value, text string, line, col int) (Pos, bool) {
	r, ok := begin(lines, v)
	if !ok {
		return Pos{}, false
	}
	end := len(strings.TrimRight(text, " \t\n"))
	atLine, atCol := 1, 1
	for i, c := range text {
		if i >= end { // what is missing at the end is missing behind the last word
			break
		}
		reached := atLine == line && atCol == col
		width, ok := r.take(c)
		if !ok {
			return Pos{}, false
		}
		if reached {
			return Pos{v.pos.File, r.line + 1, r.col - width + 1}, true
		}
		if atCol++; c == '\n' {
			atLine, atCol = atLine+1, 1
		}
	}
	if line < atLine || line == atLine && col < atCol {
		return Pos{}, false
	}
	return Pos{v.pos.File, r.line + 1, r.col + 1}, true
}

// reading is how far a value has been followed in its file.
type reading struct {
	lines  []string
	line   int    // from 0
	row    []rune // that line
	col    int    // from 0, in characters
	indent int    // of a block text; -1: not one
	quote  rune   // 0: none
}

// begin stands before a value's first character.
func begin(lines []string, v value) (*reading, bool) {
	t := v.node.GetToken()
	if t == nil || t.Position == nil || t.Position.Line < 1 || t.Position.Line > len(lines) {
		return nil, false
	}
	r := &reading{lines: lines, indent: -1}
	r.move(t.Position.Line - 1)
	r.col = t.Position.Column - 1
	switch v.node.(type) {
	case *ast.LiteralNode:
		if strings.ContainsAny(t.Value, "123456789") { // it sets its indentation itself
			return nil, false
		}
		r.indent = 0
		for _, l := range lines[r.line+1:] {
			if rest := strings.TrimLeft(l, " "); strings.TrimSpace(rest) != "" {
				r.indent = len(l) - len(rest)
				break
			}
		}
		return r, r.next()
	case *ast.StringNode:
		switch t.Type {
		case token.SingleQuoteType:
			r.quote = '\''
		case token.DoubleQuoteType:
			r.quote = '"'
		}
		if r.quote != 0 {
			if r.at() != r.quote {
				return nil, false
			}
			r.col++
		}
	}
	return r, true
}

func (r *reading) move(line int) {
	r.line, r.row, r.col = line, []rune(strings.TrimSuffix(r.lines[line], "\r")), 0
}

// next goes to where the next line's text begins.
func (r *reading) next() bool {
	if r.line+1 >= len(r.lines) {
		return false
	}
	r.move(r.line + 1)
	for r.col < len(r.row) && (r.row[r.col] == ' ' || r.row[r.col] == '\t') && (r.indent < 0 || r.col < r.indent) {
		r.col++
	}
	return true
}

func (r *reading) at() rune {
	if r.col < 0 || r.col >= len(r.row) {
		return '\n'
	}
	return r.row[r.col]
}

// blank tells whether nothing but spaces stands before or behind on the line.
func blank(row []rune) bool { return strings.TrimSpace(string(row)) == "" }

// take goes past one character of the text and tells how wide it is written.
func (r *reading) take(c rune) (width int, ok bool) {
	if c == ' ' || c == '\n' {
		if c == r.at() && c == ' ' && (r.indent >= 0 || !blank(r.row[r.col:])) {
			r.col++
			return 1, true
		}
		if r.col < len(r.row) && (r.indent >= 0 || !blank(r.row[r.col:])) {
			return 0, false
		}
		return 0, r.next()
	}
	for blank(r.row) { // folded lines
		if !r.next() {
			return 0, false
		}
	}
	width = 1
	if r.at() == r.quote || r.quote == '"' && r.at() == '\\' {
		if r.col++; r.at() != r.quote && r.at() != '\\' { // another escape, or the end
			return 0, false
		}
		width = 2
	}
	if r.at() != c {
		return 0, false
	}
	r.col++
	return width, true
}
