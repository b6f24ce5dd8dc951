package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// refused are the built-ins that no policy may call: those that reach out of the
// process, differ from call to call, hold private keys, or take memory by the gigabyte
// for a few octets of input. A name that ends in a star is a prefix.
var refused = []string{
	"http.send",
	"net.*",
	"opa.runtime",
	"rand.*",
	"uuid.*",
	"trace",
	"json.match_schema",
	"json.verify_schema",
	"bits.lsh",
	"io.jwt.encode_sign*",
	"crypto.x509.parse_and_verify*",
	"rego.parse_module",
}

// Refused returns the names of the built-ins that no policy may call. One that ends in a
// star is a prefix.
func Refused() []string { return slices.Clone(refused) }

// onRequest are the built-ins that a configuration may allow by name. They read the
// clock, so what calls them is not a function of its input.
var onRequest = []string{"time.now_ns", "io.jwt.decode_verify"}

// OnRequest returns the names that [Options.Builtins] may hold.
func OnRequest() []string {
	return slices.Clone(onRequest)
}

// Capabilities are OPA's less what is refused, and without any network.
func Capabilities(allowed []string) (*ast.Capabilities, error) {
	for _, name := range allowed {
		if !slices.Contains(onRequest, name) {
			return nil, fmt.Errorf("policy.builtins: %q cannot be allowed; only %s can", name, strings.Join(onRequest, ", "))
		}
	}
	caps := ast.CapabilitiesForThisVersion()
	caps.AllowNet = []string{}
	caps.Builtins = slices.DeleteFunc(slices.Clone(caps.Builtins), func(b *ast.Builtin) bool {
		return isRefused(b.Name, allowed)
	})
	return caps, nil
}

// isRefused reports whether a built-in is out of reach for policies.
func isRefused(name string, allowed []string) bool {
	if slices.Contains(onRequest, name) {
		return !slices.Contains(allowed, name)
	}
	return slices.ContainsFunc(refused, func(pattern string) bool {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return name == pattern
	})
}

// explainRefusals adds to a compile error where the modules name a built-in that is
// refused: OPA's own words for that speak of an undefined function or an unsafe variable.
func explainRefusals(err error, modules map[string]*ast.Module, allowed []string) error {
	known := map[string]bool{}
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		known[b.Name] = isRefused(b.Name, allowed)
	}
	var notes []error
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		ast.WalkRefs(modules[name], func(ref ast.Ref) bool {
			if known[ref.String()] {
				notes = append(notes, fmt.Errorf("%v: %v is refused to policies, which decide from their input and data alone%s", ref[0].Location, ref, remedy(ref.String())))
			}
			return false
		})
	}
	return errors.Join(append([]error{err}, notes...)...)
}

// remedy is how a refused built-in can be had, where it can.
func remedy(name string) string {
	if slices.Contains(onRequest, name) {
		return "; policy.builtins in the configuration can give it back"
	}
	return ""
}
