# The images are arguments, so that a build can start from local ones and needs no network:
# BUILD_IMAGE has Go and a shell, BASE_IMAGE needs nothing.
ARG BUILD_IMAGE=docker.io/library/golang:1.26
ARG BASE_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
ARG RELEASE=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=${RELEASE}" -o /out/postern ./cmd/postern

FROM ${BASE_IMAGE}
# For key sets at https:// URLs.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/postern /postern
USER 65532:65532
EXPOSE 8181 8282
ENTRYPOINT ["/postern"]
CMD ["serve"]
