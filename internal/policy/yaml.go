package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// The YAML library's time grows with the square of what nests and of empty lines
// in a row, so that both are bounded before it sees the text; a policy needs six
// levels.
const (
	maxDepth = 40   // brackets open at once
	maxMarks = 1000 // of - ? : & ! in one line, each of which may nest
	maxEmpty = 500  // empty lines in a row
)

// documents splits a file into its documents. whole is false when there may be
// more in it than could be read.
func documents(file, text string, f *faults) (out []mapping, whole bool) {
	text = strings.TrimPrefix(text, "\ufeff")
	if len(text) > maxFile {
		f.add(Pos{file, 1, 1}, "", fmt.Sprintf("has %d bytes", len(text)), "at most 1 MiB; split it")
		return nil, false
	}
	if !utf8.ValidString(text) {
		f.add(Pos{file, 1 + strings.Count(text[:invalidAt(text)], "\n"), 1}, "", "is not UTF-8", "save the file as UTF-8")
		return nil, false
	}
	if line, wrong, right := bounds(text); wrong != "" {
		f.add(Pos{file, line, 1}, "", wrong, right)
		return nil, false
	}
	docs, fault := parse(file, text, maxChunk)
	if fault != nil {
		f.add(fault.Pos, "", fault.Wrong, fault.Right)
		return nil, false
	}
	whole = true
	for _, d := range docs {
		switch d.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
			continue
		}
		if m, ok := (value{node: d.Body, pos: place(file, d.Body), f: f}).mapping("fields, the first of them kind: spec, label or another"); ok {
			out = append(out, m)
		} else {
			whole = false
		}
	}
	return out, whole
}

// bounds finds the first line that the library may take too long over. It does
// not know texts from structure, and leaves room for that.
func bounds(text string) (line int, wrong, right string) {
	line = 1
	brackets, marks, empty, blank := 0, 0, 0, true
	for i := range len(text) {
		switch text[i] {
		case '\n', '\r':
			if text[i] == '\r' && strings.HasPrefix(text[i+1:], "\n") {
				continue
			}
			line++
			if marks = 0; blank {
				empty++
			} else {
				empty, blank = 0, true
			}
			if empty > maxEmpty {
				return line, "has too many empty lines in a row", fmt.Sprintf("at most %d", maxEmpty)
			}
			continue
		case ' ', '\t':
			continue
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(0, brackets-1)
		case '-', '?', '&', '!', ':':
			if i+1 == len(text) || strings.IndexByte(" \t\r\n", text[i+1]) >= 0 {
				marks++
			}
		}
		blank = false
		if brackets > maxDepth || marks > maxMarks {
			return line, "nests too deep", fmt.Sprintf("at most %d brackets open at once, and %d of - ? : & ! in a line", maxDepth, maxMarks)
		}
	}
	return line, "", ""
}

func invalidAt(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return 0
}

// parse answers a fault also for what the YAML library itself stumbles over.
func parse(file, text string, chunk int) (docs []*ast.DocumentNode, fault *Fault) {
	defer func() {
		if v := recover(); v != nil {
			docs, fault = nil, &Fault{Pos: Pos{file, 1, 1}, Wrong: fmt.Sprintf("not YAML: %v", v), Right: "well-formed YAML"}
		}
	}()
	tokens := lexer.Tokenize(text)
	if t := tokens.InvalidToken(); t != nil {
		return nil, notYAML(file, t.Position, t.Error)
	}
	for _, part := range split(uncommented(tokens)) {
		more, err := parseDocument(part, chunk)
		if err != nil {
			line, col, what := yamlError(err)
			return nil, notYAML(file, &token.Position{Line: line, Column: col}, what)
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

func notYAML(file string, at *token.Position, what string) *Fault {
	return &Fault{Pos: Pos{file, max(at.Line, 1), max(at.Column, 1)}, Wrong: "not YAML: " + what, Right: mend(what)}
}

func uncommented(tokens token.Tokens) token.Tokens {
	out := make(token.Tokens, 0, len(tokens))
	for _, t := range tokens {
		if t.Type != token.CommentType {
			out = append(out, t)
		}
	}
	return out
}

// split cuts tokens into documents, a directive with the document it is for. The
// library's own cut takes the square of their number, and drops what follows an
// empty document.
func split(tokens token.Tokens) []token.Tokens {
	var out []token.Tokens
	begin, directive := 0, false
	cut := func(end int) {
		if end > begin {
			out = append(out, tokens[begin:end:end])
		}
		begin, directive = end, false
	}
	for i, t := range tokens {
		switch t.Type {
		case token.DirectiveType:
			directive = directive || i == begin
		case token.DocumentHeaderType:
			if !directive {
				cut(i)
			}
			directive = false
		case token.DocumentEndType:
			if i+1 == len(tokens) || tokens[i+1].Position.Line > t.Position.Line {
				cut(i + 1)
			}
		}
	}
	cut(len(tokens))
	return out
}

// mend says how the usual slips of YAML are put right.
func mend(what string) string {
	switch {
	case strings.Contains(what, "'\t'"), strings.Contains(what, "tab character"):
		return "spaces, never tabs, before a field"
	case strings.Contains(what, "end token"), strings.Contains(what, "must be specified"), strings.Contains(what, "flow map"):
		return `a closing bracket or comma; quotes around a text with brackets, e.g. "/orders/{id}"`
	case strings.Contains(what, "mapping value is not allowed"):
		return "field: value on a line of its own, indented like its neighbours; quotes around a text that holds a colon"
	case strings.Contains(what, "scalar value type"), strings.Contains(what, "reserved character"):
		return "quotes around a text that begins with *, &, !, @ or `"
	case strings.Contains(what, "end character"), strings.Contains(what, "quoted"):
		return "a closing quote"
	case strings.Contains(what, "indentation"), strings.Contains(what, "non-map"):
		return "the same indentation for fields that belong together"
	}
	return "well-formed YAML, field: value; quotes around a text of special characters"
}

func yamlError(err error) (line, col int, what string) {
	line, col = 1, 1
	what, _, _ = strings.Cut(err.Error(), "\n")
	if rest, ok := strings.CutPrefix(what, "["); ok {
		if at, msg, ok := strings.Cut(rest, "] "); ok {
			if l, c, ok := strings.Cut(at, ":"); ok {
				if n, err := strconv.Atoi(l); err == nil {
					line = n
				}
				if n, err := strconv.Atoi(c); err == nil {
					col = n
				}
			}
			what = msg
		}
	}
	return line, col, what
}
