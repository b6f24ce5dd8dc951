package decision

// A Door is a protocol by which decisions are asked for.
type Door string

// The doors of apps, and those of proxies.
const (
	DoorCheck   Door = "check"
	DoorChecks  Door = "checks"
	DoorSession Door = "session"

	// DoorForwardAuth is for Traefik, Caddy and HAProxy.
	DoorForwardAuth Door = "forward_auth"
	// DoorAuthRequest is for nginx.
	DoorAuthRequest Door = "auth_request"
	// DoorExtAuthzHTTP and DoorExtAuthzGRPC are for Envoy.
	DoorExtAuthzHTTP Door = "ext_authz_http"
	DoorExtAuthzGRPC Door = "ext_authz_grpc"

	// The endpoints of AuthZEN, by what they are asked.
	DoorEvaluation     Door = "evaluation"
	DoorEvaluations    Door = "evaluations"
	DoorSearchSubject  Door = "search_subject"
	DoorSearchResource Door = "search_resource"
	DoorSearchAction   Door = "search_action"

	// DoorData and DoorBatchData are OPA's.
	DoorData      Door = "data"
	DoorBatchData Door = "batch_data"
)

// Doors are all of them.
func Doors() []Door {
	return []Door{
		DoorCheck, DoorChecks, DoorSession,
		DoorForwardAuth, DoorAuthRequest, DoorExtAuthzHTTP, DoorExtAuthzGRPC,
		DoorEvaluation, DoorEvaluations, DoorSearchSubject, DoorSearchResource, DoorSearchAction,
		DoorData, DoorBatchData,
	}
}
