#!/bin/sh
# As in the official images: flags alone are flags of nats-server, anything else is a command.
set -e
if [ "${1#-}" != "$1" ]; then
  set -- nats-server "$@"
fi
exec "$@"
