package proxies

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/failmode"
)

// The files of Traefik's configuration, as far as the ones of the docs go. Other keys are
// errors here.
type (
	traefikStatic struct {
		EntryPoints map[string]struct {
			Address string `yaml:"address"`
			HTTP    struct {
				Middlewares []string `yaml:"middlewares"`
			} `yaml:"http"`
		} `yaml:"entryPoints"`
		Providers struct {
			File struct {
				Filename string `yaml:"filename"`
			} `yaml:"file"`
		} `yaml:"providers"`
	}
	traefikDynamic struct {
		HTTP struct {
			Middlewares map[string]struct {
				ForwardAuth forwardAuth `yaml:"forwardAuth"`
			} `yaml:"middlewares"`
			Routers map[string]struct {
				EntryPoints []string `yaml:"entryPoints"`
				Rule        string   `yaml:"rule"`
				Service     string   `yaml:"service"`
			} `yaml:"routers"`
			Services map[string]struct {
				LoadBalancer struct {
					PassHostHeader bool `yaml:"passHostHeader"`
					Servers        []struct {
						URL string `yaml:"url"`
					} `yaml:"servers"`
				} `yaml:"loadBalancer"`
			} `yaml:"services"`
		} `yaml:"http"`
	}
)

// readStrict reads a file of testdata/proxies, in which no key may be unknown.
func readStrict(t testing.TB, name string, to any) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "proxies", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// traefik is the relay with the configuration of the docs, changed. It waits for Postern
// as long as Traefik, 30 seconds, where nothing else is said.
func traefik(t testing.TB, change ...func(*forwardAuth)) proxy {
	t.Helper()
	var dynamic traefikDynamic
	readStrict(t, "traefik/dynamic.yml", &dynamic)
	config := dynamic.HTTP.Middlewares["postern"].ForwardAuth
	for _, c := range change {
		c(&config)
	}
	return proxy{
		name:        "Traefik's relay",
		http2:       true,
		normalises:  true, // Go's servers percent-encode what is not ASCII
		passesEmpty: true,
		inTable:     failmode.Traefik,
		start: func(t testing.TB, at addresses) string {
			address, patience := freeAddress(t), 30*time.Second
			if at.hasty {
				patience = time.Second // nobody wants to see the 30 pass
			}
			config := config
			config.Address = strings.Replace(config.Address, "127.0.0.1:8181", at.http, 1)
			startTraefikRelay(t, config, at.upstream, address, patience)
			return address
		},
	}
}

// TestTraefik_files: the files are what Traefik reads, and they belong together.
func TestTraefik_files(t *testing.T) {
	var static traefikStatic
	var dynamic traefikDynamic
	readStrict(t, "traefik/traefik.yml", &static)
	readStrict(t, "traefik/dynamic.yml", &dynamic)
	web, middleware := static.EntryPoints["web"], dynamic.HTTP.Middlewares["postern"].ForwardAuth
	router := dynamic.HTTP.Routers["app"]
	service := dynamic.HTTP.Services[router.Service].LoadBalancer
	if web.Address != "127.0.0.1:8080" || !slices.Equal(web.HTTP.Middlewares, []string{"postern@file"}) {
		t.Errorf("the entry point: %+v", web)
	}
	if filepath.Base(static.Providers.File.Filename) != "dynamic.yml" {
		t.Errorf("the file: %q", static.Providers.File.Filename)
	}
	if middleware.Address != "http://127.0.0.1:8181/forward-auth" || middleware.TrustForwardHeader || !middleware.PreserveLocationHeader ||
		!slices.Equal(middleware.AuthResponseHeaders, identityHeaders) {
		t.Errorf("the middleware: %+v", middleware)
	}
	if !slices.Equal(router.EntryPoints, []string{"web"}) || router.Rule != "PathPrefix(`/`)" {
		t.Errorf("the router: %+v", router)
	}
	if !service.PassHostHeader || len(service.Servers) != 1 || service.Servers[0].URL != "http://127.0.0.1:3000" {
		t.Errorf("the service: %+v", service)
	}
}

func TestTraefik(t *testing.T) {
	t.Run("suite", func(t *testing.T) { suite(t, traefik(t)) })
	t.Run("large", func(t *testing.T) { large(t, traefik(t)) })
	t.Run("keeps connections", func(t *testing.T) { keepsConnections(t, traefik(t)) })
}

// TestTraefik_preserveRequestMethod: the method by which it asks is no matter.
func TestTraefik_preserveRequestMethod(t *testing.T) {
	s := play(t, traefik(t, func(f *forwardAuth) { f.PreserveRequestMethod = true }), setting{})
	suiteMethods(t, s)
	suiteBodies(t, s)
}

// TestTraefik_forwardBody: Postern decides without the body that Traefik sends, and reads
// none.
func TestTraefik_forwardBody(t *testing.T) {
	for _, preserve := range []bool{false, true} {
		s := play(t, traefik(t, func(f *forwardAuth) {
			f.ForwardBody, f.MaxBodySize, f.PreserveRequestMethod = true, 4<<20, preserve
		}), setting{})
		suiteBodies(t, s)
		suiteMethods(t, s)
	}
	s := play(t, traefik(t, func(f *forwardAuth) { f.ForwardBody, f.MaxBodySize = true, 10 }), setting{})
	if a := s.do("POST", "/public/x", "longer than that"); a.Code != http.StatusUnauthorized || a.Echoed {
		t.Errorf("a body over maxBodySize: %d, want 401", a.Code)
	}
}

// TestTraefik_requestHeaders: with a list of headers, credentials must be on it.
func TestTraefik_requestHeaders(t *testing.T) {
	good := sign(t, nil)
	s := play(t, traefik(t, func(f *forwardAuth) { f.AuthRequestHeaders = []string{"Authorization", "Cookie"} }), setting{})
	suiteIdentity(t, s)
	suiteCookie(t, s)
	without := play(t, traefik(t, func(f *forwardAuth) { f.AuthRequestHeaders = []string{"Accept"} }), setting{})
	without.expect(401, "GET", "/reports/7", bearer(good)...)
	without.expect(401, "GET", "/reports/7", "Cookie", "__session="+good)
	// What Postern is not shown it cannot refuse: the twin goes on to the upstream.
	a := without.expect(200, "GET", "/public/x", "X_Postern_User", "forged")
	if len(a.echo.Header["X_postern_user"]) == 0 {
		t.Error("the twin of an identity header is gone; the warning in the docs can go, too")
	}
}

// TestTraefik_location: without preserveLocationHeader a route's redirect would lead to
// Postern's own address.
func TestTraefik_location(t *testing.T) {
	for preserve, want := range map[bool]string{true: "/plans?from=upgrade", false: "http://127.0.0.1:"} {
		s := play(t, traefik(t, func(f *forwardAuth) { f.PreserveLocationHeader = preserve }), setting{})
		a := s.expect(302, "GET", "/upgrade", bearer(sign(t, nil))...)
		if got := a.Header.Get("Location"); !strings.HasPrefix(got, want) {
			t.Errorf("preserveLocationHeader %v: Location %q, want %q", preserve, got, want)
		}
	}
}
