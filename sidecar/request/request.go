// Package request reads what was asked: one parser for each protocol, one place where
// credentials are found.
package request
