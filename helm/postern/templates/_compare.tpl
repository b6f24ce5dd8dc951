{{/* postern.amount is a duration in milliseconds, or a size in bytes, as a number. */}}
{{- define "postern.amount" -}}
{{- $units := dict "ns" 0.000001 "us" 0.001 "µs" 0.001 "μs" 0.001 "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 "B" 1.0 "KiB" 1024.0 "MiB" 1048576.0 "GiB" 1073741824.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+[A-Za-zµμ]*" (ternary (toString .) (printf "%.0f" (float64 .)) (kindIs "string" .)) -1 -}}
{{- $unit := regexFind "[A-Za-zµμ]+$" . -}}
{{- $sum = addf $sum (mulf (float64 (trimSuffix $unit .)) (get $units $unit | default 1.0)) -}}
{{- end -}}
{{- printf "%f" $sum -}}
{{- end -}}

{{/* postern.checkBounds: numbers are within what serve takes. */}}
{{- define "postern.checkBounds" -}}
{{- $r := . -}}
{{- range $key, $bounds := dict
	"limits.token" (list "256" "1MiB") "limits.header" (list "1KiB" "1MiB") "limits.body" (list "256" "64MiB")
	"cache.tokens" (list "0" "1024GiB") "cache.decisions" (list "0" "1024GiB")
	"watch.settle" (list "1ms" "1m") "watch.poll" (list "100ms" "24h") "telemetry.interval" (list "1s" "24h")
	"policy.deadline" (list "1ns" "2000000h") "shadow.deadline" (list "1ns" "2000000h")
	"decision_log.buffer" (list "64KiB" "1GiB") "decision_log.rotate.size" (list "4KiB" "1024GiB" "or 0")
	"decision_log.upload.chunk" (list "1KiB" "64MiB") "decision_log.upload.min_delay" (list "1ms" "24h")
	"decision_log.upload.max_delay" (list "1ms" "24h") "decision_log.upload.timeout" (list "1ms" "24h")
-}}
{{- $value := $r.root.Values.config -}}
{{- range splitList "." $key -}}
{{- $value = ternary (get (ternary $value dict (kindIs "map" $value)) .) "" (kindIs "map" $value) -}}
{{- end -}}
{{- if not (and (eq $key "shadow.deadline") (not (dig "shadow" "bundles" list $r.root.Values.config))) -}}
{{- include "postern.within" (dict "r" $r "at" (printf "config.%s" $key) "value" $value "bounds" $bounds) -}}
{{- end -}}
{{- end -}}
{{- if kindIs "slice" .root.Values.issuers -}}
{{- range $i, $issuer := .root.Values.issuers -}}
{{- include "postern.within" (dict "r" $r "at" (printf "issuers[%d].clock_skew" $i) "value" $issuer.clock_skew "bounds" (list "0" "10m")) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "postern.within" -}}
{{- if and (not (has .value (list nil ""))) (not (and (eq (len .bounds) 3) (eq (include "postern.amount" .value | float64) 0.0))) -}}
{{- $n := include "postern.amount" .value | float64 -}}
{{- if or (lt $n (include "postern.amount" (index .bounds 0) | float64)) (gt $n (include "postern.amount" (index .bounds 1) | float64)) -}}
{{- include "postern.wrong" (dict "r" .r "at" .at "is" (printf "%v is not from %s to %s" .value (index .bounds 0) (index .bounds 1))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* postern.checkSource: what is said of a bundle with a URL goes together. */}}
{{- define "postern.checkSource" -}}
{{- $r := .r -}}
{{- $at := .at -}}
{{- $b := .bundle -}}
{{- if $b.url -}}
{{- $oci := hasPrefix "oci://" $b.url -}}
{{- if and $oci $b.token_file -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.token_file" $at) "is" "is for http(s): a registry's credentials are in docker_config") -}}
{{- end -}}
{{- if and (not $oci) $b.docker_config -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.docker_config" $at) "is" "is for oci: the token of an http(s) server is in token_file") -}}
{{- end -}}
{{- if and (include "postern.inTheClear" $b.url) $b.token_file -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.token_file" $at) "is" "would be sent in the clear: the url must be https") -}}
{{- end -}}
{{- if and (hasPrefix "http://" $b.url) $b.tls -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.tls" $at) "is" "has no effect on an http url") -}}
{{- end -}}
{{- include "postern.checkPoll" . -}}
{{- end -}}
{{- end -}}

{{/* postern.checkPoll: times fit each other. serve's defaults stand for what is not said. */}}
{{- define "postern.checkPoll" -}}
{{- $r := .r -}}
{{- $b := .bundle -}}
{{- $at := printf "%s.poll" .at -}}
{{- $poll := dict "min" "1m" "max" "2m" "long" "0" "timeout" "30s" -}}
{{- range $key, $value := $b.poll -}}{{- $_ := set $poll $key $value -}}{{- end -}}
{{- include "postern.within" (dict "r" $r "at" (printf "%s.min" $at) "value" $poll.min "bounds" (list "1s" "24h")) -}}
{{- include "postern.within" (dict "r" $r "at" (printf "%s.max" $at) "value" $poll.max "bounds" (list "1s" "24h")) -}}
{{- include "postern.within" (dict "r" $r "at" (printf "%s.timeout" $at) "value" $poll.timeout "bounds" (list "1s" "1h")) -}}
{{- $min := include "postern.amount" $poll.min | float64 -}}
{{- $max := include "postern.amount" $poll.max | float64 -}}
{{- $long := include "postern.amount" $poll.long | float64 -}}
{{- if gt $min $max -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.min" $at) "is" (printf "%v is more than max, %v" $poll.min $poll.max)) -}}
{{- end -}}
{{- if and $long (hasPrefix "oci://" $b.url) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.long" $at) "is" "is for http(s): a registry cannot hold requests") -}}
{{- else if and $long (or (gt $long 3600000.0) (ne (floor (divf $long 1000.0)) (divf $long 1000.0))) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.long" $at) "is" (printf "%v is neither 0 nor whole seconds up to 1h" $poll.long)) -}}
{{- end -}}
{{- $age := include "postern.amount" (default "0" $b.max_age) | float64 -}}
{{- $usual := addf $max $long (include "postern.amount" $poll.timeout | float64) -}}
{{- if and (not $age) (has $b.stale (list "not_ready" "deny")) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.max_age" .at) "is" (printf "is missing: without it, stale: %s never comes" $b.stale)) -}}
{{- else if and $age (lt $age $usual) -}}
{{- include "postern.wrong" (dict "r" $r "at" (printf "%s.max_age" .at) "is" (printf "%v can pass while all is well: poll alone takes up to %vs" $b.max_age (divf $usual 1000.0))) -}}
{{- end -}}
{{- end -}}

{{/* postern.inTheClear is said of a URL that takes what it is sent through a network without TLS. */}}
{{- define "postern.inTheClear" -}}
{{- if and (regexMatch "^(http|grpc)://" .) (not (include "postern.loopback" .)) -}}yes{{- end -}}
{{- end -}}

{{- define "postern.loopback" -}}
{{- if regexMatch "^[a-z0-9]+://(localhost|127[0-9.]+|\\[::1\\])([:/?]|$)" . -}}yes{{- end -}}
{{- end -}}
