package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
)

// Bounds of a policy folder.
const (
	maxFiles = 500
	maxFile  = 1 << 20
	maxTotal = 16 << 20
)

// Load reads a folder's *.yaml and *.yml files, in order of their paths, and
// compiles them. The Snapshot is nil when there is any fault.
func Load(dir string) (*Snapshot, []Fault) {
	bundle := map[string]string{}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, []Fault{{Pos: Pos{dir, 1, 1}, Wrong: "can't be read: " + err.Error(), Right: "a folder of policy files"}}
	}
	defer func() { _ = root.Close() }()
	var list []Fault
	total := 0
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
			return nil
		}
		if len(bundle) >= maxFiles {
			return fmt.Errorf("holds more than %d files", maxFiles)
		}
		text, err := readFile(root, path)
		if err != nil {
			list = append(list, Fault{Pos: Pos{path, 1, 1}, Wrong: "can't be read: " + err.Error(), Right: "a readable file inside the folder"})
			return nil
		}
		if total += len(text); total > maxTotal {
			return fmt.Errorf("holds more than %d MiB of policy files", maxTotal>>20)
		}
		bundle[path] = text
		return nil
	})
	if err != nil {
		list = append(list, Fault{Pos: Pos{dir, 1, 1}, Wrong: err.Error(), Right: "a folder of policy files"})
	}
	if len(bundle) == 0 && len(list) == 0 {
		list = append(list, Fault{Pos: Pos{dir, 1, 1}, Wrong: "holds no *.yaml file", Right: "at least one document of kind spec"})
	}
	c := newCompiler(bundle)
	c.names.lost = len(list) > 0 // a file not read may define anything
	snap, more := c.compile()
	if list = append(list, more...); len(list) > 0 {
		return nil, list
	}
	return snap, nil
}

// readFile reads a regular file, links within the folder included, and no more
// of it than shows that it is too large.
func readFile(root *os.Root, path string) (string, error) {
	info, err := root.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // a pipe would block for ever
		return "", errors.New("not a regular file")
	}
	file, err := root.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	return string(text), err
}

// Compile turns files (path to text) into a Snapshot, or says everything that is
// wrong. It is a pure function of the bundle.
func Compile(bundle map[string]string) (*Snapshot, []Fault) {
	return newCompiler(bundle).compile()
}

func newCompiler(bundle map[string]string) *compiler {
	return &compiler{f: &faults{}, names: newNames(), lines: map[string][]string{}, snap: &Snapshot{
		Revision: revision(bundle), Bundle: maps.Clone(bundle),
		Actions: map[string]*Action{}, Lists: map[string]*List{},
		Rating:  RatingRules{Suspicious: 30, Malicious: 70},
		Session: SessionRules{Timeout: 30 * time.Minute, MaxAge: 24 * time.Hour},
	}}
}

func (c *compiler) compile() (*Snapshot, []Fault) {
	var all []mapping
	for _, path := range paths(c.snap.Bundle) {
		docs, whole := documents(path, c.snap.Bundle[path], c.f)
		if !whole {
			c.names.maybe(c.snap.Bundle[path])
		}
		all = append(all, docs...)
	}
	c.ownElements(all)
	for _, doc := range all {
		c.document(doc)
	}
	c.rules()
	c.references()
	if list := c.f.sorted(); len(list) > 0 {
		return nil, list
	}
	for _, s := range c.snap.Specs {
		s.Elements = c.snap.Elements
	}
	c.giveTokens()
	sortBySpecificity(c.snap.Specs)
	c.snap.Windows = c.windows()
	return c.snap, nil
}

