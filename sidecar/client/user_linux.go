package client

import (
	"net"
	"syscall"
)

// KnowsUsers is whether [User] can tell who is at the other end.
const KnowsUsers = true

// User is the user at the other end of a Unix socket when it was connected, by its effective
// id in this process's user namespace.
func User(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *syscall.Ucred
	var refused error
	err = raw.Control(func(fd uintptr) {
		peer, refused = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return 0, err
	}
	if refused != nil {
		return 0, refused
	}
	return peer.Uid, nil
}
