package policy_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// A program is random Rego: an entrypoint and rules that it may reach.
type program struct {
	rng *rand.Rand
	// name is its package, and begins the one of its library.
	name  string
	roots []string
	uses  map[string]bool
	// rules are those that a body may use, by kind. A rule uses only earlier ones, so that
	// none is recursive.
	rules     map[string][]string
	variables int
	text      strings.Builder
	// here is what the rule that is being written looks at, which makes it likelier that
	// its parts have to do with each other.
	here, indexed string
}

// The roots of what programs read, by what is asked.
var programRoots = map[string][]string{
	"check":    {"input.context", "input.context", "input.resource", "input.session.metadata", "input.session.claims", "ctx"},
	"route":    {"input.request.body", "input.request.body", "input.parsed_body", "input.session.metadata", "input.session.claims", "input.request.headers", "input.route.params"},
	"evaluate": {"input.context", "input.resource", "input.resource.properties", "input.subject.properties", "input.action.properties", "input.action", "input.session.metadata", "ctx"},
}

// oddRefs are what there is besides.
var oddRefs = []string{"input.session", "input.session.org.role", "input.session.org", "input.credential.code", "input.user_id", "input.action", "input.subject", "input.resource.id", "input.check", "input.session.plans", "input.route", "input.factor_age"}

var programNames = []string{"a", "b", "c"}

var programConstants = []string{`null`, `true`, `false`, `0`, `1`, `1.0`, `""`, `"a"`, `"b"`, `"c"`, `"1"`, `"a:b"`, `[]`, `[1]`, `["a", 1]`, `{}`, `{"a": 1}`, `{"b": {}}`}

// randomProgram writes one.
func randomProgram(rng *rand.Rand, name string, roots []string) *program {
	p := &program{rng: rng, name: name, roots: roots, uses: map[string]bool{}, rules: map[string][]string{}}
	p.text.WriteString("package " + name + "\n\nimport input.context as ctx\n\n")
	p.rules["HELPER"], p.rules["SET"], p.rules["OBJ"], p.rules["FUNC"] = []string{"first"}, []string{"second"}, []string{"third"}, []string{"fourth"}
	p.indexed = p.ref()
	p.write("first := TERM if {\n\tREF == CONST\n} else := REF\n\nsecond contains REF\n\nthird.NAME := REF\n\nfourth(x) := json.marshal(x)\n")
	for i := range 2 + rng.IntN(4) {
		f := pick(rng, ruleForms)
		p.uses[f.construct] = true
		p.here, p.indexed = p.ref(), p.ref()
		p.write(strings.ReplaceAll(f.text, "hN", "h"+strconv.Itoa(i)) + "\n")
		p.rules[f.kind] = append(p.rules[f.kind], "h"+strconv.Itoa(i))
	}
	p.here = ""
	p.entrypoint()
	return p
}

// entrypoint decides by literals, or tells all that the rules came to: then a difference
// anywhere is one of the decision.
func (p *program) entrypoint() {
	switch p.rng.IntN(6) {
	case 0, 1:
		p.write("default answer := false\n\nanswer if {\n\tBODY\n}\n\nanswer if EVEN\n\nanswer if HELPER\n")
		return
	case 2:
		p.write("answer if EVEN\n\nelse := false if {\n\tBODY\n}\n\nelse if HELPER == CONST\n")
		return
	}
	p.uses["told"] = true
	for _, kind := range []string{"HELPER", "SET", "OBJ", "FUNC"} {
		for _, name := range p.rules[kind] {
			if kind == "FUNC" {
				p.write("told." + name + " := " + name + "(REF)\n")
			} else {
				p.write("told." + name + " := " + name + "\n")
			}
		}
	}
	p.write("told.other := 1 if {\n\tBODY\n}\n\ndefault fine := false\n\nfine if EVEN\n\n" +
		"answer := {\"allow\": true, \"reasons\": []} if fine\n\nelse := {\"allow\": false, \"reasons\": [json.marshal(told)]}\n")
}

