package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
)

// boundaryCharacters are those of RFC 2046 section 5.1.1, without the space.
const boundaryCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=?"

// readMultipart reads the fields of a form. It is nil where the media type has no boundary.
// Readers differ in where parts begin and in what they are called, so that whatever leaves
// a choice is an error: a boundary that is not at a line's begin, what stands before the
// first, headers in lines of other kinds, parameters in pieces, in another character set
// (RFC 2231) or within another's quotes.
func readMultipart(mediaType string, raw []byte) (any, error) {
	_, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil || strings.Contains(mediaType, "*") || strings.Count(strings.ToLower(mediaType), "boundary=") > 1 {
		return nil, errors.New("content-type is no media type")
	}
	boundary, ok := parameters["boundary"]
	if !ok {
		return nil, nil
	}
	line := []byte("--" + boundary)
	if strings.Trim(boundary, boundaryCharacters) != "" || !bytes.HasPrefix(raw, append(line, "\r\n"...)) {
		return nil, errors.New("it is no multipart form")
	}
	if !plainParts(raw, line) {
		return nil, errors.New("it has a part whose headers can be read in two ways")
	}
	object := map[string]any{}
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if err == io.EOF { // and not wrapped, as it is where the last boundary is missing
			if bytes.Count(raw, line) != n+1 {
				return nil, errors.New("it has its boundary in a part, or behind the last")
			}
			return object, nil
		}
		if err != nil {
			return nil, errors.New("it is no multipart form")
		}
		if n == maxFormParts {
			return nil, fmt.Errorf("it has more than %d parts", maxFormParts)
		}
		name, err := partName(part.Header)
		if err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		value, err := readPart(part)
		if err != nil {
			return nil, err
		}
		list, _ := object[name].([]any)
		object[name] = append(list, value)
	}
}

// plainParts reports whether the headers of every part end where they do for all readers, and
// have one line each, which begins with a name and a colon.
func plainParts(raw, line []byte) bool {
	parts := bytes.SplitN(raw, line, maxFormParts+3) // one more than may be, and what is around them
	for _, part := range parts[1 : len(parts)-1] {
		headers, _, ended := bytes.Cut(part, []byte("\r\n\r\n"))
		headers, begun := bytes.CutPrefix(headers, []byte("\r\n")) // which ends the boundary's line
		if !begun || !ended {
			return false
		}
		for header := range bytes.SplitSeq(headers, []byte("\r\n")) {
			name, _, ok := bytes.Cut(header, []byte{':'})
			if !ok || bytes.ContainsAny(name, " \t_") || bytes.ContainsAny(header, "\r\n") {
				return false
			}
		}
	}
	return true
}

// partName is the name of a part's field, empty where it has none.
func partName(h textproto.MIMEHeader) (string, error) {
	for _, once := range []string{"Content-Disposition", "Content-Type", "Content-Transfer-Encoding"} {
		if len(h[once]) > 1 {
			return "", fmt.Errorf("a part has %s twice", once)
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		return "", errors.New("a part is encoded") // RFC 7578 section 4.7
	}
	disposition := h.Get("Content-Disposition")
	kind, parameters, err := mime.ParseMediaType(disposition)
	pieces := strings.Contains(strings.ReplaceAll(strings.ToLower(disposition), "filename*", ""), "name*")
	name := parameters["name"]
	if err != nil || kind != "form-data" || pieces || strings.ContainsAny(name, `\"'`) || oddQuotes(disposition) {
		return "", errors.New("a part has a name that can be read in two ways")
	}
	return name, nil
}

// oddQuotes reports whether readers differ in where the quotes of a header's value end: some
// take a backslash for itself, and an apostrophe for a quote.
func oddQuotes(value string) bool {
	unquoted := 0
	for i, piece := range strings.Split(strings.ToLower(value), `"`) {
		if i%2 == 0 {
			unquoted += strings.Count(strings.ReplaceAll(piece, "filename*=utf-8''", ""), "'")
		}
	}
	return unquoted > 0 || strings.Contains(value, `\`)
}

func readPart(part *multipart.Part) (any, error) {
	raw, err := io.ReadAll(part)
	if err != nil {
		return nil, errors.New("it is no multipart form")
	}
	mediaType := strings.ToLower(part.Header.Get("Content-Type"))
	if !isUTF8(mediaType) {
		return nil, errors.New("a part's character set is not UTF-8")
	}
	if strings.Contains(mediaType, typeJSON) {
		return ReadJSON(raw)
	}
	return string(raw), nil // a file's octets too
}
