// What kstatus makes of objects: Kubernetes objects on standard input, one line of JSON each; on standard output a line
// for each, in the same order, with `status` and `message`, or with `error` where kstatus cannot tell.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	objects, answers := json.NewDecoder(in), bufio.NewWriter(out)
	lines := json.NewEncoder(answers)
	for {
		var object json.RawMessage
		if err := objects.Decode(&object); err == io.EOF {
			return answers.Flush()
		} else if err != nil {
			return err
		}
		if err := lines.Encode(compute(object)); err != nil {
			return err
		}
	}
}

func compute(text []byte) verdict {
	// Its own decoder, which keeps whole numbers whole: kstatus refuses a generation that is a float.
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return verdict{Error: err.Error()}
	}
	result, err := status.Compute(object)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	return verdict{Status: result.Status.String(), Message: result.Message}
}