// library is the package that programs look into by names of the input.
func (p *program) library() string {
	main := p.text.String()
	p.text.Reset()
	rules := p.rules
	p.rules = map[string][]string{}
	p.write("package " + p.name + "_lib\n\nimport input.context as ctx\n\na := REF\n\nb := 1 if {\n\tREF == CONST\n}\n\nc if {\n\tnot REF\n}\n\ntable.a := CONST\n\ntable[REF] := 1 if REF != CONST\n")
	text := p.text.String()
	p.text.Reset()
	p.text.WriteString(main)
	p.rules = rules
	return text
}

var placeholder = regexp.MustCompile(`\b(REF|PRE|CONST|NAME|HELPER|SET|OBJ|FUNC|RULE|LIB|BODY|TERM|INDEXED|EVEN|V\d)\b`)

// write fills in a form and appends it.
func (p *program) write(form string) { p.text.WriteString(p.filled(form) + "\n") }

func (p *program) filled(form string) string {
	variables := map[string]string{}
	return placeholder.ReplaceAllStringFunc(form, func(what string) string {
		switch what {
		case "REF":
			return p.ref()
		case "PRE":
			return p.prefix()
		case "CONST":
			return pick(p.rng, programConstants)
		case "NAME":
			return pick(p.rng, programNames)
		case "RULE":
			return "data." + p.name + "." + pick(p.rng, p.rules["HELPER"])
		case "LIB":
			return p.name + "_lib"
		case "BODY":
			return p.body()
		case "TERM":
			return p.term()
		case "INDEXED":
			return p.indexed
		case "EVEN":
			return p.filled(pick(p.rng, evenForms))
		case "HELPER", "SET", "OBJ", "FUNC":
			return pick(p.rng, p.rules[what])
		}
		if variables[what] == "" {
			p.variables++
			variables[what] = "v" + strconv.Itoa(p.variables)
		}
		return variables[what]
	})
}

// term is what a rule comes to; a library has no helpers.
func (p *program) term() string {
	for {
		if f := pick(p.rng, termForms); f != "HELPER" || len(p.rules["HELPER"]) > 0 {
			return p.filled(f)
		}
	}
}

func (p *program) body() string {
	var all []string
	for range pick(p.rng, []int{1, 1, 1, 2, 2}) {
		f := pick(p.rng, literalForms)
		p.uses[f.construct] = true
		all = append(all, p.filled(f.text))
	}
	return strings.Join(all, "\n\t")
}

// ref is a fixed reference to the input, mostly near what the rule looks at.
func (p *program) ref() string {
	if p.here != "" && oneIn(p.rng, 3) {
		return p.here
	}
	if oneIn(p.rng, 20) {
		return pick(p.rng, oddRefs)
	}
	ref := p.prefix()
	for range pick(p.rng, []int{0, 0, 0, 1, 1}) {
		ref += p.part()
	}
	return ref
}

// prefix is a root with at most one name.
func (p *program) prefix() string {
	root := pick(p.rng, p.roots)
	if oneIn(p.rng, 6) {
		return root
	}
	return root + p.part()
}

func (p *program) part() string {
	name := pick(p.rng, programNames)
	if oneIn(p.rng, 6) {
		return fmt.Sprintf("[%q]", name)
	}
	return "." + name
}

// denials are those of postern.extend, for all programs of a bundle.
func denials(rng *rand.Rand, roots []string) string {
	p := &program{rng: rng, name: "postern.extend", roots: roots, uses: map[string]bool{}}
	p.rules = map[string][]string{"HELPER": {"some_rule"}, "SET": {"some_set"}, "OBJ": {"some_object"}, "FUNC": {"some_function"}}
	p.text.WriteString("package postern.extend\n\nimport input.context as ctx\n\n")
	p.write("some_rule := REF\n\nsome_set contains REF\n\nsome_object.NAME := REF\n\nsome_function(x) := x\n\n" +
		"deny contains json.marshal(REF) if {\n\tREF == CONST\n}\n\ndeny contains \"no\" if {\n\tBODY\n}\n")
	return strings.ReplaceAll(p.text.String(), "data.postern.extend_lib", "data.tables")
}
