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
// first, parameters in pieces or in another character set (RFC 2231).
func readMultipart(mediaType string, raw []byte) (any, error) {
	_, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil || strings.Contains(mediaType, "*") {
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
	if disposition == "" {
		return "", nil
	}
	kind, parameters, err := mime.ParseMediaType(disposition)
	pieces := strings.Contains(strings.ReplaceAll(strings.ToLower(disposition), "filename*", ""), "name*")
	name := parameters["name"]
	if err != nil || kind != "form-data" || pieces || strings.ContainsAny(name, `\"'`) {
		return "", errors.New("a part has a name that can be read in two ways")
	}
	return name, nil
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
		return readJSON(raw)
	}
	return string(raw), nil // a file's octets too
}
