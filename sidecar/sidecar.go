// Package sidecar holds nothing but the test of its packages' imports: the arrows of one
// request's way, which only go one way.
package sidecar
