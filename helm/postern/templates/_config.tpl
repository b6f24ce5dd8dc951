{{/*
postern.config is the whole postern.yaml: what the chart decides, with the value config
merged over it.
*/}}
{{- define "postern.config" -}}
{{- $at := include "postern.at" . -}}
{{- $listen := .Values.listeners -}}
{{- $http := dict "listen" (printf ":%v" $listen.http) -}}
{{- $grpc := dict "listen" (printf ":%v" $listen.grpc) -}}
{{- if eq $at "loopback" -}}
{{- $http = dict "listen" (printf "127.0.0.1:%v" $listen.http) -}}
{{- $grpc = dict "listen" (printf "127.0.0.1:%v" $listen.grpc) -}}
{{- else if eq $at "socket" -}}
{{- $http = dict "listen" "unix:///run/postern/http.sock" -}}
{{- $grpc = dict "listen" "unix:///run/postern/grpc.sock" -}}
{{- end -}}
{{- if eq $at "pod" -}}
{{- $tls := include "postern.tls" . | fromYaml -}}
{{- if $tls -}}
{{- $_ := set $http "tls" $tls -}}
{{- $_ := set $grpc "tls" (deepCopy $tls) -}}
{{- end -}}
{{- end -}}
{{- $config := dict "http" $http "grpc" $grpc "admin" (dict "listen" (printf ":%v" $listen.admin)) -}}
{{- if not .Values.issuers -}}
{{- fail "issuers: say at least one, or none" -}}
{{- end -}}
{{- $_ := set $config "issuers" .Values.issuers -}}
{{- $_ := set $config "bundles" (include "postern.bundles" . | fromYamlArray) -}}
{{- if include "postern.state" . -}}
{{- $_ := set $config "persistence_directory" "/var/lib/postern" -}}
{{- end -}}
{{- $config = mergeOverwrite $config (deepCopy .Values.config) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* postern.tls is the TLS of the decision listeners of a deployment. */}}
{{- define "postern.tls" -}}
{{- $t := .Values.tls -}}
{{- $tls := dict -}}
{{- if include "postern.tlsSecret" . -}}
{{- $tls = dict "cert" "/etc/postern/tls/tls.crt" "key" "/etc/postern/tls/tls.key" -}}
{{- if $t.clientCA -}}
{{- if and (eq $t.clientCA "/etc/postern/tls/ca.crt") (not $t.clientSANs) -}}
{{- fail "tls.clientSANs: the authority of the server's own certificate may vouch for every workload: name the clients" -}}
{{- end -}}
{{- $_ := set $tls "client_ca" $t.clientCA -}}
{{- end -}}
{{- if $t.clientSANs -}}
{{- $_ := set $tls "client_sans" $t.clientSANs -}}
{{- end -}}
{{- else if $t.clientCA -}}
{{- fail "tls.clientCA: clients are asked for certificates only with TLS: say tls.secretName or tls.certManager" -}}
{{- else if not $t.insecurePlaintext -}}
{{- fail "tls: say secretName or certManager, or insecurePlaintext where a mesh encrypts what pods say" -}}
{{- end -}}
{{- toYaml $tls -}}
{{- end -}}

{{/* postern.bundles are the bundles as postern.yaml has them. */}}
{{- define "postern.bundles" -}}
{{- $all := list -}}
{{- if not .Values.bundles -}}
{{- fail "bundles: say at least one" -}}
{{- end -}}
{{- range .Values.bundles -}}
{{- $b := omit . "name" "files" "configMap" -}}
{{- if not .url -}}
{{- $_ := set $b "path" (printf "/policy/%s" .name) -}}
{{- end -}}
{{- $all = append $all $b -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* postern.state is said where bundles are downloaded. */}}
{{- define "postern.state" -}}
{{- $shadow := dig "shadow" "bundles" list .Values.config -}}
{{- range concat .Values.bundles $shadow -}}{{- if .url -}}yes{{- end -}}{{- end -}}
{{- end -}}

{{/* postern.remote is said where something is fetched or sent, by way of the network. */}}
{{- define "postern.remote" -}}
{{- if include "postern.urls" . | fromYaml -}}yes{{- end -}}
{{- end -}}

{{/*
postern.annotations start pods anew when postern.yaml changes, or an inline file with the
authorities of telemetry's receiver: they are read once. Policy and other files are watched.
*/}}
{{- define "postern.annotations" -}}
{{- $read := include "postern.config" . -}}
{{- $ca := dig "telemetry" "tls" "ca" "" .Values.config -}}
{{- range $file := .Values.files -}}
{{- range $name, $text := .inline -}}
{{- if eq $ca (printf "/etc/postern/files/%s/%s" $file.name $name) -}}
{{- $read = printf "%s\n%s" $read $text -}}
{{- end -}}
{{- end -}}
{{- end -}}
checksum/postern-config: {{ sha256sum $read }}
{{- end -}}

{{/* postern.key is the key of a path in a ConfigMap, which has no slashes. Two dots are in no path. */}}
{{- define "postern.key" -}}
{{- replace "/" ".." . -}}
{{- end -}}

{{/* postern.configmap are the ConfigMaps of the configuration, of policy and of files that are values. */}}
{{- define "postern.configmap" -}}
{{- include "postern.check" . -}}
{{- $root := . -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "postern.fullname" . }}-config
  namespace: {{ include "postern.namespace" . }}
  labels:
    {{- include "postern.labels" . | nindent 4 }}
data:
  postern.yaml: |
    {{- include "postern.config" . | nindent 4 }}
{{- range .Values.bundles }}
{{- if .files }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "postern.fullname" $root }}-policy-{{ .name }}
  namespace: {{ include "postern.namespace" $root }}
  labels:
    {{- include "postern.labels" $root | nindent 4 }}
data:
  {{- range $path, $text := .files }}
  {{ include "postern.key" $path }}: {{ toJson $text }}
  {{- end }}
{{- end }}
{{- end }}
{{- range .Values.files }}
{{- if .inline }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "postern.fullname" $root }}-files-{{ .name }}
  namespace: {{ include "postern.namespace" $root }}
  labels:
    {{- include "postern.labels" $root | nindent 4 }}
data:
  {{- toYaml .inline | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
