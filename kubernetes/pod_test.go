package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"postern/sidecar/token/mint"
	"postern/testdata/harness"
)

// TestPod runs the example's pod: the image of the Dockerfile, as the chart says. It decides,
// reloads when the ConfigMap changes, has no right that it does not need, and drains.
//
// Podman is no kubelet. It knows neither native sidecars nor probes by HTTP, so that the
// sidecar is a container like the app's, and the test asks where the probes would; and it
// writes ConfigMaps once, without their links, so that the test lays them out as a kubelet
// does. The pod has no network but its own loopback.
func TestPod(t *testing.T) {
	harness.Program(t, "helm")
	p := newPodman(t)
	p.images(t)
	pod, volumes := renderPod(t)
	p.play(t, pod)

	const sidecar, app = "web-postern", "web-app"
	t.Cleanup(func() {
		if t.Failed() {
			list, _ := p.run(t, "ps", "--all")
			log, _ := p.run(t, "logs", sidecar)
			t.Logf("%s\n%s", list, log)
		}
	})
	inApp := func(arguments ...string) (string, error) {
		return p.run(t, append([]string{"exec", app, "/app"}, arguments...)...)
	}
	postern := containers(pod.Spec)[0]
	eventually(t, "the start-up probe succeeds", func() bool {
		_, err := inApp("get", probeURL(t, postern, postern.StartupProbe))
		return err == nil
	})
	for _, probe := range []*corev1.Probe{postern.ReadinessProbe, postern.LivenessProbe} {
		if out, err := inApp("get", probeURL(t, postern, probe)); err != nil {
			t.Fatalf("probe %s: %v: %s\n%s", probe.HTTPGet.Path, err, out, p.must(t, "logs", sidecar))
		}
	}

	ask := func() bool {
		out, err := inApp("ask", "http://127.0.0.1:8181/v1/check", volumes.token, `{"permission":"org:invoices:create"}`)
		if err != nil {
			t.Fatalf("a question: %v: %s", err, out)
		}
		var answer struct{ Allow bool }
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			t.Fatalf("an answer %s: %v", out, err)
		}
		return answer.Allow
	}
	if ask() {
		t.Fatal("a member may create invoices before the policy says so")
	}
	model := read(t, "../helm/example-app/policy/model/data.yaml")
	volumes.swap(t, "postern-policy-app", map[string]string{
		".manifest":       `{"revision": "example-2", "roots": ["model"]}`,
		"model/data.yaml": strings.Replace(model, `"org:member": {permissions: [`, `"org:member": {permissions: ["org:invoices:create", `, 1),
	})
	eventually(t, "the new policy decides", ask)
	status, err := inApp("get", "http://127.0.0.1:8282/v1/status")
	if err != nil || !strings.Contains(status, "example-2") {
		t.Errorf("the status is %s, %v, want revision example-2", status, err)
	}
	reloads := func(result string, n int) bool {
		metrics, err := inApp("get", "http://127.0.0.1:8282/metrics")
		return err == nil && strings.Contains(metrics, fmt.Sprintf("postern_bundle_reloads_total{result=%q} %d\n", result, n))
	}
	if !reloads("ok", 2) {
		t.Error("start and swap were not two loads")
	}
	volumes.swap(t, "postern-policy-app", map[string]string{".manifest": `{"revision": "example-3", "roots": ["model"]}`, "model/data.yaml": "roles: {"})
	eventually(t, "the bad policy is refused", func() bool { return reloads("error", 1) })
	if _, err := inApp("get", probeURL(t, postern, postern.ReadinessProbe)); err != nil || !ask() {
		t.Errorf("a bad policy changed something: %v", err)
	}

	p.checkRights(t, sidecar)
	if out, err := inApp("write", "/file"); err == nil || !strings.Contains(out, "read-only") {
		t.Errorf("the app writes to its root: %s", out)
	}
	checkListeners(t, inApp)

	p.must(t, "stop", "--time", "20", sidecar)
	if code := p.must(t, "inspect", "--format", "{{.State.ExitCode}}", sidecar); code != "0" {
		t.Errorf("after SIGTERM the exit code is %s, want 0", code)
	}
	if log := p.must(t, "logs", sidecar); !strings.Contains(log, `"draining"`) {
		t.Errorf("no drain is logged:\n%s", log)
	}
}

