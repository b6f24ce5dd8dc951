package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"postern/sidecar/config"
)

// listeners are what is bound; grpc is nil where its door is closed.
type listeners struct{ http, grpc, admin net.Listener }

// bind opens all listeners or none.
func (s *Server) bind() (bound listeners, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var opened []net.Listener
	open := func(name string, at config.Address) net.Listener {
		if err != nil {
			return nil
		}
		var l net.Listener
		if l, err = listen(at); err != nil {
			err = fmt.Errorf("%s.listen: %w", name, err)
			return nil
		}
		opened = append(opened, l)
		s.addresses[name] = display(l)
		return l
	}
	bound.http = open(listenerHTTP, s.config.HTTP.Listen)
	if s.config.Doors.ExtAuthz {
		bound.grpc = open(listenerGRPC, s.config.GRPC.Listen)
	}
	bound.admin = open(listenerAdmin, s.config.Admin.Listen)
	if err != nil {
		for _, l := range opened {
			err = errors.Join(err, l.Close())
		}
		clear(s.addresses)
		return listeners{}, err
	}
	return bound, nil
}

func display(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix://" + l.Addr().String()
	}
	return l.Addr().String()
}

// listen binds an address. A Unix socket that a dead process left is removed; one that
// somebody answers on is not. The socket is for its owner and group.
func listen(a config.Address) (net.Listener, error) {
	if a.Network != "unix" {
		return net.Listen(a.Network, a.Address)
	}
	if err := removeStale(a.Address); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", a.Address)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(a.Address, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listen unix %s: something that is no socket is there", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("listen unix %s: another process answers there", path)
	case errors.Is(err, os.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		// A full backlog or a missing permission, say: somebody may well be there.
		return fmt.Errorf("listen unix %s: the socket there may be another process's: %w", path, err)
	}
	return os.Remove(path)
}
