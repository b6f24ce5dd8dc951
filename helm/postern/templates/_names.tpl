{{/* The names and labels of the chart's objects. */}}

{{- define "postern.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "postern.fullname" -}}
{{- $name := include "postern.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "postern.selector" -}}
app.kubernetes.io/name: {{ include "postern.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "postern.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "postern.labels" -}}
{{- include "postern.labelled" (list . dict) -}}
{{- end -}}

{{/* postern.labelled are the labels of an object with more of its own. The chart's win: selectors go by them. */}}
{{- define "postern.labelled" -}}
{{- $root := index . 0 -}}
{{- $own := dict
	"helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")
	"app.kubernetes.io/version" $root.Chart.AppVersion
	"app.kubernetes.io/managed-by" $root.Release.Service
-}}
{{- mergeOverwrite dict $root.Values.labels (index . 1) $own (include "postern.selector" $root | fromYaml) | toYaml -}}
{{- end -}}

{{- define "postern.metadata" -}}
{{- include "postern.metadataWith" (list . dict) -}}
{{- end -}}

{{- define "postern.metadataWith" -}}
{{- $root := index . 0 -}}
name: {{ include "postern.fullname" $root }}
namespace: {{ include "postern.namespace" $root }}
labels:
  {{- include "postern.labelled" . | nindent 2 }}
{{- end -}}

{{- define "postern.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "postern.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "postern.image" -}}
{{- $repository := required "image.repository: say where the image is; none is published" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* at is who reaches the decision listeners. */}}
{{- define "postern.at" -}}
{{- $sidecar := eq .Values.mode "sidecar" -}}
{{- $at := default (ternary "loopback" "pod" $sidecar) .Values.listeners.at -}}
{{- if and $sidecar (eq $at "pod") -}}
{{- fail "listeners.at: a sidecar is asked in its own pod alone: loopback or socket" -}}
{{- end -}}
{{- if and (not $sidecar) (ne $at "pod") -}}
{{- fail "listeners.at: nobody can ask a deployment at loopback or socket" -}}
{{- end -}}
{{- $at -}}
{{- end -}}

{{- define "postern.tlsSecret" -}}
{{- if .Values.tls.secretName -}}
{{- .Values.tls.secretName -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-tls" (include "postern.fullname" .) -}}
{{- end -}}
{{- end -}}
