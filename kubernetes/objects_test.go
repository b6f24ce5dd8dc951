package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	istionetworking "istio.io/api/networking/v1"
	istiosecurity "istio.io/api/security/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// kinds are what an object is decoded into, by its apiVersion and kind. A field that the
// type does not have is an error.
var kinds = map[string]func() any{
	"v1 ConfigMap":                             func() any { return new(corev1.ConfigMap) },
	"v1 Service":                               func() any { return new(corev1.Service) },
	"v1 ServiceAccount":                        func() any { return new(corev1.ServiceAccount) },
	"v1 Pod":                                   func() any { return new(corev1.Pod) },
	"apps/v1 Deployment":                       func() any { return new(appsv1.Deployment) },
	"policy/v1 PodDisruptionBudget":            func() any { return new(policyv1.PodDisruptionBudget) },
	"autoscaling/v2 HorizontalPodAutoscaler":   func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
	"networking.k8s.io/v1 NetworkPolicy":       func() any { return new(networkingv1.NetworkPolicy) },
	"monitoring.coreos.com/v1 ServiceMonitor":  func() any { return new(monitoringv1.ServiceMonitor) },
	"monitoring.coreos.com/v1 PodMonitor":      func() any { return new(monitoringv1.PodMonitor) },
	"monitoring.coreos.com/v1 PrometheusRule":  func() any { return new(monitoringv1.PrometheusRule) },
	"security.istio.io/v1 AuthorizationPolicy": func() any { return &custom{message: new(istiosecurity.AuthorizationPolicy)} },
	"networking.istio.io/v1 ServiceEntry":      func() any { return &custom{message: new(istionetworking.ServiceEntry)} },
	"cert-manager.io/v1 Certificate":           func() any { return new(certificate) },
}

// A custom is one of Istio's objects, whose spec is a message of protocol buffers.
type custom struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              json.RawMessage `json:"spec"`

	message proto.Message
}

// A certificate is the part of cert-manager's Certificate that the chart writes.
type certificate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		SecretName string          `json:"secretName"`
		Duration   metav1.Duration `json:"duration"`
		PrivateKey struct {
			Algorithm      string `json:"algorithm"`
			Size           int    `json:"size"`
			RotationPolicy string `json:"rotationPolicy"`
		} `json:"privateKey"`
		Usages    []string `json:"usages"`
		DNSNames  []string `json:"dnsNames"`
		IssuerRef struct {
			Name  string `json:"name"`
			Kind  string `json:"kind"`
			Group string `json:"group"`
		} `json:"issuerRef"`
	} `json:"spec"`
}

// objects decodes a stream of YAML documents, each as its own kind.
func objects(t testing.TB, stream string) []any {
	t.Helper()
	var all []any
	for document := range strings.SplitSeq("\n"+stream, "\n---") {
		object, err := decode(document)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if object != nil {
			all = append(all, object)
		}
	}
	return all
}

func decode(document string) (any, error) {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &head); err != nil {
		return nil, err
	}
	if head == (metav1.TypeMeta{}) {
		var rest any
		if err := yaml.Unmarshal([]byte(document), &rest); err != nil || rest != nil {
			return nil, fmt.Errorf("an object without a kind: %v", err)
		}
		return nil, nil
	}
	make, ok := kinds[head.APIVersion+" "+head.Kind]
	if !ok {
		return nil, fmt.Errorf("%s %s is no kind that is known here", head.APIVersion, head.Kind)
	}
	object := make()
	if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
		return nil, err
	}
	if c, ok := object.(*custom); ok {
		return object, protojson.Unmarshal(c.Spec, c.message)
	}
	return object, nil
}

// typed is what every object is, Kubernetes' own or not.
type typed interface{ GetObjectKind() schema.ObjectKind }

// pick are the objects of one type.
func pick[T any](all []any) []T {
	var some []T
	for _, object := range all {
		if o, ok := object.(T); ok {
			some = append(some, o)
		}
	}
	return some
}

