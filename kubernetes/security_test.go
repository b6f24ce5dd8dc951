package kubernetes

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"postern/sidecar/config"
)

// restrictedVolumes are the kinds of volumes that the restricted profile has.
func restrictedVolume(v corev1.VolumeSource) bool {
	return v.ConfigMap != nil || v.Secret != nil || v.EmptyDir != nil || v.Projected != nil || v.DownwardAPI != nil ||
		v.CSI != nil || v.Ephemeral != nil || v.PersistentVolumeClaim != nil
}

// restricted lists what of a pod the restricted profile of the Pod Security Standards
// forbids, the baseline's rules included, and beyond it a root that can be written to.
func restricted(spec corev1.PodSpec) []string {
	var wrong []string
	say := func(is bool, what string) {
		if is {
			wrong = append(wrong, what)
		}
	}
	say(spec.HostNetwork || spec.HostPID || spec.HostIPC, "a namespace of the host's")
	for _, v := range spec.Volumes {
		say(!restrictedVolume(v.VolumeSource), "volume "+v.Name+" is of a kind that is not allowed")
	}
	pod := spec.SecurityContext
	if pod == nil {
		pod = &corev1.PodSecurityContext{}
	}
	say(len(pod.Sysctls) > 0, "sysctls")
	say(pod.RunAsUser != nil && *pod.RunAsUser == 0, "the pod runs as root")
	for _, c := range containers(spec) {
		for _, what := range restrictedContainer(c, pod) {
			wrong = append(wrong, c.Name+": "+what)
		}
	}
	return wrong
}

func restrictedContainer(c corev1.Container, pod *corev1.PodSecurityContext) []string {
	var wrong []string
	say := func(is bool, what string) {
		if is {
			wrong = append(wrong, what)
		}
	}
	s := c.SecurityContext
	if s == nil {
		return []string{"no securityContext"}
	}
	is := func(b *bool) bool { return b != nil && *b }
	say(is(s.Privileged), "privileged")
	say(s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, "allowPrivilegeEscalation")
	say(!is(s.RunAsNonRoot) && (s.RunAsNonRoot != nil || !is(pod.RunAsNonRoot)), "runAsNonRoot")
	say(s.RunAsUser != nil && *s.RunAsUser == 0, "runAsUser 0")
	say(s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL"), "capabilities are not dropped")
	if s.Capabilities != nil {
		for _, added := range s.Capabilities.Add {
			say(added != "NET_BIND_SERVICE", "capability "+string(added))
		}
	}
	profile := s.SeccompProfile
	if profile == nil {
		profile = pod.SeccompProfile
	}
	say(profile == nil || profile.Type != corev1.SeccompProfileTypeRuntimeDefault && profile.Type != corev1.SeccompProfileTypeLocalhost, "seccompProfile")
	say(s.ProcMount != nil && *s.ProcMount != corev1.DefaultProcMount, "procMount")
	say(!is(s.ReadOnlyRootFilesystem), "the root can be written to")
	for _, p := range c.Ports {
		say(p.HostPort != 0, "a port of the host's")
	}
	return wrong
}

func TestPodSecurity(t *testing.T) {
	checked := 0
	for _, s := range sets(t) {
		for _, pod := range pods(objects(t, s.render(t))) {
			checked++
			for _, what := range restricted(pod.Spec) {
				t.Errorf("%s: %s", s.name, what)
			}
			if token := pod.Spec.AutomountServiceAccountToken; token == nil || *token {
				t.Errorf("%s: the pod has a service account's token", s.name)
			}
		}
	}
	if checked < 5 {
		t.Errorf("%d pods were looked at, want most sets to have one", checked)
	}
}

// TestPodSecurity_finds: the check does find what it is for.
func TestPodSecurity_finds(t *testing.T) {
	yes, no, root := true, false, int64(0)
	pod := corev1.PodSpec{
		HostNetwork: true,
		Volumes:     []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}},
		Containers: []corev1.Container{{
			Ports: []corev1.ContainerPort{{HostPort: 80}},
			SecurityContext: &corev1.SecurityContext{
				Privileged: &yes, RunAsUser: &root, RunAsNonRoot: &no, ReadOnlyRootFilesystem: &no,
				Capabilities:   &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}},
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined},
			},
		}},
	}
	if got := restricted(pod); len(got) != 11 {
		t.Errorf("%d faults were found, want 11: %q", len(got), got)
	}
	if got := restricted(corev1.PodSpec{Containers: []corev1.Container{{}}}); len(got) != 1 {
		t.Errorf("a container that says nothing has %q", got)
	}
}

// TestResources: the caches fit into the memory that the chart gives, as serve wants it.
func TestResources(t *testing.T) {
	for _, s := range sets(t) {
		for _, pod := range pods(objects(t, s.render(t))) {
			for _, c := range containers(pod.Spec) {
				if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
					t.Errorf("%s: %s requests nothing", s.name, c.Name)
				}
				if c.Name != "postern" {
					continue
				}
				caches := config.Default().Cache
				half := resource.NewQuantity(int64(caches.Tokens+caches.Decisions)*20/9, resource.BinarySI)
				if c.Resources.Limits.Memory().Cmp(*half) < 0 {
					t.Errorf("%s: a limit of %s leaves the caches too little room, want %s", s.name, c.Resources.Limits.Memory(), half)
				}
			}
		}
	}
}

// TestNetworkPolicy: no rule is without peers, which would let everyone in or out.
func TestNetworkPolicy(t *testing.T) {
	for _, s := range sets(t) {
		for _, p := range pick[*networkingv1.NetworkPolicy](objects(t, s.render(t))) {
			if len(p.Spec.PolicyTypes) != 2 {
				t.Errorf("%s: policyTypes are %v, want both", s.name, p.Spec.PolicyTypes)
			}
			for _, r := range p.Spec.Ingress {
				if len(r.From) == 0 || len(r.Ports) == 0 {
					t.Errorf("%s: a rule lets everyone in, or to every port", s.name)
				}
			}
			for _, r := range p.Spec.Egress {
				if len(r.To) == 0 || len(r.Ports) == 0 {
					t.Errorf("%s: a rule lets pods out to everyone, or to every port", s.name)
				}
			}
			if s.name == "isolated" && len(p.Spec.Egress) != 0 {
				t.Errorf("%s: pods that fetch nothing may reach out", s.name)
			}
		}
	}
}
