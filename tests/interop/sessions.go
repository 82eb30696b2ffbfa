// An application in Go, on code that varlink-go makes of our interface: what it is asked for on standard
// input, a line each, it answers with a line of JSON; events are lines between them.
//
//	info                the service and its interfaces
//	list USER           his sessions, by one reply
//	more USER           the same, a reply a session
//	follow USER         from now on each event of his is a line {"event": …}
//	revoke SID REASON   ends a session
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/varlink/go/varlink"
	"orgsessjwt"
)

type object map[string]interface{}

var printing sync.Mutex

func print(line object) {
	text, _ := json.Marshal(line)
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(text))
}

func connect(ctx context.Context) *varlink.Connection {
	connection, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return connection
}

func main() {
	ctx := context.Background()
	connection := connect(ctx)
	defer connection.Close()
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := append(strings.SplitN(input.Text(), " ", 3), "", "")
		answer, err := do(ctx, connection, words[0], words[1], words[2])
		if err != nil {
			answer = refusal(err)
		}
		print(answer)
	}
}

// The errors of the interface have types of their own.
func refusal(err error) object {
	var notFound *orgsessjwt.SessionNotFound
	if errors.As(err, &notFound) {
		return object{"error": "SessionNotFound", "sessionId": notFound.SessionId}
	}
	return object{"error": err.Error()}
}

func do(ctx context.Context, connection *varlink.Connection, verb, who, reason string) (object, error) {
	switch verb {
	case "info":
		return info(ctx, connection)
	case "list":
		_, sessions, truncated, err := orgsessjwt.ListSessions().Call(ctx, connection, &who, nil, nil)
		return object{"sessions": sessions, "truncated": truncated}, err
	case "more":
		return more(ctx, connection, who)
	case "follow":
		return follow(ctx, who)
	case "revoke":
		session, count, err := orgsessjwt.RevokeSession().Call(ctx, connection, who, &reason)
		return object{"session": session, "revokedCount": count}, err
	}
	return nil, fmt.Errorf("no such verb: %s", verb)
}

func info(ctx context.Context, connection *varlink.Connection) (object, error) {
	var vendor, product, version, url string
	var interfaces []string
	if err := connection.GetInfo(ctx, &vendor, &product, &version, &url, &interfaces); err != nil {
		return nil, err
	}
	description, err := connection.GetInterfaceDescription(ctx, "org.sessjwt")
	return object{"product": product, "interfaces": interfaces, "description": description}, err
}

func more(ctx context.Context, connection *varlink.Connection, who string) (object, error) {
	receive, err := orgsessjwt.ListSessions().Send(ctx, connection, varlink.More, &who, nil, nil)
	ids, flags := []string{}, uint64(varlink.Continues)
	for err == nil && flags&varlink.Continues != 0 {
		var session *orgsessjwt.Session
		session, _, _, flags, err = receive(ctx)
		if err == nil && session != nil {
			ids = append(ids, session.SessionId)
		}
	}
	return object{"ids": ids}, err
}

// A connection of its own, since it is busy with it until it is closed. The first reply has no event.
func follow(ctx context.Context, who string) (object, error) {
	connection := connect(ctx)
	receive, err := orgsessjwt.Subscribe().Send(ctx, connection, varlink.More, &who, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	first, flags, err := receive(ctx)
	go func() {
		for err == nil && flags&varlink.Continues != 0 {
			var event *orgsessjwt.Event
			if event, flags, err = receive(ctx); err == nil {
				print(object{"event": event})
			}
		}
		if err != nil {
			print(refusal(err))
		}
	}()
	return object{"following": first == nil}, err
}
