package policy

// reads is which costly parts of a proxied request the rules that decide may read. The
// library reads none of them.
type reads struct {
	request, query, body         bool // input.request, and what stands in it
	envoy, envoyQuery, envoyBody bool // OPA-Envoy's document, its parsed_query, its parsed_body and truncated_body
}

func readsOf(f *footprint) reads {
	return reads{
		request:    f.reads("request"),
		query:      f.reads("request", "query"),
		body:       f.reads("request", "body"),
		envoy:      f.reads("attributes") || f.reads("parsed_path") || f.reads("source_principal") || f.reads("version"),
		envoyQuery: f.reads("parsed_query"),
		envoyBody:  f.reads("parsed_body") || f.reads("truncated_body"),
	}
}
