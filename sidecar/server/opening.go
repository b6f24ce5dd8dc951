package server

// An opening is what came first on a connection since the last answer: enough of it for the
// method and the prefix of a target.
type opening struct {
	text   [64]byte
	length int
	over   bool // an answer was begun
}

// Read notes the opening.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if o := &c.opening; n > 0 {
		if o.over {
			o.length, o.over = 0, false
		}
		o.length += copy(o.text[o.length:], p[:n])
	}
	return n, err
}

// Write ends the opening.
func (c *conn) Write(p []byte) (int, error) {
	c.opening.over = true
	return c.Conn.Write(p)
}
