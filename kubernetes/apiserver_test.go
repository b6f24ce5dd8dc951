package kubernetes

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"postern/testdata/harness"
)

// An apiServer is one of Kubernetes' own, with an etcd behind it, and nothing that would act
// on what is stored.
type apiServer struct {
	url        string
	kubeconfig string
	client     *http.Client
}

// apiServerToken is the bearer token of its administrator.
const apiServerToken = "administrator"

// startAPIServer needs etcd and kube-apiserver, which .ci/kubernetes builds. That takes
// long: where it is not there the test is skipped, also where tools are required.
func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	if os.Getenv("TEST_KUBE_APISERVER") == "" {
		t.Skip("put the path of kube-apiserver into TEST_KUBE_APISERVER to run this: .ci/kubernetes builds it")
	}
	dir := t.TempDir()
	at, etcd := harness.FreeAddress(t), "http://"+harness.FreeAddress(t)
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	harness.Start(t, "etcd", harness.Program(t, "etcd"), "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", "http://"+harness.FreeAddress(t))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	accounts := filepath.Join(dir, "accounts.pem")
	write(t, accounts, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	write(t, filepath.Join(dir, "tokens.csv"), apiServerToken+",admin,admin,system:masters\n")
	harness.Start(t, "kube-apiserver", harness.Program(t, "kube-apiserver"), "--etcd-servers", etcd, "--cert-dir", filepath.Join(dir, "certificates"),
		"--bind-address", "127.0.0.1", "--secure-port", port, "--token-auth-file", filepath.Join(dir, "tokens.csv"),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", accounts,
		"--service-account-signing-key-file", accounts, "--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC",
		// No controller is there to make accounts.
		"--disable-admission-plugins", "ServiceAccount")
	s := &apiServer{
		url:        "https://" + at,
		kubeconfig: filepath.Join(dir, "kubeconfig"),
		client:     &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}, // it signs its own
	}
	write(t, s.kubeconfig, fmt.Sprintf(`
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: %s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`, s.url, apiServerToken))
	eventually(t, "the API server is ready", func() bool {
		code, _ := s.ask(t, "GET", "/readyz", nil)
		return code == http.StatusOK
	})
	return s
}

// ask is one request. Its status is 0 where there was no answer.
func (s *apiServer) ask(t testing.TB, method, path string, object any) (int, string) {
	t.Helper()
	body, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apiServerToken)
	r.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text) + strings.Join(res.Header.Values("Warning"), "\n")
}

// create makes an object. What the server does not know, or warns of, is an error.
func (s *apiServer) create(t testing.TB, path string, object any) {
	t.Helper()
	code, said := s.ask(t, "POST", path+"?fieldValidation=Strict", object)
	if code != http.StatusCreated {
		t.Errorf("POST %s: %d: %s", path, code, said)
	}
}

// restricted makes a namespace in which only restricted pods are admitted.
func (s *apiServer) restricted(t testing.TB, name string) {
	t.Helper()
	s.create(t, "/api/v1/namespaces", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": name, "labels": map[string]any{
			"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest",
			"pod-security.kubernetes.io/warn": "restricted",
		},
	}})
}

// define has the server know the kinds that are not Kubernetes' own: Istio's by their
// definitions, the others by name.
func (s *apiServer) define(t testing.TB) {
	t.Helper()
	const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "kubernetes", "customresourcedefinitions.gen.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, document := range strings.Split(string(text), "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object == nil {
			continue
		}
		s.create(t, definitions, object)
		spec := object["spec"].(map[string]any)
		version := spec["versions"].([]any)[0].(map[string]any)["name"].(string)
		served["/apis/"+spec["group"].(string)+"/"+version+"/"+spec["names"].(map[string]any)["plural"].(string)] = true
	}
	for _, of := range [][3]string{{"monitoring.coreos.com", "ServiceMonitor", "servicemonitors"}, {"monitoring.coreos.com", "PodMonitor", "podmonitors"},
		{"monitoring.coreos.com", "PrometheusRule", "prometheusrules"}, {"cert-manager.io", "Certificate", "certificates"}} {
		anything := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
		s.create(t, definitions, map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": of[2] + "." + of[0]},
			"spec": map[string]any{
				"group": of[0], "scope": "Namespaced", "names": map[string]any{"kind": of[1], "plural": of[2], "singular": strings.ToLower(of[1])},
				"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": anything}}},
			},
		})
		served["/apis/"+of[0]+"/v1/"+of[2]] = true
	}
	for path := range served {
		eventually(t, path+" is served", func() bool {
			code, _ := s.ask(t, "GET", path, nil)
			return code == http.StatusOK
		})
	}
}

// TestAPIServer has helm install and upgrade every set of values at an API server, in a
// namespace where only restricted pods are admitted, and starts the pods of its deployments
// as far as an API server does.
func TestAPIServer(t *testing.T) {
	s := startAPIServer(t)
	s.define(t)
	for _, elsewhere := range []string{"istio-ingress", "authorization"} { // where mesh and everything have objects
		s.restricted(t, elsewhere)
	}
	loose := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "loose"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "a", "image": "a"}}}}
	if code, said := s.ask(t, "POST", "/api/v1/namespaces/istio-ingress/pods", loose); code != http.StatusForbidden || !strings.Contains(said, "violates PodSecurity") {
		t.Fatalf("a pod that is not restricted: %d: %s", code, said)
	}
	for _, set := range sets(t) {
		t.Run(set.name, func(t *testing.T) {
			namespace := set.name
			s.restricted(t, namespace)
			for _, action := range []string{"install", "upgrade"} {
				arguments := []string{action, "web", chart(t, set.chart), "--kubeconfig", s.kubeconfig, "--namespace", namespace, "--values", set.values}
				if action == "upgrade" {
					arguments = append(arguments, "--set", map[string]string{"postern": "podAnnotations.upgraded=yes", "example-app": "image=example-app:0.2.0"}[set.chart])
				}
				out, errs, err := helm(t, arguments...)
				if err != nil || strings.Contains(errs, "unknown field") || strings.Contains(errs, "would violate") {
					t.Fatalf("helm %s: %v: %s%s", action, err, out, errs)
				}
			}
			want := len(pods(objects(t, set.render(t))))
			if got := s.admit(t); got != want {
				t.Errorf("%d pods are admitted, want %d", got, want)
			}
			if out, errs, err := helm(t, "uninstall", "web", "--kubeconfig", s.kubeconfig, "--namespace", namespace); err != nil {
				t.Errorf("helm uninstall: %v: %s%s", err, out, errs)
			}
		})
	}
}

// A storedDeployment is what the server keeps of one.
type storedDeployment struct {
	Metadata struct{ Name, Namespace string }
	Spec     struct{ Template map[string]any }
}

func (s *apiServer) deployments(t testing.TB) []storedDeployment {
	t.Helper()
	code, text := s.ask(t, "GET", "/apis/apps/v1/deployments", nil)
	var all struct{ Items []storedDeployment }
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != http.StatusOK {
		t.Fatalf("%d: %v: %s", code, err, text)
	}
	return all.Items
}

// admit has the pod of each deployment that there is be admitted, and counts them.
func (s *apiServer) admit(t testing.TB) int {
	t.Helper()
	all := s.deployments(t)
	for _, d := range all {
		pod := d.Spec.Template
		pod["apiVersion"], pod["kind"] = "v1", "Pod"
		pod["metadata"].(map[string]any)["name"] = d.Metadata.Name
		s.create(t, "/api/v1/namespaces/"+d.Metadata.Namespace+"/pods", pod)
	}
	return len(all)
}
