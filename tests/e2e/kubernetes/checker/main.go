// A client that keeps count, as a pod: what it publishes carries a name and a number, so that what arrives
// tells what was lost, what came twice, and how long nothing came.
//
//	checker -role pub|sub|req|rep -url nats://nats:4222 [-subject load] [-name a] [-rate 200] [-tls FOLDER]
//
// The folder holds ca.crt, which the server is verified by, and tls.crt and tls.key to present to it.
//
// On port 8080: /ready (connected, or subscribed), /report (JSON), /stop (pub and req: end, flush, report).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// Report is what /report answers. Which fields mean something depends on the role.
type Report struct {
	Role       string `json:"role"`
	Server     string `json:"server"`
	Reconnects uint64 `json:"reconnects"`
	Sent       uint64 `json:"sent"`
	Errors     uint64 `json:"errors"`     // attempts that failed, repeated or not
	Answered   uint64 `json:"answered"`   // requests with the right answer
	GivenUp    uint64 `json:"given_up"`   // requests without one after all attempts
	Wrong      uint64 `json:"wrong"`      // answers to another request
	Received   uint64 `json:"received"`   // different messages
	Duplicates uint64 `json:"duplicates"` // messages seen before
	Highest    uint64 `json:"highest"`    // largest number seen, of all publishers together
	Malformed  uint64 `json:"malformed"`
	LongestGap int64  `json:"longest_gap_ms"` // between two successes, while there should have been one
	LastError  string `json:"last_error"`
}

type checker struct {
	url, subject, name, tls string
	rate                    int
	conn               *nats.Conn

	mu      sync.Mutex
	report  Report
	ready   bool
	stopped bool
	last    time.Time
	seen    map[string][]bool
	done    chan struct{}
	quit    chan struct{}
}

func (c *checker) note(change func(*Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.report)
}

// Of a success: how long ago was the one before?
func (c *checker) success(r *Report) {
	now := time.Now()
	if !c.last.IsZero() {
		r.LongestGap = max(r.LongestGap, now.Sub(c.last).Milliseconds())
	}
	c.last = now
}

func (c *checker) connect() {
	options := []nats.Option{
		nats.Name("checker-" + c.report.Role + "-" + c.name),
		nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond), nats.Timeout(2 * time.Second),
		nats.RetryOnFailedConnect(true),
		// A server that stands still without closing is noticed by its missing answers.
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.note(func(r *Report) { r.Errors++; r.LastError = err.Error() })
		}),
	}
	if c.tls != "" {
		options = append(options, nats.RootCAs(c.tls+"/ca.crt"), nats.ClientCert(c.tls+"/tls.crt", c.tls+"/tls.key"))
	}
	conn, err := nats.Connect(c.url, options...)
	if err != nil {
		log.Fatal(err)
	}
	c.conn = conn
}

