{{/* postern.sidecar is the entry for initContainers of a pod of your own: a native sidecar. */}}
{{- define "postern.sidecar" -}}
{{- if ne .Values.mode "sidecar" -}}
{{- fail "postern.sidecar: needs mode: sidecar" -}}
{{- end -}}
- name: postern
  restartPolicy: Always
  {{- include "postern.container" . | nindent 2 }}
  ports:
    - {name: postern-admin, containerPort: {{ .Values.listeners.admin }}, protocol: TCP}
{{- end -}}

{{/* postern.container is what every container of Postern has but its name and ports. */}}
{{- define "postern.container" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (not (empty (dig "admin" "tls" "cert" "" .Values.config))) -}}
{{- $port := ternary "postern-admin" "admin" (eq .Values.mode "sidecar") -}}
{{- $waits := and (eq .Values.mode "sidecar") .Values.probes.waitForReady -}}
image: {{ include "postern.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/postern/config/postern.yaml]
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
startupProbe:
  httpGet: {path: {{ ternary "/readyz" "/healthz" $waits }}, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: {{ .Values.probes.startSeconds }}
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /healthz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.runAsUser }}
  runAsGroup: {{ .Values.runAsUser }}
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  privileged: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: postern-config, mountPath: /etc/postern/config, readOnly: true}
  {{- range .Values.bundles }}
  {{- if not .url }}
  - {name: postern-policy-{{ .name }}, mountPath: /policy/{{ .name }}, readOnly: true}
  {{- end }}
  {{- end }}
  {{- range .Values.files }}
  - {name: postern-files-{{ .name }}, mountPath: /etc/postern/files/{{ .name }}, readOnly: true}
  {{- end }}
  {{- if and (eq .Values.mode "deployment") (include "postern.tlsSecret" .) }}
  - {name: postern-tls, mountPath: /etc/postern/tls, readOnly: true}
  {{- end }}
  {{- if include "postern.state" . }}
  - {name: postern-state, mountPath: /var/lib/postern}
  {{- end }}
  {{- if eq (include "postern.at" .) "socket" }}
  - {name: postern-socket, mountPath: /run/postern}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* postern.socketMount is the volume mount of a container that asks at the socket. */}}
{{- define "postern.socketMount" -}}
- {name: postern-socket, mountPath: /run/postern, readOnly: true}
{{- end -}}

{{/* postern.volumes are the volumes of a pod with Postern in it. */}}
{{- define "postern.volumes" -}}
{{- $root := . -}}
- name: postern-config
  configMap: {name: {{ include "postern.fullname" . }}-config}
{{- range .Values.bundles }}
{{- if .files }}
- name: postern-policy-{{ .name }}
  configMap:
    name: {{ include "postern.fullname" $root }}-policy-{{ .name }}
    items:
      {{- range $path, $text := .files }}
      - {key: {{ include "postern.key" $path }}, path: {{ $path }}}
      {{- end }}
{{- else if .configMap }}
- name: postern-policy-{{ .name }}
  configMap:
    name: {{ tpl .configMap.name $root | quote }}
    {{- with .configMap.items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- end }}
{{- range .Values.files }}
- name: postern-files-{{ .name }}
  {{- if .secret }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- else }}
  configMap:
    name: {{ default (printf "%s-files-%s" (include "postern.fullname" $root) .name) .configMap }}
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- if and (eq .Values.mode "deployment") (include "postern.tlsSecret" .) }}
- name: postern-tls
  secret: {secretName: {{ include "postern.tlsSecret" . }}, defaultMode: 0440}
{{- end }}
{{- if include "postern.state" . }}
- name: postern-state
  emptyDir: {sizeLimit: {{ .Values.stateSizeLimit }}}
{{- end }}
{{- if eq (include "postern.at" .) "socket" }}
- name: postern-socket
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
