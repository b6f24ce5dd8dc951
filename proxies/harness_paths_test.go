package proxies

import (
	"net/url"
	"strings"
	"testing"

	"postern/sidecar/request"
	"postern/testdata/paths"
)

// suitePaths: what the upstream is served is what was decided, for everybody; and without a
// session nothing but what is public.
func suitePaths(t *testing.T, s *scene) {
	owner := sign(t, organization("org_acme", "owner"))
	vectors, err := paths.Load()
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	for _, v := range vectors {
		if strings.ContainsAny(v.Raw, "\r\n") {
			continue // these would be other requests
		}
		for _, session := range []string{"", "Authorization: Bearer " + owner + "\r\n"} {
			before := s.upstream.touched.Load()
			all, err := s.raw(1, "GET "+v.Raw+" HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n"+session+"\r\n")
			reached := s.upstream.touched.Load() != before
			switch {
			case len(all) == 0 && !reached:
				continue // hung up on
			case err != nil || len(all) != 1:
				t.Errorf("%q: %d answers, %v", v.Raw, len(all), err)
				continue
			}
			a := all[0]
			if a.Code/100 != 2 {
				if reached && (v.Path == "" && !s.proxy.normalises || session == "") {
					t.Errorf("%q: the upstream saw it, and the answer is %d", v.Raw, a.Code)
				}
				// Proxies have bounds of their own.
				if v.Path != "" && session != "" && len(v.Raw) < 4<<10 {
					t.Errorf("%.200q: %d for a path that is %q", v.Raw, a.Code, v.Path)
				}
				continue
			}
			served++
			saw, err := request.ParseTarget(a.URI)
			switch {
			case err != nil:
				t.Errorf("%q: the upstream was served %q, which is not to be decided: %v", v.Raw, a.URI, err)
			case v.Path == "" && saw.Path != absolute(v.Raw) && !s.proxy.normalises:
				t.Errorf("%.200q: the upstream was served %.200q, and nothing should have been", v.Raw, a.URI)
			case v.Path != "" && saw.Path != v.Path:
				t.Errorf("%.200q: the upstream was served %.200q, want %.200q", v.Raw, saw.Path, v.Path)
			case session == "" && saw.Path != "/public" && saw.Path != "/health" && !strings.HasPrefix(saw.Path, "/public/"):
				t.Errorf("%q: the upstream was served %q without a session", v.Raw, saw.Path)
			}
		}
	}
	if served < 50 {
		t.Errorf("only %d paths are served", served)
	}
}

// absolute is the path of a target in absolute form, which a proxy may ask about and hand on
// in the usual form (RFC 9112 section 3.2.2).
func absolute(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return ""
	}
	return u.Path
}
