package bundle

import (
	"strings"
	"testing"
)

// The model comes from one team and is signed by it; the policies come from another.
var (
	modelTeam  = files{".manifest": `{"revision": "7", "roots": ["model"]}`, "model/data.yaml": "roles:\n  \"org:admin\": {name: Admin}\n"}
	policyTeam = files{
		".manifest":       `{"revision": "v2.1", "roots": ["app", "postern/extend"], "metadata": {"postern": {"entrypoints": {"check": "app/decision"}}}}`,
		"app/app.rego":    "package app\n\ndefault decision := false\n",
		"ext/extend.rego": "package postern.extend\n\ndeny contains \"no\" if input.no\n",
	}
)

// together loads a signed source beside an unsigned one, each as directory and archive.
func together(t *testing.T, signed, unsigned files, want ...string) *Bundle {
	t.Helper()
	signed = forgery{}.over(t, signed)
	var last *Bundle
	for _, sources := range [][]Source{
		{{Name: "models", Archive: archived(t, signed), Signers: []Signer{releases(t)}}, {Name: "policies", Path: directory(t, unsigned)}},
		{{Name: "policies", Archive: archived(t, unsigned)}, {Name: "models", Path: directory(t, signed), Signers: []Signer{releases(t)}}},
	} {
		b, err := LoadSources(t.Context(), DefaultLimits(), sources)
		if len(want) == 0 && err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("LoadSources = %+v, %v, want %q", b, err, w)
			}
		}
		last = b
	}
	return last
}

func TestLoadSources_teams(t *testing.T) {
	b := together(t, modelTeam, policyTeam)
	if b.Revision != "v2.1,7" || b.Model == nil || b.Entrypoints.Check != "app/decision" || b.Modules["policies/ext/extend.rego"] == nil {
		t.Errorf("bundle = %+v", b)
	}
	if b.Sources[0].Signer != "" || b.Sources[1].Signer != "releases" {
		t.Errorf("sources = %+v, want the second one signed", b.Sources)
	}
	// Each source by its own signers: the signature of one is nothing to the other.
	other := Signer{KeyID: "other", Algorithm: "RS256", Key: publicPEM(t, otherKey())}
	byOther := forgery{header: `{"alg":"RS256","kid":"other"}`, sign: rs256(otherKey())}
	f := func(models, policies files, want string) {
		t.Helper()
		_, err := LoadSources(t.Context(), DefaultLimits(), []Source{
			{Name: "models", Archive: archived(t, models), Signers: []Signer{releases(t)}},
			{Name: "policies", Archive: archived(t, policies), Signers: []Signer{other}},
		})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("LoadSources: %v, want %q", err, want)
		}
	}
	f(forgery{}.over(t, modelTeam), byOther.over(t, policyTeam), "")
	f(byOther.over(t, modelTeam), byOther.over(t, policyTeam), `bundle "models": .signatures.json: the signature is by the key "other"`)
	f(forgery{}.over(t, modelTeam), forgery{}.over(t, policyTeam), `bundle "policies": .signatures.json: the signature is by the key "releases"`)
	f(forgery{}.over(t, modelTeam), policyTeam, `bundle "policies": .signatures.json is not there`)
}

// Whatever the unsigned source says, it says nothing in the place of the signed one.
func TestLoadSources_overlap(t *testing.T) {
	unsigned := func(roots, name, text string) files {
		return files{".manifest": `{"roots": ` + roots + `}`, name: text}
	}
	both := []string{"models", "policies", "both have the root"}
	together(t, modelTeam, files{"app/data.json": `{"k": 1}`}, both...)                             // no manifest: the root is ""
	together(t, modelTeam, files{".manifest": `{"revision": "1"}`, "app/data.json": `{}`}, both...) // no roots
	together(t, modelTeam, unsigned(`[""]`, "app/data.json", `{"k": 1}`), both...)
	together(t, modelTeam, unsigned(`["/"]`, "app/data.json", `{"k": 1}`), both...)
	together(t, modelTeam, unsigned(`["model"]`, "model/data.json", `{}`), both...)
	together(t, modelTeam, unsigned(`["/model/"]`, "model/data.json", `{}`), both...)
	together(t, modelTeam, unsigned(`["model/routes"]`, "model/data.json", `{"routes": []}`), both...)
	together(t, modelTeam, unsigned(`["app", "model/revoked/users"]`, "app/data.json", `{}`), both...)
	whole := files{".manifest": `{"roots": [""]}`, "model/data.yaml": "roles: {}\n"}
	together(t, whole, unsigned(`["app"]`, "app/data.json", `{}`), both...)
	// Outside its own roots a source has nothing, also where no other source is.
	together(t, modelTeam, unsigned(`["app"]`, "model/data.json", `{"routes": []}`), "is outside the roots")
	together(t, modelTeam, unsigned(`["app"]`, "data.json", `{"model": {"routes": []}}`), "is outside the roots")
	together(t, modelTeam, unsigned(`["app"]`, "app/x.rego", "package model.routes\n"), "package model is reserved")
	together(t, modelTeam, unsigned(`["app"]`, "app/x.rego", "package postern.extend\n\ndeny contains 1"), "is outside the roots")
	// Roots that differ in a part of a name, or in case, are different.
	together(t, modelTeam, unsigned(`["models", "Model"]`, "models/data.json", `{"k": 1}`))

	// The parts of a model mean something only together.
	routes := files{".manifest": `{"roots": ["model/routes"]}`, "model/data.json": `{"routes": []}`}
	roles := files{".manifest": `{"roots": ["model/roles"]}`, "model/data.yaml": "roles: {\"org:admin\": {name: Admin}}\n"}
	together(t, roles, routes, "models", "policies", "both have a part of the model")
	together(t, roles, files{".manifest": `{"roots": ["model/revoked"]}`, "model/data.json": `{"revoked": {}}`}, "both have a part of the model")

	// Two manifests that name one entrypoint must name the same rule, and the error both.
	entrypoints := func(roots, check string) files {
		return files{".manifest": `{"roots": [` + roots + `], "metadata": {"postern": {"entrypoints": {"check": "` + check + `"}}}}`, "x/data.json": `{}`}
	}
	signed := with(modelTeam, ".manifest", `{"roots": ["model"], "metadata": {"postern": {"entrypoints": {"check": "app/decision"}}}}`)
	together(t, signed, policyTeam)
	together(t, signed, entrypoints(`"x"`, "x/decision"), `entrypoint check is`, "models", "policies")

	// postern.extend can be in either, and in one alone.
	extends := files{".manifest": `{"roots": ["postern/extend"]}`, "e.rego": "package postern.extend\n\ndeny contains 1 if false\n"}
	together(t, extends, unsigned(`["app"]`, "app/data.json", `{}`))
	together(t, extends, policyTeam, both...)
	below := files{".manifest": `{"roots": ["postern/extend/x"]}`, "e.rego": "package postern.extend.x\n\ny := 1\n"}
	together(t, extends, below, both...)
}
