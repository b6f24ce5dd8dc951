{{/* postern.checkNeeds: what needs something else has it. */}}
{{- define "postern.checkNeeds" -}}
{{- $r := . -}}
{{- $v := .root.Values -}}
{{- $c := $v.config -}}
{{- $doors := default dict $c.doors -}}
{{- $clients := default dict $c.clients -}}
{{- $asked := list -}}
{{- range $key, $value := $clients -}}{{- if $value -}}{{- $asked = append $asked $key -}}{{- end -}}{{- end -}}
{{- if gt (len $asked) 1 -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.clients" "is" (printf "needs exactly one of %s" (join ", " $asked))) -}}
{{- end -}}
{{- range list "authzen" "opa" -}}
{{- if and (get $doors .) (not $asked) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "config.doors.%s" .) "is" "answers questions about others, so it needs config.clients: {tokens_file, mtls, unix_uids or anonymous: loopback}") -}}
{{- end -}}
{{- end -}}
{{- $open := merge (dict) $doors (dict "check" true "ext_authz" true "forward_auth" true "auth_request" true) -}}
{{- if not (has true (values $open)) -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.doors" "is" "every door is closed: nothing would be answered") -}}
{{- end -}}
{{- if and $clients.mtls (not (and (eq $v.mode "deployment") $v.tls.clientCA)) (not (dig "http" "tls" "client_ca" "" $c)) -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.clients.mtls" "is" "needs tls.clientCA, which asks clients for certificates") -}}
{{- end -}}
{{- if and $clients.unix_uids (ne (include "postern.at" .root) "socket") -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.clients.unix_uids" "is" "needs listeners.at: socket") -}}
{{- end -}}
{{- if dig "admin" "pprof" false $c -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.admin.pprof" "is" "profiles show what is in memory to all who reach the pod") -}}
{{- end -}}
{{- if dig "admin" "tls" "client_ca" "" $c -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.admin.tls.client_ca" "is" "the kubelet, which probes, has no certificate") -}}
{{- end -}}
{{- if and $v.tls.clientSANs (not $v.tls.clientCA) -}}
{{- include "postern.wrong" (dict "r" $r "at" "tls.clientSANs" "is" "needs tls.clientCA, which the names are vouched for by") -}}
{{- end -}}
{{- if and (eq $v.mode "sidecar") (or $v.tls.secretName $v.tls.certManager.enabled $v.tls.clientCA $v.tls.clientSANs) -}}
{{- include "postern.wrong" (dict "r" $r "at" "tls" "is" "is for a deployment: a sidecar is asked at loopback or a socket") -}}
{{- end -}}
{{- if ne (len (uniq (list $v.listeners.http $v.listeners.grpc $v.listeners.admin))) 3 -}}
{{- include "postern.wrong" (dict "r" $r "at" "listeners" "is" "http, grpc and admin each need a port of their own") -}}
{{- end -}}
{{- include "postern.checkLimits" . -}}
{{- include "postern.checkLog" . -}}
{{- include "postern.checkTwice" . -}}
{{- end -}}

{{- define "postern.checkLimits" -}}
{{- $limits := default dict .root.Values.config.limits -}}
{{- $header := default "16KiB" $limits.header -}}
{{- $token := default "8KiB" $limits.token -}}
{{- if gt (include "postern.amount" $token | float64) (include "postern.amount" $header | float64) -}}
{{- include "postern.wrong" (dict "r" . "at" "config.limits.token" "is" (printf "%v cannot arrive in limits.header, %v" $token $header)) -}}
{{- end -}}
{{- end -}}

{{/* postern.checkLog is about the decision log, and what else is sent. */}}
{{- define "postern.checkLog" -}}
{{- $r := . -}}
{{- $log := default "none" .root.Values.config.decision_log -}}
{{- if kindIs "string" $log -}}{{- $log = dict "to" $log -}}{{- end -}}
{{- $to := default "none" $log.to -}}
{{- $upload := default dict $log.upload -}}
{{- if and $log.required (eq $to "none") -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.decision_log.required" "is" "needs decision_log.to: nothing would be allowed") -}}
{{- end -}}
{{- if and $upload.token_file (include "postern.inTheClear" $to) -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.decision_log.to" "is" "would send the token of upload.token_file without TLS: want https") -}}
{{- end -}}
{{- $least := default "1s" $upload.min_delay -}}
{{- $most := default "1m" $upload.max_delay -}}
{{- if gt (include "postern.amount" $least | float64) (include "postern.amount" $most | float64) -}}
{{- include "postern.wrong" (dict "r" $r "at" "config.decision_log.upload.max_delay" "is" (printf "%v is less than min_delay, %v" $most $least)) -}}
{{- end -}}
{{- $telemetry := default dict .root.Values.config.telemetry -}}
{{- range list "traces" "metrics" -}}
{{- if and $telemetry.token_file (include "postern.inTheClear" (get $telemetry . | default "")) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "config.telemetry.%s" .) "is" "would send telemetry.token_file without TLS: want https or grpcs, or a receiver on loopback") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* postern.checkTwice: no issuer and no URL is there twice. */}}
{{- define "postern.checkTwice" -}}
{{- $r := . -}}
{{- $seen := dict -}}
{{- if kindIs "slice" .root.Values.issuers -}}
{{- range $i, $issuer := .root.Values.issuers -}}
{{- if hasKey $seen $issuer.issuer -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "issuers[%d].issuer" $i) "is" (printf "%s is there twice" $issuer.issuer)) -}}
{{- end -}}
{{- $_ := set $seen $issuer.issuer true -}}
{{- end -}}
{{- end -}}
{{- $seen = dict -}}
{{- range $i, $b := .root.Values.bundles -}}
{{- $source := default $b.name $b.url -}}
{{- if hasKey $seen $source -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "bundles[%d]" $i) "is" (printf "%s is there twice" $source)) -}}
{{- end -}}
{{- $_ := set $seen $source true -}}
{{- end -}}
{{- end -}}

{{/* postern.urls lists what is asked or sent to, by the path of its value: the proxy, where there is one. */}}
{{- define "postern.urls" -}}
{{- $urls := dict -}}
{{- range $i, $b := .Values.bundles -}}
{{- if .url -}}{{- $_ := set $urls (printf "bundles[%d].%s" $i (ternary "proxy" "url" (hasKey . "proxy"))) (default .url .proxy) -}}{{- end -}}
{{- end -}}
{{- range $i, $b := dig "shadow" "bundles" list .Values.config -}}
{{- if .url -}}{{- $_ := set $urls (printf "config.shadow.bundles[%d].%s" $i (ternary "proxy" "url" (hasKey . "proxy"))) (default .url .proxy) -}}{{- end -}}
{{- end -}}
{{- if kindIs "slice" .Values.issuers -}}
{{- range $i, $issuer := .Values.issuers -}}
{{- if .jwks -}}{{- $_ := set $urls (printf "issuers[%d].jwks" $i) .jwks -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $log := default "" .Values.config.decision_log -}}
{{- $_ := set $urls "config.decision_log" (ternary $log (get (ternary $log dict (kindIs "map" $log)) "to" | default "") (kindIs "string" $log)) -}}
{{- range list "traces" "metrics" -}}
{{- $_ := set $urls (printf "config.telemetry.%s" .) (dig "telemetry" . "" $.Values.config) -}}
{{- end -}}
{{- $out := dict -}}
{{- range $at, $url := $urls -}}
{{- if and (contains "://" $url) (not (include "postern.loopback" $url)) -}}{{- $_ := set $out $at $url -}}{{- end -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* postern.checkEgress: the NetworkPolicy lets out to the ports of all URLs. */}}
{{- define "postern.checkEgress" -}}
{{- $r := . -}}
{{- $p := .root.Values.networkPolicy -}}
{{- $proxied := false -}}
{{- range .root.Values.env -}}{{- if eq (upper .name) "HTTPS_PROXY" -}}{{- $proxied = true -}}{{- end -}}{{- end -}}
{{- if and (eq .root.Values.mode "deployment") $p.enabled (not $proxied) -}}
{{- $ports := ternary $p.httpsPorts list (not (empty $p.https)) -}}
{{- range $at, $url := include "postern.urls" .root | fromYaml -}}
{{- $port := regexFind ":[0-9]+$" (regexFind "^[^/?]+" (index (splitList "://" $url) 1)) | trimPrefix ":" | default (ternary "80" "443" (hasPrefix "http://" $url)) -}}
{{- $out := false -}}
{{- range $ports -}}{{- if eq (toString .) $port -}}{{- $out = true -}}{{- end -}}{{- end -}}
{{- range $p.egress -}}
{{- if not .ports -}}{{- $out = true -}}{{- end -}}
{{- range .ports -}}
{{- if or (not .port) (eq (toString .port) $port) (and .endPort (le (int .port) (int $port)) (ge (int .endPort) (int $port))) -}}{{- $out = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $out -}}
{{- include "postern.wrong" (dict "r" $r "at" $at "is" (printf "the NetworkPolicy lets nothing out to port %s: add it to networkPolicy.httpsPorts, or a rule to networkPolicy.egress" $port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
