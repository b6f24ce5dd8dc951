package server

import (
	"context"
	"errors"
	"strings"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// call answers one call. It ends with an error only where the caller has gone, or the
// answer cannot be sent.
func (s *Server) call(stream grpc.ServerStream) error {
	ctx := stream.Context()
	w, ok := grpc.ServerTransportStreamFromContext(ctx).(wire)
	if !ok {
		return status.Error(codes.Internal, "BUG: the transport of grpc-go is another")
	}
	answered := make(chan struct{})
	late := time.AfterFunc(readTimeout, func() {
		defer close(answered)
		// The call ends here, whether the answer could be sent or not.
		_ = s.send(stream, s.refused(ctx, decision.RequestMalformed, "the request did not arrive in time"))
		_ = w.WriteStatus(status.New(codes.OK, ""))
	})
	message, err := receive(w, s.maxMessage())
	if err == nil {
		defer message.Free()
	}
	if !late.Stop() {
		<-answered
		return nil
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	return s.send(stream, s.respond(ctx, message, err))
}

// respond is the way of a request at the gRPC door, within the limit on concurrency.
func (s *Server) respond(ctx context.Context, message mem.Buffer, unreadable error) (answer response.ProxyAnswer) {
	s.admitted(decision.DoorExtAuthzGRPC,
		func() { answer = s.checkMessage(ctx, message, unreadable) },
		func(code decision.Code) { answer = s.refused(ctx, code, "") })
	return answer
}

// checkMessage answers a message, or what could not be received of it.
func (s *Server) checkMessage(ctx context.Context, message mem.Buffer, unreadable error) response.ProxyAnswer {
	if unreadable != nil {
		return s.refused(ctx, decision.RequestMalformed, unreadable.Error())
	}
	var r authv3.CheckRequest
	if err := proto.Unmarshal(message.ReadOnlyData(), &r); err != nil {
		return s.refused(ctx, decision.RequestMalformed, "the message is no CheckRequest")
	}
	if err := s.oversized(&r); err != nil {
		return s.refused(ctx, decision.RequestMalformed, err.Error())
	}
	asked := borrow()
	err := request.ReadCheckRequest(asked, &r)
	answer := s.proxied(ctx, asked, err)
	giveBack(asked)
	return answer
}

// oversized holds a request to the bounds that the HTTP doors hold it to.
func (s *Server) oversized(r *authv3.CheckRequest) error {
	h := r.GetAttributes().GetRequest().GetHttp()
	if len(h.GetBody())+len(h.GetRawBody()) > int(s.config.Limits.Body) {
		return errors.New(bodyTooLarge)
	}
	// Its line is counted once, although Envoy says it twice.
	size := len(h.GetMethod()) + len(h.GetPath()) + len(h.GetHost())
	count := func(name string, value int) {
		if !strings.HasPrefix(name, ":") {
			size += len(name) + value
		}
	}
	for name, value := range h.GetHeaders() {
		count(name, len(value))
	}
	for _, v := range h.GetHeaderMap().GetHeaders() {
		count(v.GetKey(), max(len(v.GetValue()), len(v.GetRawValue())))
	}
	if size > int(s.config.Limits.Header) {
		return errors.New(headersTooLong)
	}
	if len(h.GetHeaders())+len(h.GetHeaderMap().GetHeaders()) > maxFields {
		return errors.New("there are too many headers or cookies")
	}
	return nil
}

// refused is the denial of a call that was not put to policy. Where in a trace it is, the
// call's metadata alone says.
func (s *Server) refused(ctx context.Context, code decision.Code, message string) response.ProxyAnswer {
	denied := decision.Because(code, message)
	return response.ProxyAnswer{ID: s.unseen(s.callPlace(ctx), decision.DoorExtAuthzGRPC, denied), Decision: denied}
}

// send sends the answer. It is encoded beforehand, since an error of SendMsg ends the
// call: what a policy says may be no UTF-8, which a message cannot hold.
func (s *Server) send(stream grpc.ServerStream, answer response.ProxyAnswer) error {
	text, err := s.answers.AppendCheck(nil, answer)
	ctx := stream.Context()
	if err != nil {
		s.log.Error("an answer that cannot be encoded is a denial", "door", decision.DoorExtAuthzGRPC, "error", err)
		if text, err = s.answers.AppendCheck(nil, s.refused(ctx, decision.PolicyError, "")); err != nil {
			return err
		}
	}
	return stream.SendMsg(encodedMessage(text))
}
