// Package report is what the bench found, and how it is shown: as Markdown for people, in
// JSON for programs.
package report

import (
	"fmt"
	"slices"
	"time"
)

// A Report is one run.
type Report struct {
	Machine  Machine   `json:"machine"`
	Sections []Section `json:"sections"`
}

// A Machine is what a run was made on, by and of.
type Machine struct {
	Processor string    `json:"processor"`
	Cores     int       `json:"cores"`
	Kernel    string    `json:"kernel"`
	Go        string    `json:"go"`
	Commit    string    `json:"commit"`
	Libraries []string  `json:"libraries"` // name and version
	Date      time.Time `json:"date"`
	Command   string    `json:"command"`
}

// A Section is one scenario.
type Section struct {
	Rows    []Row    `json:"rows"`
	Figures []Figure `json:"figures"`
}

// A Row is one server in one scenario.
type Row struct {
	Scenario string  `json:"scenario"`
	Target   string  `json:"target"`
	Rounds   []Round `json:"rounds"`
	// Ratio says what the row amounts to beside another; empty where nothing is compared.
	Ratio string `json:"ratio,omitzero"`
}

// A Round is one measurement of a server.
type Round struct {
	Processor float64       `json:"processor_ns"` // of the server's process, for each request
	PerSecond float64       `json:"requests_per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	P999      time.Duration `json:"p999_ns"`
	Requests  int           `json:"requests"`
	Errors    int           `json:"errors"`
	Resident  int64         `json:"resident_bytes"` // after the round
	// Extra are counts that only some scenarios have, by name.
	Extra map[string]float64 `json:"extra,omitzero"`
}

func (r Round) String() string {
	return fmt.Sprintf("%.1f µs, %.0f/s, p50 %s, p99 %s", r.Processor/1e3, r.PerSecond, microseconds(r.P50), microseconds(r.P99))
}

// Processor is the median processor time of the rounds, in nanoseconds.
func (r Row) Processor() float64 {
	return Median(r.Rounds, func(x Round) float64 { return x.Processor })
}

// P99 is the median of the rounds' p99, in nanoseconds.
func (r Row) P99() float64 { return Median(r.Rounds, func(x Round) float64 { return float64(x.P99) }) }

// Median is that of what a function takes from each, the mean of the two in the middle
// where their number is even, and 0 of none.
func Median[T any](all []T, of func(T) float64) float64 {
	if len(all) == 0 {
		return 0
	}
	values := make([]float64, len(all))
	for i, x := range all {
		values[i] = of(x)
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// A Figure is one of those that the project wants to reach.
type Figure struct {
	Name   string `json:"name"`
	Wanted string `json:"wanted"`
	// Got is "n/a" where it could not be told, which is not reached.
	Got     string `json:"got"`
	Reached bool   `json:"reached"`
}

// AtMost is the figure of a number that is to be small.
func AtMost(name string, got, limit float64, format string) Figure {
	return Figure{Name: name, Wanted: "≤ " + fmt.Sprintf(format, limit), Got: fmt.Sprintf(format, got), Reached: got <= limit}
}

// AtLeast is the figure of a number that is to be large.
func AtLeast(name string, got, limit float64, format string) Figure {
	return Figure{Name: name, Wanted: "≥ " + fmt.Sprintf(format, limit), Got: fmt.Sprintf(format, got), Reached: got >= limit}
}

// Unknown is a figure that could not be told.
func Unknown(f Figure) Figure {
	f.Got, f.Reached = "n/a", false
	return f
}

// Frame is the page of a run where there is none yet.
const Frame = `# Speed

` + "`go run ./cmd/bench --write`" + ` measures on loopback, with a load generator in a process of its own, and
writes this page. A wrong answer of any server fails the run.

<!-- bench -->
<!-- /bench -->
`
