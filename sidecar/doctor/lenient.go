package doctor

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// lenient reads the parts of a token that the strict reading did not give, as a forgiving
// library would: either alphabet, with padding or without, space around the object,
// repeated names. A part that is no JSON object even so stays nil.
func lenient(raw string, header, payload jsontext.Value) (jsontext.Value, jsontext.Value) {
	parts := strings.SplitN(raw, ".", 4)
	if header == nil {
		header = lenientObject(parts[0])
	}
	if payload == nil && len(parts) > 1 {
		payload = lenientObject(parts[1])
	}
	return header, payload
}

// alphabet turns standard base64 into that of URLs, and drops padding and white space.
var alphabet = strings.NewReplacer("+", "-", "/", "_", "=", "", "\r", "", "\n", "", " ", "", "\t", "")

func lenientObject(part string) jsontext.Value {
	data, err := base64.RawURLEncoding.DecodeString(alphabet.Replace(part))
	if err != nil {
		return nil
	}
	// Of several values, the first is shown.
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	value, err := dec.ReadValue()
	if err != nil || value.Kind() != '{' {
		return nil
	}
	return value.Clone()
}
