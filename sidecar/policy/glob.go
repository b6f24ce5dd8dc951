package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
)

// OPA keeps the patterns of glob.match for the whole process, under the pattern, a hyphen
// and the delimiters. What is "a*-" without delimiters is so "a*" with a hyphen for one:
// whichever was asked for first answers for both, and a question could change the decisions
// of another. So each call makes its pattern anew, in about a microsecond.
func init() {
	match := topdown.GetBuiltin(ast.GlobMatch.Name)
	topdown.RegisterBuiltinFunc(ast.GlobMatch.Name, func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		c.InterQueryBuiltinValueCache = noCache{}
		return match(c, operands, iter)
	})
}

// noCache holds nothing.
type noCache struct{}

func (noCache) Get(ast.Value) (any, bool)                        { return nil, false }
func (noCache) Insert(ast.Value, any) int                        { return 0 }
func (noCache) Delete(ast.Value)                                 {}
func (noCache) GetCache(string) cache.InterQueryValueCacheBucket { return nil }
func (noCache) UpdateConfig(*cache.Config)                       {}
