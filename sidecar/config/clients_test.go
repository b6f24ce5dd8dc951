package config

import "testing"

// Each line is added to a file that is good without it.
func TestLoad_clients(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+line+"\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("clients: {tokens_file: t}")
	f("clients: {tokens_file: ''}", "24: clients.tokens_file: is empty: leave it out, or give it a value")
	f("clients: {anonymous: loopback}")
	f("clients: {mtls: true}", "17: clients.mtls: needs http.tls.client_ca")
	f("clients: {mtls: true}\nhttp: {tls: {cert: c, key: k, client_ca: a}}")
	f("clients: {mtls: false, tokens_file: t}")
	f("clients: {unix_uids: [0, 1000]}\nhttp: {listen: 'unix:///s'}")
	f("clients: {unix_uids: [1000]}", "22: clients.unix_uids: needs http.listen to be a Unix socket, and it is 127.0.0.1:8181")
	f("clients: {unix_uids: []}", "22: clients.unix_uids: is empty: name at least one user, or leave it out")
	f("clients: {unix_uids: 1000}", "22: clients.unix_uids: want a list, not a number")
	f("clients: {unix_uids: [root]}", `23: clients.unix_uids[0]: want a whole number, "root" is text`)
	const socket = "\nhttp: {listen: 'unix:///s'}"
	f("clients: {unix_uids: [1, 2, 1]}"+socket, "29: clients.unix_uids[2]: 1 is given twice")
	f("clients: {unix_uids: [65534]}"+socket, "23: clients.unix_uids[0]: 65534 stands for every user that is not known in this process's namespace")
	f("clients: {unix_uids: [4294967295]}"+socket, "23: clients.unix_uids[0]: 4294967295 is no user")
	f("clients: {unix_uids: [1], anonymous: loopback}"+socket, "10: clients: needs exactly one of tokens_file, mtls, unix_uids and anonymous")
	f("clients: {unix_uids: [], anonymous: loopback}"+socket,
		"10: clients: needs exactly one of tokens_file, mtls, unix_uids and anonymous")
}

func TestLoad_tls(t *testing.T) {
	f := func(tls string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+"http: {tls: {cert: c, key: k"+tls+"}}\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("")
	f(", min_version: 1.2")
	f(", min_version: '1.3'")
	f(", min_version: 1.1", `44: http.tls.min_version: "1.1" is no version of TLS that is spoken: want 1.3 or 1.2`)
	f(", min_version: 1.30", `44: http.tls.min_version: "1.30" is no version of TLS that is spoken: want 1.3 or 1.2`)
	f(", min_version: 1", `44: http.tls.min_version: want 1.3 or 1.2, "1" is a number`)
	f(", client_ca: a, client_sans: ['spiffe://a/b', c]")
	f(", client_ca: a, client_sans: []", "58: http.tls.client_sans: is empty: name at least one, or leave it out to let in every client of client_ca")
	f(", client_ca: a, client_sans: [a, a]", `62: http.tls.client_sans[1]: "a" is given twice`)
	f(", client_sans: [a]", "13: http.tls.client_ca: is missing beside client_sans")
}
