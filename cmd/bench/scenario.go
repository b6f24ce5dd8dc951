package main

import (
	"context"
	"fmt"
	"strings"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// A scenario is one question to the servers, under the name that its rows bear.
type scenario struct {
	name string
	run  func(b *bench, ctx context.Context, name string) (report.Section, error)
}

// scenarios are all there are, in the order of the table.
var scenarios = []scenario{
	{"warm check", (*bench).warmCheck},
	{"each token once", (*bench).eachTokenOnce},
	{"batch of 20", (*bench).batch},
	{"ext_authz gRPC", (*bench).extAuthzGRPC},
	{"ext_authz HTTP", (*bench).extAuthzHTTP},
	{"many sessions", (*bench).manySessions},
	{"tokens replaced each minute", (*bench).replacedTokens},
	{"reload every second", (*bench).reloads},
	{"decision log on", (*bench).decisionLog},
	{"organizations", (*bench).organizations},
}

// A starter starts one of the servers that are compared.
type starter func(context.Context) (*process.Process, error)

// serve starts a server of Postern's.
func (b *bench) serve(s setup) starter {
	return func(ctx context.Context) (*process.Process, error) { return b.startPostern(ctx, s) }
}

// bare starts a bare server of fasthttp that answers the request like another did.
func bare(request string, like load.Answer) starter {
	return func(ctx context.Context) (*process.Process, error) { return startBareHTTP(ctx, request, like) }
}

// learn asks a server, started for that alone, once. Its answer must be a 200 that says
// what the caller knows to be right.
func learn(ctx context.Context, start starter, request, says string) (load.Answer, error) {
	p, err := start(ctx)
	if err != nil {
		return load.Answer{}, err
	}
	defer p.Stop()
	a, err := load.Ask(p.Addresses["http"], request)
	if err == nil && (!strings.HasPrefix(a.Kept, "HTTP/1.1 200 ") || !strings.Contains(a.Kept, says)) {
		err = fmt.Errorf("a wrong answer: %q, and not %s", a.Kept, says)
	}
	return a, err
}

// steady is a target that is asked one plan again and again, after a third of a round of
// the same for a warm-up.
func (b *bench) steady(name string, start starter, plan load.Plan) target {
	warm := plan
	warm.Duration = b.duration / 3
	return target{name: name, start: start, plan: plan, warm: &warm, door: "http"}
}

// allowed is the answer to a question that the session meets.
const allowed = `{"allow":true,"status":200,"reasons":[]}`

// question is the one that the simpler scenarios ask.
const question = `{"permission":"org:invoices:read"}`

// headOf is the beginning of a request with a token, and tailOf what follows.
func headOf(path, token string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token + "\r\n"
}

func tailOf(body string) string {
	return fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// warmBundle is what the simpler scenarios need: the world's bundle and one token.
func (b *bench) warmBundle() (dir, token string, err error) {
	if dir, err = b.bundle(world.Organizations, false); err != nil {
		return "", "", err
	}
	token, err = b.key.Sign(world.Warm().Claims(0, b.now))
	return dir, token, err
}

// besideFirst is the section of a scenario whose second row is measured by its first: its
// words have the ratio and what follows it, and the figure holds it to most.
func besideFirst(rows []report.Row, words string, figure string, most float64) report.Section {
	times := ratio(rows[1], rows[0])
	rows[1].Ratio = fmt.Sprintf("%.2f × %s", times, words)
	return report.Section{Rows: rows, Figures: []report.Figure{report.AtMost(figure, times, most, "%.2f ×")}}
}

// ratio is how much more processor time a row takes than another: the median of the ratios of
// their rounds, which ran side by side. The machine's own speed may be another from one
// round to the next.
func ratio(row, to report.Row) float64 {
	beside := min(len(row.Rounds), len(to.Rounds))
	pairs := make([]int, beside)
	for i := range pairs {
		pairs[i] = i
	}
	return report.Median(pairs, func(i int) float64 { return row.Rounds[i].Processor / to.Rounds[i].Processor })
}
