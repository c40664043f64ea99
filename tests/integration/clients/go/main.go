// The scenarios of ../README.md with nats.go.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(format, args...))
	}
}

func connect(url string, options ...nats.Option) (*nats.Conn, error) {
	if ca := os.Getenv("TLS_CA"); ca != "" {
		options = append(options, nats.RootCAs(ca), nats.ClientCert(os.Getenv("TLS_CERT"), os.Getenv("TLS_KEY")))
	}
	return nats.Connect(url, options...)
}

// Interest of a new subscription takes a moment to reach the other nodes.
const settle = time.Second

func pubsub(urls []string) {
	sender, receiver := must(connect(urls[0])), must(connect(urls[1]))
	subscription := must(receiver.SubscribeSync("go.pubsub.*"))
	must(0, receiver.Flush())
	time.Sleep(settle)
	for i := 0; i < 1000; i++ {
		must(0, sender.Publish(fmt.Sprintf("go.pubsub.%d", i), []byte(strconv.Itoa(i))))
	}
	must(0, sender.Flush())
	for i := 0; i < 1000; i++ {
		message := must(subscription.NextMsg(5 * time.Second))
		check(message.Subject == fmt.Sprintf("go.pubsub.%d", i) && string(message.Data) == strconv.Itoa(i),
			"message %d is %s %s", i, message.Subject, message.Data)
	}
}

func queue(urls []string) {
	var lock sync.Mutex
	seen, perMember := map[string]int{}, make([]int, len(urls))
	for index, url := range urls {
		member := must(connect(url))
		must(member.QueueSubscribe("go.queue", "workers", func(m *nats.Msg) {
			lock.Lock()
			defer lock.Unlock()
			seen[string(m.Data)]++
			perMember[index]++
		}))
		must(0, member.Flush())
	}
	time.Sleep(settle)
	sender := must(connect(urls[0]))
	for i := 0; i < 300; i++ {
		must(0, sender.Publish("go.queue", []byte(strconv.Itoa(i))))
	}
	must(0, sender.Flush())
	time.Sleep(time.Second)
	lock.Lock()
	defer lock.Unlock()
	check(len(seen) == 300, "%d different messages", len(seen))
	for payload, count := range seen {
		check(count == 1, "message %s came %d times", payload, count)
	}
	for index, count := range perMember {
		check(count > 0, "member %d got nothing: %v", index, perMember)
	}
}

func request(urls []string) {
	service, caller := must(connect(urls[1])), must(connect(urls[0]))
	must(service.Subscribe("go.svc", func(m *nats.Msg) { _ = m.Respond(append([]byte("re:"), m.Data...)) }))
	must(0, service.Flush())
	time.Sleep(settle)
	for i := 0; i < 100; i++ {
		reply := must(caller.Request("go.svc", []byte(strconv.Itoa(i)), 5*time.Second))
		check(string(reply.Data) == fmt.Sprintf("re:%d", i), "reply %d is %s", i, reply.Data)
	}
	started := time.Now()
	_, err := caller.Request("go.nobody", nil, 5*time.Second)
	check(errors.Is(err, nats.ErrNoResponders), "error is %v", err)
	check(time.Since(started) < 2*time.Second, "took %v", time.Since(started))
}

func headers(urls []string) {
	sender, receiver := must(connect(urls[0])), must(connect(urls[1]))
	subscription := must(receiver.SubscribeSync("go.headers"))
	must(0, receiver.Flush())
	time.Sleep(settle)
	for _, payload := range []string{"", "full"} {
		message := nats.NewMsg("go.headers")
		message.Header.Add("X-One", "first")
		message.Header.Add("X-One", "second")
		message.Header["x-Two"] = []string{"a b:c"}
		message.Data = []byte(payload)
		must(0, sender.PublishMsg(message))
		got := must(subscription.NextMsg(5 * time.Second))
		check(string(got.Data) == payload, "payload %q", got.Data)
		check(reflect.DeepEqual(got.Header, message.Header), "headers %v", got.Header)
	}
}

func reconnect(urls []string) {
	back := make(chan struct{}, 1)
	client := must(connect(strings.Join(urls, ","), nats.ReconnectWait(100*time.Millisecond),
		nats.MaxReconnects(-1), nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} })))
	subscription := must(client.SubscribeSync("go.reconnect"))
	must(0, client.Flush())
	before := client.ConnectedAddr()
	fmt.Println("connected", before)
	select {
	case <-back:
	case <-time.After(20 * time.Second):
		panic("no reconnect")
	}
	check(client.ConnectedAddr() != before, "still on %s", before)
	must(0, client.Publish("go.reconnect", []byte("again")))
	message := must(subscription.NextMsg(5 * time.Second))
	check(string(message.Data) == "again", "payload %q", message.Data)
}

func main() {
	scenarios := map[string]func([]string){
		"pubsub": pubsub, "queue": queue, "request": request, "headers": headers, "reconnect": reconnect,
	}
	scenarios[os.Args[1]](os.Args[2:])
	fmt.Println("ok", os.Args[1])
}
