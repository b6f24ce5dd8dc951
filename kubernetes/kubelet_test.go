package kubernetes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"postern/testdata/harness"
)

// A node is a kubelet with a containerd of its own, of which an API server knows.
type node struct {
	server *apiServer
	socket string // containerd's
	events *harness.Process
}

const nodeName = "node-1"

// startNode needs a kubelet, which .ci/kubernetes builds, and Debian's containerd and plugins
// of its network. Where the kubelet is not there the test is skipped, also where tools are
// required.
func startNode(t *testing.T, s *apiServer) *node {
	t.Helper()
	if os.Getenv("TEST_KUBELET") == "" {
		t.Skip("put the path of kubelet into TEST_KUBELET to run this: .ci/kubernetes builds it")
	}
	// Not the test's own directory, which has a name too long for sockets.
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for line := range strings.Lines(read(t, "/proc/self/mountinfo")) {
			if at := strings.Fields(line)[4]; strings.HasPrefix(at, dir) {
				_ = syscall.Unmount(at, syscall.MNT_DETACH) // what remains fails the next line
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	n := &node{server: s, socket: filepath.Join(dir, "containerd.sock")}
	pause := n.pause(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "cni"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cni", "10-pods.conflist"), `{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": false, "ipam":
		{"type": "host-local", "ranges": [[{"subnet": "10.244.7.0/24"}]], "dataDir": "`+dir+`/addresses", "routes": [{"dst": "0.0.0.0/0"}]}}]}`)
	write(t, filepath.Join(dir, "containerd.toml"), fmt.Sprintf(`
version = 2
root = "%[1]s/root"
state = "%[1]s/state"
[grpc]
  address = %[2]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[3]q
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "%[1]s/cni"
`, dir, n.socket, pause))
	harness.Start(t, "containerd", harness.Program(t, "containerd"), "--config", filepath.Join(dir, "containerd.toml"))
	eventually(t, "containerd answers", func() bool { _, err := n.ctr("version"); return err == nil })
	p := newPodman(t)
	p.images(t)
	for _, image := range []string{"localhost/postern:latest", "localhost/example-app:test", pause} {
		archive := filepath.Join(t.TempDir(), "image.tar")
		if image == pause {
			archive = filepath.Join(dir, "pause.tar")
			if out, err := p.command(t, filepath.Join(dir, "pause"), "buildah", "build", "--quiet", "--tag", image, "."); err != nil {
				t.Fatalf("buildah build: %v: %s", err, out)
			}
		}
		if out, err := p.command(t, "", "buildah", "push", "--quiet", image, "oci-archive:"+archive+":"+image); err != nil {
			t.Fatalf("buildah push: %v: %s", err, out)
		}
		if out, err := n.ctr("images", "import", archive); err != nil {
			t.Fatalf("ctr images import: %v: %s", err, out)
		}
	}
	n.events = harness.Start(t, "ctr events", harness.Program(t, "ctr"), "--address", n.socket, "--namespace", "k8s.io", "events")
	write(t, filepath.Join(dir, "kubelet.yaml"), `
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix://`+n.socket+`
failSwapOn: false
failCgroupV1: false
address: 127.0.0.1
port: `+port(t)+`
healthzPort: 0
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
syncFrequency: 5s
`)
	harness.Start(t, "kubelet", harness.Program(t, "kubelet"), "--config", filepath.Join(dir, "kubelet.yaml"),
		"--kubeconfig", s.kubeconfig, "--hostname-override", nodeName, "--root-dir", filepath.Join(dir, "kubelet"))
	eventually(t, "the node is ready", func() bool {
		var is corev1.Node
		return s.get(t, "/api/v1/nodes/"+nodeName, &is) && strings.Contains(fmt.Sprint(is.Status.Conditions), "kubelet is posting ready status")
	})
	t.Cleanup(func() { // before all that was started ends
		list, err := n.ctr("containers", "list", "--quiet")
		if err != nil {
			t.Error(err)
		}
		for id := range strings.Lines(list) {
			_, _ = n.ctr("tasks", "delete", "--force", strings.TrimSpace(id)) // most have ended
		}
	})
	return n
}

// pause writes what the image of a pod's own container is built of.
func (n *node) pause(t testing.TB, dir string) (image string) {
	t.Helper()
	binary, err := exec.LookPath("catatonit")
	if err != nil {
		cannot(t, "catatonit is not installed")
	}
	if err := os.Mkdir(filepath.Join(dir, "pause"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pause", "catatonit"), []byte(read(t, binary)), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "pause", "Dockerfile"), "FROM scratch\nCOPY catatonit /catatonit\nENTRYPOINT [\"/catatonit\", \"-P\"]\n")
	return "localhost/pause:test"
}

func (n *node) ctr(arguments ...string) (string, error) {
	out, err := exec.Command("ctr", append([]string{"--address", n.socket, "--namespace", "k8s.io"}, arguments...)...).CombinedOutput()
	return string(out), err
}

// get reads an object, and reports whether it is there.
func (s *apiServer) get(t testing.TB, path string, into any) bool {
	t.Helper()
	code, text := s.ask(t, "GET", path, nil)
	return code == http.StatusOK && json.Unmarshal([]byte(text), into) == nil
}

func port(t testing.TB) string {
	t.Helper()
	address := harness.FreeAddress(t)
	return address[strings.LastIndexByte(address, ':')+1:]
}

// TestKubelet runs the example as a kubelet does: a native sidecar with its probes, a
// ConfigMap that is edited, a container that dies, and the order of the end.
func TestKubelet(t *testing.T) {
	s := startAPIServer(t)
	n := startNode(t, s)
	const namespace = "shop"
	s.restricted(t, namespace)
	values, token := exampleValues(t)
	if out, errs, err := helm(t, "install", "web", chart(t, "example-app"), "--kubeconfig", s.kubeconfig, "--namespace", namespace, "--values", values); err != nil {
		t.Fatalf("helm install: %v: %s%s", err, out, errs)
	}
	template := s.deployments(t)[0].Spec.Template
	template["apiVersion"], template["kind"] = "v1", "Pod"
	template["metadata"].(map[string]any)["name"] = "web"
	template["spec"].(map[string]any)["nodeName"] = nodeName
	const path = "/api/v1/namespaces/" + namespace + "/pods/web"
	s.create(t, "/api/v1/namespaces/"+namespace+"/pods", template)
	var pod corev1.Pod
	is := func(condition corev1.PodConditionType) bool {
		pod = corev1.Pod{}
		if !s.get(t, path, &pod) {
			return false
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == condition {
				return c.Status == corev1.ConditionTrue
			}
		}
		return false
	}
	eventually(t, "the pod is ready", func() bool { return is(corev1.PodReady) })
	sidecar, app := pod.Status.InitContainerStatuses[0], pod.Status.ContainerStatuses[0]
	if sidecar.State.Running == nil || app.State.Running.StartedAt.Before(&sidecar.State.Running.StartedAt) {
		t.Errorf("the app was started before the sidecar: %v, %v", app.State, sidecar.State)
	}

	run := 0
	inApp := func(arguments ...string) (string, error) {
		run++
		return n.ctr(append([]string{"tasks", "exec", "--exec-id", "x" + strconv.Itoa(run), strings.TrimPrefix(app.ContainerID, "containerd://"), "/app"}, arguments...)...)
	}
	allowed := func() bool {
		out, err := inApp("ask", "http://127.0.0.1:8181/v1/check", token, `{"permission":"org:invoices:create"}`)
		return err == nil && strings.Contains(out, `"allow":true`)
	}
	loads := func(result string, want int) bool {
		out, err := inApp("get", "http://127.0.0.1:8282/metrics")
		return err == nil && strings.Contains(out, fmt.Sprintf("postern_bundle_reloads_total{result=%q} %d\n", result, want))
	}
	if allowed() {
		t.Fatal("a member may create invoices before the policy says so")
	}
	edit := func(revision, model string) {
		code, said := s.ask(t, "PUT", "/api/v1/namespaces/"+namespace+"/configmaps/web-policy?fieldManager=test", map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web-policy"},
			"data": map[string]any{"manifest": `{"revision": "` + revision + `", "roots": ["model"]}`, "model": model},
		})
		if code != http.StatusOK {
			t.Fatalf("PUT: %d: %s", code, said)
		}
	}
	good := strings.Replace(read(t, "../helm/example-app/policy/model/data.yaml"), `"org:member": {permissions: [`, `"org:member": {permissions: ["org:invoices:create", `, 1)
	edit("example-2", good)
	eventually(t, "the new policy decides", allowed)
	if !loads("ok", 2) {
		t.Error("start and edit were not two loads")
	}
	edit("example-3", "roles: {")
	eventually(t, "the bad policy is refused", func() bool { return loads("error", 1) })
	if !allowed() || !is(corev1.PodReady) {
		t.Error("a bad policy changed something")
	}
	edit("example-4", good)
	eventually(t, "the next policy decides", func() bool { return loads("ok", 3) })

	if out, err := n.ctr("tasks", "kill", "--signal", "SIGKILL", strings.TrimPrefix(sidecar.ContainerID, "containerd://")); err != nil {
		t.Fatalf("kill: %v: %s", err, out)
	}
	eventually(t, "the sidecar is started again", func() bool {
		return is(corev1.PodReady) && pod.Status.InitContainerStatuses[0].RestartCount == 1
	})
	sidecar = pod.Status.InitContainerStatuses[0]
	if pod.Status.ContainerStatuses[0].RestartCount != 0 || !allowed() {
		t.Errorf("the app was started again, or is refused: %v", pod.Status.ContainerStatuses[0])
	}

	if code, said := s.ask(t, "DELETE", path, nil); code != http.StatusOK {
		t.Fatalf("DELETE: %d: %s", code, said)
	}
	eventually(t, "the pod has gone", func() bool { code, _ := s.ask(t, "GET", path, nil); return code == http.StatusNotFound })
	last, first := n.exit(t, sidecar.ContainerID), n.exit(t, app.ContainerID)
	if last.status != 0 || last.at.Before(first.at) {
		t.Errorf("the sidecar ended at %s with status %d, the app at %s", last.at, last.status, first.at)
	}
}

// An exit is the end of a container.
type exit struct {
	at     time.Time
	status int
}

// exit is how containerd saw a container end.
func (n *node) exit(t testing.TB, container string) (found exit) {
	t.Helper()
	id := strings.TrimPrefix(container, "containerd://")
	eventually(t, "the end of "+id+" is told", func() bool {
		for line := range strings.Lines(n.events.Log.String()) {
			_, text, ok := strings.Cut(line, " /tasks/exit ")
			var event struct {
				ID         string    `json:"id"`
				ExitedAt   time.Time `json:"exited_at"`
				ExitStatus int       `json:"exit_status"`
			}
			if ok && json.Unmarshal([]byte(text), &event) == nil && event.ID == id {
				found = exit{event.ExitedAt, event.ExitStatus}
				return true
			}
		}
		return false
	})
	return found
}
