package kubernetes

import (
	"maps"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
)

// matches reports whether labels have all that a selector wants. One that wants nothing
// would match everything.
func matches(selector, labels map[string]string) bool {
	all := maps.Clone(labels)
	maps.Copy(all, selector)
	return len(selector) > 0 && maps.Equal(all, labels)
}

// checkSelectors: what selects pods selects the deployment's, whatever labels they were
// given, and Prometheus finds the one Service that is for it.
func checkSelectors(t *testing.T, all []any) {
	t.Helper()
	for _, d := range pick[*appsv1.Deployment](all) {
		labels := d.Spec.Template.Labels
		wanted := map[string]map[string]string{"Deployment": d.Spec.Selector.MatchLabels}
		for _, s := range pick[*corev1.Service](all) {
			wanted["Service "+s.Name] = s.Spec.Selector
		}
		for _, p := range pick[*networkingv1.NetworkPolicy](all) {
			wanted["NetworkPolicy"] = p.Spec.PodSelector.MatchLabels
		}
		for _, p := range pick[*policyv1.PodDisruptionBudget](all) {
			wanted["PodDisruptionBudget"] = p.Spec.Selector.MatchLabels
		}
		for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
			wanted["topologySpread "+c.TopologyKey] = c.LabelSelector.MatchLabels
		}
		for what, selector := range wanted {
			if !matches(selector, labels) {
				t.Errorf("%s selects %v, the pods have %v", what, selector, labels)
			}
		}
		for _, h := range pick[*autoscalingv2.HorizontalPodAutoscaler](all) {
			if h.Spec.ScaleTargetRef.Name != d.Name || d.Spec.Replicas != nil {
				t.Errorf("the autoscaler scales %s, and the deployment has %v replicas of its own", h.Spec.ScaleTargetRef.Name, d.Spec.Replicas)
			}
		}
	}
	for _, m := range pick[*monitoringv1.ServiceMonitor](all) {
		found := 0
		for _, s := range pick[*corev1.Service](all) {
			if matches(m.Spec.Selector.MatchLabels, s.Labels) && len(s.Spec.Ports) == 1 && s.Spec.Ports[0].Name == m.Spec.Endpoints[0].Port {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the ServiceMonitor finds %d services, want one", found)
		}
	}
}

// TestTLS_kept: nothing that config says takes the TLS of the decision listeners away.
func TestTLS_kept(t *testing.T) {
	for _, values := range []string{
		"{config: {http: {tls: null}, grpc: {tls: null}}}",
		"{config: {http: null, grpc: null}}",
		"{config: {http: {tls: {}}, grpc: {tls: {}}}}",
		`{config: {http: {tls: {cert: "", key: ""}}, grpc: {tls: {cert: "", key: ""}}}}`,
		"{config: {http: {tls: false}, grpc: {tls: []}}}",
	} {
		out, errs, err := helm(t, "template", "web", chart(t, "postern"), "--namespace", "shop", "--kube-version", kubernetesVersion,
			"--values", "testdata/deployment.values.yaml", "--values", valuesFile(t, values))
		if err != nil {
			t.Logf("%s is refused: %s", values, errs)
			continue
		}
		for _, m := range pick[*corev1.ConfigMap](objects(t, out)) {
			text, ok := m.Data["postern.yaml"]
			if !ok {
				continue
			}
			c, err := load(t, text)
			if err == nil && (c.HTTP.TLS.Cert == "" || c.GRPC.TLS.Cert == "") {
				t.Errorf("%s leaves a listener without TLS:\n%s", values, text)
			}
		}
	}
}
