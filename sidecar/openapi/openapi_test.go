package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/openapi"
)

// doors are the keys of doors in the configuration.
func doors() []string {
	var all []string
	for field := range reflect.TypeFor[config.Doors]().Fields() {
		all = append(all, field.Tag.Get("key"))
	}
	return all
}

// usual is a listener with all doors, where nothing else is configured.
func usual() openapi.Listener {
	return openapi.Listener{Doors: doors(), Identity: map[string]string{
		"x-postern-user": "x-postern-user", "x-postern-session": "x-postern-session", "x-postern-org": "x-postern-org",
		"x-postern-role": "x-postern-role", "x-postern-permissions": "x-postern-permissions",
	}}
}

// described is what is said of a listener.
func described(t testing.TB, l openapi.Listener) (string, *openapi3.T) {
	t.Helper()
	text, err := l.Describe()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return string(text), doc
}

// TestDescribe_text: with all doors, what is served is what is in the file.
func TestDescribe_text(t *testing.T) {
	text, _ := described(t, usual())
	var want bytes.Buffer
	if err := json.Compact(&want, openapi.Text); err != nil {
		t.Fatal(err)
	}
	if text != want.String() {
		t.Errorf("got %s\nwant %s", text, &want)
	}
	if !strings.HasPrefix(text, `{"openapi":"3.1.`) {
		t.Errorf("the version does not come first: %.60s", text)
	}
}

// paths are those of a description.
func paths(doc *openapi3.T) []string { return slices.Sorted(maps.Keys(doc.Paths.Map())) }

func TestDescribe_doors(t *testing.T) {
	every := map[string]bool{}
	for _, door := range doors() {
		l := usual()
		l.Doors = []string{door}
		text, doc := described(t, l)
		again, _ := described(t, l)
		if text != again {
			t.Errorf("%s: two descriptions of one listener", door)
		}
		for path, item := range doc.Paths.Map() {
			every[path] = true
			for method, op := range item.Operations() {
				if tag := op.Tags[0]; tag != door && tag != openapi.Always {
					t.Errorf("%s: %s %s of the door %s", door, method, path, tag)
				}
			}
		}
		for _, tag := range doc.Tags {
			if tag.Name != door && tag.Name != openapi.Always {
				t.Errorf("%s: the tag %s", door, tag.Name)
			}
		}
	}
	_, all := described(t, usual())
	if got := slices.Sorted(maps.Keys(every)); !slices.Equal(got, paths(all)) {
		t.Errorf("the doors one by one have %v, together %v", got, paths(all))
	}
	l := usual()
	l.Doors = nil
	if _, doc := described(t, l); !slices.Equal(paths(doc), []string{"/openapi.json"}) {
		t.Errorf("without doors: %v", paths(doc))
	}
}

func TestDescribe_configured(t *testing.T) {
	l := usual()
	l.URL, l.Cookie = "https://pdp.example.com/postern/", "__session_a"
	l.Identity = map[string]string{"x-postern-user": "x-who", "x-postern-org": ""}
	_, doc := described(t, l)
	if len(doc.Servers) != 1 || doc.Servers[0].URL != "https://pdp.example.com/postern" {
		t.Errorf("servers: %v", doc.Servers)
	}
	if got := doc.Components.SecuritySchemes["sessionCookie"].Value.Name; got != "__session_a" {
		t.Errorf("cookie %q", got)
	}
	for _, name := range []string{"ProxyAllow", "EnvoyAllow"} {
		var got []string
		for header := range doc.Components.Responses[name].Value.Headers {
			if header == "x-who" || strings.Contains(header, "postern") {
				got = append(got, header)
			}
		}
		if !slices.Equal(got, []string{"x-who"}) {
			t.Errorf("%s: identity headers %v", name, got)
		}
	}
	if _, doc := described(t, usual()); len(doc.Servers) != 0 {
		t.Errorf("servers without a URL: %v", doc.Servers)
	}
}

// TestCodes: the reasons that are listed are those that there are.
func TestCodes(t *testing.T) {
	_, doc := described(t, usual())
	var got []decision.Code
	for _, code := range doc.Components.Schemas["Code"].Value.Enum {
		got = append(got, decision.Code(fmt.Sprint(code)))
	}
	if want := decision.Codes(); !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
	members := map[string]bool{}
	for field := range reflect.TypeFor[decision.Reason]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		members[name] = true
	}
	for name := range doc.Components.Schemas["Reason"].Value.Properties {
		if !members[name] {
			t.Errorf("a reason has no member %s", name)
		}
		delete(members, name)
	}
	for name := range members {
		t.Errorf("member %s of a reason is not described", name)
	}
}

// elsewhere are the doors that are not described: gRPC's is no HTTP.
var elsewhere = []decision.Door{decision.DoorExtAuthzGRPC}

// TestDoors: every door is described, under its names in the
// configuration and in the decision log.
func TestDoors(t *testing.T) {
	_, doc := described(t, usual())
	var names, tags []string
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if len(op.Tags) != 1 {
				t.Errorf("%s %s has the tags %v, want one", method, path, op.Tags)
			}
			if name, ok := op.Extensions["x-postern-door"].(string); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, tag := range doc.Tags {
		if tag.Name != openapi.Always {
			tags = append(tags, tag.Name)
		}
	}
	var want []string
	for _, door := range decision.Doors() {
		if !slices.Contains(elsewhere, door) {
			want = append(want, string(door))
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("doors %v, want %v", names, want)
	}
	for _, door := range doors() {
		if !slices.Contains(tags, door) {
			t.Errorf("no tag is called %s, as the door is in the configuration", door)
		}
	}
	for _, tag := range tags {
		if !slices.Contains(doors(), tag) {
			t.Errorf("the tag %s is no door of the configuration", tag)
		}
	}
}

// TestLimits: what bounds a request is named, with what it is where nothing is configured.
func TestLimits(t *testing.T) {
	text, _ := described(t, usual())
	limits := config.Default().Limits
	for name, words := range map[string]string{
		"limits.token": fmt.Sprintf("(%d KiB)", limits.Token/config.KiB), "limits.header": fmt.Sprintf("(%d KiB)", limits.Header/config.KiB),
		"limits.body": fmt.Sprintf("(%d KiB unless", limits.Body/config.KiB), "limits.batch": fmt.Sprintf("questions, %d unless", limits.Batch),
		"limits.concurrency": fmt.Sprintf("(%d)", limits.Concurrency),
	} {
		_, after, ok := strings.Cut(text, name)
		if !ok || !strings.Contains(after[:min(len(after), 60)], words) {
			t.Errorf("%s is not said to be %s", name, words)
		}
	}
	for field := range reflect.TypeFor[config.Limits]().Fields() {
		if name := "limits." + field.Tag.Get("key"); !strings.Contains(text, name) {
			t.Errorf("%s is not named", name)
		}
	}
}
