package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// operation is a GraphQL operation as its condition sees it.
type operation struct {
	name, kind, hash string
	fields           []string // at the top, aliases undone
	arguments        [][]byte // of each field, as a JSON object
	variables        []byte   // JSON
}

// is tells whether an operation fits a condition.
func (o *operation) is(g *policy.GraphQL) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return in(g.Operations, o.name) && in(g.Types, o.kind) && in(g.Hashes, o.hash) &&
		(len(g.Fields) == 0 || slices.ContainsFunc(o.fields, func(f string) bool { return slices.Contains(g.Fields, f) }))
}

// params are what a GraphQL request says of one operation, wherever it stands.
type params struct {
	query, name, hash    string
	variables, extension []byte
}

// operations reads all operations of a request: of its URL and of its body, of a
// batch each. Servers take them from the one or the other.
func (c *Capturer) operations(head *wire.Head, query string, body *wire.Body) []operation {
	text, _, err := c.codecs.plain(body.Bytes, encodings(head))
	if err != nil {
		text = nil
	}
	return operationsOf(head, query, legacyText(head, utf8Text(text)))
}

func operationsOf(head *wire.Head, query string, text []byte) []operation {
	var out []operation
	if strings.Contains(query, "=") {
		out = formParams(query).operations(out)
	}
	if len(text) == 0 {
		return out
	}
	switch v := head.Get("Content-Type"); {
	case hasMedia([]string{"application/graphql"}, v):
		return params{query: string(text)}.operations(out)
	case hasMedia([]string{"application/x-www-form-urlencoded"}, v):
		return formParams(view(text)).operations(out)
	case hasMedia([]string{"multipart/form-data"}, v): // an upload: the operations stand in a field
		eachPart(head, text, func(p *multipart.Part) {
			if p.FormName() == "operations" {
				field, _, _, _ := content(p, false)
				out = jsonOperations([]byte(field), out)
			}
		}, func(error) {})
		return out
	}
	return jsonOperations(text, out)
}

func formParams(text string) params {
	p := params{}
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		k, v, _ := strings.Cut(pair, "=")
		if k, _ = url.QueryUnescape(k); k == "" {
			continue
		}
		v, err := url.QueryUnescape(v)
		if err != nil {
			continue
		}
		p.set(k, v, []byte(v))
	}
	return p
}

// set takes one parameter by its name: as a text, and as the JSON it stands for.
func (p *params) set(name, text string, raw []byte) {
	switch name {
	case "query":
		p.query = text
	case "operationName":
		p.name = text
	case "variables":
		p.variables = raw
	case "extensions":
		p.extension = raw
	case "id", "documentId", "doc_id", "queryId":
		if len(text) == sha256.Size*2 {
			p.hash = strings.ToLower(text)
		}
	}
}

// jsonOperations reads an object, or a batch of them.
func jsonOperations(text []byte, out []operation) []operation {
	j := jsonReader{body: text, limit: len(text)}
	if j.space() != '[' {
		return j.params().operations(out)
	}
	j.at++
	for j.space() == '{' {
		out = j.params().operations(out)
		if j.space() != ',' {
			break
		}
		j.at++
	}
	return out
}

func (j *jsonReader) params() params {
	p := params{}
	j.fields(func(name string, raw []byte) {
		p.set(name, jsonText(raw), raw)
	})
	return p
}

// fields calls for each field of the object that follows, with its value as it
// stands.
func (j *jsonReader) fields(use func(name string, raw []byte)) {
	if j.space() != '{' {
		return
	}
	j.at++
	for j.space() == '"' {
		key, plain, err := j.text()
		if err != nil || j.space() != ':' {
			return
		}
		if !plain {
			key = unescapeJSON(nil, key)
		}
		j.at++
		j.space()
		start := j.at
		if j.skip(1) != nil {
			return
		}
		use(string(key), j.body[start:j.at])
		if j.space() != ',' {
			break
		}
		j.at++
	}
	if j.space() == '}' {
		j.at++
	}
}

// jsonText is the text of a JSON string, or "".
func jsonText(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	return string(unescapeJSON(nil, raw[1:len(raw)-1]))
}

// operations adds what the parameters ask for. A query sent in full has the hash of
// its text, so that it matches what its persisted form does.
func (p params) operations(out []operation) []operation {
	variables := p.variables
	if text := jsonText(variables); text != "" { // some clients send them as a text
		variables = []byte(text)
	}
	hash := p.hash
	j := jsonReader{body: p.extension}
	j.fields(func(name string, raw []byte) {
		if name == "persistedQuery" {
			k := jsonReader{body: raw}
			k.fields(func(name string, raw []byte) {
				if name == "sha256Hash" {
					hash = strings.ToLower(jsonText(raw))
				}
			})
		}
	})
	if p.query == "" {
		if p.name == "" && hash == "" {
			return out
		}
		return append(out, operation{name: p.name, hash: hash, variables: variables})
	}
	if hash == "" {
		sum := sha256.Sum256([]byte(p.query))
		hash = hex.EncodeToString(sum[:])
	}
	asked := false
	for _, o := range parseGraphQL(p.query, variables) {
		if p.name == "" || o.name == p.name {
			o.hash, o.variables = hash, variables
			out, asked = append(out, o), true
		}
	}
	if !asked {
		out = append(out, operation{name: p.name, hash: hash, variables: variables})
	}
	return out
}