// probeURL is where a kubelet asks, as it is called within the pod.
func probeURL(t testing.TB, c corev1.Container, probe *corev1.Probe) string {
	t.Helper()
	for _, port := range c.Ports {
		if port.Name == probe.HTTPGet.Port.StrVal {
			return fmt.Sprintf("%s://127.0.0.1:%d%s", strings.ToLower(string(probe.HTTPGet.Scheme)), port.ContainerPort, probe.HTTPGet.Path)
		}
	}
	t.Fatalf("no port %s", probe.HTTPGet.Port.StrVal)
	return ""
}

// checkRights looks at the process from outside: its user, its capabilities, and its root.
func (p *podman) checkRights(t testing.TB, container string) {
	t.Helper()
	pid := p.must(t, "inspect", "--format", "{{.State.Pid}}", container)
	status := read(t, "/proc/"+pid+"/status")
	for _, want := range []string{
		"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532",
		"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
	} {
		if !strings.Contains(status, want+"\n") {
			t.Errorf("the process has not %q:\n%s", want, status)
		}
	}
	for line := range strings.Lines(read(t, "/proc/"+pid+"/mountinfo")) {
		fields := strings.Fields(line)
		if at, options := fields[4], ","+fields[5]+","; (at == "/" || strings.HasPrefix(at, "/policy") || strings.HasPrefix(at, "/etc/postern")) && !strings.Contains(options, ",ro,") {
			t.Errorf("%s can be written to: %s", at, line)
		}
	}
}

// checkListeners: decisions are asked for on loopback alone, health on every address.
func checkListeners(t testing.TB, inApp func(...string) (string, error)) {
	t.Helper()
	const listening, loopback = "0A", "0100007F"
	found := map[string]string{}
	four, err := inApp("read", "/proc/net/tcp")
	if err != nil {
		t.Fatal(four)
	}
	six, _ := inApp("read", "/proc/net/tcp6") // a machine may have none
	for line := range strings.Lines(four + "\n" + six) {
		if f := strings.Fields(line); len(f) > 3 && f[3] == listening {
			address, port, _ := strings.Cut(f[1], ":")
			found[port] = address
		}
	}
	for port, name := range map[string]string{"1FF5": "http", "23E7": "grpc"} {
		if found[port] != loopback {
			t.Errorf("%s listens on %q, want loopback; all are %v", name, found[port], found)
		}
	}
	if admin := found["205A"]; strings.Trim(admin, "0") != "" || admin == "" {
		t.Errorf("admin listens on %q, want every address; all are %v", admin, found)
	}
}

// play starts a pod, without ports, which podman would forward, and without probes.
func (p *podman) play(t testing.TB, pod *corev1.Pod) {
	t.Helper()
	played := pod.DeepCopy()
	for i := range played.Spec.Containers {
		c := &played.Spec.Containers[i]
		c.Ports, c.StartupProbe, c.ReadinessProbe, c.LivenessProbe = nil, nil, nil, nil
	}
	text, err := yaml.Marshal(played)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pod.yaml")
	write(t, file, string(text))
	if out, err := p.run(t, "kube", "play", "--network", "none", file); err != nil {
		cannot(t, "podman kube play: %v: %s", err, out)
	}
}

// A volumeSet are the ConfigMaps of a pod, as directories.
type volumeSet struct {
	dirs  map[string]string
	token string // of a member
	swaps int
}

