package kubernetes

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
)

// TestConfiguration: what is rendered as postern.yaml is a configuration, and its listeners
// are where the containers' ports are.
func TestConfiguration(t *testing.T) {
	for _, s := range sets(t) {
		t.Run(s.name, func(t *testing.T) {
			all := objects(t, s.render(t))
			loaded := 0
			for _, m := range pick[*corev1.ConfigMap](all) {
				text, ok := m.Data["postern.yaml"]
				if !ok {
					continue
				}
				loaded++
				c, err := load(t, text)
				if err != nil {
					t.Fatal(err)
				}
				for _, pod := range pods(all) {
					checkPorts(t, c, pod.Spec)
				}
			}
			if loaded != 1 {
				t.Errorf("%d configurations were rendered, want 1", loaded)
			}
		})
	}
}

// load loads a postern.yaml as serve does.
func load(t testing.TB, text string) (*config.Config, error) {
	t.Helper()
	return loadAt(t, filepath.Join(t.TempDir(), "postern.yaml"), text)
}

func loadAt(t testing.TB, path, text string) (*config.Config, error) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var flags config.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	if err := set.Parse([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	return config.Load(&flags, nil)
}

// checkPorts: the admin listener is on every address and its port is named; decision
// listeners are the same in a deployment and this pod's alone in a sidecar.
func checkPorts(t *testing.T, c *config.Config, spec corev1.PodSpec) {
	t.Helper()
	ports := map[string]string{}
	sidecar := false
	for _, container := range containers(spec) {
		if container.Name != "postern" {
			continue
		}
		sidecar = container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
		for _, p := range container.Ports {
			ports[strings.TrimPrefix(p.Name, "postern-")] = strconv.Itoa(int(p.ContainerPort))
		}
	}
	for name, listen := range map[string]config.Address{"http": c.HTTP.Listen, "grpc": c.GRPC.Listen, "admin": c.Admin.Listen} {
		if sidecar && name != "admin" {
			if !listen.Loopback() || ports[name] != "" {
				t.Errorf("%s listens on %s, which others can reach", name, listen)
			}
			continue
		}
		host, port, err := net.SplitHostPort(listen.Address)
		if err != nil || host != "" || port != ports[name] {
			t.Errorf("%s listens on %s, want every address and port %s", name, listen, ports[name])
		}
	}
}

// TestPolicy: the bundles that sets have in ConfigMaps load as the volumes lay them out.
func TestPolicy(t *testing.T) {
	checked := 0
	for _, s := range sets(t) {
		all := objects(t, s.render(t))
		maps := map[string]*corev1.ConfigMap{}
		for _, m := range pick[*corev1.ConfigMap](all) {
			maps[m.Name] = m
		}
		for _, pod := range pods(all) {
			for _, v := range pod.Spec.Volumes {
				if !strings.HasPrefix(v.Name, "postern-policy-") || maps[v.ConfigMap.Name] == nil {
					continue
				}
				dir := t.TempDir()
				layOut(t, dir, maps[v.ConfigMap.Name].Data, v.ConfigMap.Items)
				if _, err := bundle.Load(t.Context(), bundle.DefaultLimits(), dir); err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
				checked++
			}
		}
	}
	if checked < 2 {
		t.Errorf("%d bundles were loaded, want those of deployment and app-default", checked)
	}
}

// layOut writes a ConfigMap's files as a volume has them, without the links.
func layOut(t testing.TB, dir string, data map[string]string, items []corev1.KeyToPath) {
	t.Helper()
	for _, i := range items {
		path := filepath.Join(dir, filepath.FromSlash(i.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data[i.Key]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
