package kubernetes

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	istiomesh "istio.io/api/mesh/v1alpha1"
	"sigs.k8s.io/yaml"
)

var fence = regexp.MustCompile("(?ms)^```([a-z]*) ?([^\n]*)\n(.*?)^```$")

// TestDocs: every YAML on the pages about Kubernetes is a file that is rendered here, an
// object that decodes strictly, or a mesh's configuration; and helm takes the commands.
func TestDocs(t *testing.T) {
	for _, page := range []string{"kubernetes.md", "istio.md"} {
		yamls, commands := 0, 0
		for _, block := range fence.FindAllStringSubmatch(read(t, "../docs/"+page), -1) {
			language, path, text := block[1], block[2], block[3]
			switch {
			case path != "":
				yamls++
				if file, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path))); err != nil || string(file) != text {
					t.Errorf("%s: the block is not what is in %s: %v", page, path, err)
				}
			case language == "yaml" && strings.Contains(text, "extensionProviders:"):
				yamls++
				checkMesh(t, text)
			case language == "yaml":
				yamls++
				if len(objects(t, text)) == 0 {
					t.Errorf("%s: nothing is in the block\n%s", page, text)
				}
			case language == "sh":
				commands += installs(t, text)
			}
		}
		if yamls < 3 || commands == 0 {
			t.Errorf("%s shows %d blocks of YAML and %d installations", page, yamls, commands)
		}
	}
}

// TestDocs_metrics: what the page says to alert on is measured.
func TestDocs_metrics(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("../sidecar/server/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source.WriteString(read(t, file))
	}
	names := regexp.MustCompile("postern_[a-z_]+").FindAllString(read(t, "../docs/kubernetes.md"), -1)
	if len(names) < 5 {
		t.Errorf("%d metrics are named, want more", len(names))
	}
	for _, name := range names {
		if !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("%s is no metric", name)
		}
	}
}

// checkMesh decodes a mesh's configuration, and holds that no provider lets requests
// through where Postern does not answer.
func checkMesh(t *testing.T, text string) {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var mesh istiomesh.MeshConfig
	if err := protojson.Unmarshal(raw, &mesh); err != nil {
		t.Fatal(err)
	}
	for _, p := range mesh.ExtensionProviders {
		grpc := p.GetEnvoyExtAuthzGrpc()
		if grpc.GetService() == "" || grpc.GetFailOpen() || grpc.GetTimeout().AsDuration() == 0 {
			t.Errorf("provider %s has no service, no time-out, or is open", p.Name)
		}
	}
}

// installs renders what each helm install of a block would, and counts them.
func installs(t *testing.T, text string) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "helm" || words[1] != "install" {
			continue
		}
		n++
		arguments := []string{"template", words[2], chart(t, strings.TrimPrefix(words[3], "helm/")), "--kube-version", kubernetesVersion}
		for _, w := range words[4:] {
			if rest, ok := strings.CutPrefix(w, "kubernetes/"); ok {
				w = rest
			}
			arguments = append(arguments, w)
		}
		if _, errs, err := helm(t, arguments...); err != nil {
			t.Errorf("%s: %v: %s", strings.TrimSpace(line), err, errs)
		}
	}
	return n
}
