package openapi

// Text is the file.
var Text = text
