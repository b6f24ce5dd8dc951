package server

import (
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/opaapi"
	"postern/sidecar/policy"
)

// dataBatch answers POST /v1/batch/data: one document for many inputs, all on one snapshot.
// Every input is read before any is evaluated.
func (s *Server) dataBatch(ctx *fasthttp.RequestCtx) {
	began := time.Now()
	q, options, err := opaQuestion(ctx, batchPath)
	if err != nil {
		s.opaMalformed(ctx, decision.DoorBatchData, err)
		return
	}
	asked, inputs, err := s.batchInputs(ctx, q)
	if err != nil {
		s.opaMalformed(ctx, decision.DoorBatchData, err)
		return
	}
	read := time.Since(began)
	a := s.beginOPA(ctx, decision.DoorBatchData)
	if a.snapshot == nil {
		_, err := s.document(&a, noItem, decision.ID{}, q)
		s.opaFailed(ctx, &a, err)
		return
	}
	batch := a.id
	a.input.Until = s.endOfBatch(a.began)
	defer s.endBatch(s.beginBatch(&a))
	answer := opaapi.Batch{DecisionID: s.logged(batch), Responses: make(map[string]opaapi.Item, len(inputs))}
	taken := 0
	for i, input := range inputs {
		one := *q
		one.Input, one.Taken = input, taken
		item, refused := s.batchItem(&a, i, batch, &one, options)
		if refused != nil {
			a.id = batch
			s.opaFailed(ctx, &a, refused)
			return
		}
		taken += len(item.Result)
		answer.Responses[asked.Names[i]] = item
	}
	if asked.Missing {
		answer.Warning = opaapi.InputsMissing()
	}
	if options.Metrics {
		answer.Metrics = map[string]any{metricInput: read.Nanoseconds(), metricHandler: time.Since(began).Nanoseconds()}
	}
	s.opaSend(ctx, answer.Close(), batch, answer, options.Pretty)
}

// batchInputs reads the inputs, with the common one into the question.
func (s *Server) batchInputs(ctx *fasthttp.RequestCtx, q *policy.DataQuestion) (opaapi.Questions, []policy.Value, error) {
	var asked opaapi.Questions
	body, err := s.opaBody(ctx)
	if err == nil {
		asked, err = opaapi.ReadBatch(body, s.config.Limits.Batch)
	}
	if err == nil {
		q.Common, err = optionalValue(asked.Common)
	}
	inputs := make([]policy.Value, len(asked.Inputs))
	for i := range inputs {
		if err == nil {
			inputs[i], err = policy.NewValue(asked.Inputs[i])
		}
	}
	return asked, inputs, err
}

// batchItem evaluates one input, under an id of its own. It fails where the whole batch does:
// no input can be asked about such a path.
func (s *Server) batchItem(a *asking, i int, batch decision.ID, q *policy.DataQuestion, options opaapi.Options) (opaapi.Item, error) {
	a.id, a.began = decision.NewID(), time.Now()
	found, err := s.document(a, i, batch, q)
	item := opaapi.Item{Answer: opaapi.Answer{DecisionID: s.logged(a.id)}}
	if err != nil {
		status, e := opaError(err)
		if status == fasthttp.StatusForbidden || status == fasthttp.StatusBadRequest {
			return item, err
		}
		item.Code, item.Message, item.Errors = e.Code, e.Message, e.Errors
		return item, nil
	}
	item.Result, item.Metrics = found.JSON, found.Metrics
	item.Provenance = s.provenance(a, options.Provenance)
	if item.Metrics != nil {
		item.Metrics[metricHandler] = time.Since(a.began).Nanoseconds()
	}
	return item, nil
}
