package load

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

// shared is how many callers share one connection of gRPC, which carries their calls side
// by side, as Envoy's do.
const shared = 4

// GRPC is a plan's call of envoy.service.auth.v3.Authorization/Check.
type GRPC struct {
	Request []byte `json:"request"` // a CheckRequest
	Answer  []byte `json:"answer"`  // the CheckResponse that must come back, but for its decision's id
}

func (g *GRPC) callers(p Plan) ([]caller, func(), error) {
	request, want := new(authv3.CheckRequest), new(authv3.CheckResponse)
	if err := errors.Join(proto.Unmarshal(g.Request, request), proto.Unmarshal(g.Answer, want)); err != nil {
		return nil, nil, err
	}
	var open []*grpc.ClientConn
	closeAll := func() {
		for _, c := range open {
			_ = c.Close() // every call has ended
		}
	}
	var all []caller
	for i := range p.Connections {
		if i%shared == 0 {
			conn, err := dial(p.Address)
			if err != nil {
				closeAll()
				return nil, nil, err
			}
			open = append(open, conn)
		}
		client := authv3.NewAuthorizationClient(open[len(open)-1])
		all = append(all, func(ctx context.Context, _ int) error {
			got, err := client.Check(ctx, request)
			if err != nil {
				return err
			}
			if !alike(got, want) {
				return fmt.Errorf("got %v, want %v", got, want)
			}
			return nil
		})
	}
	return all, closeAll, nil
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// AskGRPC makes one call, for a plan to be made of its answer.
func AskGRPC(ctx context.Context, address string, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	conn, err := dial(address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return authv3.NewAuthorizationClient(conn).Check(ctx, request)
}

// alike compares what Envoy acts on. The decision's id differs from answer to answer and
// is only demanded to be there.
func alike(got, want *authv3.CheckResponse) bool {
	a, b := got.GetOkResponse(), want.GetOkResponse()
	if got.GetStatus().GetCode() != want.GetStatus().GetCode() || (a == nil) != (b == nil) || got.GetDeniedResponse() != nil || want.GetDeniedResponse() != nil {
		return false
	}
	if len(got.GetDynamicMetadata().GetFields()) != len(want.GetDynamicMetadata().GetFields()) {
		return false
	}
	return slices.EqualFunc(a.GetHeaders(), b.GetHeaders(), sameHeader) &&
		slices.Equal(a.GetHeadersToRemove(), b.GetHeadersToRemove()) &&
		len(a.GetResponseHeadersToAdd()) == len(b.GetResponseHeadersToAdd()) &&
		len(a.GetQueryParametersToSet()) == len(b.GetQueryParametersToSet()) &&
		len(a.GetQueryParametersToRemove()) == len(b.GetQueryParametersToRemove())
}

func sameHeader(a, b *corev3.HeaderValueOption) bool {
	x, y := a.GetHeader(), b.GetHeader()
	return a.GetAppendAction() == b.GetAppendAction() && x.GetKey() == y.GetKey() &&
		x.GetValue() == y.GetValue() && string(x.GetRawValue()) == string(y.GetRawValue())
}