// exampleValues is a file with values for the example that has keys of the test, and a token
// of a member that they verify.
func exampleValues(t testing.TB) (file, token string) {
	t.Helper()
	key, err := mint.NewKey("test")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	token, err = key.Sign(map[string]any{
		"iss": "https://clerk.example.com", "sub": "user_1", "sid": "sess_1", "azp": "https://app.example.com", "v": 2,
		"iat": now, "nbf": now, "exp": now + 3600, "o": map[string]any{"id": "org_1", "slg": "one", "rol": "member"},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := mint.JWKS(key)
	if err != nil {
		t.Fatal(err)
	}
	values, err := yaml.Marshal(map[string]any{
		"image": "localhost/example-app:test",
		"postern": map[string]any{
			"image":   map[string]any{"repository": "localhost/postern", "tag": "latest", "pullPolicy": "Never"},
			"issuers": []any{map[string]any{"issuer": "https://clerk.example.com", "jwks": "/etc/postern/files/keys/jwks.json", "authorized_parties": []string{"https://app.example.com"}}},
			"files":   []any{map[string]any{"name": "keys", "inline": map[string]string{"jwks.json": string(keys)}}},
			"config":  map[string]any{"watch": map[string]any{"settle": "50ms", "poll": "24h"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "values.yaml")
	write(t, file, string(values))
	return file, token
}

// renderPod renders the example with keys of the test, and makes of its Deployment a pod
// that podman can run.
func renderPod(t testing.TB) (*corev1.Pod, *volumeSet) {
	t.Helper()
	volumes := &volumeSet{dirs: map[string]string{}}
	file, token := exampleValues(t)
	volumes.token = token
	all := objects(t, set{name: "pod", chart: "example-app", values: file}.render(t))
	spec := pods(all)[0].Spec
	convert(t, &spec, all, volumes)
	pod := &corev1.Pod{Spec: spec}
	pod.APIVersion, pod.Kind, pod.Name = "v1", "Pod", "web"
	return pod, volumes
}

// convert makes a pod's spec what podman 4.3 runs.
func convert(t testing.TB, spec *corev1.PodSpec, all []any, volumes *volumeSet) {
	t.Helper()
	for i := range spec.InitContainers {
		spec.InitContainers[i].RestartPolicy = nil
	}
	spec.Containers = append(spec.InitContainers, spec.Containers...)
	spec.InitContainers = nil
	spec.RestartPolicy = corev1.RestartPolicyNever
	maps := map[string]*corev1.ConfigMap{}
	for _, m := range pick[*corev1.ConfigMap](all) {
		maps[m.Name] = m
	}
	for i, v := range spec.Volumes {
		if v.ConfigMap == nil {
			continue
		}
		items := v.ConfigMap.Items
		data := maps[v.ConfigMap.Name].Data
		files := map[string]string{}
		for key, text := range data {
			if len(items) == 0 {
				files[key] = text
			}
		}
		for _, item := range items {
			files[item.Path] = data[item.Key]
		}
		volumes.dirs[v.Name] = t.TempDir()
		volumes.swap(t, v.Name, files)
		directory := corev1.HostPathDirectory
		spec.Volumes[i].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: volumes.dirs[v.Name], Type: &directory}}
	}
}

// swap writes the files of a volume as a kubelet does: into a new directory, which a link
// that is replaced by a rename makes the current one.
func (v *volumeSet) swap(t testing.TB, name string, files map[string]string) {
	t.Helper()
	v.swaps++
	dir := v.dirs[name]
	generation := fmt.Sprintf("..2026_11_22_%d", v.swaps)
	old, _ := os.Readlink(filepath.Join(dir, "..data")) // there is none the first time
	for path, text := range files {
		at := filepath.Join(dir, generation, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, at, text)
	}
	link := filepath.Join(dir, "..data_tmp")
	if err := os.Symlink(generation, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for path := range files {
		top, _, _ := strings.Cut(path, "/")
		if err := os.Symlink("..data/"+top, filepath.Join(dir, top)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	if old != "" {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
