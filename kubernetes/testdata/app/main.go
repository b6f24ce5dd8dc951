// App is what stands beside Postern in the tests' pod. Without arguments it waits for its
// end; with some it does one thing that an app, or an attacker in it, might.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 0:
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		<-end
		return nil
	case len(arguments) == 2 && arguments[0] == "get":
		request, err := http.NewRequest(http.MethodGet, arguments[1], nil)
		if err != nil {
			return err
		}
		return send(request)
	case len(arguments) == 4 && arguments[0] == "ask":
		request, err := http.NewRequest(http.MethodPost, arguments[1], strings.NewReader(arguments[3]))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+arguments[2])
		return send(request)
	case len(arguments) == 2 && arguments[0] == "read":
		text, err := os.ReadFile(arguments[1])
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(text)
		return err
	case len(arguments) == 2 && arguments[0] == "write":
		return os.WriteFile(arguments[1], nil, 0o600)
	}
	return fmt.Errorf("unknown: %q", arguments)
}

// send prints the answer. One that is no 200 is an error, as it is to a probe.
func send(request *http.Request) error {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", answer.Status)
	}
	return nil
}
