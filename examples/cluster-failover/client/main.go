// A client of the three-node cluster in the four roles of a first evening with NATS:
//
//	client -role sub            prints what arrives on "updates"
//	client -role pub -n 100000  sends that many messages to "updates"
//	client -role rep            answers requests on "ping" with "pong"
//	client -role req            sends one request to "ping" and prints the answer
//
// All servers are given at once, so the client goes on with another one when its server is lost.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

func connect(urls string, role string) *nats.Conn {
	connection, err := nats.Connect(urls,
		nats.Name("cluster-failover "+role),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250*time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Printf("disconnected: %v", err) }),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Printf("reconnected to %s", c.ConnectedAddr()) }))
	if err != nil {
		log.Fatalf("connect to %s: %v", urls, err)
	}
	log.Printf("connected to %s", connection.ConnectedAddr())
	return connection
}

func publish(connection *nats.Conn, count int) error {
	started := time.Now()
	for i := 1; i <= count; i++ {
		if err := connection.Publish("updates", fmt.Appendf(nil, "update %d", i)); err != nil {
			return err
		}
	}
	if err := connection.Flush(); err != nil {
		return err
	}
	log.Printf("sent %d messages in %v", count, time.Since(started).Round(time.Millisecond))
	return nil
}

func subscribe(connection *nats.Conn) error {
	_, err := connection.Subscribe("updates", func(m *nats.Msg) { fmt.Println(string(m.Data)) })
	return err
}

func request(connection *nats.Conn) error {
	started := time.Now()
	answer, err := connection.Request("ping", []byte("ping"), 5*time.Second)
	if err != nil {
		return err
	}
	fmt.Println(string(answer.Data))
	log.Printf("answered in %v", time.Since(started))
	return nil
}

func reply(connection *nats.Conn) error {
	_, err := connection.QueueSubscribe("ping", "pongers", func(m *nats.Msg) {
		if err := m.Respond([]byte("pong")); err != nil {
			log.Printf("answer: %v", err)
		}
	})
	return err
}

// untilInterrupted keeps a subscriber at work; what has arrived by then is still handled.
func untilInterrupted(connection *nats.Conn) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	return connection.Drain()
}

func main() {
	role := flag.String("role", "", "pub, sub, req or rep")
	urls := flag.String("urls", "nats://localhost:4222,nats://localhost:4223,nats://localhost:4224",
		"all servers, separated by commas")
	count := flag.Int("n", 100_000, "messages to send with -role pub")
	flag.Parse()

	roles := map[string]func(*nats.Conn) error{
		"pub": func(c *nats.Conn) error { return publish(c, *count) },
		"sub": func(c *nats.Conn) error { return firstError(subscribe(c), func() error { return untilInterrupted(c) }) },
		"req": request,
		"rep": func(c *nats.Conn) error { return firstError(reply(c), func() error { return untilInterrupted(c) }) },
	}
	run, known := roles[*role]
	if !known {
		flag.Usage()
		os.Exit(2)
	}
	connection := connect(*urls, *role)
	defer connection.Close()
	if err := run(connection); err != nil {
		log.Fatalf("%s: %v", *role, err)
	}
}

func firstError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}
