package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// warmCheck asks one question with one token again and again.
func (b *bench) warmCheck(ctx context.Context, name string) (report.Section, error) {
	dir, token, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	request := headOf("/v1/check", token) + tailOf(question)
	answer, err := learn(ctx, b.serve(setup{bundle: dir}), request, allowed)
	if err != nil {
		return report.Section{}, err
	}
	ofOPA := opaRequest(token, question)
	plain := func(ctx context.Context) (*process.Process, error) { return b.startOPA(ctx) }
	answerOfOPA, err := learn(ctx, plain, ofOPA, `{"result":{"allow":true}}`)
	if err != nil {
		return report.Section{}, err
	}
	// OPA remembers verified tokens where it is told to.
	remembering := func(ctx context.Context) (*process.Process, error) {
		return b.startOPA(ctx, "caching.inter_query_builtin_value_cache.named.io_jwt.max_num_entries=10000")
	}
	rows, err := b.compare(ctx, name,
		b.steady("bare fasthttp", bare(request, answer), b.repeated(request, answer.Kept)),
		b.steady("Postern", b.serve(setup{bundle: dir}), b.repeated(request, answer.Kept)),
		b.steady("OPA", plain, b.repeated(ofOPA, answerOfOPA.Kept)),
		b.steady("OPA, its token cache on", remembering, b.repeated(ofOPA, answerOfOPA.Kept)))
	if err != nil {
		return report.Section{}, err
	}
	overBare, less, lessCached := ratio(rows[1], rows[0]), ratio(rows[2], rows[1]), ratio(rows[3], rows[1])
	rows[1].Ratio = fmt.Sprintf("%.2f × bare", overBare)
	rows[2].Ratio = fmt.Sprintf("%.1f × Postern", less)
	rows[3].Ratio = fmt.Sprintf("%.1f × Postern", lessCached)
	return report.Section{Rows: rows, Figures: []report.Figure{
		report.AtMost("warm check, beside bare fasthttp", overBare, 1.3, "%.2f ×"),
		report.AtLeast("warm check, OPA beside Postern", less, 15, "%.1f ×"),
		report.AtLeast("warm check, OPA with its token cache on", lessCached, 15, "%.1f ×"),
	}}, nil
}

// opaRequest asks OPA's server the same.
func opaRequest(token, question string) string {
	body := fmt.Sprintf(`{"input":{"token":%q,"question":%s}}`, token, question)
	return "POST /v1/data/bench/decision HTTP/1.1\r\nHost: 127.0.0.1\r\n" + tailOf(body)
}

// verificationTime names, among a round's extras, the processor time of one verification.
const verificationTime = "verification_ns"

// eachTokenOnce sends tokens that Postern has not seen. It is started anew for each round,
// and so is the bare server, that both pay for it alike.
func (b *bench) eachTokenOnce(ctx context.Context, name string) (report.Section, error) {
	dir, _, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	early := b.once / 10
	b.said("signing %d tokens", b.once+early)
	tokens, err := b.tokens(0, b.once+early, func(int) world.Class { return world.Warm() }, b.now)
	if err != nil {
		return report.Section{}, err
	}
	heads := make([]string, len(tokens))
	for i, t := range tokens {
		heads[i] = headOf("/v1/check", t)
	}
	answer, err := learn(ctx, b.serve(setup{bundle: dir}), heads[0]+tailOf(question), allowed)
	if err != nil {
		return report.Section{}, err
	}
	warm, plan := b.plan(), b.plan()
	warm.Duration, warm.Count, warm.HTTP = 0, early, onceEach(heads[b.once:], answer.Kept)
	plan.Duration, plan.Count, plan.HTTP = 0, b.once, onceEach(heads[:b.once], answer.Kept)
	one := func(name string, start starter) target {
		return target{name: name, start: start, fresh: true, warm: &warm, plan: plan, door: "http"}
	}
	postern := one("Postern", b.serve(setup{bundle: dir}))
	postern.after = func(_ *process.Process, r *report.Round) error {
		d, err := b.verification()
		r.Extra = map[string]float64{verificationTime: float64(d)}
		return err
	}
	rows, err := b.compare(ctx, name, one("bare fasthttp", bare(heads[0]+tailOf(question), answer)), postern)
	if err != nil {
		return report.Section{}, err
	}
	verification := report.Median(rows[1].Rounds, func(r report.Round) float64 { return r.Extra[verificationTime] })
	more := (rows[1].Processor() - rows[0].Processor()) / verification
	rows[1].Ratio = fmt.Sprintf("bare + %.2f × %.1f µs, one verification", more, verification/1e3)
	return report.Section{Rows: rows, Figures: []report.Figure{
		report.AtMost("each token once, beyond bare, in verifications", more, 1.5, "%.2f"),
	}}, nil
}

func onceEach(heads []string, answer string) *load.HTTP {
	return &load.HTTP{Heads: heads, Tails: []string{tailOf(question)}, Once: true, Answers: []string{answer}, Expect: [][]int{{0}}}
}

// batch asks twenty questions at once.
func (b *bench) batch(ctx context.Context, name string) (report.Section, error) {
	dir, token, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	var asked []string
	for i := range 20 {
		asked = append(asked, world.Questions()[2*i])
	}
	one := headOf("/v1/check", token) + tailOf(question)
	many := headOf("/v1/checks", token) + tailOf(`{"checks":[`+strings.Join(asked, ",")+`]}`)
	single, err := learn(ctx, b.serve(setup{bundle: dir}), one, allowed)
	if err != nil {
		return report.Section{}, err
	}
	all, err := learn(ctx, b.serve(setup{bundle: dir}), many, `{"results":[`)
	if err != nil {
		return report.Section{}, err
	}
	if _, err := decided(all.Body(), world.Warm(), asked, false); err != nil {
		return report.Section{}, err
	}
	rows, err := b.compare(ctx, name,
		b.steady("Postern, 1 question", b.serve(setup{bundle: dir}), b.repeated(one, single.Kept)),
		b.steady("Postern, 20 questions", b.serve(setup{bundle: dir}), b.repeated(many, all.Kept)))
	if err != nil {
		return report.Section{}, err
	}
	return besideFirst(rows, "one question", "batch of 20, beside one question", 3), nil
}

// decided takes the answer to a batch apart, and holds each decision to the oracle.
func decided(body string, class world.Class, asked []string, marked bool) ([]string, error) {
	var answer struct {
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(asked) {
		return nil, fmt.Errorf("%d answers to %d questions", len(answer.Results), len(asked))
	}
	all := make([]string, len(asked))
	for i, raw := range answer.Results {
		var d struct{ Allow bool }
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, err
		}
		want, err := class.Allows(asked[i], marked)
		if err != nil {
			return nil, err
		}
		if d.Allow != want {
			return nil, fmt.Errorf("%+v asks for %s and is told %s, the oracle says %t", class, asked[i], raw, want)
		}
		all[i] = string(raw)
	}
	return all, nil
}
