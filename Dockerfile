# Container images of the two programs; `make image` builds both.
#
#   docker build --target broker   -t natrix-broker .
#   docker build --target operator -t natrix-operator .
#
# They hold the program, the libraries it links, a shell with wget and nslookup (busybox), the CA
# certificates, and nothing else; both run as user 1000 with a read-only root if wanted.
ARG DEBIAN=debian:bookworm-slim

FROM ${DEBIAN} AS build
WORKDIR /src
COPY scripts/install-deps scripts/install-deps
RUN scripts/install-deps build rootfs && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release && ninja -C build natrix-broker natrix-operator \
 && scripts/image/make-rootfs broker /rootfs/broker \
 && scripts/image/make-rootfs operator /rootfs/operator

# The broker, also under the name nats-server and at the places where the official images have it, so
# that pod specs and compose files written for those work unchanged.
FROM scratch AS broker
COPY --from=build /rootfs/broker/ /
USER 1000:1000
# clients, routes, monitoring
EXPOSE 4222 6222 8222
VOLUME /data
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["nats-server", "--config", "/etc/nats/nats-server.conf"]

FROM scratch AS operator
COPY --from=build /rootfs/operator/ /
USER 1000:1000
# health and metrics
EXPOSE 8080
ENTRYPOINT ["natrix-operator"]
