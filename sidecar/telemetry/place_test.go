package telemetry

import (
	"strings"
	"testing"
)

const (
	aTrace = "0af7651916cd43dd8448eb211c80319c"
	aSpan  = "b7ad6b7169203331"
)

// known are values of traceparent, with whether they are good and sampled (W3C Trace Context,
// sections 3.2.2 and 4.2).
var known = []struct {
	text        string
	ok, sampled bool
}{
	{"00-" + aTrace + "-" + aSpan + "-01", true, true},
	{"00-" + aTrace + "-" + aSpan + "-00", true, false},
	{"00-" + aTrace + "-" + aSpan + "-03", true, true},  // level 2: random
	{"00-" + aTrace + "-" + aSpan + "-02", true, false}, // and not sampled
	{"00-" + aTrace + "-" + aSpan + "-ff", true, true},  // flags to come are ignored
	{"cc-" + aTrace + "-" + aSpan + "-01", true, true},
	{"cc-" + aTrace + "-" + aSpan + "-01-what-comes", true, true},
	{"cc-" + aTrace + "-" + aSpan + "-01.what", false, false},
	{"cc-" + aTrace + "-" + aSpan + "-0100", false, false},
	{"ff-" + aTrace + "-" + aSpan + "-01", false, false},
	{"00-" + aTrace + "-" + aSpan + "-01-", false, false},
	{"00-" + aTrace + "-" + aSpan + "-01-what", false, false},
	{"00-" + aTrace + "-" + aSpan + "-1", false, false},
	{"00-" + aTrace + "-" + aSpan + "-0x", false, false},
	{"00-" + aTrace + "-" + aSpan, false, false},
	{"00-" + strings.ToUpper(aTrace) + "-" + aSpan + "-01", false, false},
	{"00-" + aTrace + "-" + strings.ToUpper(aSpan) + "-01", false, false},
	{"00-" + strings.Repeat("0", 32) + "-" + aSpan + "-01", false, false},
	{"00-" + aTrace + "-" + strings.Repeat("0", 16) + "-01", false, false},
	{"00_" + aTrace + "-" + aSpan + "-01", false, false},
	{"00-" + aTrace + "_" + aSpan + "-01", false, false},
	{"00-" + aTrace + "-" + aSpan + "_01", false, false},
	{"0-" + aTrace + "-" + aSpan + "-01", false, false},
	{"000" + aTrace + "-" + aSpan + "-01", false, false},
	{" 00-" + aTrace + "-" + aSpan + "-01", false, false},
	{"00-" + aTrace + "-" + aSpan + "-01 ", false, false},
	{"00-" + aTrace + "-" + aSpan + "-01,00-" + aTrace + "-" + aSpan + "-01", false, false}, // two, joined
	{"00-" + aTrace[1:] + "-" + aSpan + "-01", false, false},
	{strings.Repeat("-", 55), false, false},
	{strings.Repeat("\xff", 55), false, false},
	{"", false, false},
}

func TestParseParent(t *testing.T) {
	for _, k := range known {
		for name, parse := range map[string]func() (Place, bool, bool){
			"text":  func() (Place, bool, bool) { return parseParent(k.text) },
			"bytes": func() (Place, bool, bool) { return parseParent([]byte(k.text)) },
		} {
			p, sampled, ok := parse()
			if ok != k.ok || sampled != k.sampled {
				t.Errorf("%q as %s: ok %v, sampled %v, want %v, %v", k.text, name, ok, sampled, k.ok, k.sampled)
			}
			traceID, span := p.IDs()
			if ok && (traceID != aTrace || span != aSpan) || !ok && (traceID != "" || span != "") {
				t.Errorf("%q as %s: %s %s", k.text, name, traceID, span)
			}
		}
	}
}

func FuzzParseParent(f *testing.F) {
	for _, k := range known {
		f.Add(k.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, sampled, ok := parseParent(text)
		traceID, span := p.IDs()
		switch {
		case !ok && (p.trace.IsValid() || sampled || p.Sampled()):
			t.Errorf("%q is no good and means something: %+v", text, p)
		case ok && !strings.HasPrefix(text[2:], "-"+traceID+"-"+span+"-"):
			t.Errorf("%q is read as %s %s", text, traceID, span)
		}
	})
}

func TestBegin(t *testing.T) {
	const sampled, not = "00-" + aTrace + "-" + aSpan + "-01", "00-" + aTrace + "-" + aSpan + "-00"
	always, never := &Tracer{below: share(1)}, &Tracer{below: share(0)}
	f := func(tracer *Tracer, parents []string, wantTrace, wantSampled, wantCaller bool) Place {
		t.Helper()
		p := Begin(tracer, parents)
		traceID, span := p.IDs()
		if (traceID != "") != wantTrace || (span != "") != wantTrace || p.Sampled() != wantSampled || p.caller.IsValid() != wantCaller {
			t.Errorf("%q: %+v", parents, p)
		}
		return p
	}
	f(nil, []string{sampled}, false, false, false)
	f(always, []string{not}, true, false, true) // the caller has chosen
	p := f(never, []string{sampled}, true, true, true)
	if traceID, span := p.IDs(); traceID != aTrace || span == aSpan {
		t.Errorf("a span of its own: %s %s", traceID, span)
	}
	f(never, nil, false, false, false)
	f(never, []string{"ff" + sampled[2:]}, false, false, false)
	for _, parents := range [][]string{nil, {""}, {sampled, sampled}, {not, not}, {sampled + ","}} {
		p := f(always, parents, true, true, false)
		if traceID, _ := p.IDs(); traceID == aTrace {
			t.Errorf("%q: the new trace has the old one's id", parents)
		}
	}
}

// TestBegin_share: about the share that is wanted is sampled, by far more than chance allows.
func TestBegin_share(t *testing.T) {
	for _, want := range []float64{0, 0.01, 0.5, 1} {
		tracer, n := &Tracer{below: share(want)}, 0
		const of = 40_000
		for range of {
			if p := Begin[string](tracer, nil); p.Sampled() {
				n++
			}
		}
		if got := float64(n) / of; got < want-0.02 || got > want+0.02 || want == 0 && n > 0 || want == 1 && n < of {
			t.Errorf("%v of the requests are traced, want %v", got, want)
		}
	}
}

// TestBegin_allocates: what is not sampled takes no memory.
func TestBegin_allocates(t *testing.T) {
	never := &Tracer{below: share(0)}
	not := [][]byte{[]byte("00-" + aTrace + "-" + aSpan + "-00")}
	var held Place
	if got := testing.AllocsPerRun(100, func() { held = Begin(never, not) }); got > 0 || held.Sampled() {
		t.Errorf("a caller's trace that is not sampled: %v allocations", got)
	}
	if got := testing.AllocsPerRun(100, func() { held = Begin[[]byte](never, nil) }); got > 0 {
		t.Errorf("no trace: %v allocations", got)
	}
}

func TestState(t *testing.T) {
	f := func(want string, values ...string) {
		t.Helper()
		p := Begin(&Tracer{}, []string{"00-" + aTrace + "-" + aSpan + "-01"})
		State(&p, values)
		if got := p.state.String(); got != want {
			t.Errorf("%q: %q, want %q", values, got, want)
		}
	}
	f("")
	f("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
	f("a=1,b=2", "a=1", "b=2")
	f("", "a=1", "a=2")
	f("", "A=1")
	f("", "a=\x00")
	f("", "a")
	f("", "a="+strings.Repeat("x", 600))
	f("", "a=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2ln") // somebody's token
}
