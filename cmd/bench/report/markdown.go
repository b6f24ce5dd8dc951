package report

import (
	"fmt"
	"strings"
	"time"
)

// Full is the whole report in Markdown.
func (r Report) Full() string {
	var b strings.Builder
	b.WriteString(r.Machine.Line())
	b.WriteString("\nEvery value is the median of the rounds, and every ratio that of the rounds' own. Processor time\nis that of the server's process, user and system, as the scheduler counts it.\n\n")
	b.WriteString(r.figures())
	b.WriteString("\n| Scenario | Server | µs/request | requests/s | p50 µs | p99 µs | p99.9 µs | errors | MiB | |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f | %s | %s | %s | %d | %.0f | %s |\n",
			row.Scenario, row.Target, decimals(row.Processor()/1e3),
			Median(row.Rounds, func(x Round) float64 { return x.PerSecond }),
			row.quantile(func(x Round) time.Duration { return x.P50 }),
			row.quantile(func(x Round) time.Duration { return x.P99 }),
			row.quantile(func(x Round) time.Duration { return x.P999 }),
			row.errors(), Median(row.Rounds, func(x Round) float64 { return float64(x.Resident) })/(1<<20), row.Ratio)
	}
	return b.String()
}

// Line says it in a sentence.
func (m Machine) Line() string {
	made := append([]string{m.Go, "commit " + m.Commit}, m.Libraries...)
	return fmt.Sprintf("%s, %d cores, Linux %s, %s; %s, `%s`.\n",
		m.Processor, m.Cores, m.Kernel, strings.Join(made, ", "), m.Date.UTC().Format(time.DateOnly), m.Command)
}

func (r Report) figures() string {
	var b strings.Builder
	b.WriteString("| Figure | Wanted | Got | Reached |\n| --- | --- | --- | --- |\n")
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			reached := "no"
			if f.Reached {
				reached = "yes"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Name, f.Wanted, f.Got, reached)
		}
	}
	return b.String()
}

func (r Report) rows() []Row {
	var all []Row
	for _, s := range r.Sections {
		all = append(all, s.Rows...)
	}
	return all
}

func (r Row) quantile(of func(Round) time.Duration) string {
	return microseconds(time.Duration(Median(r.Rounds, func(x Round) float64 { return float64(of(x)) })))
}

func (r Row) errors() int {
	n := 0
	for _, x := range r.Rounds {
		n += x.Errors
	}
	return n
}

func microseconds(d time.Duration) string { return decimals(float64(d) / 1e3) }

// decimals shows three digits or so.
func decimals(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
