package sidecar

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leaves are packages that all may import and that import none.
var leaves = []string{"decision", "phrase"}

// arrows are the imports that a package may have of the others, beside the leaves; server
// sees everything.
var arrows = map[string][]string{
	"cache":        {},
	"decision":     {},
	"phrase":       {},
	"requirement":  {},
	"request":      {"cache", "requirement"},
	"authzen":      {"request"},
	"opaapi":       {"request"},
	"token":        {"outbound", "secretfile"},
	"token/mint":   {},
	"session":      {"token"},
	"model":        {"requirement"},
	"bundle":       {"model"},
	"canonical":    {},
	"dataset":      {"canonical"},
	"route":        {"request", "model"},
	"routematcher": {"request"},
	"policy":       {"authzen", "cache", "canonical", "request", "requirement", "session", "bundle", "dataset", "logmask", "model", "route"},
	"matrix":       {"request", "session", "bundle", "model", "policy"},
	"doctor":       {"requirement", "token", "session"},
	"typegen":      {"model"},
	"openapi":      {},
	"response":     {},
	"watch":        {},
	"replay":       {"policy", "response"},
	"logmask":      {},
	"audit":        {"logmask", "outbound"},
	"secretfile":   {},
	"outbound":     {"secretfile"},
	"certificate":  {"secretfile"},
	"client":       {"secretfile"},
	"config":       {"outbound"},
	"remote":       {"bundle", "outbound", "secretfile"},
	"failmode":     {},
	"origin":       {"bundle", "config", "remote", "secretfile"},
	"telemetry":    {"outbound"},
	"server": {
		"authzen", "openapi", "opaapi", "cache", "request", "requirement", "token", "session", "bundle", "model", "route", "policy",
		"response", "watch", "audit", "certificate", "client", "config", "origin", "outbound", "telemetry", "replay",
	},
}

// only are libraries that a few packages alone may import.
var only = map[string][]string{
	"github.com/lestrrat-go/jwx":                       {"token"},
	"github.com/fsnotify/fsnotify":                     {"watch"},
	"github.com/valyala/fasthttp":                      {"request", "response", "server"},
	"github.com/envoyproxy":                            {"request", "response", "server"},
	"google.golang.org/grpc":                           {"response", "server", "telemetry"},
	"github.com/open-policy-agent/opa":                 {"bundle", "canonical", "dataset", "policy", "remote"},
	"github.com/open-policy-agent/opa/v1/download":     {"remote"},
	"github.com/open-policy-agent/opa/v1/plugins/rest": {"remote"},
	"oras.land/oras-go":                                {"remote"},
	"github.com/maypok86/otter":                        {"cache"},
	"github.com/prometheus/client_golang":              {"server", "telemetry"},
	"go.yaml.in/yaml":                                  {"bundle", "config", "matrix"},
	"net/http":                                         {"token", "server", "route", "routematcher", "remote", "telemetry", "audit", "outbound"},
	"go.opentelemetry.io":                              {"telemetry"},
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(name))
		if pkg == "." {
			return nil
		}
		allowed, ok := arrows[pkg]
		if !ok {
			t.Errorf("package %s is not in the picture", pkg)
			return nil
		}
		seen[pkg] = true
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(imported, "postern/sidecar/"); ok && (!slices.Contains(leaves, own) || slices.Contains(leaves, pkg)) && !slices.Contains(allowed, own) {
				t.Errorf("%s: an arrow from %s to %s", name, pkg, own)
			}
			for library, users := range only {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(users, pkg) {
					t.Errorf("%s imports %s, which is for %v", name, imported, users)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range arrows {
		if !seen[pkg] {
			t.Errorf("package %s of the picture does not exist", pkg)
		}
	}
}
