{{/*
postern.check refuses what serve would refuse of the configuration, and what the pod has no
file or no way out for. The schema has judged each value by itself; this compares them. All
mistakes are told at once, each with its value's path.
*/}}
{{- define "postern.check" -}}
{{- $r := dict "root" . "wrong" list -}}
{{- include "postern.checkVolumes" $r -}}
{{- range $at, $value := dict "issuers" .Values.issuers "bundles" .Values.bundles "config" .Values.config -}}
{{- include "postern.checkPaths" (dict "r" $r "at" $at "value" $value) -}}
{{- end -}}
{{- include "postern.checkPaths" (dict "r" $r "at" "tls.clientCA" "value" .Values.tls.clientCA) -}}
{{- range $i, $b := .Values.bundles -}}
{{- include "postern.checkSource" (dict "r" $r "at" (printf "bundles[%d]" $i) "bundle" $b) -}}
{{- end -}}
{{- range $i, $b := dig "shadow" "bundles" list .Values.config -}}
{{- include "postern.checkSource" (dict "r" $r "at" (printf "config.shadow.bundles[%d]" $i) "bundle" $b) -}}
{{- end -}}
{{- include "postern.checkBounds" $r -}}
{{- include "postern.checkNeeds" $r -}}
{{- include "postern.checkEgress" $r -}}
{{- with $r.wrong -}}
{{- fail (printf "\n%s" (join "\n" .)) -}}
{{- end -}}
{{- end -}}

{{/* postern.wrong notes what is wrong with a value. */}}
{{- define "postern.wrong" -}}
{{- $_ := set .r "wrong" (append .r.wrong (printf "%s: %s" .at .is)) -}}
{{- end -}}

{{/* postern.checkVolumes: volumes of one's own do not get in the way of the chart's. */}}
{{- define "postern.checkVolumes" -}}
{{- $r := . -}}
{{- $names := dict -}}
{{- range $i, $v := $r.root.Values.extraVolumes -}}{{- $_ := set $names $v.name true -}}{{- end -}}
{{- range $i, $m := $r.root.Values.extraVolumeMounts -}}
{{- $at := printf "extraVolumeMounts[%d]" $i -}}
{{- if not (hasKey $names $m.name) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.name" $at) "is" (printf "extraVolumes has no %s" $m.name)) -}}
{{- end -}}
{{- $path := clean $m.mountPath -}}
{{- range $own := list "/etc/postern" "/policy" "/var/lib/postern" "/run/postern" -}}
{{- if or (eq $path "/") (hasPrefix (printf "%s/" $own) (printf "%s/" $path)) (hasPrefix (printf "%s/" $path) (printf "%s/" $own)) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.mountPath" $at) "is" (printf "%s is the chart's own: mount it elsewhere" $m.mountPath)) -}}
{{- break -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $files := dict -}}
{{- range $i, $f := $r.root.Values.files -}}
{{- if hasKey $files $f.name -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "files[%d].name" $i) "is" (printf "%s is there twice" $f.name)) -}}
{{- end -}}
{{- $_ := set $files $f.name true -}}
{{- end -}}
{{- end -}}

{{/* postern.checkPaths walks a value: every path in it is on a volume. Claims are JSON pointers. */}}
{{- define "postern.checkPaths" -}}
{{- $c := . -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- if not (has $key (list "claims" "files" "configMap")) -}}
{{- include "postern.checkPaths" (dict "r" $c.r "at" (printf "%s.%s" $c.at $key) "value" $value) -}}
{{- end -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $i, $value := .value -}}
{{- include "postern.checkPaths" (dict "r" $c.r "at" (printf "%s[%d]" $c.at $i) "value" $value) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- if hasPrefix "/" .value -}}
{{- $log := has .at (list "config.decision_log" "config.decision_log.to") -}}
{{- $why := include "postern.unmounted" (dict "root" .r.root "path" (clean .value) "written" $log) -}}
{{- if $why -}}
{{- include "postern.wrong" (dict "r" .r "at" .at "is" (printf "%s %s" .value $why)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* postern.unmounted says why a file is on no volume, or on none that can be written to; nothing where it is. */}}
{{- define "postern.unmounted" -}}
{{- $c := . -}}
{{- $v := .root.Values -}}
{{- $found := false -}}
{{- $why := ternary "is on a root that is read-only: mount a volume that can be written to (extraVolumes, extraVolumeMounts), or log to stdout" "is on no volume: put it into files (/etc/postern/files/NAME), or mount one of your own (extraVolumes, extraVolumeMounts)" .written -}}
{{- range $v.extraVolumeMounts -}}
{{- $at := clean .mountPath -}}
{{- if or (eq $c.path $at) (hasPrefix (printf "%s/" $at) $c.path) -}}
{{- if not (and $c.written (or .readOnly (and (eq $c.path $at) (not .subPath)))) -}}
{{- $found = true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not .written -}}
{{- if eq .path "/etc/ssl/certs/ca-certificates.crt" -}}{{- $found = true -}}{{- end -}}
{{- if and (eq $v.mode "deployment") (include "postern.tlsSecret" .root) (regexMatch "^/etc/postern/tls/[^/]+$" .path) -}}
{{- $found = true -}}
{{- end -}}
{{- range $v.bundles -}}
{{- if and .name (or (eq $c.path (printf "/policy/%s" .name)) (hasPrefix (printf "/policy/%s/" .name) $c.path)) -}}{{- $found = true -}}{{- end -}}
{{- end -}}
{{- range $v.files -}}
{{- $prefix := printf "/etc/postern/files/%s/" .name -}}
{{- if hasPrefix $prefix $c.path -}}
{{- $file := trimPrefix $prefix $c.path -}}
{{- $known := list -}}
{{- if .inline -}}{{- $known = keys .inline | sortAlpha -}}{{- end -}}
{{- range .items -}}{{- $known = append $known .path -}}{{- end -}}
{{- if or (has $file $known) (and (not $known) (not (contains "/" $file))) -}}
{{- $found = true -}}
{{- else if $known -}}
{{- $why = printf "is not in files: %s has %s" .name (join ", " $known) -}}
{{- else -}}
{{- $why = printf "is not in files: %s has no directories, without items" .name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}{{- $why -}}{{- end -}}
{{- end -}}