func paths(bundle map[string]string) []string {
	out := make([]string, 0, len(bundle))
	for p := range bundle {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// revision names a bundle by its content.
func revision(bundle map[string]string) string {
	h := sha256.New()
	for _, p := range paths(bundle) {
		h.Write([]byte(p + "\x00" + bundle[p] + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// compiler holds what one Compile has seen. Rules are compiled after all
// documents are read, since they may refer to lists of later files.
type compiler struct {
	f      *faults
	snap   *Snapshot
	names  *names
	lines  map[string][]string // of files with a rule that is wrong
	whens  []pendingRule
	refs   []pendingRef
	custom []element.Def // the policy's own
	rating bool
	sess   bool
}

type pendingRule struct {
	at  value
	set func(*expr.Program)
}

// pendingRef is a name that another document must define.
type pendingRef struct {
	at         value
	kind, name string
}

func (c *compiler) document(m mapping) {
	kind, ok := m.get("kind")
	if !ok {
		if kind.node == nil {
			m.kindless()
		}
		c.names.unclear(m)
		return
	}
	k, ok := kind.oneOf("spec", "label", "signature", "workflow", "action", "list", "rating", "session", "element")
	if !ok {
		c.names.unclear(m)
		return
	}
	switch k {
	case "spec":
		c.spec(&m)
	case "label":
		c.label(&m)
	case "signature":
		c.signature(&m)
	case "workflow":
		c.workflow(&m)
	case "action":
		c.action(&m)
	case "list":
		c.list(&m)
	case "rating":
		c.ratingRules(&m)
	case "session":
		c.sessionRules(&m)
	}
	m.done()
}

// unique reports a name that another document of the kind already has.
func (c *compiler) unique(v value, kind, name string) {
	if first, twice := c.names.define(kind, name, v.pos); twice {
		v.bad(fmt.Sprintf("%s %s is already defined at %s", kind, quote(name), first), "give it a name of its own")
	}
}

// identifier reads a name made of a-z, 0-9, _ and -. One that is wrong is
// defined all the same, so that the documents that use it are not wrong too.
func (c *compiler) identifier(m *mapping, key, kind string) string {
	v, ok := m.need(key, "a name such as my_"+kind)
	s := ""
	if ok {
		s, ok = v.text()
	}
	switch {
	case !ok:
		c.names.nameless[kind] = true
	case !isIdentifier(s):
		v.bad(quote(s)+" is no name", "use a-z, 0-9, _ and -, at most 64 of them")
		c.names.define(kind, s, v.pos)
		c.names.likely[slug(s)] = true // what was meant
	default:
		c.unique(v, kind, s)
	}
	return s
}

func isIdentifier(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

func (c *compiler) types(m *mapping, key string) []journey.EventType {
	v, ok := m.get(key)
	if !ok {
		return nil
	}
	var out []journey.EventType
	for _, item := range v.items("event types, or leave it out for every type") {
		if t, ok := eventType(item); ok {
			out = append(out, t)
		}
	}
	return out
}

// eventType reads one of the closed set, and knows what people call them.
func eventType(v value) (journey.EventType, bool) {
	if s, ok := v.node.(*ast.StringNode); ok {
		for t, names := range map[journey.EventType]string{
			journey.PageView:              "page pageview visit view",
			journey.ProductView:           "product",
			journey.AccountCreate:         "signup sign_up register registration",
			journey.AuthenticationAttempt: "login log_in signin sign_in login_attempt authentication",
			journey.Logout:                "signout sign_out log_out",
			journey.AccountUpdate:         "profile_update email_change",
			journey.CartUpdate:            "cart add_to_cart basket",
			journey.PromoRedeem:           "promo coupon voucher",
			journey.Transaction:           "checkout purchase payment order buy",
			journey.RefundRequest:         "refund return",
			journey.SupportContact:        "support ticket contact",
		} {
			if slices.Contains(strings.Fields(names), s.Value) {
				v.bad(quote(s.Value)+" is not known", "its name is "+string(t))
				return "", false
			}
		}
	}
	s, ok := v.oneOf(eventTypes()...)
	return journey.EventType(s), ok
}

func eventTypes() []string {
	all := journey.EventTypes()
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = string(t)
	}
	return out
}

func (c *compiler) when(v value, set func(*expr.Program)) {
	c.whens = append(c.whens, pendingRule{v, set})
}

// rules compiles every `when` now that all lists and labels are known.
func (c *compiler) rules() {
	opt := expr.Options{Element: func(id string) (bool, bool) {
		d, known, sure := c.lookup(id)
		return d.Entity, known || !sure
	}, Numeric: c.numeric}
	if !c.names.open("label") {
		opt.Labels = map[string]bool{}
		for _, id := range append(c.names.known("label"), c.names.uncertain()...) {
			opt.Labels[id] = true
		}
	}
	if !c.names.open("list") {
		opt.Lists = map[string]map[string]bool{}
		for _, n := range append(c.names.known("list"), c.names.uncertain()...) {
			opt.Lists[n] = nil
		}
	}
	for n, l := range c.snap.Lists {
		if opt.Lists != nil {
			opt.Lists[n] = l.Values
		}
	}
	for _, w := range c.whens {
		if c.f.full() { // each fault looks for a like name among all
			return
		}
		src, ok := w.at.text()
		if !ok {
			continue
		}
		p, err := expr.Compile(src, opt)
		var e *expr.Error
		switch {
		case errors.As(err, &e):
			c.badRule(w.at, src, e)
		case err != nil:
			w.at.bad(err.Error(), "a CEL condition")
		default:
			w.set(p)
		}
	}
}

// badRule says what is wrong with a rule, at its place in the file where that is
// known for sure.
func (c *compiler) badRule(at value, src string, e *expr.Error) {
	file := at.pos.File
	if c.lines[file] == nil {
		c.lines[file] = strings.Split(strings.TrimPrefix(c.snap.Bundle[file], "\ufeff"), "\n")
	}
	if pos, ok := locate(c.lines[file], at, src, e.Line, e.Col); ok {
		at.pos = pos
		at.bad(e.Wrong, e.Right)
		return
	}
	at.bad(fmt.Sprintf("at %d:%d of the rule: %s", e.Line, e.Col, e.Wrong), e.Right)
}

// numeric tells whether an element's canonical value is a number.
func (c *compiler) numeric(id string) bool {
	d, _ := c.snap.Elements.Lookup(id)
	return d.Kind.Numeric() && !d.Hashed()
}

// references checks that every name another document must define is defined.
func (c *compiler) references() {
	known := map[string][]string{}
	for _, kind := range []string{"label", "signature", "action"} {
		known[kind] = c.names.known(kind)
	}
	for _, r := range c.refs {
		if c.f.full() {
			return
		}
		if c.names.has(r.kind, r.name) {
			continue
		}
		right := "define a document of kind " + r.kind + " with that name"
		if n, ok := near(r.name, known[r.kind]); ok {
			right = "did you mean " + n + "? or " + right
		}
		r.at.bad(fmt.Sprintf("%s %s is not defined", r.kind, quote(r.name)), right)
	}
}

// windows is the union of what all rules need, in document order.
func (c *compiler) windows() []expr.Window {
	var out []expr.Window
	seen := map[expr.Window]bool{}
	add := func(p *expr.Program) {
		if p == nil {
			return
		}
		for _, w := range p.Windows() {
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	for _, l := range c.snap.Labels {
		add(l.When)
	}
	for _, w := range c.snap.Workflows {
		add(w.When)
	}
	return out
}
