package route

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"postern/sidecar/model"
)

// routes makes one route of each pattern, on lines from 1.
func routes(patterns ...string) []model.Route {
	all := []model.Route{}
	for i, p := range patterns {
		all = append(all, model.Route{Match: p, Position: model.Position{File: "model/data.yaml", Line: i + 1, Column: 3}})
	}
	return all
}

func router(t testing.TB, patterns ...string) *Router {
	t.Helper()
	r, err := New(routes(patterns...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatch(t *testing.T) {
	r := router(t, "/", "/health", "GET /invoices/{id}", "POST /invoices/{$}", "/o/{org}/", "/o/{org}/files/{path...}",
		"admin.example/", "DELETE admin.example/users/{id}", "/caf%C3%A9/{x}")
	f := func(method, host, path, want string) {
		t.Helper()
		m := r.Match(method, host, path)
		got := ""
		if m.Route != nil {
			got = m.Route.Match
			for _, p := range m.Params() {
				got += fmt.Sprintf(" %s=%s", p.Name, p.Value)
			}
		}
		if got != want {
			t.Errorf("Match(%s %s%s) = %q, want %q", method, host, path, got, want)
		}
	}
	f("GET", "a.example", "/", "/")
	f("GET", "a.example", "/health", "/health")
	f("GET", "a.example", "/health/", "/")
	f("GET", "a.example", "/healthy", "/")
	f("GET", "a.example", "/HEALTH", "/")
	f("GET", "a.example", "/invoices/7", "GET /invoices/{id} id=7")
	f("HEAD", "a.example", "/invoices/7", "GET /invoices/{id} id=7")
	f("PUT", "a.example", "/invoices/7", "/")
	f("POST", "a.example", "/invoices/", "POST /invoices/{$}")
	f("POST", "a.example", "/invoices", "") // the mux would redirect to /invoices/
	f("GET", "a.example", "/o/org_1/", "/o/{org}/ org=org_1")
	f("GET", "a.example", "/o/org_1/x/y", "/o/{org}/ org=org_1")
	f("GET", "a.example", "/o/org_1", "") // and here to /o/org_1/
	f("GET", "a.example", "/o/org_1/files/a/b", "/o/{org}/files/{path...} org=org_1 path=a/b")
	f("GET", "a.example", "/o/org_1/files/", "/o/{org}/files/{path...} org=org_1 path=")
	f("GET", "a.example", "/o/a b%/x", "/o/{org}/ org=a b%")
	f("GET", "admin.example", "/health", "admin.example/")
	f("DELETE", "admin.example", "/users/u 1", "DELETE admin.example/users/{id} id=u 1")
	f("GET", "a.example", "/café/x", "/caf%C3%A9/{x} x=x")
	f("GET", "", "/health", "") // a host decides here, and none is known
	f("FOO", "a.example", "/health", "/health")

	hostless := router(t, "/a")
	if hostless.ByHost() || hostless.Match("GET", "", "/a").Route == nil {
		t.Error("a host is asked for where no pattern names one")
	}
	var none *Router
	if none.Match("GET", "a", "/").Route != nil || none.ByHost() {
		t.Error("no routes match something")
	}
	if empty := router(t); empty.Match("GET", "a", "/").Route != nil {
		t.Error("an empty list matches something")
	}
}

func TestNew_mistakes(t *testing.T) {
	f := func(want string, patterns ...string) {
		t.Helper()
		_, err := New(routes(patterns...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q) = %v, want %q", patterns, err, want)
		}
	}
	f("model/data.yaml:2:3: match \"GET /a\": model/data.yaml:1:3 has the same pattern", "GET /a", "GET /a")
	f("has the same pattern", "GET /a", "GET   /a")
	f("has the same pattern", "/a%62/{x}", "/ab/{x}")
	f("model/data.yaml:3:3: match \"/{x}/b\": it overlaps with \"/a/{y}\" of model/data.yaml:2:3", "/", "/a/{y}", "/{x}/b")
	f("overlaps", "/a/", "GET /{x}/{$}")
	f("model/data.yaml:1:3: match \"a\"", "a", "GET /b")
	f("\"get\" is no method; did you mean \"GET\"?", "get /a")
	f("\"GETT\" is no method", "GETT /a")
	f("\"\" is no method", " /a")
	f("\"CONNECT\" is no method", "CONNECT /a")
	f("host \"Admin.example\"", "Admin.example/")
	f("host \"admin.example:80\"", "admin.example:80/")
	f("host \"{host}\"", "{host}/a")
	f("no request can match", "/a/../b")
	f("no request can match", "/a%3Bb")
	f("no request can match", "/a%25%32%65")
	f("no request can match", "/a?x=1")
	f("no request can match", "/a#b")
	f("badly encoded", "/a%2Fb")
	f("badly encoded", "/a%zz")
	f("is a whole part", "/a{id}")
	f("is no parameter", "/{}")
	f("is no parameter", "/{id$}")
	f("is a whole part", "/{1}")
	f("nothing may stand behind", "/{path...}/x")
	f("nothing may stand behind", "GET /b", "/a/{$}/x")
	f("nothing may stand behind", "/a//x")
	for _, other := range []string{"/admin(.*)", "/admin/*", "/users/:id", "/q*", "/(.*)", "/*"} {
		f("is written for other matchers", other)
	}
	f("duplicate", "/{a}/{a}")
	f("has a slash", "GET")
	// All at once.
	_, err := New(routes("a", "/ok", "get /a"))
	if n := strings.Count(err.Error(), "model/data.yaml:"); n != 2 {
		t.Errorf("%d mistakes, want 2: %v", n, err)
	}
}

func TestNew_organization(t *testing.T) {
	f := func(match, organization, want string) {
		t.Helper()
		_, err := New([]model.Route{{Match: match, Organization: organization}})
		_, bySlug := New([]model.Route{{Match: match, OrganizationSlug: organization}})
		if (err == nil) != (want == "") || (bySlug == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("New(%s, %s) = %v, %v; want %q", match, organization, err, bySlug, want)
		}
	}
	f("/o/{org}/", "{org}", "")
	f("/o/{org}/", "org_acme", "")
	f("/o/{org}/", "{ogr}", `did you mean "org"?`)
	f("/o/{org...}", "{org}", "no parameter of match")
	f("/o/", "{}", "no parameter of match")
	f("/o/{org}/", "x-{org}", "no parameter of match")
	f("/o/{a}/{b}", "{a}{b}", "no parameter of match")
}

func TestMatch_value(t *testing.T) {
	m := router(t, "/o/{org}/").Match("GET", "", "/o/org_1/x")
	if m.Value("{org}") != "org_1" || m.Value("org_2") != "org_2" || m.Value("{other}") != "" || m.Value("") != "" {
		t.Errorf("values: %q %q %q", m.Value("{org}"), m.Value("org_2"), m.Value("{other}"))
	}
}

func TestExplain(t *testing.T) {
	r := router(t, "GET /a", "PUT /a", "/a/b/", "/c/{x}", "admin.example/a")
	e := r.Explain("POST", "x.example", "/a")
	if e.Route != nil || fmt.Sprint(e.Methods) != "[GET PUT]" || len(e.Others) != 3 || e.Slash != nil {
		t.Errorf("POST /a: %+v", e)
	}
	e = r.Explain("GET", "x.example", "/a/b")
	if e.Route != nil || e.Slash == nil || e.Slash.Match != "/a/b/" {
		t.Errorf("GET /a/b: %+v", e)
	}
	r = router(t, "/", "/a/", "/a/{x}")
	e = r.Explain("GET", "x.example", "/a/b")
	if e.Route == nil || e.Route.Match != "/a/{x}" || len(e.Others) != 2 {
		t.Errorf("GET /a/b: %+v", e)
	}
	var none *Router
	if e := none.Explain("GET", "", "/"); e.Route != nil || e.Slash != nil {
		t.Errorf("no routes: %+v", e)
	}
}

// TestMatch_served compares the router with the mux as it serves: over random patterns and
// paths, a request is matched exactly if the mux would serve it itself, and the parameters
// are those that the handler would read.
func TestMatch_served(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	parts := []string{"a", "b", "{x}", "{y}"}
	matched, withParams := 0, 0
	for range 2_000 {
		var patterns []string
		for range 1 + rng.IntN(5) {
			var b strings.Builder
			b.WriteString([]string{"", "GET ", "POST ", "h.example", "GET h.example"}[rng.IntN(5)])
			for range rng.IntN(3) {
				b.WriteString("/" + parts[rng.IntN(len(parts))])
			}
			b.WriteString([]string{"", "/", "/{rest...}", "/{$}"}[rng.IntN(4)])
			patterns = append(patterns, b.String())
		}
		mux := http.NewServeMux()
		var served string
		var taken []string
		for _, p := range patterns {
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				served = p
				for _, name := range []string{"x", "y", "rest"} {
					if strings.Contains(p, "{"+name) {
						served += " " + name + "=" + r.PathValue(name)
					}
				}
			})
			if !strings.Contains(p, "/") || register(mux, p, handler) != "" {
				continue
			}
			taken = append(taken, p)
		}
		r, err := New(routes(taken...))
		if err != nil {
			t.Fatalf("New(%q) = %v, which a mux takes", taken, err)
		}
		for range 20 {
			path := ""
			for range rng.IntN(4) {
				path += "/" + []string{"a", "b", "c"}[rng.IntN(3)]
			}
			path += []string{"", "/"}[rng.IntN(2)]
			if path == "" {
				path = "/"
			}
			method, host := []string{"GET", "HEAD", "POST"}[rng.IntN(3)], []string{"h.example", "i.example"}[rng.IntN(2)]
			served = ""
			req, err := http.NewRequest(method, "http://"+host+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			mux.ServeHTTP(discard{}, req)
			got := ""
			if m := r.Match(method, host, path); m.Route != nil {
				got = m.Route.Match
				for _, name := range []string{"x", "y", "rest"} {
					if v, ok := m.Param(name); ok {
						got += " " + name + "=" + v
						withParams++
					}
				}
				matched++
			}
			if got != served {
				t.Fatalf("%q: %s %s%s = %q, the mux serves %q", taken, method, host, path, got, served)
			}
		}
	}
	if matched < 5_000 || withParams < 1_000 {
		t.Fatalf("%d matched, %d parameters: the generator is too weak", matched, withParams)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// FuzzNew: a pattern is refused or compiled, and never panics.
func FuzzNew(f *testing.F) {
	for _, p := range []string{"GET /a/{b}", "/{$}", "h.example/{x...}", "/a%2Fb", "get /", "/{", "//", "/a b", "GET\t/"} {
		f.Add(p, "/a/b")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		r, err := New(routes(pattern))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r.Match("GET", "h.example", path)
		r.Explain("GET", "h.example", path)
	})
}

// TestDoubts: what is guarded is not open by another method or with another slash.
func TestDoubts(t *testing.T) {
	f := func(want string, public []string, guarded ...string) {
		t.Helper()
		all := routes(append(public, guarded...)...)
		for i := range public {
			all[i].Public = true
		}
		r, err := New(all)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range r.Doubts() {
			got = append(got, m.Error())
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%q beside %q: %q, want %q", guarded, public, got, want)
		}
	}
	f(`model/data.yaml:2:3: "GET /admin" is guarded, but GET /admin/ falls to "/" (model/data.yaml:1:3), which is public`, []string{"/"}, "GET /admin")
	f(`model/data.yaml:2:3: "GET /admin/" is guarded, but POST /admin/ falls to "/" (model/data.yaml:1:3), which is public
model/data.yaml:3:3: "GET /admin" is guarded, but POST /admin falls to "/" (model/data.yaml:1:3), which is public`, []string{"/"}, "GET /admin/", "GET /admin")
	f("", []string{"/"}, "/admin/", "GET /admin") // POST /admin would be redirected, and is denied
	f(`model/data.yaml:2:3: "/adm/{id}" is guarded, but GET /adm/x/ falls to "/" (model/data.yaml:1:3), which is public`, []string{"/"}, "/adm/{id}")
	f(`model/data.yaml:2:3: "/adm/{$}" is guarded, but GET /adm falls to "/{page}" (model/data.yaml:1:3), which is public`, []string{"/{page}"}, "/adm/{$}")
	f("", []string{"/"}, "/admin", "/admin/")
	f("", []string{"/public/", "/{$}"}, "GET /admin", "/x/{y}")
	f(`model/data.yaml:2:3: "GET a.example/x" is guarded, but GET /x/ falls to "a.example/" (model/data.yaml:1:3), which is public`, []string{"a.example/"}, "GET a.example/x")
	var none *Router
	if none.Doubts() != nil {
		t.Error("doubts about no routes")
	}
}