func (c *checker) waitConnected() {
	for !c.conn.IsConnected() {
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *checker) setReady() {
	c.mu.Lock()
	c.ready = true
	c.mu.Unlock()
}

func (c *checker) tick() *time.Ticker { return time.NewTicker(time.Second / time.Duration(c.rate)) }

func (c *checker) publish() {
	c.waitConnected()
	c.setReady()
	ticker := c.tick()
	for number := uint64(1); ; {
		select {
		case <-c.quit:
			if err := c.conn.FlushTimeout(30 * time.Second); err != nil {
				c.note(func(r *Report) { r.Errors++; r.LastError = err.Error() })
			}
			return
		case <-ticker.C:
		}
		err := c.conn.Publish(c.subject, fmt.Appendf(nil, "%s %d", c.name, number))
		c.note(func(r *Report) {
			if err != nil {
				r.Errors++
				r.LastError = err.Error()
				return
			}
			r.Sent = number
			c.success(r)
			number++
		})
	}
}

func (c *checker) count(m *nats.Msg) {
	var name string
	var number uint64
	if n, err := fmt.Sscanf(string(m.Data), "%s %d", &name, &number); n != 2 || err != nil || number > 1<<28 {
		c.note(func(r *Report) { r.Malformed++ })
		return
	}
	c.note(func(r *Report) {
		seen := c.seen[name]
		for uint64(len(seen)) <= number {
			seen = append(seen, make([]bool, 4096)...)
		}
		c.seen[name] = seen
		if seen[number] {
			r.Duplicates++
			return
		}
		seen[number] = true
		r.Received++
		r.Highest = max(r.Highest, number)
		c.success(r)
	})
}

func (c *checker) subscribe() {
	if _, err := c.conn.Subscribe(c.subject, c.count); err != nil {
		log.Fatal(err)
	}
	c.waitInterest()
	<-c.quit
}

// The server has seen the subscription when it has answered a ping sent after it.
func (c *checker) waitInterest() {
	c.waitConnected()
	for c.conn.FlushTimeout(2*time.Second) != nil {
		c.waitConnected()
	}
	c.setReady()
}

func (c *checker) reply() {
	_, err := c.conn.QueueSubscribe(c.subject, "workers", func(m *nats.Msg) {
		if err := m.Respond(append([]byte("re "), m.Data...)); err != nil {
			c.note(func(r *Report) { r.Errors++; r.LastError = err.Error() })
			return
		}
		c.note(func(r *Report) { r.Sent++ })
	})
	if err != nil {
		log.Fatal(err)
	}
	c.waitInterest()
	<-c.quit
}

// One request, tried again until it is answered: this is what a client that must not lose does.
func (c *checker) ask(number uint64) {
	question := fmt.Sprintf("%s %d", c.name, number)
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		answer, err := c.conn.Request(c.subject, []byte(question), time.Second)
		if err == nil {
			c.note(func(r *Report) {
				if string(answer.Data) != "re "+question {
					r.Wrong++
					return
				}
				r.Answered++
				c.success(r)
			})
			return
		}
		c.note(func(r *Report) { r.Errors++; r.LastError = err.Error() })
		time.Sleep(20 * time.Millisecond)
	}
	c.note(func(r *Report) { r.GivenUp++ })
}

func (c *checker) request() {
	c.waitConnected()
	c.setReady()
	ticker := c.tick()
	for number := uint64(1); ; number++ {
		select {
		case <-c.quit:
			return
		case <-ticker.C:
		}
		c.note(func(r *Report) { r.Sent = number })
		c.ask(number)
	}
}

func (c *checker) answer(w http.ResponseWriter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Reconnects = c.conn.Stats().Reconnects
	c.report.Server = c.conn.ConnectedServerName()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(c.report); err != nil {
		log.Print(err)
	}
}

func (c *checker) serve(address string) {
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.ready {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/report", func(w http.ResponseWriter, _ *http.Request) { c.answer(w) })
	http.HandleFunc("/stop", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		if !c.stopped {
			c.stopped = true
			close(c.quit)
		}
		c.mu.Unlock()
		<-c.done
		c.answer(w)
	})
	log.Fatal(http.ListenAndServe(address, nil))
}

func main() {
	c := &checker{seen: map[string][]bool{}, done: make(chan struct{}), quit: make(chan struct{})}
	address := flag.String("listen", ":8080", "where the report is served")
	flag.StringVar(&c.report.Role, "role", "", "pub, sub, req or rep")
	flag.StringVar(&c.url, "url", "nats://nats:4222", "servers")
	flag.StringVar(&c.subject, "subject", "load", "subject")
	flag.StringVar(&c.name, "name", "a", "who publishes or asks")
	flag.StringVar(&c.tls, "tls", "", "folder with certificates")
	flag.IntVar(&c.rate, "rate", 200, "messages or requests a second")
	flag.Parse()
	roles := map[string]func(){"pub": c.publish, "sub": c.subscribe, "req": c.request, "rep": c.reply}
	role := roles[c.report.Role]
	if role == nil || c.rate < 1 {
		flag.Usage()
		os.Exit(2)
	}
	c.connect()
	go c.serve(*address)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		os.Exit(0)
	}()
	role()
	close(c.done)
	select {}
}
