package element

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// agentRule is one rule of uap-core: an expression, and what is said in place of
// its groups.
type agentRule struct {
	re      *regexp.Regexp
	name    string // "$1" where the first group says it
	numbers [3]string
}

// agentRules are rules of one kind in order, the first that matches says it. Only
// those whose required texts occur are tried.
type agentRules struct {
	rules  []agentRule
	always []bool // no required text
	finder *finder
	free   sync.Pool // of hit lists
}

func newAgentRules(rules []agentRule) *agentRules {
	r := &agentRules{rules: rules, always: make([]bool, len(rules))}
	texts := make([][]string, len(rules))
	for i := range rules {
		texts[i] = required(rules[i].re.String())
		r.always[i] = texts[i] == nil
	}
	r.finder = newFinder(texts)
	r.free.New = func() any { s := make([]bool, len(rules)); return &s }
	return r
}

// maxTries is how many rules are tried on one user agent: more than any of the
// regression files needs, and few enough that one stuffed with words costs little.
const maxTries = 48

// match answers the first rule that matches, with its groups.
func (r *agentRules) match(ua, lower string) (*agentRule, []string) {
	hit := r.free.Get().(*[]bool)
	defer r.free.Put(hit)
	copy(*hit, r.always)
	r.finder.find(lower, *hit)
	tries := 0
	for i, h := range *hit {
		if h {
			if tries++; tries > maxTries {
				break
			}
			if m := r.rules[i].re.FindStringSubmatch(ua); m != nil {
				return &r.rules[i], m
			}
		}
	}
	return nil, nil
}

// say fills groups into what is said.
func say(text string, groups []string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	for i := min(len(groups)-1, 9); i >= 1; i-- {
		text = strings.ReplaceAll(text, "$"+string(rune('0'+i)), groups[i])
	}
	for i := 1; i <= 9; i++ { // groups that are not there
		text = strings.ReplaceAll(text, "$"+string(rune('0'+i)), "")
	}
	return strings.TrimSpace(text)
}

// uapFile is regexes.yaml as far as it is read.
type uapFile struct {
	Browsers []struct {
		Regex string `yaml:"regex"`
		Name  string `yaml:"family_replacement"`
		V1    string `yaml:"v1_replacement"`
		V2    string `yaml:"v2_replacement"`
		V3    string `yaml:"v3_replacement"`
	} `yaml:"user_agent_parsers"`
	Systems []struct {
		Regex string `yaml:"regex"`
		Name  string `yaml:"os_replacement"`
		V1    string `yaml:"os_v1_replacement"`
		V2    string `yaml:"os_v2_replacement"`
		V3    string `yaml:"os_v3_replacement"`
	} `yaml:"os_parsers"`
}

// agentTables are all rules, compiled on first use.
type agentTables struct{ browsers, systems, crawlers *agentRules }

var agentData = sync.OnceValue(func() agentTables {
	var f uapFile
	if err := yaml.Unmarshal([]byte(dataFile("agents.yaml")), &f); err != nil { // a test reads it too
		panic(fmt.Sprintf("element: agents.yaml: %v", err))
	}
	rule := func(regex, name string, numbers ...string) agentRule {
		r := agentRule{re: regexp.MustCompile(regex), name: name}
		if name == "" {
			r.name = "$1"
		}
		for i := range r.numbers {
			if r.numbers[i] = numbers[i]; r.numbers[i] == "" {
				r.numbers[i] = "$" + string(rune('2'+i))
			}
		}
		return r
	}
	var browsers, systems, crawlers []agentRule
	for _, b := range f.Browsers {
		browsers = append(browsers, rule(b.Regex, b.Name, b.V1, b.V2, b.V3))
	}
	for _, s := range f.Systems {
		systems = append(systems, rule(s.Regex, s.Name, s.V1, s.V2, s.V3))
	}
	for _, line := range dataLines("crawlers.txt") {
		crawlers = append(crawlers, agentRule{re: regexp.MustCompile(line)})
	}
	return agentTables{newAgentRules(browsers), newAgentRules(systems), newAgentRules(crawlers)}
})
