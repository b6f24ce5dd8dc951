package config

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"text/tabwriter"
)

// Describe writes every key with its effective value and where it was set, one a line.
// An empty value is "-". Secrets are only ever named by path, and a URL's query is left
// out.
func (c *Config) Describe(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var err error
	walk(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		if err != nil {
			return
		}
		_, err = fmt.Fprintf(table, "%s\t%s\t%s\n", path, printable(text(v)), c.origin(path))
	})
	if err != nil {
		return fmt.Errorf("describe the configuration: %w", err)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("describe the configuration: %w", err)
	}
	return nil
}

// origin says where a value was set.
func (c *Config) origin(path string) string {
	if at, ok := c.places[path]; ok {
		return at.String()
	}
	return "default"
}

// printable quotes what a terminal or a reader could misread.
func printable(value string) string {
	if value == "" {
		return "-"
	}
	if quoted := strconv.Quote(value); quoted != `"`+value+`"` {
		return quoted
	}
	return value
}
