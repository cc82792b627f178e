package policy

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxChunk is how many fields of one mapping the YAML library is given at once:
// it takes each field within the one before, and copies what it has every time.
const maxChunk = 200

// chunk is some fields of a block mapping that are parsed by themselves. What
// stands in one column is one mapping, however it is cut.
type chunk struct {
	first  *token.Token // of the mapping they belong to; nil: the document
	tokens token.Tokens
}

// parseDocument parses the tokens of one document, no more than so many fields
// of a block mapping at once.
func parseDocument(tokens token.Tokens, most int) ([]*ast.DocumentNode, error) {
	var docs []*ast.DocumentNode
	more := joiner{}
	for i, c := range cut(tokens, most) {
		file, err := parser.Parse(c.tokens, 0, parser.AllowDuplicateMapKey())
		if err != nil {
			return nil, err
		}
		if i == 0 {
			docs = file.Docs
			continue
		}
		for _, d := range file.Docs {
			if m, ok := d.Body.(*ast.MappingNode); ok {
				more[c.first] = append(more[c.first], m.Values...)
			}
		}
	}
	if len(more) > 0 {
		for _, d := range docs {
			if d.Body != nil {
				ast.Walk(more, d.Body)
			}
		}
	}
	return docs, nil
}

// joiner puts the fields of later chunks behind those of their mapping.
type joiner map[*token.Token][]*ast.MappingValueNode

func (j joiner) Visit(n ast.Node) ast.Visitor {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		m.Values = append(m.Values, j[m.Values[0].Key.GetToken()]...) // and walks on into them
	}
	return j
}

// open is a block mapping whose fields stand in one column.
type open struct {
	first         *token.Token
	column, count int
	chunk         int // where its next token goes
}

// cut sends each token of a document to its chunk. The first chunk is the
// document with the first fields of every mapping.
func cut(tokens token.Tokens, most int) []chunk {
	chunks := []chunk{{}}
	var opened []open
	at, flow, line := 0, 0, 0
	starts := true // nothing but - and ? stands before on the line
	colons := lastColons(tokens)
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.Position.Line != line {
			line, starts = t.Position.Line, true
			for flow == 0 && len(opened) > 0 && opened[len(opened)-1].column > t.Position.Column {
				opened = opened[:len(opened)-1]
			}
		}
		if flow == 0 && starts && t.Type != token.SequenceEntryType && (t.Type == token.MappingKeyType || colons[line] > i) {
			if n := len(opened); n == 0 || opened[n-1].column < t.Position.Column {
				opened = append(opened, open{first: t, column: t.Position.Column, chunk: at})
			}
			own := &opened[len(opened)-1]
			if own.count++; own.count > most {
				own.count, own.chunk = 1, len(chunks)
				chunks = append(chunks, chunk{first: own.first})
			}
		}
		if n := len(opened); n > 0 {
			at = opened[n-1].chunk
		} else {
			at = 0
		}
		chunks[at].tokens = append(chunks[at].tokens, t)
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.LiteralType, token.FoldedType:
			if i+1 < len(tokens) { // its text is one token that looks like a line
				i++
				chunks[at].tokens = append(chunks[at].tokens, tokens[i])
			}
		}
		starts = starts && (t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType)
	}
	return chunks
}

// lastColons finds, for each line, the last colon outside brackets that follows
// a name.
func lastColons(tokens token.Tokens) map[int]int {
	out := map[int]int{}
	flow := 0
	for i, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.MappingValueType:
			if flow == 0 {
				out[t.Position.Line] = i
			}
		}
	}
	return out
}
