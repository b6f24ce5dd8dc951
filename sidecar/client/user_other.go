//go:build !linux

package client

import (
	"errors"
	"net"
)

// KnowsUsers is whether [User] can tell who is at the other end.
const KnowsUsers = false

// User cannot be told here.
func User(*net.UnixConn) (uid uint32, err error) {
	return 0, errors.New("the users of Unix sockets are not known on this system")
}
