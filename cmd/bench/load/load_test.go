package load

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHistogram compares quantiles with those of the sorted values.
func TestHistogram(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h, other histogram
	var exact []time.Duration
	for i := range 10_000 {
		d := time.Duration(random.ExpFloat64() * 50_000)
		exact = append(exact, d)
		if i%2 == 0 {
			h.add(d)
		} else {
			other.add(d)
		}
	}
	h.merge(&other)
	slices.Sort(exact)
	for _, c := range []struct {
		q    float64
		rank int
	}{{0, 1}, {0.0001, 1}, {0.5, 5000}, {0.99, 9900}, {0.999, 9990}, {1, 10_000}} {
		got, want := h.quantile(c.q), exact[c.rank-1]
		if got < want || float64(got) > float64(want)*(1+1.0/128)+1 {
			t.Errorf("quantile(%v) = %d, want %d or a little more", c.q, got, want)
		}
	}
}

func TestHistogram_buckets(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 129, 255, 256, 257, 1 << 20, 1<<20 + 1, 1<<63 - 1} {
		b := bucketOf(v)
		if b < 0 || b >= buckets || endOf(b) < v || b > 0 && endOf(b-1) >= v {
			t.Errorf("%d is in bucket %d, which ends at %d after %d", v, b, endOf(b), endOf(max(0, b-1)))
		}
	}
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	h.add(-time.Second)
	if got := h.quantile(1); got != 0 {
		t.Errorf("a negative duration counts as %v, want 0", got)
	}
}

func TestReader(t *testing.T) {
	f := func(want, text string) {
		t.Helper()
		got, err := newReader(strings.NewReader(text)).next()
		if want == "" && err == nil {
			t.Errorf("%q was read as %q", text, got)
		}
		if want != "" && (err != nil || string(got) != want) {
			t.Errorf("%q was read as %q, %v, want %q", text, got, err, want)
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\nx-decision-id: 1\r\n\r\nok")
	f("HTTP/1.1 204\r\ncontent-length:0\r\n\r\n", "HTTP/1.1 204\r\ncontent-length:0\r\n\r\n")
	// No answer, or the beginning of one.
	f("", "")
	f("", "HTTP/1.1 200 OK\r\n")
	f("", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")
	// No status line of this version.
	f("", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
	f("", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n")
	f("", "HTTP/1.1 2000\r\nContent-Length: 0\r\n\r\n")
	f("", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n")
	// Lines and headers that are none.
	f("", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n")
	// Lengths that are not said, twice, or otherwise.
	f("", "HTTP/1.1 200 OK\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok")
	f("", "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n")
	f("", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
	// More than one answer.
	f("", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!")
}

// answering is a server that sends the answers in turn, whatever it is asked.
func answering(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		for i := 0; ; i++ {
			for line := ""; line != "\r\n"; {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			if _, err := io.WriteString(conn, answers[i%len(answers)]); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}

const (
	yes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
	no  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"
)

func yesPlan(address string) Plan {
	return Plan{Address: address, Connections: 1, Count: 10, HTTP: &HTTP{
		Heads: []string{"GET / HTTP/1.1\r\n"}, Tails: []string{"\r\n"}, Answers: []string{yes, no}, Expect: [][]int{{0}},
	}}
}

// TestRun_wrong: every answer but the expected one is an error.
func TestRun_wrong(t *testing.T) {
	f := func(errors, requests int, answers ...string) {
		t.Helper()
		r, err := Run(t.Context(), yesPlan(answering(t, answers...)))
		if err != nil || r.Errors != errors || r.Requests != requests || len(r.First) != min(errors, kept) {
			t.Errorf("%+v, %v, want %d errors of %d", r, err, errors, requests)
		}
	}
	f(0, 10, yes)
	f(10, 10, no)
	f(5, 10, yes, no)
	f(5, 10, yes, strings.Replace(yes, "200", "201", 1))
	f(5, 10, yes, strings.Replace(yes, "\r\n", "\r\nX: y\r\n", 1))
	// What cannot be read ends the connection, and with it the only caller.
	f(1, 2, yes, "nonsense\r\n")
	f(1, 2, yes, yes+yes)
}

// TestRun_either: an answer that is as good is no error.
func TestRun_either(t *testing.T) {
	p := yesPlan(answering(t, yes, no))
	p.HTTP.Or = [][]int{{1}}
	if r, err := Run(t.Context(), p); err != nil || r.Errors != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRun_plan(t *testing.T) {
	f := func(change func(*Plan)) {
		t.Helper()
		p := yesPlan("127.0.0.1:1")
		change(&p)
		if r, err := Run(t.Context(), p); err == nil || r.Requests > 0 {
			t.Errorf("%+v was carried out", p)
		}
	}
	f(func(*Plan) {}) // nobody listens
	f(func(p *Plan) { p.HTTP = nil })
	f(func(p *Plan) { p.GRPC = new(GRPC) })
	f(func(p *Plan) { p.Count = 0 })
	f(func(p *Plan) { p.Duration = time.Second })
	f(func(p *Plan) { p.Connections = 0 })
	f(func(p *Plan) { p.HTTP.Heads = nil })
	f(func(p *Plan) { p.HTTP.Expect = nil })
	f(func(p *Plan) { p.HTTP.Expect = [][]int{{2}} })
	f(func(p *Plan) { p.HTTP.Expect = [][]int{{0}, {0}} })
	f(func(p *Plan) { p.HTTP.Or = [][]int{{-1}} })
	f(func(p *Plan) { p.HTTP.Once = true })
}
