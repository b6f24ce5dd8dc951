package typegen

import (
	"encoding/json"
	"fmt"
	"strings"

	"postern/sidecar/model"
)

// authorization augments the interface that Clerk's packages look for. Its permission is
// what has() takes; the packages add the system permissions by themselves where those can
// be asked for, which is not on a server.
const authorization = `declare global {
  /** What Clerk's has(), protect() and their like may be asked for. */
  interface ClerkAuthorization {
    permission: %s;
    role: %s;
  }
}
`

// outside explains a name that is no Clerk name.
const outside = `
// Names that do not begin with org: are no Clerk names: has() would put org: before them.
// They stay out of ClerkAuthorization.
`

// TypeScript writes a module that exports each set of names, as a list and as a union,
// and makes Clerk's has() take no other names. An empty set is never.
func TypeScript(m *model.Model) []byte {
	var b strings.Builder
	b.WriteString(generated + "\n")
	names := vocabularyOf(m)
	for _, k := range names.kinds() {
		writeUnion(&b, k)
	}
	role, foreignRole := clerkNames(names.roles)
	permission, foreignPermission := clerkNames(names.permissions)
	if foreignRole || foreignPermission {
		b.WriteString(outside)
	} else {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, authorization, permission, role)
	return []byte(b.String())
}

// inComment keeps text from ending the comment that it is in, and from being an order to
// the compiler there.
var inComment = strings.NewReplacer("*/", "*\\/", "@ts-", "@ ts-")

// writeUnion writes a list and the union of what is in it.
func writeUnion(b *strings.Builder, k kind) {
	keys := k.keys()
	if len(keys) == 0 {
		fmt.Fprintf(b, "\nexport const %s: readonly never[] = [];\n", k.plural)
	} else {
		fmt.Fprintf(b, "\nexport const %s = [\n", k.plural)
		for _, key := range keys {
			if doc := k.all[key]; doc != "" {
				fmt.Fprintf(b, "  /** %s */\n", inComment.Replace(doc))
			}
			fmt.Fprintf(b, "  %s,\n", jsonString(key))
		}
		b.WriteString("] as const;\n")
	}
	fmt.Fprintf(b, "\n/** The key of %s. */\n", k.what)
	if k.about != "" {
		fmt.Fprintf(b, "// %s\n", k.about)
	}
	fmt.Fprintf(b, "export type %s = ", k.name)
	if len(keys) == 0 {
		b.WriteString("never;\n")
		return
	}
	fmt.Fprintf(b, "(typeof %s)[number];\n", k.plural)
}

// clerkNames is the type of those names that Clerk can have given, and whether there are
// others.
func clerkNames(k kind) (union string, others bool) {
	for key := range k.all {
		if !strings.HasPrefix(key, organizationPrefix) {
			return "Extract<" + k.name + ", `" + organizationPrefix + "${string}`>", true
		}
	}
	return k.name, false
}

// jsonString is a string literal of JSON, which is one of TypeScript too. The encoder also
// escapes <, > and the line ends that JavaScript has and JSON has not.
func jsonString(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string is no JSON: " + err.Error())
	}
	return string(text)
}
