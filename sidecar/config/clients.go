package config

import (
	"fmt"
	"slices"
)

// A TLSVersion is one that can be the oldest that is spoken.
type TLSVersion string

// The versions of TLS.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

func parseTLSVersion(text string) (TLSVersion, error) {
	if v := TLSVersion(text); v == TLS12 || v == TLS13 {
		return v, nil
	}
	return "", fmt.Errorf("%s is no version of TLS that is spoken: want 1.3 or 1.2", show(text))
}

// None reports whether nobody may ask about others.
func (c Clients) None() bool {
	return c.TokensFile == "" && !c.MTLS && len(c.UnixUIDs) == 0 && c.Anonymous == ""
}

func (k checker) clients() {
	c, said := k.Clients, 0
	for _, is := range []bool{c.TokensFile != "", c.MTLS, c.UnixUIDs != nil, c.Anonymous != ""} {
		if is {
			said++
		}
	}
	if said > 1 {
		k.wrong("clients", "needs exactly one of tokens_file, mtls, unix_uids and anonymous")
	}
	k.optional("clients.tokens_file", c.TokensFile, checkPath)
	if c.Anonymous != "" && c.Anonymous != AnonymousLoopback {
		k.wrong("clients.anonymous", "%s is not supported: only loopback is", show(c.Anonymous))
	}
	if c.MTLS && k.HTTP.TLS.ClientCA == "" {
		k.wrong("clients.mtls", "needs http.tls.client_ca")
	}
	k.users(c.UnixUIDs)
}

// The users that a socket reports for others: Linux gives one that this user namespace does
// not know the overflow id, and the last number stands for none at all.
const (
	overflowUser = 65534
	noUser       = 1<<32 - 1
)

func (k checker) users(uids []int) {
	const key = "clients.unix_uids"
	if uids != nil && len(uids) == 0 {
		k.wrong(key, "is empty: name at least one user, or leave it out")
	}
	if len(uids) > 0 && k.HTTP.Listen.Network == "tcp" {
		k.wrong(key, "needs http.listen to be a Unix socket, and it is %s", k.HTTP.Listen)
	}
	for i, uid := range uids {
		at := index(key, i)
		switch {
		case uid < 0 || uid >= noUser:
			k.wrong(at, "%d is no user", uid)
		case uid == overflowUser:
			k.wrong(at, "%d stands for every user that is not known in this process's namespace", uid)
		case slices.Contains(uids[:i], uid):
			k.wrong(at, "%d is given twice", uid)
		}
	}
}
