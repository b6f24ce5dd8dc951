package telemetry

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// binaryPlaces has the exemplars of another producer's histograms name their spans as the
// protocol does. The one for Prometheus leaves the ids in hexadecimal, and a receiver that
// looks at them refuses the whole report.
type binaryPlaces struct{ metric.Producer }

// Produce returns what the other producer has.
func (p binaryPlaces) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	scopes, err := p.Producer.Produce(ctx)
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			histogram, ok := m.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			for _, point := range histogram.DataPoints {
				for i := range point.Exemplars {
					e := &point.Exemplars[i]
					e.TraceID, e.SpanID = decoded(e.TraceID), decoded(e.SpanID)
				}
			}
		}
	}
	return scopes, err
}

// decoded is an id of hexadecimal digits in binary, and nil for what is none.
func decoded(id []byte) []byte {
	out := make([]byte, hex.DecodedLen(len(id)))
	if _, err := hex.Decode(out, id); err != nil {
		return nil
	}
	return out
}
