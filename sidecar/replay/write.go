package replay

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/phrase"
)

// A titled is changes of one kind, in the order of a report: what is newly allowed first.
type titled struct {
	title string
	*Changes
}

func (r *Report) titled() []titled {
	return []titled{{"newly allowed", r.Allowed}, {"newly denied", r.Denied}, {"for other reasons", r.Reasons}}
}

func (r *Report) versions() (before, after string) {
	before = "what was recorded"
	if r.Old != nil {
		before = r.Old.Revision
	}
	return before, r.New.Revision
}

// WriteTable writes the report as text.
func (r *Report) WriteTable(w io.Writer) error {
	var text strings.Builder
	before, after := r.versions()
	fmt.Fprintf(&text, "%s -> %s\n", phrase.OneLine(before), phrase.OneLine(after))
	fmt.Fprintf(&text, "%d lines read, %d decided again, %d as before\n", r.Read, r.Replayed, r.Same)
	for _, c := range r.titled() {
		if c.Count == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s: %d\n", c.title, c.Count)
		for _, g := range c.Groups {
			fmt.Fprintf(&text, "  %s: %s -> %s: %d\n", phrase.OneLine(g.What), phrase.OneLine(g.Before), phrase.OneLine(g.After), g.Count)
			for _, e := range g.Examples {
				fmt.Fprintf(&text, "    %s\n", phrase.OneLine(e.text()))
			}
		}
		if c.More > 0 {
			fmt.Fprintf(&text, "  and %d more\n", c.More)
		}
	}
	if len(r.Skipped) > 0 {
		text.WriteString("\nnot decided again:\n")
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&text, "  %s: %d (%s)\n", s.Cause, s.Count, phrase.OneLine(s.where()))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// text is an example on one line.
func (e Example) text() string {
	id := e.DecisionID
	if e.Item != nil {
		id = fmt.Sprintf("%s item %d", id, *e.Item)
	}
	return strings.Join([]string{e.Time.UTC().Format(time.RFC3339), e.Door, e.Who, e.What, cmp.Or(id, "no id"), e.Line}, ", ")
}

// where names the lines, or the first of them.
func (s Skipped) where() string {
	text := strings.Join(s.Lines, ", ")
	if s.Count > len(s.Lines) {
		text += ", …"
	}
	return text
}

// WriteMarkdown writes the report as GitHub tables.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	before, after := r.versions()
	fmt.Fprintf(&text, "%s → %s: %d lines read, %d decided again, %d as before.\n", cell(before), cell(after), r.Read, r.Replayed, r.Same)
	for _, c := range r.titled() {
		if c.Count == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n### %s%s: %d\n\n| What | Before | After | Decisions | Such as |\n| --- | --- | --- | --- | --- |\n", strings.ToUpper(c.title[:1]), c.title[1:], c.Count)
		for _, g := range c.Groups {
			example := ""
			if len(g.Examples) > 0 {
				example = g.Examples[0].text()
			}
			fmt.Fprintf(&text, "| %s | %s | %s | %d | %s |\n", cell(g.What), cell(g.Before), cell(g.After), g.Count, cell(example))
		}
		if c.More > 0 {
			fmt.Fprintf(&text, "\nAnd %d more.\n", c.More)
		}
	}
	if len(r.Skipped) > 0 {
		text.WriteString("\n### Not decided again\n\n| Why | Lines | Which |\n| --- | --- | --- |\n")
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&text, "| %s | %d | %s |\n", s.Cause, s.Count, cell(s.where()))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// cell is text for a cell, in which nothing is markup: what could be is an entity.
func cell(s string) string {
	var text strings.Builder
	for _, r := range phrase.OneLine(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#!|~&@:", r) {
			fmt.Fprintf(&text, "&#%d;", r)
		} else {
			text.WriteRune(r)
		}
	}
	return text.String()
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	text, err := json.Marshal(r, jsontext.Multiline(true), jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
