package route

import "testing"

// TestMatch_memory: what is asked of the mux is used again. The mux itself makes a list for
// wildcards.
func TestMatch_memory(t *testing.T) {
	if raced {
		t.Skip("pools lose on purpose under the race detector")
	}
	r := router(t, "GET /orgs/{org}/reports/{report}", "GET /invoices/{id}", "GET /health")
	f := func(path, name string, most float64) {
		t.Helper()
		n := testing.AllocsPerRun(1000, func() {
			m := r.Match("GET", "app.example", path)
			if _, found := m.Param(name); m.Route == nil || found != (name != "") {
				t.Fatalf("%s: %+v", path, m)
			}
		})
		if n > most {
			t.Errorf("Match of %s allocates %v times, want %v at most", path, n, most)
		}
	}
	f("/health", "", 0)
	f("/invoices/7", "id", 1)
	f("/orgs/org_2b1c/reports/2024-05", "report", 2) // the list grows with the second
}

func BenchmarkMatch(b *testing.B) {
	r := router(b, "/", "/health", "GET /invoices/{id}", "/o/{org}/", "/public/", "admin.example/")
	for _, path := range []string{"/health", "/invoices/7", "/o/org_2b1c/reports/2024-05", "/public/a.css"} {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r.Match("GET", "a.example", path).Route == nil {
					b.Fatal("no match")
				}
			}
		})
	}
}
