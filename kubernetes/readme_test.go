package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"
)

// TestREADME: the chart's table of values is made of values.yaml and its comments.
func TestREADME(t *testing.T) {
	const page, begin, end = "../helm/postern/README.md", "<!-- values -->\n", "<!-- /values -->"
	var values yamlv3.Node
	if err := yamlv3.Unmarshal([]byte(read(t, "../helm/postern/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| Value | Default | |\n| --- | --- | --- |\n")
	rows(t, &b, "", values.Content[0])
	old := read(t, page)
	before, rest, found := strings.Cut(old, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != want {
		t.Errorf("the table of %s is not what values.yaml says: run this with -update", page)
	}
}

// rows writes a row for each value below a mapping. A value without a comment is an object
// whose members have some.
func rows(t *testing.T, b *strings.Builder, path string, n *yamlv3.Node) {
	t.Helper()
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := path + key.Value
		comment := strings.ReplaceAll(strings.TrimPrefix(key.HeadComment, "# "), "\n# ", " ")
		switch {
		case comment != "" && !strings.HasSuffix(comment, "."):
			t.Errorf("the comment of %s in values.yaml is no sentence", name)
		case comment != "":
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, shown(t, value), strings.ReplaceAll(comment, "|", "\\|"))
		case value.Kind == yamlv3.MappingNode && len(value.Content) > 0:
			rows(t, b, name+".", value)
		default:
			t.Errorf("%s has no comment in values.yaml", name)
		}
	}
}

// units are what the comment of a value says, by the form of its name or its default.
var units = []struct{ name, value, unit *regexp.Regexp }{
	{regexp.MustCompile(`Seconds$`), regexp.MustCompile(``), regexp.MustCompile(`\bseconds\b`)},
	{regexp.MustCompile(``), regexp.MustCompile(`^[0-9]+[KMGT]i$`), regexp.MustCompile(`\bbytes\b`)},
	{regexp.MustCompile(``), regexp.MustCompile(`^[0-9]+[smh]$`), regexp.MustCompile(`\b(duration|as in)\b`)},
	{regexp.MustCompile(`(?i)(replicas|unavailable|surge)$`), regexp.MustCompile(``), regexp.MustCompile(`\b(replicas|pods)\b`)},
}

// TestValues: a value with a unit says which, and the schema has no value that values.yaml
// does not tell of.
func TestValues(t *testing.T) {
	var values yamlv3.Node
	if err := yamlv3.Unmarshal([]byte(read(t, "../helm/postern/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, schemaFile)), &schema); err != nil {
		t.Fatal(err)
	}
	checkValues(t, "", values.Content[0], schema["properties"].(map[string]any))
}

func checkValues(t *testing.T, path string, n *yamlv3.Node, properties map[string]any) {
	t.Helper()
	told := map[string]bool{"enabled": path == "", "global": path == ""} // a parent chart's
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		told[key.Value] = true
		for _, u := range units {
			if value.Kind == yamlv3.ScalarNode && u.name.MatchString(key.Value) && u.value.MatchString(value.Value) && !u.unit.MatchString(key.HeadComment) {
				t.Errorf("the comment of %s%s in values.yaml says no unit: want %s", path, key.Value, u.unit)
			}
		}
		below, _ := properties[key.Value].(map[string]any)["properties"].(map[string]any)
		if len(value.Content) > 0 && value.Kind == yamlv3.MappingNode && below != nil {
			checkValues(t, path+key.Value+".", value, below)
		}
	}
	for key := range properties {
		if !told[key] {
			t.Errorf("values.yaml does not tell of %s%s", path, key)
		}
	}
}

// shown is a default on one line, nothing for what is empty.
func shown(t *testing.T, n *yamlv3.Node) string {
	t.Helper()
	if n.Value == "" && len(n.Content) == 0 {
		return ""
	}
	flow(n)
	text, err := yamlv3.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return "`" + strings.Join(strings.Fields(string(text)), " ") + "`"
}

func flow(n *yamlv3.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if n.Kind != yamlv3.ScalarNode {
		n.Style = yamlv3.FlowStyle
	}
	for _, c := range n.Content {
		flow(c)
	}
}
