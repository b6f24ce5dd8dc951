package session

import "errors"

// Complete fills in what the JSON of a session leaves out, and refuses a session that no token
// could have made.
func (s *Session) Complete() error {
	switch {
	case s.UserID == "":
		return errors.New("the session names no user")
	case s.Profile != ProfileClerk && s.Profile != ProfilePlain:
		return errors.New("the session's profile is none")
	case s.Org != nil && s.Org.ID == "":
		return errors.New("the session's organization has no id")
	}
	s.Metadata, s.Actor, s.Claims = notNull(s.Metadata), notNull(s.Actor), notNull(s.Claims)
	s.ActorUser, s.ActorSession = actorOf(s.Actor)
	return nil
}
