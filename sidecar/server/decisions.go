package server

import (
	"log/slog"
	"math"
	"time"

	"github.com/valyala/fasthttp"
)

// fasthttp is the server of the decision listener. Its own limit on connections is out
// of reach, so that overload is answered with a denial.
func (s *Server) fasthttp() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      s.handler(),
		ErrorHandler:                 s.unreadable,
		ExpectHandler:                s.expect,
		HeaderReceived:               withoutBody,
		Concurrency:                  math.MaxInt32,
		ReadBufferSize:               int(s.config.Limits.Header),
		MaxRequestBodySize:           int(s.config.Limits.Body),
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
		MaxIdleWorkerDuration:        time.Second,
		Logger:                       quiet{s.log},
	}
}

// quiet passes fasthttp's own messages on, at debug level and without what they are
// about: that quotes clients, tokens and all.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, _ ...any) {
	q.log.Debug("http", "message", format)
}
