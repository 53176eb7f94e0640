// A small wiki that asks Portcullis about the token of each request. Nothing is remembered between requests, so
// somebody who leaves is refused at their next one; and where Portcullis does not answer, nobody is let in.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// How long Portcullis may take.
const timeout = 2 * time.Second

// portcullis is where Portcullis is, and how this product asks it.
type portcullis struct {
	client        http.Client
	introspection string
	credential    string
}

// introspected is what Portcullis says of a token (RFC 7662 section 2.2).
type introspected struct {
	Active   bool   `json:"active"`
	Username string `json:"username"`
	Scope    string `json:"scope"`
}

// introspect asks. An error means that nothing is known of the token.
func (p *portcullis) introspect(token, clientIP string) (introspected, error) {
	var said introspected
	form := url.Values{"token": {token}, "client_ip": {clientIP}}
	request, err := http.NewRequest(http.MethodPost, p.introspection, strings.NewReader(form.Encode()))
	if err != nil {
		return said, err
	}
	request.Header.Set("Authorization", "Bearer "+p.credential)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.client.Do(request)
	if err != nil {
		return said, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return said, fmt.Errorf("Portcullis answered %s", answer.Status)
	}
	err = json.NewDecoder(answer.Body).Decode(&said)
	return said, err
}

// requires lets a request through to the handler where its token has the scope.
func (p *portcullis) requires(scope string, next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if scheme != "Bearer" || token == "" {
			refuse(w, http.StatusUnauthorized, "Bearer")
			return
		}
		// Behind a proxy this would be the proxy's address: take what your proxy says instead.
		clientIP, _, _ := net.SplitHostPort(r.RemoteAddr)
		said, err := p.introspect(token, clientIP)
		if err != nil {
			// Whether the token is good is not known, so it is not.
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if !said.Active {
			refuse(w, http.StatusUnauthorized, `Bearer error="invalid_token"`)
			return
		}
		for _, has := range strings.Fields(said.Scope) {
			if has == scope {
				next(w, r, said.Username)
				return
			}
		}
		refuse(w, http.StatusForbidden, fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, scope))
	}
}

func refuse(w http.ResponseWriter, status int, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	w.WriteHeader(status)
}

func read(w http.ResponseWriter, r *http.Request, user string) {
	w.Header().Set("Content-Type", "application/json")
	page := strings.TrimPrefix(r.URL.Path, "/pages/")
	_ = json.NewEncoder(w).Encode(map[string]string{"page": page, "read_by": user})
}

func write(w http.ResponseWriter, _ *http.Request, _ string) {
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	credential, err := os.ReadFile(os.Getenv("PORTCULLIS_CREDENTIAL_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	p := &portcullis{
		client:        http.Client{Timeout: timeout},
		introspection: os.Getenv("PORTCULLIS_URL") + "/oauth2/introspect",
		credential:    strings.TrimSpace(string(credential)),
	}
	pages := map[string]http.HandlerFunc{
		http.MethodGet: p.requires("pages:read", read),
		http.MethodPut: p.requires("pages:write", write),
	}
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/pages/", func(w http.ResponseWriter, r *http.Request) {
		if handler, offered := pages[r.Method]; offered {
			handler(w, r)
			return
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	server := &http.Server{Addr: os.Getenv("LISTEN"), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