// TestObjects: everything that is rendered decodes strictly, names are there once, and what
// refers to something in the same set finds it.
func TestObjects(t *testing.T) {
	for _, s := range sets(t) {
		t.Run(s.name, func(t *testing.T) {
			all := objects(t, s.render(t))
			if len(all) == 0 {
				t.Fatal("nothing is rendered")
			}
			seen := map[string]bool{}
			for _, object := range all {
				o := object.(metav1.Object)
				kind := object.(typed).GetObjectKind().GroupVersionKind().Kind
				name := fmt.Sprintf("%s %s/%s", kind, o.GetNamespace(), o.GetName())
				if seen[name] || o.GetNamespace() == "" {
					t.Errorf("%s is there twice, or without a namespace", name)
				}
				seen[name] = true
			}
			for _, pod := range pods(all) {
				checkReferences(t, pod, all)
			}
			if s.chart == "postern" {
				checkSelectors(t, all)
			}
		})
	}
}

// pods are the pod templates of a set.
func pods(all []any) []corev1.PodTemplateSpec {
	var some []corev1.PodTemplateSpec
	for _, d := range pick[*appsv1.Deployment](all) {
		some = append(some, d.Spec.Template)
	}
	for _, p := range pick[*corev1.Pod](all) {
		some = append(some, corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	}
	return some
}

// checkReferences: every mount has its volume and every volume its mount, probes name ports,
// and the ConfigMaps of the set that volumes name have the keys.
func checkReferences(t *testing.T, pod corev1.PodTemplateSpec, all []any) {
	t.Helper()
	maps := map[string]map[string]string{}
	for _, m := range pick[*corev1.ConfigMap](all) {
		maps[m.Name] = m.Data
	}
	unused := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		unused[v.Name] = true
		if v.ConfigMap == nil || maps[v.ConfigMap.Name] == nil {
			continue
		}
		for _, i := range v.ConfigMap.Items {
			if _, ok := maps[v.ConfigMap.Name][i.Key]; !ok {
				t.Errorf("ConfigMap %s has no key %s", v.ConfigMap.Name, i.Key)
			}
		}
	}
	mounted := map[string]bool{}
	for _, c := range containers(pod.Spec) {
		for _, m := range c.VolumeMounts {
			mounted[m.Name] = true
			if _, ok := unused[m.Name]; !ok {
				t.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
			}
			if m.SubPath != "" {
				t.Errorf("container %s mounts %s by subPath, which no update reaches", c.Name, m.Name)
			}
		}
		for _, p := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
			if c.Name == "postern" && (p == nil || p.HTTPGet == nil || !hasPort(c, p.HTTPGet.Port.StrVal)) {
				t.Errorf("container %s: a probe is missing or asks at no port", c.Name)
			}
		}
	}
	for v := range unused {
		if !mounted[v] {
			t.Errorf("volume %s is mounted nowhere", v)
		}
	}
}

func containers(spec corev1.PodSpec) []corev1.Container {
	return append(append([]corev1.Container{}, spec.InitContainers...), spec.Containers...)
}

func hasPort(c corev1.Container, name string) bool {
	for _, p := range c.Ports {
		if p.Name == name {
			return true
		}
	}
	return false
}

// TestDecode: a field that is misspelt, a kind of another version and a member that is there
// twice are errors, for Kubernetes' own objects and for others.
func TestDecode(t *testing.T) {
	for _, document := range []string{
		"{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {container: []}}}}",
		"{apiVersion: v1, kind: Pod, spec: {initContainers: [{name: a, restartPolicies: Always}]}}",
		"{apiVersion: apps/v2, kind: Deployment}",
		"{apiVersion: v1, kind: Service, spec: {}, spec: {}}",
		"{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, spec: {endpoint: []}}",
		"{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, spec: {providers: {name: a}}}",
		"{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, spec: {action: ASK}}",
		"{apiVersion: networking.istio.io/v1, kind: ServiceEntry, spec: {host: [a]}}",
		"{apiVersion: cert-manager.io/v1, kind: Certificate, spec: {secret: a}}",
		"{a: b}",
	} {
		if object, err := decode(document); err == nil {
			t.Errorf("%s is decoded as %T, want an error", document, object)
		}
	}
}
