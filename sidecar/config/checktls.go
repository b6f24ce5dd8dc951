package config

// tls checks how a listener proves itself, and whom it lets in.
func (k checker) tls(key string, t TLS) {
	k.certified(key, t.Cert, t.Key)
	k.optional(join(key, "client_ca"), t.ClientCA, checkPath)
	if t.Cert == "" && t.Key == "" && (t.ClientCA != "" || len(t.ClientSANs) > 0) {
		k.lacks(join(key, "cert"), "is missing: clients are asked for certificates only with TLS")
	}
	if len(t.ClientSANs) > 0 && t.ClientCA == "" {
		k.lacks(join(key, "client_ca"), "is missing beside client_sans")
	}
	if t.ClientSANs != nil && len(t.ClientSANs) == 0 {
		k.wrong(join(key, "client_sans"), "is empty: name at least one, or leave it out to let in every client of client_ca")
	}
	k.unique(join(key, "client_sans"), t.ClientSANs, checkName)
	if t.MinVersion != "" { // the zero TLS has none, and is none
		_, err := parseTLSVersion(string(t.MinVersion))
		k.must(join(key, "min_version"), err)
	}
}

// clientTLS checks how a server that is asked is told from others, and what it is shown.
func (k checker) clientTLS(key string, t ClientTLS) {
	k.optional(join(key, "ca"), t.CA, checkPath)
	k.certified(key, t.Cert, t.Key)
}

// certified checks the paths of a certificate and its private key, which come together.
func (k checker) certified(key, cert, private string) {
	k.optional(join(key, "cert"), cert, checkPath)
	k.optional(join(key, "key"), private, checkPath)
	switch {
	case cert != "" && private == "":
		k.lacks(join(key, "key"), "is missing beside cert")
	case private != "" && cert == "":
		k.lacks(join(key, "cert"), "is missing beside key")
	}
}
